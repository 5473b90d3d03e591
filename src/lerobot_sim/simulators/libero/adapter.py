"""LIBERO's tasks as Simulations: lanes that take turns on one `Stage`."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.env import End
from lerobot_sim.simulators.seeding import word
from lerobot_sim.simulators.simulation import Outcome, SimulationEnv
from lerobot_sim.spec import Camera, EnvSpec

from . import BY_SEED
from .catalogue import Task
from .options import Options
from .stage import Stage

METRICS = ("goals_met", "goal_distance")
"""The share of the goal's predicates that hold, and how far the others are from it (see `goals`)."""


class Turns:
    """Whose turn it is on a task's stage, which is built when the first lane is made."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._stage: Stage | None = None
        self._lanes: set[LiberoSimulation] = set()
        self._present: LiberoSimulation | None = None
        self._starts: dict[int, tuple[Mapping[str, NDArray[Any]], bool]] = {}

    def begin(self, stage: Stage, initial: int) -> bool:
        """Begins at an initial state, settled once and put back from then on; whether it is solved."""
        if initial not in self._starts:
            stage.begin(initial, stage.initial_states[initial])
            self._starts[initial] = (stage.take(), stage.solved())
        start, solved = self._starts[initial]
        stage.put(start)
        return solved

    def join(self, lane: LiberoSimulation) -> Stage:
        """Counts a lane in."""
        self._lanes.add(lane)
        return self._built()

    def leave(self, lane: LiberoSimulation) -> None:
        """Counts a lane out; the last one closes the stage."""
        self._lanes.discard(lane)
        if self._present is lane:
            self._present = None
        if not self._lanes:
            self._drop()

    @contextlib.contextmanager
    def of(self, lane: LiberoSimulation, *, afresh: bool = False) -> Generator[Stage]:
        """The stage as the lane left it, or `afresh`: in whatever state. An error within it costs the stage."""
        stage = self._built()
        if self._present is not lane:
            if self._present is not None:
                self._present.stored = stage.take()
            self._present = None
            if lane.stored and not afresh:
                stage.put(lane.stored)
            self._present = lane
        try:
            yield stage
        except Exception:
            self._drop()
            raise

    def _built(self) -> Stage:
        if self._stage is None:
            self._stage = Stage(self._task)
        return self._stage

    def _drop(self) -> None:
        stage, self._stage, self._present = self._stage, None, None
        if stage is not None:
            stage.close()


class LiberoSimulation:
    """One lane; see `lerobot_sim.simulators.simulation.Simulation`.

    Attributes:
        instruction: The task in words.
        stored: Its part of the stage while another lane is on it.
    """

    def __init__(self, task: Task, options: Options, turns: Turns) -> None:
        self.instruction = task.instruction
        self.stored: Mapping[str, NDArray[Any]] = {}
        self._task, self._options, self._turns = task, options, turns
        self._seed, self._initial = 0, BY_SEED
        turns.join(self)

    def reset(self, seed: int, params: Mapping[str, NDArray[Any]]) -> tuple[Mapping[str, NDArray[Any]], bool]:
        seed = (seed + self._options.seed + 2**63) % 2**64 - 2**63  # 64 bits, whatever is added
        self._seed, self._initial = seed, BY_SEED
        with self._turns.of(self, afresh=True) as stage:
            if self._options.init_states:
                asked = round(float(params["init_state"]))
                self._initial = seed % self._task.initial_states if asked == BY_SEED else asked
                solved = self._turns.begin(stage, self._initial)
            else:
                stage.begin(word(seed), None)
                solved = stage.solved()
            return stage.observation(), solved

    def step(self, action: NDArray[Any]) -> Outcome:
        with self._turns.of(self) as stage:
            reward, success, missing, distance = stage.act(action.astype(np.float64))
            observation, diverged = stage.observation(), stage.diverged()
        if diverged:
            return Outcome({name: np.full_like(value, np.nan) for name, value in observation.items()}, 0.0, False)
        start = "" if self._initial == BY_SEED else f"Initial state {self._initial}. "
        note = f"{start}{'Not yet: ' + ', '.join(missing) + '.' if missing else 'The goal is reached.'}"
        met = 1.0 - len(missing) / len(self._task.goal)
        end = End.TERMINATED if success else End.RUNNING
        metrics = {"goals_met": met, "goal_distance": distance}
        return Outcome(observation, reward, success, end, metrics, note)

    def render(self, name: str, camera: Camera) -> NDArray[Any]:
        with self._turns.of(self) as stage:
            picture = stage.draw(name, camera)
        return picture[:, ::-1].copy() if self._options.mirrored else picture

    def get_state(self) -> dict[str, NDArray[Any]]:
        with self._turns.of(self) as stage:
            episode = {"seed": np.array(self._seed, np.int64), "initial": np.array(self._initial, np.int64)}
            return {**stage.take(), **episode}

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        with self._turns.of(self, afresh=True) as stage:
            stage.put(state)
        self._seed, self._initial = int(state["seed"]), int(state["initial"])

    def close(self) -> None:
        self._turns.leave(self)


def make_env(spec: EnvSpec, task: Task, options: Options, num_envs: int) -> SimulationEnv:
    """`num_envs` lanes of a task."""
    turns = Turns(task)
    return SimulationEnv(spec, lambda: LiberoSimulation(task, options, turns), num_envs, metrics=METRICS)
