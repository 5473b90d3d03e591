"""`collect --param`: a changed world, fixed or drawn by the seed; recorded, replayed exactly, else refused."""

import json

import numpy as np
import pytest

from lerobot_sim import registry
from lerobot_sim.cli.collect_params import ranges_of, settings_of, source_of
from lerobot_sim.datasets.card import dataset_card
from lerobot_sim.datasets.reader import read_columns, read_records

LIFT = "mujoco/lift"
DRAWN = ("--param", "push_length=0.03", "--param", "contact_radius=0.04:0.08")


def collected(command, folder, *extra):
    said = command("collect", "push-t", "--episodes", "4", "--episode-length", "20", *extra, "--output-dir", folder)
    assert said.code == 0, said.err
    return [dict(record.params) for record in read_records(folder)]


def test_values_are_recorded_and_change_the_world_and_replay_is_exact(command, tmp_path):
    params = collected(command, tmp_path / "d", *DRAWN)
    assert [one["push_length"] for one in params] == [0.03] * 4
    radii = [one["contact_radius"] for one in params]
    assert len(set(radii)) == 4
    assert all(0.04 <= radius <= 0.08 for radius in radii)
    assert collected(command, tmp_path / "usual") == [{}] * 4
    state = "observation.state"
    changed, usual = (read_columns(tmp_path / name)[state] for name in ("d", "usual"))
    assert not np.array_equal(changed, usual)
    result = json.loads(command("replay", tmp_path / "d", "--json").out)
    assert (result["exact"], result["parted"]) == (4, 0)
    forgotten = (tmp_path / "d/sim/episodes.jsonl").read_text().replace('"push_length": 0.03', '"push_length": 0.02')
    (tmp_path / "d/sim/episodes.jsonl").write_text(forgotten)
    assert command("replay", tmp_path / "d").code == 1  # replay does read them


def test_a_heavier_cube_is_replayed_exactly(command, tmp_path):
    arguments = (
        "--episodes",
        "2",
        "--episode-length",
        "15",
        "--param",
        "cube_mass=0.15",
        "--param",
        "arm_gain=0.8:1.2",
    )
    said = command("collect", LIFT, *arguments, "--output-dir", tmp_path / "d")
    assert said.code == 0, said.err
    assert [record.params["cube_mass"] for record in read_records(tmp_path / "d")] == [0.15] * 2
    result = json.loads(command("replay", tmp_path / "d", "--json").out)
    assert (result["exact"], result["parted"]) == (2, 0)


def test_draws_hang_on_the_seed_alone(command, tmp_path):
    whole = collected(command, tmp_path / "whole", *DRAWN)
    assert collected(command, tmp_path / "parts", *DRAWN, "--num-envs", "1") == whole
    assert collected(command, tmp_path / "workers", *DRAWN, "--workers", "2", "--num-envs", "1") == whole
    more = collected(command, tmp_path / "whole", *DRAWN[::-1][1::-1], *DRAWN[:2], "--episodes", "6")
    assert more[:4] == whole
    assert len(more) == 6
    other = collected(command, tmp_path / "other", *DRAWN, "--seed", "1")
    assert not {one["contact_radius"] for one in other} & {one["contact_radius"] for one in whole}


def test_another_value_is_refused_in_the_same_folder_and_the_card_says_them(command, tmp_path):
    collected(command, tmp_path / "d", *DRAWN)
    before = (tmp_path / "d/sim/episodes.jsonl").read_bytes()
    for other in ((), ("--param", "push_length=0.03"), ("--param", "push_length=0.04", *DRAWN[2:])):
        said = command(
            "collect", "push-t", "--episodes", "5", "--episode-length", "20", *other, "--output-dir", tmp_path / "d"
        )
        assert said.code == 1
        assert "params" in said.err
    assert (tmp_path / "d/sim/episodes.jsonl").read_bytes() == before
    assert "--param contact_radius=0.04:0.08 --param push_length=0.03" in dataset_card(tmp_path / "d", "me/d")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("cube_mas=0.1", ("cube_mas", "'cube_mass'")),
        ("cube_mass=0.5", ("cube_mass", "0.02 to 0.2 kg", "0.5")),
        ("cube_mass=0.1:0.5", ("cube_mass", "0.02 to 0.2 kg", "0.5")),
        ("cube_mass=0.15:0.1", ("cube_mass", "LOW at most HIGH")),
        ("cube_mass=heavy", ("cube_mass", "a number", "heavy")),
        ("cube_mass=0.1,0.15", ("cube_mass", "a number", "[0.1, 0.15]")),
        ("cube_mass=nan", ("cube_mass", "finite")),
        ("cube_mass=", ("NAME=VALUE",)),
        ("cube_mass", ("NAME=VALUE",)),
        ("key_light=1,1", ("key_light", "[3]")),
    ],
)
def test_bad_values_are_named_before_anything_is_made(command, tmp_path, given, words):
    said = command("collect", LIFT, "--param", given, "--output-dir", tmp_path / "d")
    assert said.code == 2
    assert all(word in said.err for word in words), said.err
    assert not (tmp_path / "d").exists()


def test_a_param_comes_once_and_an_environment_without_any_says_so(command, tmp_path):
    said = command(
        "collect", LIFT, "--param", "cube_mass=0.1", "--param", "cube_mass=0.1:0.2", "--output-dir", tmp_path
    )
    assert said.code == 2
    assert "twice" in said.err
    pytest.importorskip("gymnasium", reason="gymnasium's environments need it: make env")
    said = command(
        "collect", "gymnasium/CartPole-v1", "--policy", "random", "--param", "mass=1", "--output-dir", tmp_path
    )
    assert said.code == 2
    assert "has no Params" in said.err


def test_lists_and_choices(command, tmp_path):
    reach, colour = registry.spec_of("mujoco/reach"), registry.spec_of("mujoco/pick-color")
    ranges = ranges_of(reach, ["gravity=0,0,-9:0,0,-5"])
    assert settings_of(reach, ranges) == {"gravity": {"low": [0, 0, -9], "high": [0, 0, -5]}}
    drawn = source_of(ranges)(np.arange(50))["gravity"]
    assert drawn.shape == (50, 3)
    assert (drawn[:, :2] == 0).all()
    assert ((drawn[:, 2] >= -9) & (drawn[:, 2] <= -5)).all()
    assert drawn[:, 2].min() < -8.5 < -5.5 < drawn[:, 2].max()
    assert settings_of(reach, ranges_of(reach, ["gravity=[0, 0, -5]"])) == {"gravity": [0, 0, -5]}
    phrase = "The {color} cube: lift it up."
    ranges = ranges_of(colour, [f"phrase={phrase}", "target=green"])
    assert settings_of(colour, ranges) == {"phrase": phrase, "target": "green"}
    assert source_of(ranges)(np.arange(2))["target"].tolist() == [1, 1]
    assert source_of({}) is None
    arguments = ("--episodes", "2", "--episode-length", "3", "--param", "target=green")
    assert command("collect", "mujoco/pick-color", *arguments, "--output-dir", tmp_path / "d").code == 0
    assert all("green" in record.instruction for record in read_records(tmp_path / "d"))
    assert command("replay", tmp_path / "d").code == 0
