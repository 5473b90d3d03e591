"""What every lane is doing: its seed and how its episode began, its present observation, its decision.

The bookkeeping behind `lerobot_sim.loop.steps`, and the rows (`Frames`) that it yields.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .arrays import Array, like, to_numpy, zeros_like_batch
from .env import Batch, End, Env, State, Step
from .errors import InputError
from .policy import Decision, Policy

ParamSource: TypeAlias = "Callable[[NDArray[np.int64]], Mapping[str, Array]]"
"""Params of episodes as a pure function of their seeds: int64 (n,) -> name -> (n, …)."""

_ENDING_EVENTS = ("terminate_episode", "success", "failure", "rerecord_episode")


@dataclass(frozen=True)
class Start:
    """How a lane's present episode began.

    Attributes:
        index: Position of its seed among the seeds that were given.
        seed: What the lane was reset with.
        attempt: How often this seed was run before: after a FAULT, or to be recorded again.
        instruction: The task in words.
        params: Values of the Params that were given.
    """

    index: int
    seed: int
    attempt: int
    instruction: str
    params: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Frames:
    """One tick of one environment: a row for every lane that is `active`.

    Attributes:
        env: Which of the environments.
        starts: How each lane's episode began, None for lanes without one.
        active: bool (num_envs,): the rows that count.
        t: int64 (num_envs,): index of the row in its episode.
        observation: o_t; images lie under "observation.images.<camera>".
        action: a_t as the policy gave it.
        columns: What the policy added.
        events: LeRobot's teleop events.
        next_observation: o_{t+1}, without images.
        reward: r_{t+1}.
        success: success_{t+1}.
        metrics: The task's further numbers at t+1.
        end: int64 (num_envs,) of `End`, on the host.
        retry: bool (num_envs,): ended, but will be run again from its seed: its rows do not count.
        states: Simulation states before the action, one an active lane in their order; where a sink wants them.
        final_states: Those after the last action, one a lane that has ended otherwise than by a FAULT.
    """

    env: int
    starts: tuple[Start | None, ...]
    active: NDArray[np.bool_]
    t: NDArray[np.int64]
    observation: Batch
    action: Array
    columns: Batch
    events: Batch
    next_observation: Batch
    reward: Array
    success: Array
    metrics: Batch
    end: NDArray[np.int64]
    retry: NDArray[np.bool_]
    states: State | None = None
    final_states: State | None = None

    @property
    def lanes_with_final_state(self) -> NDArray[np.int64]:
        """The lanes of `final_states`, in their order."""
        return np.flatnonzero(self.active & (self.end != End.RUNNING) & (self.end != End.FAULT))


class SeedQueue:
    """Which seed comes next, how far ahead of the oldest unfinished one, and which come again."""

    def __init__(self, seeds: Iterable[int], window: int) -> None:
        if window < 1:
            raise InputError(f"window: expected at least 1, {window} came.")
        self._seeds = enumerate(seeds)
        self._window = window
        self._again: deque[tuple[int, int, int]] = deque()
        self._unfinished: dict[int, None] = {}  # in order of their start
        self._faulted: set[int] = set()
        self._following = 0

    def take(self) -> tuple[int, int, int] | None:
        """(index, seed, attempt) of the next episode, None where none may start now."""
        if self._again:
            return self._again.popleft()
        oldest = next(iter(self._unfinished), self._following)
        if self._following >= oldest + self._window:
            return None
        index, seed = next(self._seeds, (None, 0))
        if index is None:
            return None
        self._unfinished[index] = None
        self._following = index + 1
        return index, int(seed), 0

    def finish(self, start: Start, *, fault: bool, again: bool) -> bool:
        """Notes that an episode has ended; whether it is run again: after its first fault, or where asked."""
        retry = again or (fault and start.index not in self._faulted)
        if fault:
            self._faulted.add(start.index)
        if retry:
            self._again.append((start.index, start.seed, start.attempt + 1))
        else:
            del self._unfinished[start.index]
            self._faulted.discard(start.index)
        return retry


class Slot:
    """One environment with what its lanes are doing."""

    def __init__(self, number: int, env: Env, offset: int) -> None:
        self.number, self.env, self.offset = number, env, offset
        self.lanes = slice(offset, offset + env.num_envs)
        self.active = np.zeros(env.num_envs, np.bool_)
        self.t = np.zeros(env.num_envs, np.int64)
        self.starts: list[Start | None] = [None for _ in range(env.num_envs)]
        self.observation: Batch = {}
        self.images: Batch = {}
        self.decision: Decision | None = None
        self.states: State | None = None
        self._ended = np.zeros(env.num_envs, np.bool_)
        self._coming: tuple[NDArray[np.int64], NDArray[np.int64], dict[str, NDArray[Any]]]

    def take(self, queue: SeedQueue, params: ParamSource | None) -> bool:
        """Takes the next episodes for the lanes that have none; whether there are any, which `begin` then resets."""
        if self.active.all():
            return False
        taken: list[tuple[int, tuple[int, int, int]]] = []
        for lane in np.flatnonzero(~self.active):
            item = queue.take()
            if item is None:
                break
            taken.append((int(lane), item))
        if not taken:
            return False
        lanes = np.array([lane for lane, _ in taken], np.int64)
        seeds = np.array([item[1] for _, item in taken], np.int64)
        values = {name: to_numpy(value) for name, value in params(seeds).items()} if params else {}
        for row, (lane, (index, seed, attempt)) in enumerate(taken):
            own = {name: value[row] for name, value in values.items()}
            self.starts[lane] = Start(index, seed, attempt, "", own)
        self._coming = lanes, seeds, values
        return True

    def begin(self) -> None:
        """Resets the lanes of the episodes that were taken."""
        lanes, seeds, values = self._coming
        self.observation = self.env.reset(lanes, seeds, values or None)

    def settle(self, policy: Policy) -> None:
        """The episodes that were taken have begun."""
        lanes, seeds, _ = self._coming
        policy.reset(lanes + self.offset, seeds)
        instructions = self.env.instructions
        instruct = getattr(policy, "instruct", None)
        if instruct:
            instruct(lanes + self.offset, [instructions[lane] for lane in lanes.tolist()])
        for row in lanes:
            lane = int(row)
            start = self.starts[lane]
            assert start is not None
            self.starts[lane] = replace(start, instruction=instructions[lane])
        self.active[lanes] = True
        self.t[lanes] = 0

    def step(self) -> Step:
        """Carries out the decision."""
        assert self.decision is not None
        mask = like(self.active.copy(), next(iter(self.observation.values()), self.active))
        return self.env.step(self.decision.action, mask)

    def finish(self, step: Step, queue: SeedQueue) -> Frames:
        """The tick's rows; tells the queue which episodes have ended."""
        assert self.decision is not None
        decision, active = self.decision, self.active.copy()
        end = to_numpy(step.end).astype(np.int64)
        if decision.events:
            asked = np.zeros_like(active)
            for name in _ENDING_EVENTS:
                if name in decision.events:
                    asked |= to_numpy(decision.events[name])
            end[active & asked & (end == End.RUNNING)] = End.OPERATOR
        self._ended = active & (end != End.RUNNING)
        retry = np.zeros_like(active)
        for lane in self._ended.nonzero()[0]:
            start = self.starts[int(lane)]
            assert start is not None
            again = "rerecord_episode" in decision.events and bool(decision.events["rerecord_episode"][lane])
            retry[lane] = queue.finish(start, fault=end[lane] == End.FAULT, again=again)
        frames = Frames(
            env=self.number,
            starts=tuple(self.starts),
            active=active,
            t=self.t.copy(),
            observation={**self.observation, **self.images},
            action=decision.action,
            columns=decision.columns,
            events=decision.events,
            next_observation=step.observation,
            reward=step.reward,
            success=step.success,
            metrics=step.metrics,
            end=end,
            retry=retry,
            states=self.states,
        )
        if self.states is not None and (rows := frames.lanes_with_final_state).size:
            frames = replace(frames, final_states=self.env.get_state(rows))
        self.observation = step.observation
        self.t += active
        return frames

    def forget_ended(self) -> None:
        """Frees the lanes whose episodes have ended with the last tick."""
        self.active &= ~self._ended


Task: TypeAlias = "Callable[[Slot], tuple[Step | None, float]]"
"""What a slot's thread does: (slot) -> its step if it was one, seconds."""


class SlotThreads:
    """A thread a slot, that does one thing at a time; results come as they are done.

    Queues of their own, because futures cost more than a tick of a light simulator.
    """

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.running = 0
        self._done: SimpleQueue[tuple[Slot, Step | None, float, BaseException | None]] = SimpleQueue()
        self._tasks: list[SimpleQueue[Task | None]] = [SimpleQueue() for _ in slots]
        self._threads = [
            Thread(target=self._work, args=(slot, tasks), name=f"slot-{slot.number}", daemon=True)
            for slot, tasks in zip(slots, self._tasks, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, slot: Slot, task: Task) -> None:
        """Has a slot's thread do something."""
        self.running += 1
        self._tasks[slot.number].put(task)

    def take(self, *, every: bool) -> list[tuple[Slot, Step | None, float]]:
        """What is done, in the order of the slots; waits for the first of it, or for `every` task that runs.

        Raises:
            Exception: What a task raised.
        """
        found = [self._done.get()]
        while len(found) < self.running and (every or not self._done.empty()):
            found.append(self._done.get())
        self.running -= len(found)
        found.sort(key=lambda one: one[0].number)
        for *_, error in found:
            if error is not None:
                raise error
        return [one[:3] for one in found]

    def close(self) -> None:
        """Waits until the threads have done what they are at, and ends them."""
        for tasks in self._tasks:
            tasks.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self, slot: Slot, tasks: SimpleQueue[Task | None]) -> None:
        while (task := tasks.get()) is not None:
            try:
                step, seconds = task(slot)
                self._done.put((slot, step, seconds, None))
            except BaseException as error:  # noqa: BLE001 - raised where the result is taken
                self._done.put((slot, None, 0.0, error))


class Gather:
    """Observations of all environments as one batch for the policy; one environment's are passed on as they are."""

    def __init__(self, slots: Sequence[Slot], total: int) -> None:
        self.single = len(slots) == 1
        self._total = total

    def gather(self, slots: Sequence[Slot]) -> tuple[Batch, NDArray[np.bool_]]:
        """The batch and the mask of the lanes that are to decide now; rows of other environments are zeros."""
        if self.single:
            return {**slots[0].observation, **slots[0].images}, slots[0].active.copy()
        active = np.zeros(self._total, np.bool_)
        batch: Batch = {}
        for slot in slots:
            active[slot.lanes] = slot.active
            for name, value in {**slot.observation, **slot.images}.items():
                if name not in batch:
                    batch[name] = zeros_like_batch(value, self._total)
                batch[name][slot.lanes] = value
        return batch, active
