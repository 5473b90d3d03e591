"""Other people's simulators behind our interface, beside the ways that they are usually run: one function a simulator.

Wall-clock time, since several processes work at once; ours and the peer's take turns and medians are taken. Needs the
simulators' environments (`lerobot-sim setup NAME`); rows of those that are not set up are left out, and said.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import numpy as np
from harness import Row, less_is_better, main, peer_python

from lerobot_sim.loop import steps
from lerobot_sim.policy import Decision
from lerobot_sim.simulators import metaworld
from lerobot_sim.simulators.host.install import NotSetUpError, python_of
from lerobot_sim.simulators.host.workers import hosted_workers
from lerobot_sim.spec import Camera

LANES = 4
PEERS = Path(__file__).parent / "peers"


class Random:
    """Acts at random from a table, which costs nothing worth the name.

    Args:
        cameras: What it reads.
    """

    batch_invariant = True

    def __init__(self, cameras: Mapping[str, Camera]) -> None:
        self.cameras = cameras
        self._table = np.random.default_rng(0).uniform(-1, 1, (1000, LANES, 4)).astype(np.float32)
        self._at = 0

    def reset(self, lanes: Any, seeds: Any) -> None:
        """Remembers nothing."""

    def act(self, observation: Any, active: Any) -> Decision:
        """The next row."""
        self._at = (self._at + 1) % len(self._table)
        return Decision(self._table[self._at])


@contextmanager
def asked(python: str | Path, script: str, *words: str) -> Iterator[Callable[[str, int], float]]:
    """A peer that is asked for so many steps of a kind and answers by seconds."""
    command = [str(python), str(PEERS / script), *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(kind: str, count: int) -> float:
            stdin.write(f"{kind} {count}\n")
            stdin.flush()
            return float(stdout.readline())

        yield ask
        stdin.close()


def stepped(envs: Any, cameras: Mapping[str, Camera], count: int) -> float:
    """Seconds of `count` steps of every lane, by the loop that all of ours is driven by; resets are not in it."""
    ticks = steps(envs, Random(cameras), range(LANES))
    for _ in range(LANES):
        next(ticks)
    since = time.perf_counter()
    for _ in range(LANES * count):
        next(ticks)
    seconds = time.perf_counter() - since
    ticks.close()
    return seconds


def taken_in_turns(functions: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """Median of the seconds that each gives, after one round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(repeats + 1):
        for name, function in functions.items():
            seconds = function()
            if turn:
                times[name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def metaworld_rows(full: bool) -> list[Row]:
    """Four lanes in four workers beside AsyncVectorEnv(4) in MetaWorld's own environment."""
    python = python_of(metaworld.FAMILY)
    rows: list[Row] = []
    picture = {"corner2": Camera(height=128, width=128)}
    kinds = {"state": ({}, 400, 9 if full else 5), "images": (picture, 10 if full else 5, 5 if full else 3)}
    for task in ("pick-place-v3", "drawer-open-v3") if full else ("pick-place-v3",):
        module = "lerobot_sim.simulators.metaworld"
        envs = hosted_workers(metaworld.FAMILY, module, task, LANES, LANES, {"frame_stack": 2})
        try:
            for kind, (cameras, count, repeats) in kinds.items():
                with asked(python, "vector_metaworld.py", task, kind) as ask:
                    seconds = taken_in_turns(
                        {
                            "ours": lambda e=envs, cameras=cameras, count=count: stepped(e, cameras, count),
                            "peer": lambda ask=ask, kind=kind, count=count: ask(kind, count),
                        },
                        repeats,
                    )
                each = {name: 1e6 * value / count / LANES for name, value in seconds.items()}
                what = f"metaworld/{task}, 4 lanes, {kind}: a lane's step"
                rows.append(less_is_better(what, "us", each["ours"], each["peer"], "AsyncVectorEnv(4)", ">= 1x"))
        finally:
            for env in envs:
                env.close()
    return [*rows, *(envpool_rows() if full else [])]


def envpool_rows() -> list[Row]:
    """EnvPool's native MetaWorld task beside AsyncVectorEnv(4); it is no engine of ours, see docs/metaworld.md."""
    rows: list[Row] = []
    for task in ("pick-place-v3", "drawer-open-v3"):
        with (
            asked(peer_python("envpool"), "envpool_metaworld.py", task) as native,
            asked(python_of(metaworld.FAMILY), "vector_metaworld.py", task, "state") as vector,
        ):
            asks = {"envpool": lambda ask=native: ask("state", 400), "peer": lambda ask=vector: ask("state", 400)}
            seconds = taken_in_turns(asks, 7)
        each = {name: 1e6 * value / 400 / LANES for name, value in seconds.items()}
        what = f"EnvPool's {task}, 4 lanes, state: a lane's step"
        rows.append(less_is_better(what, "us", each["envpool"], each["peer"], "AsyncVectorEnv(4)", "aim >= 4x"))
    return rows


SIMULATORS: Mapping[str, Callable[[bool], list[Row]]] = {"metaworld": metaworld_rows}


def measure(full: bool) -> list[Row]:
    rows: list[Row] = []
    for name, function in SIMULATORS.items():
        try:
            rows += function(full)
        except NotSetUpError as error:
            print(f"{name} is left out. {error}")
    return rows


if __name__ == "__main__":
    main(measure, __doc__)
