"""The boundary between processes: a step's round trip, resets that take long, and a worker that is lost.

Round trips are wall-clock time, since waiting is what they are about; all of them move the same two pictures of
224 x 224 x 3 and a state out of a process that does nothing else, and are measured in turns. The bare ping-pong is one
byte each way through the primitive that the host uses (a pipe, read after a poll), with no array at all.
"""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from harness import Row, less_is_better, main

from lerobot_sim import End, rollout
from lerobot_sim.env import Batch, Step, check_lanes
from lerobot_sim.policy import Decision
from lerobot_sim.simulators.host.hosted_env import HostedEnv, Program
from lerobot_sim.simulators.host.workers import hosted
from lerobot_sim.spec import STATE, Camera, EnvSpec, Feature

PICTURE = Camera(height=224, width=224)
SPEC = EnvSpec(
    id="boundary/still",
    version=1,
    fps=10,
    max_steps=10**9,
    observation={STATE: Feature(shape=(39,), dtype="float32")},
    action=Feature(shape=(4,), dtype="float32"),
    cameras={"left": PICTURE, "right": PICTURE},
)


class Still:
    """Lanes that cost nothing: the same pictures and state for ever; a reset may sleep, an episode may end.

    Args:
        num_envs: Number of lanes.
        reset_s: How long a lane's reset sleeps.
        length: About how many steps an episode has; it differs by seed.
    """

    def __init__(self, num_envs: int = 1, reset_s: float = 0.0, length: int = 0) -> None:
        self.spec, self.num_envs, self.instructions = SPEC, num_envs, [""] * num_envs
        self._reset_s, self._length = reset_s, length
        self._images: Batch = {
            name: np.full((num_envs, 224, 224, 3), shade, np.uint8) for name, shade in (("left", 50), ("right", 150))
        }
        self._end = np.full(num_envs, int(End.OPERATOR))
        self._left = np.zeros(num_envs, np.int64)
        observation = {STATE: np.zeros((num_envs, 39), np.float32)}
        self._step = Step(observation, np.zeros(num_envs, np.float32), np.zeros(num_envs, bool), self._end, {})

    def reset(self, lanes: Any, seeds: Any, params: Any = None) -> Batch:
        """Sleeps once a lane."""
        rows = check_lanes(self.num_envs, lanes)
        time.sleep(self._reset_s * len(rows))
        self._end[rows] = End.RUNNING
        self._left[rows] = self._length + np.asarray(seeds) % max(1, self._length)
        return self._step.observation

    def step(self, action: Any, active: Any) -> Step:
        """Counts."""
        if self._length:
            self._left -= active
            self._end[active & (self._left <= 0)] = End.TERMINATED
        return self._step

    def render(self, cameras: Mapping[str, Camera], lanes: Any = None) -> Batch:
        """The same pictures."""
        if lanes is None or len(lanes) == self.num_envs:
            return {name: self._images[name] for name in cameras}
        return {name: self._images[name][lanes] for name in cameras}

    def close(self) -> None:
        """Holds nothing."""


class InPlace(Still):
    """Draws where it is told to; its pictures are there already, so that nothing is left but the boundary."""

    def render_into(self, cameras: Any, lanes: Any, out: Any) -> None:
        """Touches every picture."""
        for place in out.values():
            place[:, 0, 0] = 50


def program(factory: str = "Still", **keywords: Any) -> Program:
    here = Path(__file__).parent
    modules = {"boundary": Path(__file__), "harness": here / "harness.py"}
    return Program(python=Path(sys.executable), factory=f"boundary:{factory}", keywords=keywords, modules=modules)


class PingPong:
    """One byte each way through two pipes; the asking side polls with a limit first, as the host does."""

    def __init__(self) -> None:
        theirs, self._out = os.pipe()
        self._in, ours = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.close(self._out)
            while os.read(theirs, 1):
                os.write(ours, b".")
            os._exit(0)
        os.close(theirs)
        os.close(ours)
        self._poll = select.poll()
        self._poll.register(self._in, select.POLLIN)

    def turn(self) -> None:
        os.write(self._out, b"s")
        self._poll.poll(250)
        os.read(self._in, 1)

    def close(self) -> None:
        os.close(self._out)
        os.waitpid(self._pid, 0)
        os.close(self._in)


def answer(pipe: Connection) -> None:
    """Pickles a step over a pipe until it is closed."""
    env = Still()
    try:
        while True:
            action = pipe.recv()
            step = env.step(action, np.ones(1, bool))
            pipe.send((step, env.render(env.spec.cameras)))
    except EOFError:
        return


class Pickled:
    """A worker that pickles all that it has to say."""

    def __init__(self) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=answer, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._action = np.zeros((1, 4), np.float32)
        self.turn()

    def turn(self) -> None:
        self._pipe.send(self._action)
        self._pipe.recv()

    def close(self) -> None:
        self._pipe.close()
        self._process.join(5)


def still_gymnasium() -> Any:
    """The same as a gymnasium environment."""
    import gymnasium
    from gymnasium import spaces

    class StillGymnasium(gymnasium.Env[Any, Any]):
        action_space = spaces.Box(-1, 1, (4,), np.float32)
        observation_space = spaces.Dict(
            {
                "state": spaces.Box(-1, 1, (39,), np.float32),
                "left": spaces.Box(0, 255, (224, 224, 3), np.uint8),
                "right": spaces.Box(0, 255, (224, 224, 3), np.uint8),
            }
        )

        def __init__(self) -> None:
            picture = np.full((224, 224, 3), 50, np.uint8)
            self._seen = {"state": np.zeros(39, np.float32), "left": picture, "right": picture + 100}

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            return self._seen, {}

        def step(self, action: Any) -> Any:
            return self._seen, 0.0, False, False, {}

    return StillGymnasium()


class Asynchronous:
    """Gymnasium's AsyncVectorEnv with one environment, in shared memory."""

    def __init__(self) -> None:
        from gymnasium.vector import AsyncVectorEnv

        self._env = AsyncVectorEnv([still_gymnasium], shared_memory=True)
        self._env.reset(seed=1)
        self._action = np.zeros((1, 4), np.float32)

    def turn(self) -> None:
        self._env.step(self._action)

    def close(self) -> None:
        self._env.close()


class Ours:
    """A worker of the host, stepped, its pictures with every step."""

    def __init__(self, factory: str = "Still", pictures: bool = True) -> None:
        self._env = HostedEnv(program(factory))
        self._env.reset(np.zeros(1, np.int64), np.ones(1, np.int64))
        self._action, self._active = np.zeros((1, 4), np.float32), np.ones(1, bool)
        self._cameras = dict(SPEC.cameras) if pictures else {}
        self.turn()

    def turn(self) -> None:
        self._env.step(self._action, self._active)
        if self._cameras:
            self._env.render(self._cameras)

    def close(self) -> None:
        self._env.close()


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


def round_trips(full: bool) -> list[Row]:
    with ExitStack() as stack:
        peers: dict[str, Any] = {"bare": PingPong(), "ours": Ours(), "in place": Ours("InPlace")}
        peers |= {"state": Ours(pictures=False), "gymnasium": Asynchronous(), "pickle": Pickled()}
        for peer in peers.values():
            stack.enter_context(closing(peer))
        times = in_turns({name: peer.turn for name, peer in peers.items()}, 400 if full else 100)
    import gymnasium

    what = "round trip, 2 x 224x224x3 and state"
    name = f"gymnasium {gymnasium.__version__} AsyncVectorEnv, shared memory"
    return [
        less_is_better(what, "us", times["ours"], times["bare"], "bare ping-pong of the same primitive", ">= 0.5x"),
        less_is_better("the same, drawn in place", "us", times["in place"], times["bare"], "the same", ">= 0.5x"),
        less_is_better("round trip, state only", "us", times["state"], times["bare"], "the same", ""),
        less_is_better(what, "us", times["ours"], times["gymnasium"], name, ">= 4x"),
        less_is_better("the same, drawn in place", "us", times["in place"], times["gymnasium"], "the same", ">= 4x"),
        less_is_better(what, "us", times["ours"], times["pickle"], "pickle over a pipe", ">= 25x"),
        less_is_better("the same, drawn in place", "us", times["in place"], times["pickle"], "the same", ">= 25x"),
    ]


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
