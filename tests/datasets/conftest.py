"""Shared by the tests of datasets: episodes of push-t, and LeRobot in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.envs.push_t import make
from lerobot_sim.episode import Episode
from lerobot_sim.loop import rollout
from lerobot_sim.policies.random import RandomPolicy
from lerobot_sim.spec import EnvSpec

HERE = Path(__file__).parent


class LeRobot:
    """LeRobot 0.6.1, imported once, in a process that answers a line of JSON with a line of JSON."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        variables = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(home), "OMP_NUM_THREADS": "1", "HF_DATASETS_OFFLINE": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "lerobot_process.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(home / "stderr.txt").open("w"),
            text=True,
            env={**os.environ, **variables},
        )
        self._log = home / "stderr.txt"

    def ask(self, what: str, **arguments: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"what": what, **arguments}, default=str) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"LeRobot's process died:\n{self._log.read_text()[-3000:]}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=60)


@pytest.fixture(scope="session")
def lerobot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeRobot]:
    peer = LeRobot(tmp_path_factory.mktemp("lerobot") / "home")
    yield peer
    peer.close()


@pytest.fixture(scope="session")
def spec() -> EnvSpec:
    return make().spec


@pytest.fixture(scope="session")
def episodes() -> list[Episode]:
    """The episodes of seeds 0 to 5 of `numpy/push-t` with the random policy."""
    env = make(3)
    return list(rollout(env, RandomPolicy(env.spec), range(6)))


@pytest.fixture
def saved(tmp_path: Path, spec: EnvSpec, episodes: list[Episode]) -> Path:
    """A dataset of the first three episodes."""
    root = tmp_path / "saved"
    with DatasetWriter(root, spec, settings={"policy": "random"}) as writer:
        for episode in episodes[:3]:
            writer.add(episode)
    return root


def tree(root: Path) -> dict[str, bytes]:
    """Every file's content but the lock's, which names a process."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != "lock"
    }


def digest(observation: np.ndarray, action: np.ndarray) -> list[float]:
    """Numbers that tell episodes apart, in the way that `lerobot_process.py` computes them."""
    both = np.concatenate([observation, action], axis=1).astype(np.float64)
    weights = np.arange(1, len(both) + 1)[:, None]
    return [float(len(both)), float((both * weights).sum())]


def digest_of(episode: Episode) -> list[float]:
    return digest(episode.observation["observation.state"], episode.action)
