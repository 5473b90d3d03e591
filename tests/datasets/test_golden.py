"""Our dataset against the one that LeRobot 0.6.1 writes of the same episodes, and LeRobot reading ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from lerobot_sim.datasets.reader import read_columns
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.episode import Episode
from lerobot_sim.spec import EnvSpec

from .conftest import LeRobot, digest_of

DATA = "data/chunk-000/file-000.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"

pytestmark = pytest.mark.slow  # LeRobot takes 10 to 20 s to import


@pytest.fixture(scope="module")
def pair(
    lerobot: LeRobot, spec: EnvSpec, episodes: list[Episode], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """(our dataset, LeRobot's) of the same six episodes."""
    folder = tmp_path_factory.mktemp("golden")
    ours, theirs = folder / "ours", folder / "theirs"
    with DatasetWriter(ours, spec, robot_type="simulated") as writer:
        for episode in episodes:
            writer.add(episode)
    arrays: dict[str, np.ndarray] = {}
    for number, episode in enumerate(episodes):
        done = np.zeros((len(episode), 1), bool)
        done[-1] = True
        columns = {
            **episode.observation,
            "action": episode.action,
            "next.reward": episode.reward[:, None],
            "next.done": done,
            "next.success": episode.success[:, None],
        }
        arrays |= {f"{number}/{name}": value for name, value in columns.items()}
    np.savez(folder / "episodes.npz", **arrays)  # pyright: ignore[reportArgumentType]
    described = json.loads((ours / "meta/info.json").read_text())["features"]
    automatic = ("timestamp", "frame_index", "episode_index", "index", "task_index")
    lerobot.ask(
        "record",
        root=theirs,
        arrays=folder / "episodes.npz",
        features={name: value for name, value in described.items() if name not in automatic},
        fps=int(spec.fps),
        robot_type="simulated",
        task=episodes[0].instruction,
    )
    return ours, theirs


def test_info_is_equal(pair: tuple[Path, Path]) -> None:
    ours, theirs = (json.loads((root / "meta/info.json").read_text()) for root in pair)
    assert ours == theirs
    assert list(ours) == list(theirs)
    assert list(ours["features"]) == list(theirs["features"])
    assert ours["total_frames"] == 1800


def test_data_is_equal_to_the_last_bit_and_so_are_types_and_row_groups(pair: tuple[Path, Path]) -> None:
    ours, theirs = (pq.ParquetFile(root / DATA) for root in pair)
    assert ours.schema_arrow.equals(theirs.schema_arrow)
    described = [json.loads(file.schema_arrow.metadata[b"huggingface"])["info"] for file in (ours, theirs)]
    assert described[0] == described[1]
    assert ours.read().equals(theirs.read())
    groups = [[file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] for file in (ours, theirs)]
    assert groups[0] == groups[1] == [300] * 6


def test_tasks_are_equal(pair: tuple[Path, Path]) -> None:
    ours, theirs = (pq.read_table(root / "meta/tasks.parquet") for root in pair)
    assert ours.equals(theirs)
    assert ours.to_pandas().equals(theirs.to_pandas())


def test_the_episodes_table_agrees_column_by_column(pair: tuple[Path, Path]) -> None:
    ours, theirs = (pq.read_table(root / EPISODES) for root in pair)
    assert ours.schema.equals(theirs.schema)
    largest = _largest(pair[0])
    for name in ours.column_names:
        own, other = ours.column(name).to_pylist(), theirs.column(name).to_pylist()
        if not name.startswith("stats/"):
            assert own == other, name
            continue
        _, feature, key = name.split("/")
        low = np.asarray(theirs.column(f"stats/{feature}/min").to_pylist())
        high = np.asarray(theirs.column(f"stats/{feature}/max").to_pylist())
        _agree(key, np.asarray(own), np.asarray(other), high - low, largest[feature], name)


def test_statistics_agree(pair: tuple[Path, Path]) -> None:
    ours, theirs = (json.loads((root / "meta/stats.json").read_text()) for root in pair)
    assert set(ours) == set(theirs)
    largest = _largest(pair[0])
    for feature, values in theirs.items():
        assert list(ours[feature]) == list(values)
        width = np.asarray(values["max"]) - np.asarray(values["min"])
        for key, other in values.items():
            _agree(key, np.asarray(ours[feature][key]), np.asarray(other), width, largest[feature], f"{feature} {key}")


def test_lerobot_loads_ours(lerobot: LeRobot, pair: tuple[Path, Path], episodes: list[Episode]) -> None:
    found = lerobot.ask("load", root=pair[0])
    assert (found["episodes"], found["frames"], found["rows"]) == (6, 1800, 1800)
    assert np.allclose(found["digests"], [digest_of(episode) for episode in episodes], rtol=1e-12)
    assert found["last_task"] == episodes[0].instruction
    assert found["dtypes"]["next.success"] == found["dtypes"]["next.done"] == "torch.bool"
    assert found["dtypes"]["observation.state"] == found["dtypes"]["next.reward"] == "torch.float32"
    assert found["last"]["next.reward"] == float(episodes[-1].reward[-1])
    assert found["stats"] == {
        name: sorted(("min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"))
        for name in found["stats"]
    }


def test_lerobot_iterates_ours_with_windows(lerobot: LeRobot, pair: tuple[Path, Path], episodes: list[Episode]) -> None:
    found = lerobot.ask(
        "iterate",
        root=pair[0],
        delta_timestamps={"observation.state": [-0.1, 0.0], "action": [0.0, 0.1, 0.2]},
        batch_size=64,
    )
    actions = np.asarray(found["action"], np.float32)
    states = np.asarray(found["observation.state"], np.float32)
    assert actions.shape == (1800, 3, 2)
    assert states.shape == (1800, 2, 6)
    assert np.array_equal(actions[300:598, 2], episodes[1].action[2:])
    assert np.array_equal(actions[599, 2], episodes[1].action[-1])  # windows stop at the episode's end
    assert found["action_is_pad"][599] == [False, True, True]
    assert np.array_equal(states[301:600, 0], episodes[1].observation["observation.state"][:-1])
    assert np.array_equal(np.asarray(found["next.success"]), np.concatenate([e.success for e in episodes]))
    assert np.array_equal(np.asarray(found["next.reward"], np.float32), np.concatenate([e.reward for e in episodes]))


def test_lerobots_writer_goes_on_with_ours(
    lerobot: LeRobot, pair: tuple[Path, Path], saved: Path, episodes: list[Episode]
) -> None:
    assert lerobot.ask("resume", root=saved, other=pair[0]) == 4
    found = lerobot.ask("load", root=saved)
    assert np.allclose(found["digests"], [digest_of(e) for e in [*episodes[:3], episodes[0]]], rtol=1e-12)


def test_our_reader_reads_lerobots_dataset(pair: tuple[Path, Path]) -> None:
    ours, theirs = (read_columns(root) for root in pair)
    assert list(ours) == list(theirs)
    for name, values in ours.items():
        assert values.dtype == theirs[name].dtype
        assert np.array_equal(values, theirs[name]), name


def _largest(root: Path) -> dict[str, float]:
    return {name: float(np.abs(values).max()) for name, values in read_columns(root).items()}


def _agree(key: str, own: np.ndarray, other: np.ndarray, width: np.ndarray, largest: float, what: str) -> None:
    """Theirs is float32 here and there, and its quantiles are read off 5,000 bins between min and max."""
    if key in ("min", "max", "count"):
        assert np.array_equal(own, other), what
    elif key == "mean":
        assert np.abs(own - other).max() <= 1e-5 * largest + 1e-12, what
    elif key == "std":
        assert np.abs(own**2 - other**2).max() <= 3e-5 * largest**2 + 1e-12, what
    else:
        assert (np.abs(own - other) <= 1.01 * width / 5000 + 1e-6 * largest + 1e-9).all(), what
