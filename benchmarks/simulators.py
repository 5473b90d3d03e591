"""Other people's simulators behind our interface, beside the ways that they are usually run: one function a simulator.

Several processes work at once, so rows come twice: wall-clock time, which other load distorts, and CPU time of all the
processes. Ours and the peer's take turns and medians are taken. Needs the simulators' environments (`lerobot-sim setup
NAME`); rows of those that are not set up are left out, and said.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
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
TASKS = ("pick-place-v3", "drawer-open-v3")
Cost = tuple[float, float]
"""Seconds, and CPU seconds in all processes."""
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
def asked(python: str | Path, script: str, *words: str) -> Iterator[Callable[[str, int], Cost]]:
    """A peer that is asked for so many steps of a kind and answers by what they cost."""
    command = [str(python), str(PEERS / script), *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(kind: str, count: int) -> Cost:
            stdin.write(f"{kind} {count}\n")
            stdin.flush()
            wall, cpu = stdout.readline().split()
            return float(wall), float(cpu)

        yield ask
        stdin.close()


def cpu_of(envs: Any) -> float:
    """CPU seconds so far of this process and the environments' workers."""
    spent = time.process_time()
    for env in envs:
        fields = Path(f"/proc/{env.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        spent += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return spent


def stepped(envs: Any, cameras: Mapping[str, Camera], count: int) -> Cost:
    """What `count` steps of every lane cost by the loop that all of ours is driven by; resets are not in it."""
    ticks = steps(envs, Random(cameras), range(LANES))

    def walk(lane_steps: int) -> None:
        while lane_steps > 0:
            lane_steps -= int(next(ticks).active.sum())

    walk(LANES)
    since, spent = time.perf_counter(), cpu_of(envs)
    walk(LANES * count)
    cost = time.perf_counter() - since, cpu_of(envs) - spent
    ticks.close()
    return cost


def compared(
    what: str, ours: Callable[[], Cost], peer: Callable[[], Cost], count: int, turns: int, reach: str
) -> list[Row]:
    """Rows of wall-clock and CPU time for a lane's step beside AsyncVectorEnv's; a first round does not count."""
    costs = [(ours(), peer()) for _ in range(turns + 1)][1:]
    rows: list[Row] = []
    for clock, name in enumerate(("wall", "CPU")):
        mine, theirs = (1e6 * statistics.median(cost[who][clock] for cost in costs) / count / LANES for who in (0, 1))
        rows.append(less_is_better(f"{what}, {name}", "us", mine, theirs, f"AsyncVectorEnv({LANES})", reach))
    return rows


def metaworld_rows(full: bool) -> list[Row]:
    """Four lanes beside AsyncVectorEnv(4) in MetaWorld's own environment: in a worker each, and in a worker a core."""
    python = python_of(metaworld.FAMILY)
    rows: list[Row] = []
    picture = {"corner2": Camera(height=128, width=128)}
    kinds = {"state": ({}, 400, 5), "images": (picture, 6, 3)}
    cores = min(LANES, len(os.sched_getaffinity(0)))
    cases = [(task, workers) for task in TASKS[: 2 if full else 1] for workers in dict.fromkeys((LANES, cores))]
    for task, workers in cases:
        module = "lerobot_sim.simulators.metaworld"
        envs = hosted_workers(metaworld.FAMILY, module, task, LANES, workers, {"frame_stack": 2})
        try:
            for kind, (cameras, count, repeats) in kinds.items():
                with asked(python, "vector_metaworld.py", task, kind) as ask:
                    rows += compared(
                        f"metaworld/{task}, {LANES} lanes in {workers} workers, {kind}: a lane's step",
                        partial(stepped, envs, cameras, count),
                        partial(ask, kind, count),
                        count,
                        repeats,
                        ">= 1x",
                    )
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
            what = f"EnvPool's {task}, 4 lanes, state: a lane's step"
            rows += compared(what, partial(native, "state", 400), partial(vector, "state", 400), 400, 7, "aim >= 4x")
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
