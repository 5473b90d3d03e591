"""The boundary between processes: a step's round trip, resets that take long, and a worker that is lost.

Round trips are wall-clock time, since waiting is what they are about; all of them move the same two pictures of
224 x 224 x 3 and a state out of a process that does nothing else, and are measured in turns. The bare ping-pong is one
byte each way through the primitive that the host uses, a pipe read after a poll, with no array at all; nobody spins.

Two processes that only ever wait for each other are put on one core by the system, where a switch costs a tenth of what
it costs to wake another core, which is where a worker sits that has work to do at the same time. So all is measured
twice: left to the system, and with the two ends bound to two cores. The budget says where ours goes on one core.
"""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from boundary_peers import Asynchronous, OneProcess, Ours, Pickled, PingPong, copy_images, program
from harness import Row, less_is_better, main

from lerobot_sim import End, rollout
from lerobot_sim.env import Batch
from lerobot_sim.policy import Decision
from lerobot_sim.simulators.host.hosted_env import HostedEnv
from lerobot_sim.simulators.host.workers import hosted
from lerobot_sim.spec import Camera


def in_turns(turns: Mapping[str, Callable[[], None]], rounds: int, repeats: int = 20) -> dict[str, float]:
    """Microseconds of wall clock of a turn, in batches that follow each other, A B A B ….

    Of each the best batch: on a shared machine most of them are interrupted by others, and what waits for another
    process suffers most from it.
    """
    times: dict[str, list[float]] = {name: [] for name in turns}
    for index in range(rounds + 1):
        for name, turn in turns.items():
            turn()
            since = time.perf_counter()
            for _ in range(repeats):
                turn()
            if index:
                times[name].append((time.perf_counter() - since) / repeats * 1e6)
    return {name: min(values) for name, values in times.items()}


@contextmanager
def on_two_cores(pids: list[int]) -> Generator[None]:
    """This process on one core, the others on another."""
    cores = os.sched_getaffinity(0)
    mine, theirs = sorted(cores)[:2]
    for pid in pids:
        os.sched_setaffinity(pid, {theirs})
    os.sched_setaffinity(0, {mine})
    try:
        yield
    finally:
        for pid in (0, *pids):
            os.sched_setaffinity(pid, cores)


def shared_core(peer: PingPong) -> str:
    """How often the bare ping-pong's two ends sat on one core, in words."""

    def core(pid: int) -> str:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[36]

    if not Path("/proc/self/stat").exists():
        return ""
    together = 0
    for _ in range(100):
        for _ in range(10):
            peer.turn()
        together += core(peer.pid) == core(os.getpid())
    return f", ends on one core {together}% of the time"


def round_trips(full: bool) -> list[Row]:
    rounds = 400 if full else 100
    with ExitStack() as stack:
        bare = PingPong()
        peers: dict[str, Any] = {"bare": bare, "ours": Ours(), "in place": Ours("InPlace")}
        peers |= {"state": Ours(pictures=False), "gymnasium": Asynchronous(), "pickle": Pickled()}
        for peer in peers.values():
            stack.enter_context(closing(peer))
        turns = {name: peer.turn for name, peer in peers.items()}
        one = stack.enter_context(closing(OneProcess()))
        alone = {"both": one.turn, "copy": copy_images()}
        times = in_turns({**turns, **alone}, rounds)
        where = shared_core(bare)
        apart: dict[str, float] = {}
        if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
            with on_two_cores([peer.pid for peer in peers.values()]):
                apart = in_turns(turns, rounds)
    rows = rows_of(times, f"bare ping-pong of the same primitive{where}", "")
    rows += rows_of(apart, "bare ping-pong, its ends on two cores", ", two cores") if apart else []
    return rows + budget(times)


def rows_of(times: Mapping[str, float], bare: str, where: str) -> list[Row]:
    import gymnasium

    names = {"bare": bare, "gymnasium": f"gymnasium {gymnasium.__version__} AsyncVectorEnv, shared memory"}
    names |= {"pickle": "pickle over a pipe"}
    what = {"ours": f"round trip, 2 x 224x224x3 and state{where}", "in place": f"the same, drawn in place{where}"}
    rows = [
        less_is_better(words, "us", times[mine], times[peer], names[peer], reach)
        for peer, reach in (("bare", ">= 0.5x"), ("gymnasium", ">= 4x"), ("pickle", ">= 25x"))
        for mine, words in what.items()
    ]
    return [*rows, less_is_better(f"round trip, state only{where}", "us", times["state"], times["bare"], bare)]


def budget(times: Mapping[str, float]) -> list[Row]:
    """Where a round trip with pictures goes; the parts add up to it."""
    python = times["both"] - times["copy"]
    parts = {
        "the bare ping-pong": times["bare"],
        "a copy of the pictures (301 KB)": times["copy"],
        "Python at both ends, measured in one process": python,
        "rest: what the switches leave of caches": times["ours"] - times["bare"] - times["copy"] - python,
    }
    return [Row(what=f"of that round trip: {name}", unit="us", ours=value) for name, value in parts.items()]


class Idle:
    """A policy that does nothing."""

    cameras: Mapping[str, Camera] = {}
    batch_invariant = True

    def reset(self, lanes: Any, seeds: Any) -> None:
        """Keeps nothing."""

    def act(self, observation: Batch, active: Any) -> Decision:
        """Nothing."""
        return Decision(np.zeros((len(active), 4), np.float32))


def long_resets(full: bool) -> Row:
    reset_s, episodes = (10.0, 24) if full else (0.5, 32)
    seconds: dict[str, float] = {}
    for name, workers in (("ours", 8), ("lockstep", 1)):
        envs = hosted(program(reset_s=reset_s, length=20), 8, workers)
        since = time.perf_counter()
        done = sum(1 for _ in rollout(envs, Idle(), range(episodes)))
        seconds[name] = time.perf_counter() - since
        assert done == episodes
        for env in envs:
            env.close()
    what = f"{episodes} episodes with {reset_s:g} s resets, 8 workers"
    return less_is_better(what, "s", seconds["ours"], seconds["lockstep"], "one lockstep batch of 8 lanes", ">= 4x")


def lost_worker(full: bool) -> Row:
    """From kill -9 to the first step of the next episode, beyond what a worker's start takes."""
    lanes, seeds = np.zeros(1, np.int64), np.ones(1, np.int64)
    action, active = np.zeros((1, 4), np.float32), np.ones(1, bool)
    starts: list[float] = []
    losses: list[float] = []
    for _ in range(9 if full else 5):
        since = time.perf_counter()
        env = HostedEnv(program())
        env.reset(lanes, seeds)
        env.step(action, active)
        starts.append(time.perf_counter() - since)
        assert env.pid is not None
        os.kill(env.pid, signal.SIGKILL)
        since = time.perf_counter()
        assert env.step(action, active).end.tolist() == [End.FAULT]
        env.reset(lanes, seeds)
        assert env.step(action, active).end.tolist() == [End.RUNNING]
        losses.append(time.perf_counter() - since)
        env.close()
    beyond = max(0.0, statistics.median(losses) - statistics.median(starts))
    return Row(what="worker loss noticed and replaced, beyond its start", unit="s", ours=beyond, reach="<= 2 s")


def measure(full: bool) -> list[Row]:
    return [*round_trips(full), long_resets(full), lost_worker(full)]


if __name__ == "__main__":
    main(measure, __doc__)
