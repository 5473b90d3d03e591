"""Pictures drawn from stored states are those that were recorded; all else of the dataset stays as it was."""

from __future__ import annotations

import dataclasses
import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim import registry
from lerobot_sim.cli.main import main
from lerobot_sim.datasets.codecs import VideoSettings
from lerobot_sim.datasets.frames import FrameReader
from lerobot_sim.datasets.reader import read_columns, read_records
from lerobot_sim.datasets.states import path_of, read_states
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.loop import rollout
from lerobot_sim.policies.random import RandomPolicy
from lerobot_sim.spec import Camera

from .conftest import tree


def record(
    root: Path, task: str, cameras: dict[str, Camera], *, count: int = 3, states: bool = True, **options
) -> None:
    """A dataset of the random policy, its pictures lossless; `max_steps` of an episode as the task has them."""
    with closing(registry.make(task, 2, **options)) as env:
        writer = DatasetWriter(
            root, env.spec, settings={"policy": "random"}, cameras=cameras, video=VideoSettings(codec="ffv1")
        )
        with writer, writer.recorder(states=states) as recorder:
            params = {name: param for name, param in env.spec.params.items() if param.visual}
            draw = None
            if params:
                draw = lambda seeds: {  # noqa: E731
                    name: np.stack([np.full(param.shape, 0.2 + 0.1 * (seed % 5)) for seed in seeds])
                    for name, param in params.items()
                }
            for episode in rollout(env, RandomPolicy(env.spec), range(count), params=draw, sinks=[recorder]):
                writer.add(episode, recorder.take(episode), policy="random")


@pytest.fixture(scope="module")
def push_t(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rerender") / "push-t"
    record(root, "push-t", {"front": Camera(height=32, width=48, look="draft")})
    return root


@pytest.fixture(scope="module")
def lift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rerender") / "lift"
    record(root, "lift", {"front": Camera(height=32, width=32, look="draft")}, count=1)
    return root


def rest_of(root: Path) -> dict[str, bytes]:
    """Files that hold neither pictures nor what is said of them."""
    kept = ("data/", "sim/states/", "sim/episodes.jsonl", "meta/tasks")
    return {name: content for name, content in tree(root).items() if name.startswith(kept)}


def frames_of(root: Path, camera: str) -> np.ndarray:
    with FrameReader(root) as reader:
        return reader.frames(camera, range(len(reader)))


def test_own_cameras_give_what_was_recorded(push_t: Path, tmp_path: Path) -> None:
    new = tmp_path / "same"
    assert main(["rerender", str(push_t), "--output-dir", str(new)]) == 0
    recorded = frames_of(push_t, "front")
    assert len(np.unique(recorded.reshape(len(recorded), -1), axis=0)) > 100  # they do change
    assert np.array_equal(frames_of(new, "front"), recorded)
    assert rest_of(new) == rest_of(push_t)
    assert [dataclasses.astuple(r) for r in read_records(new)] == [dataclasses.astuple(r) for r in read_records(push_t)]


def test_mujocos_pictures_and_states(lift: Path, tmp_path: Path) -> None:
    new = tmp_path / "same"
    assert main(["rerender", str(lift), "--output-dir", str(new), "--num-envs", "5"]) == 0
    assert np.array_equal(frames_of(new, "front"), frames_of(lift, "front"))
    assert rest_of(new) == rest_of(lift)


def test_other_cameras_sizes_and_visual_params(lift: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    red, back = tmp_path / "red", tmp_path / "back"
    changed = ["--cameras", "front", "wrist", "--image-size", "24x40", "--look", "standard"]
    changed += ["--params", "key_light=1,0,0", "--codec", "png", "--json"]
    assert main(["rerender", str(lift), "--output-dir", str(red), *changed]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["params"] == {"key_light": [1.0, 0.0, 0.0]}
    assert said["new_episodes"] == 1
    front, wrist = frames_of(red, "front"), frames_of(red, "wrist")
    assert front.shape == wrist.shape == (len(front), 24, 40, 3)
    assert not np.array_equal(front, wrist)
    before = frames_of(lift, "front").astype(float).mean((0, 1, 2))
    after = front.astype(float).mean((0, 1, 2))
    assert after[0] / after[1] > 1.05 * before[0] / before[1]  # redder
    assert read_records(red)[0].params["key_light"] == [1.0, 0.0, 0.0]
    assert (read_states(red, 0)["params.key_light"] == [1.0, 0.0, 0.0]).all()
    for name, values in read_columns(lift).items():
        assert np.array_equal(read_columns(red)[name], values), name
    # and back again: what was recorded
    value = ",".join(map(str, read_records(lift)[0].params["key_light"]))
    changed = ["--cameras", "front", "--image-size", "32", "--look", "draft", "--codec", "ffv1"]
    assert main(["rerender", str(red), "--output-dir", str(back), "--params", f"key_light={value}", *changed]) == 0
    assert np.array_equal(frames_of(back, "front"), frames_of(lift, "front"))


def test_depth(lift: Path, tmp_path: Path) -> None:
    new = tmp_path / "depth"
    assert (
        main(
            [
                "rerender",
                str(lift),
                "--output-dir",
                str(new),
                "--depth",
                "front",
                "--image-size",
                "64",
                "--codec",
                "h264",
            ]
        )
        == 0
    )
    depth = frames_of(new, "front")
    with closing(registry.make("lift", 1)) as env:
        states = read_states(lift, 0)
        env.set_state(np.array([0]), {name: value[7:8] for name, value in states.items()})
        drawn = env.render({"front": Camera(height=64, width=64, look="draft", kind="depth")})["front"][0]
    assert np.allclose(depth[7], drawn.clip(0.01, 10), atol=2e-3)


def test_several_processes_give_the_same_bytes(push_t: Path, tmp_path: Path) -> None:
    alone, several = tmp_path / "alone", tmp_path / "several"
    size = ["--image-size", "16"]
    assert main(["rerender", str(push_t), "--output-dir", str(alone), *size]) == 0
    assert (
        main(["rerender", str(push_t), "--output-dir", str(several), *size, "--workers", "2", "--num-envs", "7"]) == 0
    )
    assert tree(alone) == tree(several)


def test_goes_on_after_an_interruption(push_t: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main(["rerender", str(push_t), "--output-dir", str(whole)]) == 0
    add = DatasetWriter.add

    def interrupted(self: DatasetWriter, *arguments, **keywords):
        if self.num_episodes == 2:
            raise KeyboardInterrupt
        return add(self, *arguments, **keywords)

    monkeypatch.setattr(DatasetWriter, "add", interrupted)
    assert main(["rerender", str(push_t), "--output-dir", str(broken)]) == 130
    assert len(read_records(broken)) == 2
    monkeypatch.undo()
    assert main(["rerender", str(push_t), "--output-dir", str(broken)]) == 0
    assert tree(broken) == tree(whole)
    assert main(["rerender", str(push_t), "--output-dir", str(broken)]) == 0  # nothing to do
    assert tree(broken) == tree(whole)


def test_refusals(push_t: Path, lift: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*arguments: str | Path) -> str:
        assert main(["rerender", *map(str, arguments)]) in (1, 2)
        return capsys.readouterr().err

    new = tmp_path / "new"
    assert "changes more than pictures" in refused(lift, "--output-dir", new, "--params", "cube_mass=0.1")
    assert "key_light" in refused(lift, "--output-dir", new, "--params", "key_ligth=1,1,1")
    assert "from 0.0 to 1.0" in refused(lift, "--output-dir", new, "--params", "key_light=1,1,3")
    assert "NAME=VALUE" in refused(lift, "--output-dir", new, "--params", "key_light=red")
    assert "wrist" in refused(lift, "--output-dir", new, "--cameras", "writs")
    assert "480x640" in refused(lift, "--output-dir", new, "--image-size", "640*480")
    assert "apart from the dataset" in refused(lift, "--output-dir", lift)
    assert "no dataset of lerobot-sim" in refused(tmp_path / "none", "--output-dir", new)
    assert not new.exists()

    blind = tmp_path / "blind"
    record(blind, "push-t", {}, count=1, states=False)
    assert "holds no simulation states of 1 of its 1 episodes" in refused(
        blind, "--output-dir", new, "--cameras", "front"
    )
    record(tmp_path / "states only", "push-t", {}, count=1)
    assert "name --cameras" in refused(tmp_path / "states only", "--output-dir", new)
    assert main(["rerender", str(tmp_path / "states only"), "--output-dir", str(new), "--cameras", "front"]) == 0
    assert frames_of(new, "front").any()

    # a folder that was made otherwise is replaced only where that is said
    assert "rerendered" in refused(push_t, "--output-dir", new)
    assert main(["rerender", str(push_t), "--output-dir", str(new), "--overwrite"]) == 0
    assert path_of(new, 2).exists()
