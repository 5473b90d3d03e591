"""What the checks share: environments that are closed again, actions, and rows that are compared byte by byte."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.arrays import Array, like, to_numpy
from lerobot_sim.env import Batch, Env, State, Step
from lerobot_sim.errors import BrokenPromiseError, SimError
from lerobot_sim.policy import Policy
from lerobot_sim.spec import IMAGES, EnvSpec, Feature

Factory: TypeAlias = Callable[[int], Env]
"""num_envs -> a new environment."""

ExpertFactory: TypeAlias = Callable[[EnvSpec], Policy]
"""spec -> a policy that reaches success, where there is one."""

Row: TypeAlias = "dict[str, NDArray[Any]]"
"""Host copies of all that a reset or a step gave; arrays lead with the lane, or are one lane's."""

STEPS = 12
SEEDS = np.array([11, 12, 13, 14, 15, 16, 17, 18], np.int64)


class Lab:
    """The environments that one check makes; closes them at its end and words its failures.

    Args:
        factory: num_envs -> environment.
        expert: spec -> policy that reaches success, or None.
        promise: What is promised, in words.
    """

    def __init__(self, factory: Factory, expert: ExpertFactory | None, promise: str) -> None:
        self._factory, self.expert, self._promise = factory, expert, promise
        self._made: list[Env] = []

    def make(self, num_envs: int) -> Env:
        """A new environment."""
        env = self._factory(num_envs)
        self._made.append(env)
        return env

    def actor(self, num_envs: int, seeds: Sequence[int] | NDArray[np.int64] | None = None) -> Actor:
        """Somebody who acts in a new environment; its lanes are reset with `seeds`, where given."""
        actor = Actor(self.make(num_envs))
        if seeds is not None:
            actor.reset(np.arange(num_envs), np.asarray(seeds, np.int64))
        return actor

    def broken(self, seen: str, mend: str) -> BrokenPromiseError:
        """The error that names the promise, what was seen, and how to mend it."""
        return BrokenPromiseError(f"Broken promise: {self._promise} Seen: {seen} To mend: {mend}")

    def same(self, first: Any, second: Any, what: str, mend: str) -> None:
        """Refuses rows, or traces, that differ in a byte."""
        found = difference(first, second)
        if found:
            raise self.broken(f"{what}: {found}.", mend)

    def refused(self, what: str, call: Callable[[], Any]) -> None:
        """Refuses a call that goes through, or that raises something else than a SimError."""
        mend = (
            "check arguments with lerobot_sim.env.check_lanes, check_seeds, check_feature, check_active, check_params."
        )
        try:
            call()
        except SimError as error:
            if not str(error).strip():
                raise self.broken(
                    f"{what} was refused without a word.", "say what was expected and what came."
                ) from error
        except Exception as error:
            raise self.broken(f"{what} raised {error!r}, which is no SimError.", mend) from error
        else:
            raise self.broken(f"{what} was accepted.", mend)

    def close(self) -> None:
        """Closes whatever was made."""
        while self._made:
            self._made.pop().close()


class Actor:
    """Acts in an environment; a lane's actions are a pure function of its seed and step."""

    def __init__(self, env: Env, reference: Array | None = None) -> None:
        self.env = env
        self.lanes = np.arange(env.num_envs)
        self.seeds = np.zeros(env.num_envs, np.int64)
        self.t = np.zeros(env.num_envs, np.int64)
        self.observation: Batch = {}
        self.reference: Array = np.zeros(0) if reference is None else reference

    @property
    def spec(self) -> EnvSpec:
        return self.env.spec

    def tensor(self, host: NDArray[Any]) -> Array:
        """A copy of a host array as the environment wants it."""
        return like(host.copy(), self.reference)

    def reset(self, lanes: Any, seeds: Any, params: Mapping[str, NDArray[Any]] | None = None) -> Row:
        """Resets `lanes` and returns the observation of all."""
        lanes, seeds = np.asarray(lanes, np.int64), np.asarray(seeds, np.int64)
        self.observation = self.env.reset(lanes, seeds, params)
        self.reference = next(iter(self.observation.values()), self.reference)
        self.seeds[lanes], self.t[lanes] = seeds, 0
        return {name: host(value) for name, value in self.observation.items()}

    def action(self) -> NDArray[Any]:
        """What the lanes do next: uniform between the action's bounds."""
        return random_action(self.spec.action, self.seeds, self.t)

    def step(self, active: Any = None, action: NDArray[Any] | None = None) -> Row:
        """Steps the lanes of the mask (all by default)."""
        mask = np.ones(len(self.lanes), np.bool_) if active is None else np.asarray(active, np.bool_)
        chosen = self.action() if action is None else action
        step = self.env.step(self.tensor(chosen), self.tensor(mask))
        self.observation = step.observation
        self.t += mask
        return row_of(step)

    def look(self) -> Row:
        """Steps nobody: how all lanes stand."""
        return self.step(np.zeros(len(self.lanes), np.bool_))

    def run(self, count: int, active: Any = None) -> list[Row]:
        """Steps `count` times."""
        return [self.step(active) for _ in range(count)]

    def state(self, lanes: Any = None) -> Row:
        """Copies of the state of lanes (all by default); empty where restore is not exact."""
        if self.spec.capabilities.restore != "exact":
            return {}
        rows = self.lanes if lanes is None else np.asarray(lanes, np.int64)
        return {name: host(value) for name, value in self.env.get_state(rows).items()}

    def take_over(self, lanes: Any, state: State, other: Actor, theirs: Any) -> None:
        """Puts lanes where another's were, the seeds and steps of the actions included."""
        self.reference = other.reference
        self.env.set_state(np.asarray(lanes, np.int64), state)
        self.seeds[lanes], self.t[lanes] = other.seeds[theirs], other.t[theirs]

    def pictures(self, lanes: Any = None) -> Row:
        """Images of every camera of the spec, 40 rows by 56 columns."""
        cameras = {name: _small(camera) for name, camera in self.spec.cameras.items()}
        rows = None if lanes is None else np.asarray(lanes, np.int64)
        return {name: host(image) for name, image in self.env.render(cameras, rows).items()} if cameras else {}


def _small(camera: Any) -> Any:
    return type(camera)(height=40, width=56, look=camera.look, kind=camera.kind)


def host(array: Array) -> NDArray[Any]:
    """A copy on the host."""
    return to_numpy(array).copy()


def row_of(step: Step) -> Row:
    """Host copies of all that a step gave, metrics as "metrics.<name>"."""
    row = {name: host(value) for name, value in step.observation.items()}
    row |= {f"metrics.{name}": host(value) for name, value in step.metrics.items()}
    return {**row, "reward": host(step.reward), "success": host(step.success), "end": host(step.end)}


def lane_of(rows: Any, lane: int) -> Any:
    """One lane's part of a row, or of a trace of rows."""
    if isinstance(rows, list):
        return [lane_of(row, lane) for row in rows]  # pyright: ignore[reportUnknownVariableType]
    return {name: value[lane] for name, value in rows.items()}


def without(row: Row, *names: str) -> Row:
    """A row without some of its arrays."""
    return {name: value for name, value in row.items() if name not in names}


def difference(first: Any, second: Any) -> str:
    """The first difference of two rows, or traces, in words; "" where all bytes are the same."""
    if isinstance(first, list):
        traces = zip(cast("list[Row]", first), cast("list[Row]", second), strict=True)
        found = ((index, difference(one, other)) for index, (one, other) in enumerate(traces))
        return next((f"in row {index} of the episode, {words}" for index, words in found if words), "")
    if first.keys() != second.keys():
        return f"the names {sorted(first)} and {sorted(second)}"
    for name in first:
        one, other = np.asarray(first[name]), np.asarray(second[name])
        if one.shape != other.shape or one.dtype != other.dtype:
            return f"'{name}' is {one.dtype} {one.shape} and {other.dtype} {other.shape}"
        if one.tobytes() != other.tobytes():
            return f"'{name}' is {_few(one, other)}"
    return ""


def _few(one: NDArray[Any], other: NDArray[Any]) -> str:
    apart = np.atleast_1d(one != other)
    at = tuple(int(index[0]) for index in np.nonzero(apart)) if apart.any() else ()
    values = (np.atleast_1d(one)[at], np.atleast_1d(other)[at]) if at else (one, other)
    return f"{values[0]} and {values[1]}" + (f" at {list(at)}" if one.ndim else "")


def bounds(feature: Feature) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and greatest values, one an element; -1 and 1 where there is no bound."""
    low = np.broadcast_to(np.reshape(np.asarray(feature.low, np.float64), _fit(feature.low, feature)), feature.shape)
    high = np.broadcast_to(np.reshape(np.asarray(feature.high, np.float64), _fit(feature.high, feature)), feature.shape)
    return np.where(np.isfinite(low), low, np.minimum(-1.0, high)), np.where(
        np.isfinite(high), high, np.maximum(1.0, low)
    )


def _fit(bound: Any, feature: Feature) -> tuple[int, ...]:
    return feature.shape if isinstance(bound, tuple) else ()


def random_action(feature: Feature, seeds: NDArray[np.int64], t: NDArray[np.int64]) -> NDArray[Any]:
    """Actions within the bounds as a pure function of each lane's seed and step, (n, *shape)."""
    low, high = bounds(feature)
    fraction = rng.uniform(seeds, "testing/action", t, shape=feature.shape)
    if np.dtype(feature.dtype).kind in "iu":
        return np.minimum(np.floor(low + (high - low + 1) * fraction), high).astype(feature.dtype)
    return (low + (high - low) * fraction).astype(feature.dtype)


def still_action(feature: Feature, count: int) -> NDArray[Any]:
    """The action nearest to nothing: 0, clipped to the bounds."""
    low, high = bounds(feature)
    return np.broadcast_to(np.clip(0.0, low, high), (count, *feature.shape)).astype(feature.dtype)


def is_float(feature: Feature) -> bool:
    """Whether values of a feature may be NaN."""
    return np.dtype(feature.dtype).kind == "f" and math.prod(feature.shape) > 0


def expert_action(actor: Actor, policy: Policy, active: NDArray[np.bool_]) -> NDArray[Any]:
    """What a policy does with the actor's present observation."""
    images = actor.env.render(policy.cameras) if policy.cameras else {}
    batch = {**actor.observation, **{IMAGES + name: image for name, image in images.items()}}
    return host(policy.act(batch, actor.tensor(active)).action)
