"""A `bc` that sees: its settings anew, and beside videos and recordings of the camera that it sees by."""

import json

import av
import pytest

pytest.importorskip("torch")

from lerobot_sim.policies import bc
from lerobot_sim.policies.bc_config import BCConfig, BCSettings
from lerobot_sim.spec import STATE

HEIGHT, WIDTH = 20, 24


@pytest.fixture(scope="module")
def sees(tmp_path_factory):
    """An untrained `bc` for push-t that sees by 'front'."""
    folder = tmp_path_factory.mktemp("sees") / "bc"
    config = BCConfig(
        settings=BCSettings(chunk_size=4, n_action_steps=3, hidden_dim=8, blocks=1, keypoints=2),
        states={STATE: 6},
        cameras={"front": (HEIGHT, WIDTH)},
        words=(),
        state_mean=(0.5,) * 6,
        state_std=(0.2,) * 6,
        action_mean=(0.1, -0.1),
        action_std=(0.5, 0.4),
        env_id="numpy/push-t",
        env_version=1,
    )
    bc.save(folder, config, bc.new_network(config, seed=0).eval())
    return folder


def test_a_video_of_the_camera_that_the_policy_sees_by_has_its_size(command, sees, tmp_path):
    arguments = ("eval", "push-t", "--policy", sees, "--episodes", "2", "--videos", "1", "--output-dir", tmp_path)
    said = command(*arguments, "--json")
    assert said.code == 0, said.err
    (video,) = json.loads(said.out)["videos"]
    with av.open(video) as container:
        frames = list(container.decode(video=0))
    assert (frames[0].height, frames[0].width) == (HEIGHT, WIDTH)
    lengths = [json.loads(line)["length"] for line in (tmp_path / "episodes.jsonl").read_text().splitlines()[1:]]
    assert len(frames) in lengths


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--cameras", "front", "--image-size", "32"), ("32x32", "20x24", "--image-size 20x24")),
        (("--cameras", "front", "--image-size", "20x24", "--look", "full"), ("'full'", "--look standard")),
        (("--depth", "front", "--image-size", "20x24"), ("depth", "rgb", "leave '--depth front' out")),
    ],
)
def test_a_recording_that_differs_from_what_the_policy_sees_is_refused_at_once(command, sees, tmp_path, asked, words):
    where = tmp_path / "data"
    said = command("collect", "push-t", "--policy", sees, "--episodes", "1", *asked, "--output-dir", where)
    assert said.code == 2
    for word in words:
        assert word in said.err
    assert not where.exists()


def test_a_recording_as_the_policy_sees_is_made(command, sees, tmp_path):
    where = ("--output-dir", tmp_path / "data", "--episode-length", "5", "--json")
    size = f"{HEIGHT}x{WIDTH}"
    said = command(
        *("collect", "push-t", "--policy", sees, "--episodes", "1", "--cameras", "front", "--image-size", size, *where)
    )
    assert said.code == 0, said.err
    assert json.loads(said.out)["frames"] == 5


def test_a_checkpoint_acts_by_settings_that_are_given_anew(command, sees, tmp_path):
    where = ("--episodes", "2", "--num-envs", "2", "--output-dir", tmp_path, "--json")
    arguments = ("eval", "push-t", "--policy.path", sees, *where)
    assert command(*arguments, "--policy.n_action_steps=1").code == 0
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["policy"]["identity"].startswith("bc:")
    assert record["policy"]["identity"].endswith(",n_action_steps=1")
    before = (tmp_path / "episodes.jsonl").read_text()
    for other in ((), ("--policy.n_action_steps=2",)):
        said = command(*arguments, *other)
        assert said.code != 0
        assert "other settings" in said.err
    assert command(*arguments, "--setting", "n_action_steps=1").code == 0
    assert (tmp_path / "episodes.jsonl").read_text() == before
    shared = command(*arguments[:-2], tmp_path / "two", "--json", "--policy.n_action_steps=1", "--workers", "2")
    assert shared.code == 0, shared.err
    again = [json.loads(line) for line in (tmp_path / "two/episodes.jsonl").read_text().splitlines()[1:]]
    assert [one["seed"] for one in again] == [2**40, 2**40 + 1]
    assert json.loads((tmp_path / "two/run.json").read_text())["policy"] == record["policy"]


def test_a_recording_by_settings_that_are_given_anew(command, sees, tmp_path):
    arguments = ("collect", "push-t", "--policy", sees, "--episodes", "2", "--episode-length", "6", "--json")
    for name, more in (("plain", ()), ("two", ("--policy.n_action_steps=1", "--workers", "2"))):
        said = command(*arguments, *more, "--output-dir", tmp_path / name)
        assert said.code == 0, said.err
    plain, two = (json.loads((tmp_path / name / "sim/episodes.jsonl").open().readline()) for name in ("plain", "two"))
    assert two["policy"] == plain["policy"] + ",n_action_steps=1"
    assert two["final_observation"] != plain["final_observation"]
    said = command(*arguments, "--policy.n_action_steps=2", "--output-dir", tmp_path / "two")
    assert said.code != 0
    assert "n_action_steps=1" in said.err


@pytest.mark.parametrize(
    ("who", "setting", "words"),
    [
        ("sees", "n_action_step=1", "Did you mean 'n_action_steps'"),
        ("sees", "hidden_dim=16", "settled as it was trained"),
        ("sees", "n_action_steps=9", "more than chunk_size 4"),
        ("sees", "n_action_steps=many", "a whole number"),
        ("expert", "n_action_steps=1", "'expert' has no settings"),
    ],
)
def test_settings_that_cannot_be_are_refused(command, sees, tmp_path, who, setting, words):
    policy = sees if who == "sees" else who
    said = command("eval", "push-t", "--policy", policy, f"--policy.{setting}", "--output-dir", tmp_path / "e")
    assert said.code == 2
    assert words in said.err
    assert not (tmp_path / "e").exists()
    if who == "expert":
        said = command("collect", "push-t", f"--policy.{setting}", "--output-dir", tmp_path / "e")
        assert said.code == 2
        assert words in said.err
        assert not (tmp_path / "e").exists()
