"""Policies around a policy: what it raises ends that episode alone, its time is taken, a time limit is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, like, to_numpy
from lerobot_sim.env import Batch
from lerobot_sim.errors import InputError
from lerobot_sim.policy import Decision, LaneClock, Policy
from lerobot_sim.simulators.host.remote_policy import ServerGoneError
from lerobot_sim.spec import Camera, EnvSpec


@runtime_checkable
class Instructed(Protocol):
    """A policy that reads what it is to do; told at each reset, after `reset`."""

    def instruct(self, lanes: Array, instructions: Sequence[str]) -> None: ...


def reads_instructions(policy: Policy) -> bool:
    """Whether a policy asks for the instruction."""
    inner = getattr(policy, "inner", None)
    return reads_instructions(cast("Policy", inner)) if inner is not None else isinstance(policy, Instructed)


class Around:
    """A policy that is another one but for what a subclass changes.

    Args:
        inner: The other one.
    """

    def __init__(self, inner: Policy) -> None:
        self.inner = inner

    @property
    def cameras(self) -> Mapping[str, Camera]:
        return self.inner.cameras

    @property
    def batch_invariant(self) -> bool:
        return self.inner.batch_invariant

    def reset(self, lanes: Array, seeds: Array) -> None:
        self.inner.reset(lanes, seeds)

    def instruct(self, lanes: Array, instructions: Sequence[str]) -> None:
        """Passed on where the policy reads it."""
        if isinstance(self.inner, Instructed):
            self.inner.instruct(lanes, instructions)

    def thinks(self, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Lanes whose next act is not just taken from a chunk that was decided before; all, unless the policy tells."""
        tells = getattr(self.inner, "thinks", None)
        return active if tells is None else to_numpy(tells(active))

    def act(self, observation: Batch, active: Array) -> Decision:
        return self.inner.act(observation, active)


class Guard(Around):
    """Turns what a policy raises into the end of that lane's episode, and takes the time of its acts.

    Where an act for several lanes raises, each lane is asked for alone: those that raise again get an action that is
    not finite, which ends them as POLICY. The first act of all may raise: then the policy does not fit. So may any
    where the policy's server has gone, which is nobody's failure.

    Args:
        inner: The policy.
        spec: The environment's.
        timed: Take the time of its acts.

    Attributes:
        words: Seed -> what the policy raised in that episode.
        seconds: Seed -> wall times of the acts of its lane's batch.
    """

    def __init__(self, inner: Policy, spec: EnvSpec, *, timed: bool = False) -> None:
        super().__init__(inner)
        self._spec = spec
        self._timed = timed
        self._clock = LaneClock()
        self._proven = False
        self.words: dict[int, str] = {}
        self.seconds: dict[int, tuple[int, float, float]] = {}

    def reset(self, lanes: Array, seeds: Array) -> None:
        self._clock.reset(lanes, seeds)
        for seed in np.asarray(seeds):  # an episode that a fault ended is run again
            self.words.pop(int(seed), None)
            self.seconds.pop(int(seed), None)
        super().reset(lanes, seeds)

    def act(self, observation: Batch, active: Array) -> Decision:
        since = perf_counter()
        if not self._proven:
            decision = self._checked(observation, active)
            self._proven = True
        else:
            try:
                decision = self._checked(observation, active)
            except ServerGoneError:
                raise
            except Exception:  # noqa: BLE001 - whatever somebody's policy raises
                decision = self._one_by_one(observation, active, to_numpy(active))
        if self._timed:
            self._take_time(to_numpy(active), perf_counter() - since)
        return decision

    def taken(self, seed: int) -> tuple[float | None, float | None]:
        """Mean and greatest wall time in ms of the acts of an episode."""
        count, total, greatest = self.seconds.get(seed, (0, 0.0, 0.0))
        return (1000 * total / count, 1000 * greatest) if count else (None, None)

    def _checked(self, observation: Batch, active: Array) -> Decision:
        decision = self.inner.act(observation, active)
        expected = (len(active), *self._spec.action.shape)
        came = tuple(getattr(decision.action, "shape", ()))
        if came != expected:
            raise InputError(
                f"The policy does not fit '{self._spec.id}': expected actions of shape {expected}, {came} came."
            )
        return decision

    def _one_by_one(self, observation: Batch, active: Array, live: NDArray[np.bool_]) -> Decision:
        seeds, _ = self._clock.of(len(live))
        action: NDArray[Any] = np.zeros((len(live), *self._spec.action.shape), self._spec.action.dtype)
        broken = np.zeros(len(live), np.bool_)
        for lane in np.flatnonzero(live):
            alone = np.zeros_like(live)
            alone[lane] = True
            try:
                action[lane] = to_numpy(self._checked(observation, like(alone, active)).action)[lane]
            except ServerGoneError:
                raise
            except Exception as error:  # noqa: BLE001
                broken[lane] = True
                self.words[int(seeds[lane])] = f"The policy raised {type(error).__name__}: {error}"
        if action.dtype.kind == "f":
            action[broken] = np.nan
            return Decision(like(action, next(iter(observation.values()), action)))
        return Decision(
            like(action, next(iter(observation.values()), action)), events={"terminate_episode": like(broken, active)}
        )

    def _take_time(self, live: NDArray[np.bool_], seconds: float) -> None:
        seeds, _ = self._clock.of(len(live))
        for seed in seeds[live].tolist():
            count, total, greatest = self.seconds.get(seed, (0, 0.0, 0.0))
            self.seconds[seed] = (count + 1, total + seconds, max(greatest, seconds))


class StepLimit(Around):
    """Ends episodes after fewer steps than the environment's own limit.

    Args:
        inner: The policy.
        steps: Steps of an episode.
    """

    def __init__(self, inner: Policy, steps: int) -> None:
        super().__init__(inner)
        self._steps = steps
        self._clock = LaneClock()

    def reset(self, lanes: Array, seeds: Array) -> None:
        self._clock.reset(lanes, seeds)
        super().reset(lanes, seeds)

    def act(self, observation: Batch, active: Array) -> Decision:
        decision = self.inner.act(observation, active)
        live = to_numpy(active)
        _, acts = self._clock.of(len(live))
        self._clock.tick(live)
        over = like(live & (acts + 1 >= self._steps), active)
        before = decision.events.get("terminate_episode")
        events = {**decision.events, "terminate_episode": over if before is None else over | before}
        return Decision(decision.action, decision.columns, events)
