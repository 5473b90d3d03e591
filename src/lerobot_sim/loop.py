"""The one loop: reset, refill, act, step.

Recording, evaluating, intervening and replaying all consume what `steps` yields; whoever acts is a Policy,
whoever watches is a Sink. Several environments are driven each at its own pace and share one policy.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

import numpy as np

from .arrays import like, zeros_like_batch
from .env import Batch, Env, Step
from .episode import Episode, EpisodeFold
from .errors import InputError
from .lanes import Frames, Gather, ParamSource, SeedQueue, Slot, SlotThreads, Start
from .policy import Decision, Policy
from .spec import IMAGES, Camera

__all__ = ["Frames", "ParamSource", "Profile", "Sink", "Start", "rollout", "steps"]


class Sink(Protocol):
    """Whoever watches: an encoder, a viewer, a progress bar.

    One with an attribute `wants_states` that is True finds the simulation's states in the frames.
    """

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
) -> Generator[Frames]:
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
    queue = SeedQueue(seeds, 2 * total if window is None else window)
    cameras = _union_of_cameras(policy, sinks)
    profile = profile or Profile()
    wants_states = any(getattr(sink, "wants_states", False) for sink in sinks)
    gather = Gather(slots, total)
    parked, began = slots, False
    with ExitStack() as stack:
        threads = stack.enter_context(closing(SlotThreads(slots))) if len(slots) > 1 else None
        while True:
            beginning = [slot for slot in parked if slot.take(queue, params)]
            parked, ready = _begin(beginning, parked, policy, threads)
            if not ready and not (threads and threads.running):
                return
            if ready:
                if wants_states:
                    for slot in ready:
                        slot.states = slot.env.get_state(np.flatnonzero(slot.active))
                _decide(ready, gather, policy, cameras, profile)
            if threads is None:
                finished = [(slot, *_timed_step(slot)) for slot in ready]
            else:
                for slot in ready:
                    threads.submit(slot, _timed_step)
                since = perf_counter()
                finished = threads.take(every=not began)  # at first together, so that the first batch holds all lanes
                began = True
                profile.add("wait", since)
            for slot, step, seconds in finished:
                profile.seconds["physics"] += seconds
                if step is None:
                    slot.settle(policy)
                    parked.append(slot)
                    continue
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
) -> Generator[Episode]:
    """`steps`, folded into episodes, in the order of the seeds; arguments as there."""
    several: Sequence[Env] = envs if isinstance(envs, Sequence) else [envs]
    fold = EpisodeFold(several)
    waiting: dict[int, Episode] = {}
    following = 0
    # closed by name, so that no thread outlives a rollout that is left early
    with closing(steps(several, policy, seeds, params=params, sinks=sinks, window=window, profile=profile)) as ticks:
        for frames in ticks:
            waiting.update((episode.index, episode) for episode in fold.add(frames))
            while following in waiting:
                yield waiting.pop(following)
                following += 1


def _begin(
    beginning: Sequence[Slot],
    parked: Sequence[Slot],
    policy: Policy,
    threads: SlotThreads | None,
) -> tuple[list[Slot], list[Slot]]:
    """Has episodes begun, and tells the slots that have nothing to do from those that are to decide.

    With several environments resets run in threads, so that one that takes long holds up no other environment.
    """
    for slot in beginning:
        if threads is None:
            slot.begin()
            slot.settle(policy)
        else:
            threads.submit(slot, _timed_begin)
    parted: tuple[list[Slot], list[Slot]] = [], []
    for slot in parked:
        if threads is None or slot not in beginning:
            parted[bool(slot.active.any())].append(slot)
    return parted


def _timed_step(slot: Slot) -> tuple[Step | None, float]:
    since = perf_counter()
    return slot.step(), perf_counter() - since


def _timed_begin(slot: Slot) -> tuple[Step | None, float]:
    since = perf_counter()
    slot.begin()
    return None, perf_counter() - since


def _slots(envs: Sequence[Env]) -> list[Slot]:
    if not envs:
        raise InputError("steps: expected at least one environment, none came.")
    slots: list[Slot] = []
    offset = 0
    first = envs[0].spec
    for number, env in enumerate(envs):
        if env.spec.observation != first.observation or env.spec.action != first.action:
            raise InputError(
                f"One policy needs one observation and action; those of '{first.id}' and '{env.spec.id}' differ."
            )
        slots.append(Slot(number, env, offset))
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
    ready: Sequence[Slot], gather: Gather, policy: Policy, cameras: Mapping[str, Camera], profile: Profile
) -> None:
    since = perf_counter()
    for slot in ready:
        slot.images = _render(slot, cameras) if cameras else {}
    since = profile.add("render", since)
    batch, active = gather.gather(ready)
    decision = policy.act(batch, like(active, next(iter(batch.values()), active)))
    profile.add("policy", since)
    if gather.single:
        ready[0].decision = decision
        return
    for slot in ready:
        own = slot.lanes
        slot.decision = Decision(
            decision.action[own],
            {name: value[own] for name, value in decision.columns.items()},
            {name: value[own] for name, value in decision.events.items()},
        )


def _render(slot: Slot, cameras: Mapping[str, Camera]) -> Batch:
    rows = np.flatnonzero(slot.active)
    images = slot.env.render(cameras, rows)
    if len(rows) == slot.env.num_envs:
        return {IMAGES + name: image for name, image in images.items()}
    full: Batch = {}
    for name, image in images.items():
        full[IMAGES + name] = zeros_like_batch(image, slot.env.num_envs)
        full[IMAGES + name][like(rows, image)] = image
    return full
