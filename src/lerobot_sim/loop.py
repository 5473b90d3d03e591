"""The one loop: reset, refill, act, step.

Recording, evaluating, intervening and replaying all consume what `steps` yields; whoever acts is a Policy,
whoever watches is a Sink. Several environments are driven each at its own pace and share one policy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .arrays import Array, like, to_numpy, zeros_like_batch
from .env import Batch, End, Env, Step
from .episode import Episode, EpisodeFold
from .errors import InputError
from .policy import Decision, Policy
from .spec import IMAGES, Camera

ParamSource: TypeAlias = "Callable[[NDArray[np.int64]], Mapping[str, Array]]"
"""Params of episodes as a pure function of their seeds: int64 (n,) -> name -> (n, …)."""

_ENDING_EVENTS = ("terminate_episode", "success", "failure", "rerecord_episode")


@dataclass(frozen=True)
class Start:
    """How a lane's present episode began."""

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


class Sink(Protocol):
    """Whoever watches: an encoder, a viewer, a progress bar."""

    @property
    def cameras(self) -> Mapping[str, Camera]: ...

    def write(self, frames: Frames) -> None:
        """Takes one tick; called before the environment's lanes are reset."""
        ...


@dataclass
class Profile:
    """Where the time of `steps` went, in seconds of wall clock.

    `physics` counts every environment's own time, so with several it may exceed the run's.
    """

    seconds: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("physics", "render", "policy", "encode", "wait"), 0.0)
    )

    def add(self, what: str, since: float) -> float:
        """Adds the time since `since` and returns the present moment."""
        now = perf_counter()
        self.seconds[what] += now - since
        return now


def steps(
    envs: Sequence[Env],
    policy: Policy,
    seeds: Iterable[int],
    *,
    params: ParamSource | None = None,
    sinks: Sequence[Sink] = (),
    window: int | None = None,
    profile: Profile | None = None,
) -> Iterator[Frames]:
    """Runs one episode a seed and yields every tick of every environment.

    Lanes are numbered through all environments for the policy: environment k's first lane comes after the
    last of k-1. A seed whose episode ended as FAULT is run once more; so is one whose operator asked to
    record it again.

    Args:
        envs: Environments of one observation and action; several are driven in threads at their own pace.
        policy: Who acts.
        seeds: One an episode; may be endless.
        params: Params of the episodes; nominal where it is None.
        sinks: Who watches, in turn.
        window: No seed starts more than this many after the oldest unfinished one, twice the lanes by default.
        profile: Filled while running.

    Raises:
        InputError: No environment, environments that differ, or cameras that contradict each other.
    """
    slots = _slots(envs)
    total = sum(env.num_envs for env in envs)
    queue = _SeedQueue(seeds, 2 * total if window is None else window)
    cameras = _union_of_cameras(policy, sinks)
    profile = profile or Profile()
    gather = _Gather(slots, total)
    parked, running = slots, dict[Future[Step], _Slot]()
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(len(slots))) if len(slots) > 1 else None
        while True:
            for slot in parked:
                slot.refill(queue, policy, params)
            ready = [slot for slot in parked if slot.active.any()]
            parked = [slot for slot in parked if not slot.active.any()]
            if not ready and not running:
                return
            if ready:
                _decide(ready, gather, policy, cameras, profile)
            if pool is None:
                finished = [(slot, slot.step(profile)) for slot in ready]
            else:
                running |= {pool.submit(slot.step, profile): slot for slot in ready}
                since = perf_counter()
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                profile.add("wait", since)
                finished = [(running.pop(future), future.result()) for future in done]
            for slot, step in finished:
                frames = slot.finish(step, queue)
                since = perf_counter()
                for sink in sinks:
                    sink.write(frames)
                profile.add("encode", since)
                yield frames
                slot.forget_ended()
                parked.append(slot)


def rollout(
    envs: Env | Sequence[Env],
    policy: Policy,
    seeds: Iterable[int],
    *,
    params: ParamSource | None = None,
    sinks: Sequence[Sink] = (),
    window: int | None = None,
    profile: Profile | None = None,
) -> Iterator[Episode]:
    """`steps`, folded into episodes, in the order of the seeds; arguments as there."""
    several: Sequence[Env] = envs if isinstance(envs, Sequence) else [envs]
    fold = EpisodeFold(several)
    waiting: dict[int, Episode] = {}
    following = 0
    for frames in steps(several, policy, seeds, params=params, sinks=sinks, window=window, profile=profile):
        waiting.update((episode.index, episode) for episode in fold.add(frames))
        while following in waiting:
            yield waiting.pop(following)
            following += 1


class _SeedQueue:
    """Which seed comes next, how far ahead of the oldest unfinished one, and which come again."""

    def __init__(self, seeds: Iterable[int], window: int) -> None:
        if window < 1:
            raise InputError(f"window: expected at least 1, {window} came.")
        self._seeds = enumerate(seeds)
        self._window = window
        self._again: deque[tuple[int, int, int]] = deque()
        self._unfinished: dict[int, None] = {}  # in order of their start
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

    def finish(self, start: Start, retry: bool) -> None:
        if retry:
            self._again.append((start.index, start.seed, start.attempt + 1))
        else:
            del self._unfinished[start.index]


class _Slot:
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
        self._ended = np.zeros(env.num_envs, np.bool_)

    def refill(self, queue: _SeedQueue, policy: Policy, params: ParamSource | None) -> None:
        taken: list[tuple[int, tuple[int, int, int]]] = []
        for lane in np.flatnonzero(~self.active):
            item = queue.take()
            if item is None:
                break
            taken.append((int(lane), item))
        if not taken:
            return
        lanes = np.array([lane for lane, _ in taken], np.int64)
        seeds = np.array([item[1] for _, item in taken], np.int64)
        values = {name: to_numpy(value) for name, value in params(seeds).items()} if params else {}
        self.observation = self.env.reset(lanes, seeds, values or None)
        policy.reset(lanes + self.offset, seeds)
        for row, (lane, (index, seed, attempt)) in enumerate(taken):
            own = {name: value[row] for name, value in values.items()}
            self.starts[lane] = Start(index, seed, attempt, self.env.instructions[lane], own)
        self.active[lanes] = True
        self.t[lanes] = 0

    def step(self, profile: Profile) -> Step:
        assert self.decision is not None
        since = perf_counter()
        result = self.env.step(self.decision.action, like(self.active, next(iter(self.observation.values()))))
        profile.add("physics", since)
        return result

    def finish(self, step: Step, queue: _SeedQueue) -> Frames:
        assert self.decision is not None
        decision, active = self.decision, self.active.copy()
        end = to_numpy(step.end).astype(np.int64)
        asked = np.zeros_like(active)
        for name in _ENDING_EVENTS:
            if name in decision.events:
                asked |= to_numpy(decision.events[name])
        end[active & asked & (end == End.RUNNING)] = End.OPERATOR
        self._ended = active & (end != End.RUNNING)
        retry = np.zeros_like(active)
        for lane in np.flatnonzero(self._ended):
            start = self.starts[int(lane)]
            assert start is not None
            retry[lane] = end[lane] == End.FAULT and start.attempt == 0
            if "rerecord_episode" in decision.events:
                retry[lane] |= bool(decision.events["rerecord_episode"][lane])
            queue.finish(start, bool(retry[lane]))
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
        )
        self.observation = step.observation
        self.t += active
        return frames

    def forget_ended(self) -> None:
        self.active &= ~self._ended


class _Gather:
    """Observations of all environments as one batch for the policy; one environment's are passed on as they are."""

    def __init__(self, slots: Sequence[_Slot], total: int) -> None:
        self._single = len(slots) == 1
        self._total = total
        self._batch: Batch = {}

    def gather(self, slots: Sequence[_Slot]) -> tuple[Batch, NDArray[np.bool_]]:
        """The batch and the mask of the lanes that are to decide now."""
        if self._single:
            return {**slots[0].observation, **slots[0].images}, slots[0].active.copy()
        active = np.zeros(self._total, np.bool_)
        for slot in slots:
            active[slot.lanes] = slot.active
            for name, value in {**slot.observation, **slot.images}.items():
                if name not in self._batch:
                    self._batch[name] = zeros_like_batch(value, self._total)
                self._batch[name][slot.lanes] = value
        return dict(self._batch), active


def _slots(envs: Sequence[Env]) -> list[_Slot]:
    if not envs:
        raise InputError("steps: expected at least one environment, none came.")
    slots: list[_Slot] = []
    offset = 0
    first = envs[0].spec
    for number, env in enumerate(envs):
        if env.spec.observation != first.observation or env.spec.action != first.action:
            raise InputError(
                f"One policy needs one observation and action; those of '{first.id}' and '{env.spec.id}' differ."
            )
        slots.append(_Slot(number, env, offset))
        offset += env.num_envs
    return slots


def _union_of_cameras(policy: Policy, sinks: Sequence[Sink]) -> dict[str, Camera]:
    union: dict[str, Camera] = {}
    for source in (policy, *sinks):
        for name, camera in source.cameras.items():
            if union.setdefault(name, camera) != camera:
                raise InputError(f"Camera '{name}' is asked for twice and differs: {union[name]} and {camera}.")
    return union


def _decide(
    ready: Sequence[_Slot], gather: _Gather, policy: Policy, cameras: Mapping[str, Camera], profile: Profile
) -> None:
    since = perf_counter()
    for slot in ready:
        slot.images = _render(slot, cameras) if cameras else {}
    since = profile.add("render", since)
    batch, active = gather.gather(ready)
    decision = policy.act(batch, like(active, next(iter(batch.values()))))
    profile.add("policy", since)
    for slot in ready:
        own = slot.lanes if len(active) != slot.env.num_envs else slice(None)
        slot.decision = Decision(
            decision.action[own],
            {name: value[own] for name, value in decision.columns.items()},
            {name: value[own] for name, value in decision.events.items()},
        )


def _render(slot: _Slot, cameras: Mapping[str, Camera]) -> Batch:
    rows = np.flatnonzero(slot.active)
    images = slot.env.render(cameras, rows)
    if len(rows) == slot.env.num_envs:
        return {IMAGES + name: image for name, image in images.items()}
    full: Batch = {}
    for name, image in images.items():
        full[IMAGES + name] = zeros_like_batch(image, slot.env.num_envs)
        full[IMAGES + name][like(rows, image)] = image
    return full
