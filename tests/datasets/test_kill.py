"""A recording that is killed at any moment: nothing that was saved is lost, nothing is torn, it goes on."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from lerobot_sim.datasets.reader import read_columns, read_episodes, read_info, read_records
from lerobot_sim.datasets.states import read_states
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.env import Env
from lerobot_sim.envs.push_t import make
from lerobot_sim.errors import StorageError
from lerobot_sim.loop import rollout
from lerobot_sim.policies.random import RandomPolicy
from lerobot_sim.spec import EnvSpec

from .conftest import HERE, LeRobot, digest, digest_of, tree

Record = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def record() -> Iterator[Record]:
    """Records in a forked process, to be killed; files are full after 3 and 5 episodes."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "recording_process.py"), "12"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )

    def ask(root: Path, until: int, **when: Any) -> dict[str, Any]:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps({"root": str(root), "until": until, **when}) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield ask
    assert process.stdin
    process.stdin.close()
    process.wait(timeout=60)


@pytest.fixture(scope="module")
def digests() -> list[list[float]]:
    env: Env = make(4)
    return [digest_of(episode) for episode in rollout(env, RandomPolicy(env.spec), range(12))]


@pytest.mark.slow
def test_killed_at_random_moments(record: Record, lerobot: LeRobot, digests: list[list[float]], tmp_path: Path) -> None:
    record(tmp_path / "first", 1)  # imports
    begun = time.monotonic()
    reference = _whole(record, tmp_path / "reference", 12)
    whole_s = time.monotonic() - begun  # on a busy machine longer
    moments = random.Random(20)
    killed: list[tuple[Path, int]] = []
    for number in range(20):
        root = tmp_path / f"run{number}"
        answer = record(root, 12, kill_after_s=moments.uniform(0.0, whole_s))
        killed.append((_copy_and_resume(record, root, 12, reference), answer["saved"]))
    assert len({saved for _, saved in killed}) > 1, "the kills did not spread"
    _all_saved(lerobot, killed, digests)


@pytest.mark.slow
def test_killed_between_each_two_steps_of_a_commit(
    record: Record, lerobot: LeRobot, digests: list[list[float]], tmp_path: Path
) -> None:
    """Four commits: the first, one that rewrites, one that fills the file and one that begins the next."""
    reference = _whole(record, tmp_path / "reference", 5)
    steps = record(tmp_path / "counted", 4)["steps"]
    assert steps == 1 + 6 + 3 * 5  # run.json; data, tasks, statistics, episodes, our line, info.json; no tasks again
    killed: list[tuple[Path, int]] = []
    for step, half in [*((step, False) for step in range(steps)), (5, True), (10, True)]:
        root = tmp_path / f"step{step}{'half' if half else ''}"
        answer = record(root, 4, kill_at=step, half=half)
        assert answer["killed"]
        killed.append((_copy_and_resume(record, root, 5, reference), answer["saved"]))
    assert {saved for _, saved in killed} == {0, 1, 2, 3}
    _all_saved(lerobot, killed, digests)


@pytest.mark.slow
def test_killed_at_random_moments_while_recording_video(
    record: Record, lerobot: LeRobot, digests: list[list[float]], tmp_path: Path
) -> None:
    """A hundred times with LEROBOT_SIM_FAULTS=long (`make test-faults`), ten times otherwise."""
    record(tmp_path / "first", 1, cameras=True)  # imports
    begun = time.monotonic()
    reference = _whole(record, tmp_path / "reference", 6, cameras=True)
    whole_s = time.monotonic() - begun  # on a busy machine longer
    moments = random.Random(21)
    killed: list[tuple[Path, int]] = []
    for number in range(100 if os.environ.get("LEROBOT_SIM_FAULTS") == "long" else 10):
        root = tmp_path / f"run{number}"
        answer = record(root, 6, cameras=True, kill_after_s=moments.uniform(0.0, whole_s))
        killed.append((_copy_and_resume(record, root, 6, reference, cameras=True), answer["saved"]))
    assert len({saved for _, saved in killed}) > 1, "the kills did not spread"
    _all_saved(lerobot, killed, digests)
    _videos_are_whole(killed)


@pytest.mark.slow
def test_killed_between_each_two_steps_of_a_commit_of_video(
    record: Record, lerobot: LeRobot, digests: list[list[float]], tmp_path: Path
) -> None:
    reference = _whole(record, tmp_path / "reference", 3, cameras=True)
    steps = record(tmp_path / "counted", 2, cameras=True)["steps"]
    assert steps == 1 + 8 + 7  # run.json; video, states, data, tasks, statistics, episodes, our line, info.json
    killed: list[tuple[Path, int]] = []
    for step in range(steps):
        root = tmp_path / f"step{step}"
        answer = record(root, 2, cameras=True, kill_at=step)
        assert answer["killed"]
        killed.append((_copy_and_resume(record, root, 3, reference, cameras=True), answer["saved"]))
    assert {saved for _, saved in killed} == {0, 1}
    _all_saved(lerobot, killed, digests)
    _videos_are_whole(killed)


def test_a_second_writer_is_refused_until_the_first_is_killed(tmp_path: Path, spec: EnvSpec) -> None:
    root = tmp_path / "data"
    code = (
        "import sys, time; from lerobot_sim.envs.push_t import make; "
        "from lerobot_sim.datasets.writer import DatasetWriter; "
        "w = DatasetWriter(sys.argv[1], make().spec); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout
        assert first.stdout.readline() == "ready\n"
        with pytest.raises(StorageError, match=rf"in use: process {first.pid} is writing"):
            DatasetWriter(root, spec)
        first.send_signal(signal.SIGKILL)
    with DatasetWriter(root, spec) as writer:
        with pytest.raises(StorageError, match=rf"in use: process {os.getpid()} is writing"):
            DatasetWriter(root, spec)
        assert writer.num_episodes == 0
    DatasetWriter(root, spec).close()


def _whole(record: Record, root: Path, until: int, **what: Any) -> dict[str, bytes]:
    answer = record(root, until, **what)
    assert (answer["saved"], answer["killed"]) == (until, False)
    return tree(root)


def _copy_and_resume(record: Record, root: Path, until: int, reference: dict[str, bytes], **what: Any) -> Path:
    """A copy of what the kill left; the original is gone on with and must end as if nothing had happened."""
    copy = root.with_name(root.name + "_killed")
    if root.exists():
        shutil.copytree(root, copy)
    assert not record(root, until, **what)["killed"]
    found = tree(root)
    assert list(found) == list(reference)
    assert [name for name in reference if found[name] != reference[name]] == []
    return copy


def _all_saved(lerobot: LeRobot, killed: list[tuple[Path, int]], digests: list[list[float]]) -> None:
    """LeRobot and our reader find every episode that was reported, whole."""
    with_some = [(root, saved) for root, saved in killed if (root / "meta/info.json").exists()]
    assert all(saved == 0 for root, saved in killed if not (root / "meta/info.json").exists())
    answers = lerobot.ask("load_many", roots=[str(root) for root, _ in with_some])
    for (root, saved), answer in zip(with_some, answers, strict=True):
        assert "error" not in answer, f"{root}: {answer['error']}"
        found = answer["result"]
        assert found["episodes"] in (saved, saved + 1), root  # killed after info.json, before the report
        assert np.allclose(found["digests"], digests[: found["episodes"]], rtol=1e-12), root
        _we_read_the_same(root, digests)


def _videos_are_whole(killed: list[tuple[Path, int]]) -> None:
    """Every episode's video holds as many frames as it has rows, and all of them decode."""
    for root, _ in killed:
        for entry in read_episodes(root) if (root / "meta/info.json").exists() else []:
            path = root / f"videos/observation.images.front/chunk-000/file-{entry.episode_index:03d}.mp4"
            with av.open(str(path)) as container:
                assert sum(1 for _ in container.decode(video=0)) == entry.stop - entry.start, path
            assert len(read_states(root, entry.episode_index)["t"]) == entry.stop - entry.start + 1


def _we_read_the_same(root: Path, digests: list[list[float]]) -> None:
    info, columns = read_info(root), read_columns(root, ["observation.state", "action"])
    entries, records = read_episodes(root), read_records(root)
    assert len(entries) == len(records) == info.total_episodes
    for entry, own in zip(entries, records, strict=True):
        rows = slice(entry.start, entry.stop)
        found = digest(columns["observation.state"][rows], columns["action"][rows])
        assert found == pytest.approx(digests[entry.episode_index], rel=1e-12)
        assert own.seed == entry.episode_index
