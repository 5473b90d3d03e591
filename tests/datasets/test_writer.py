"""What the writer stores, what it refuses, and that a refusal changes nothing."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lerobot_sim.datasets.reader import read_columns, read_episodes, read_info, read_records
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.env import End
from lerobot_sim.episode import Episode
from lerobot_sim.errors import ArrayError, InputError, StorageError, UnknownNameError
from lerobot_sim.spec import EnvSpec, Feature

from .conftest import LeRobot, tree

SETTINGS = {"policy": "random"}


def test_what_is_written_is_read(saved: Path, episodes: list[Episode]) -> None:
    columns = read_columns(saved)
    first = episodes[:3]
    assert np.array_equal(columns["action"], np.concatenate([e.action for e in first]))
    assert np.array_equal(columns["next.success"], np.concatenate([e.success for e in first]))
    assert np.flatnonzero(columns["next.done"]).tolist() == [299, 599, 899]
    assert columns["timestamp"][299] == np.float32(29.9)
    assert [(entry.start, entry.stop) for entry in read_episodes(saved)] == [(0, 300), (300, 600), (600, 900)]
    assert read_info(saved).robot_type == "numpy/push-t"
    assert list(read_columns(saved, ["action"])) == ["action"]
    with pytest.raises(UnknownNameError, match="Did you mean 'action'"):
        read_columns(saved, ["actoin"])


def test_the_record_beside_holds_what_lerobot_has_no_place_for(saved: Path, episodes: list[Episode]) -> None:
    for number, (record, episode) in enumerate(zip(read_records(saved), episodes, strict=False)):
        assert (record.episode_index, record.seed, record.index, record.attempt) == (number, number, number, 0)
        assert (record.env_id, record.env_version, record.end) == ("numpy/push-t", 1, End.TIME_LIMIT)
        assert record.total_reward == episode.total_reward
        assert record.success == episode.succeeded("any")
        final = np.asarray(record.final_observation["observation.state"], np.float32)
        assert np.array_equal(final, episode.final_observation["observation.state"])
    run = json.loads((saved / "sim/run.json").read_text())
    assert run["settings"] == SETTINGS
    assert run["environment"]["id"] == "numpy/push-t"


def test_resuming_gives_the_same_bytes_as_never_stopping(
    tmp_path: Path, spec: EnvSpec, episodes: list[Episode]
) -> None:
    for episode in episodes:
        with DatasetWriter(tmp_path / "stopped", spec) as writer:
            writer.add(episode)
            assert writer.records[-1].seed == episode.seed
    with DatasetWriter(tmp_path / "whole", spec) as writer:
        for episode in episodes:
            writer.add(episode)
        assert (writer.num_episodes, writer.num_frames) == (6, 1800)
    assert tree(tmp_path / "stopped") == tree(tmp_path / "whole")


def test_a_lost_statistics_file_is_made_anew(saved: Path, spec: EnvSpec, episodes: list[Episode]) -> None:
    copy = shutil.copytree(saved, saved.with_name("copy"))
    (copy / "meta/stats.json").unlink()
    for root in (saved, copy):
        with DatasetWriter(root, spec, settings=SETTINGS) as writer:
            writer.add(episodes[3])
    assert tree(saved) == tree(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fps": 20}, "fps there is 10, 20 came"),
        ({"version": 2}, "version there is 1, 2 came"),
        ({"id": "numpy/other"}, 'id there is "numpy/push-t", "numpy/other" came'),
        ({"action": Feature(shape=(3,), dtype="float32")}, "action there is"),
        ({"observation": {"observation.state": Feature(shape=(5,), dtype="float32")}}, "observation there is"),
    ],
)
def test_another_environment_is_refused(saved: Path, spec: EnvSpec, change: dict[str, Any], message: str) -> None:
    before = tree(saved)
    with pytest.raises(StorageError, match=message):
        DatasetWriter(saved, dataclasses.replace(spec, **change), settings=SETTINGS)
    assert tree(saved) == before


def test_other_settings_are_refused(saved: Path, spec: EnvSpec) -> None:
    with pytest.raises(StorageError, match=r"setting 'policy' there is \"random\", \"expert\" came"):
        DatasetWriter(saved, spec, settings={"policy": "expert"})
    with pytest.raises(StorageError, match=r"setting 'noise' there is \"not set\", 0\.02 came"):
        DatasetWriter(saved, spec, settings={**SETTINGS, "noise": 0.02})
    with pytest.raises(InputError, match="plain JSON"):
        DatasetWriter(saved, spec, settings={"policy": object()})
    DatasetWriter(saved, spec, settings=SETTINGS).close()


def test_foreign_folders_are_refused_and_left_alone(tmp_path: Path, spec: EnvSpec) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/notes.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"not empty .*notes\.txt"):
        DatasetWriter(tmp_path / "home", spec)
    with pytest.raises(StorageError, match="is a file"):
        DatasetWriter(tmp_path / "home/notes.txt", spec)
    assert tree(tmp_path / "home") == {"notes.txt": b"mine"}
    assert not (tmp_path / "home/sim").exists()


def test_a_closed_writer_is_refused(tmp_path: Path, spec: EnvSpec, episodes: list[Episode]) -> None:
    writer = DatasetWriter(tmp_path / "data", spec)
    writer.close()
    with pytest.raises(StorageError, match="is closed"):
        writer.add(episodes[0])


def _changed(episode: Episode, **changes: Any) -> Episode:
    return dataclasses.replace(episode, **changes)


WRONG = {
    "shape": (lambda e: _changed(e, action=e.action[:, :1]), ArrayError, r"action: expected shape \(300, 2\)"),
    "dtype": (lambda e: _changed(e, action=e.action.astype("float64")), ArrayError, "expected float32, float64 came"),
    "missing": (lambda e: _changed(e, observation={}), ArrayError, r"lacks \['observation.state'\]"),
    "rows": (lambda e: _changed(e, reward=e.reward[1:]), ArrayError, r"reward: expected float32 \(300,\)"),
    "success": (lambda e: _changed(e, success=e.success.astype("int8")), ArrayError, "success: expected bool"),
    "nan": (
        lambda e: _changed(e, action=e.action * np.float32("nan")),
        ArrayError,
        r"action is not finite at \[0, 0\]",
    ),
    "empty": (lambda e: _changed(e, action=e.action[:0]), InputError, "at least one row"),
    "environment": (lambda e: _changed(e, env_version=7), InputError, "version 1; one of 'numpy/push-t' version 7"),
    "columns": (lambda e: _changed(e, columns={"is_intervention": e.success}), ArrayError, "'is_intervention': None"),
    "text": (lambda e: _changed(e, columns={"note": np.full(300, "a")}), ArrayError, "expected numbers or bool"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_episode_changes_nothing(saved: Path, spec: EnvSpec, episodes: list[Episode], name: str) -> None:
    change, kind, message = WRONG[name]
    before = tree(saved)
    with DatasetWriter(saved, spec, settings=SETTINGS) as writer:
        with pytest.raises(kind, match=message):
            writer.add(change(episodes[3]))
        assert tree(saved) == before
        writer.add(episodes[3])
        assert writer.num_episodes == 4


def test_columns_of_the_policy_with_a_taken_name_are_refused(
    tmp_path: Path, spec: EnvSpec, episodes: list[Episode]
) -> None:
    with DatasetWriter(tmp_path / "data", spec) as writer:
        with pytest.raises(InputError, match="has the name of another"):
            writer.add(_changed(episodes[0], columns={"next.done": episodes[0].success}))
        with pytest.raises(InputError, match="no '/'"):
            writer.add(_changed(episodes[0], columns={"a/b": episodes[0].success}))


@pytest.mark.slow
def test_every_shape_and_dtype_loads_in_lerobot_and_here(tmp_path: Path, lerobot: LeRobot) -> None:
    """Scalars, several axes, integers, bool, the policy's columns, several tasks, an fps that is no integer."""
    observation = {
        "observation.state": Feature(shape=(3,), dtype="float32"),
        "observation.environment_state": Feature(shape=(2, 3), dtype="float32"),
        "observation.cube": Feature(shape=(2, 2, 2), dtype="float64"),
        "observation.count": Feature(shape=(), dtype="int64"),
        "observation.level": Feature(shape=(2,), dtype="uint8"),
        "observation.touch": Feature(shape=(4,), dtype="bool"),
    }
    action = Feature(shape=(1,), dtype="float32")
    spec = EnvSpec(
        id="test/shapes", version=3, fps=12.5, max_steps=9, observation=observation, action=action, success_rule="none"
    )
    made = [_random_episode(spec, seed, length) for seed, length in enumerate((5, 1, 7))]
    with DatasetWriter(tmp_path / "data", spec) as writer:
        for episode in made:
            writer.add(episode)
    with DatasetWriter(tmp_path / "data", spec) as writer:
        writer.add(made[0])
    made.append(made[0])
    columns = read_columns(tmp_path / "data")
    for name in observation:
        wanted = np.concatenate([e.observation[name] for e in made])
        assert np.array_equal(columns[name].reshape(wanted.shape), wanted), name
        assert columns[name].dtype == observation[name].dtype
    assert np.array_equal(columns["policy_action"], np.concatenate([e.columns["policy_action"][:, 0] for e in made]))
    assert columns["action"].shape == (18, 1)
    assert columns["task_index"].tolist() == [0] * 5 + [1] * 1 + [0] * 7 + [0] * 5
    assert read_records(tmp_path / "data")[0].success is None
    found = lerobot.ask("load", root=tmp_path / "data")
    assert found["frames"] == 18
    assert found["last_task"] == "Task 0"
    for name, feature in observation.items():
        assert np.allclose(found["last"][name], made[0].observation[name][-1], rtol=1e-6), name  # it reads as float32
        assert found["shapes"][name] == list(feature.shape)
    assert found["last"]["is_intervention"] == made[0].columns["is_intervention"][-1]


def _random_episode(spec: EnvSpec, seed: int, length: int) -> Episode:
    random = np.random.default_rng(seed)
    observation = {
        name: (random.uniform(0, 9, (length, *feature.shape)) > 4).astype("bool")
        if feature.dtype == "bool"
        else random.uniform(0, 9, (length, *feature.shape)).astype(feature.dtype)
        for name, feature in spec.observation.items()
    }
    return Episode(
        env_id=spec.id,
        env_version=spec.version,
        index=seed,
        seed=seed,
        attempt=0,
        instruction=f"Task {seed % 2}",
        params={"mass": np.array([0.1, 0.2]), "kind": np.int64(3)},
        observation=observation,
        action=random.normal(size=(length, 1)).astype("float32"),
        reward=random.normal(size=length).astype("float32"),
        success=np.zeros(length, np.bool_),
        metrics={},
        columns={
            "is_intervention": random.uniform(size=length) > 0.5,
            "policy_action": random.normal(size=(length, 1)).astype("float32"),
        },
        end=End.OPERATOR,
        final_observation={name: value[-1] for name, value in observation.items()},
    )
