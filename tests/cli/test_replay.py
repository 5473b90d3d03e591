"""`lerobot-sim replay`: verdicts, exit codes, videos, datasets from elsewhere."""

import json
import shutil

import pytest


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    from lerobot_sim.cli.main import main

    root = tmp_path_factory.mktemp("collected") / "d"
    arguments = ["collect", "numpy/reach", "--episodes", "3", "--stop-at-success", "--output-dir", str(root)]
    assert main(arguments) == 0
    return root


def test_exact_is_said_and_the_exit_code_is_0(command, dataset):
    said = command("replay", dataset)
    assert said.code == 0, said.err
    assert said.out.count("exact") == 4  # three episodes and the sum
    assert "simulation states" in said.out


def test_json_holds_every_verdict(command, dataset):
    result = json.loads(command("replay", dataset, "--episode", "1:3", "--json").out)
    assert [episode["episode_index"] for episode in result["episodes"]] == [1, 2]
    assert (result["exact"], result["parted"], result["env_id"]) == (2, 0, "numpy/reach")
    assert all(episode["exact"] and not episode["differences"] for episode in result["episodes"])


def test_where_it_parts_is_said_and_the_exit_code_is_1(command, dataset, tmp_path):
    changed = tmp_path / "d"
    shutil.copytree(dataset, changed)
    lines = (changed / "sim/episodes.jsonl").read_text().splitlines()
    lines[1] = json.dumps({**json.loads(lines[1]), "seed": 77})
    (changed / "sim/episodes.jsonl").write_text("\n".join(lines) + "\n")
    said = command("replay", changed)
    assert said.code == 1
    assert "parts at step 0" in said.out
    assert "2 of 3 episodes are exact" in said.out
    result = json.loads(command("replay", changed, "--episode", "1", "--json").out)
    assert result["episodes"][0]["differences"][0]["at_first"] > 0


def test_another_version_of_the_environment_is_said(command, dataset, tmp_path):
    old = tmp_path / "d"
    shutil.copytree(dataset, old)
    run = json.loads((old / "sim/run.json").read_text())
    run["environment"]["version"] = 0
    (old / "sim/run.json").write_text(json.dumps(run))
    assert "of version 0" in command("replay", old).out


def test_a_dataset_from_elsewhere_needs_the_name_of_an_environment(command, dataset, tmp_path):
    foreign = tmp_path / "d"
    shutil.copytree(dataset, foreign)
    shutil.rmtree(foreign / "sim")
    said = command("replay", foreign)
    assert said.code == 2
    assert "--env TASK" in said.err
    said = command("replay", foreign, "--env", "numpy/reach", "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert [episode["exact"] for episode in result["episodes"]] == [None] * 3
    assert "nothing is compared" in result["note"]


def test_a_video_an_episode(command, dataset, tmp_path):
    import av

    command("replay", dataset, "--episode", "1", "--video", tmp_path / "one.mp4", "--video-size", "32")
    said = command("replay", dataset, "--video", tmp_path / "all.mp4", "--video-size", "32", "--num-envs", "2")
    assert said.code == 0, said.err
    lengths = [episode["length"] for episode in json.loads(command("replay", dataset, "--json").out)["episodes"]]
    names = ["one.mp4", *(f"all_{number:06d}.mp4" for number in range(3))]
    for name, length in zip(names, [lengths[1], *lengths], strict=True):
        with av.open(str(tmp_path / name)) as video:
            assert sum(1 for _ in video.decode(video=0)) == length


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--episode", "3"), "0 to 2"),
        (("--episode", "first"), "--episode"),
        (("--video", "replay.gif"), ".mp4"),
        (("--video", "replay.mp4", "--camera", "back"), "camera"),
        (("--env", "numpy/reech"), "numpy/reach"),
    ],
)
def test_bad_options_are_named(command, dataset, arguments, words):
    said = command("replay", dataset, *arguments)
    assert said.code == 2
    assert words in said.err


def test_a_folder_without_a_dataset_is_named(command, tmp_path):
    said = command("replay", tmp_path)
    assert said.code == 1
    assert "info.json" in said.err
