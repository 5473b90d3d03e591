"""One lane of somebody's simulator, and the Env over several of them.

An adapter writes a `Simulation`; everything that the contract asks beyond it (clipping, endings, time limit, idle
lanes, faults, states) is kept here, once. This module also runs inside a simulator's own environment, with NumPy alone.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array
from lerobot_sim.env import (
    Batch,
    End,
    State,
    Step,
    check_active,
    check_cameras,
    check_feature,
    check_lanes,
    check_params,
    check_seeds,
    nominal_params,
)
from lerobot_sim.errors import BrokenPromiseError, InputError, SimError
from lerobot_sim.spec import Camera, EnvSpec

_logger = logging.getLogger(__name__)

_NO_METRICS: Mapping[str, float] = MappingProxyType({})


class Outcome(NamedTuple):
    """What one lane's step came to.

    Attributes:
        observation: The spec's keys, without a leading axis.
        reward: Of this step.
        success: The predicate on the state just reached, never latched.
        end: RUNNING, or why the simulator itself ended the episode. The spec's time limit is not its to count.
        metrics: Further numbers, the same names at every step.
        note: How the lane stands, in words, for `explain`.
    """

    observation: Mapping[str, NDArray[Any]]
    reward: float
    success: bool
    end: End = End.RUNNING
    metrics: Mapping[str, float] = _NO_METRICS
    note: str = ""


class Simulation(Protocol):
    """One lane of a simulator; it may raise whatever it likes, which ends its lane as FAULT.

    Where the spec's `capabilities.restore` is not "none" it also has `get_state() -> {name: array}` and
    `set_state(state)`, which work before the first reset, too.

    Attributes:
        instruction: The task of the present episode in words.
    """

    @property
    def instruction(self) -> str: ...

    def reset(self, seed: int, params: Mapping[str, NDArray[Any]]) -> tuple[Mapping[str, NDArray[Any]], bool]:
        """Begins an episode: observation, and whether it starts in success. `params` holds every Param of the spec."""
        ...

    def step(self, action: NDArray[Any]) -> Outcome:
        """Advances by 1/fps s; the action is finite, within bounds and of the spec's dtype."""
        ...

    def render(self, name: str, camera: Camera) -> NDArray[Any]:
        """One image of the camera's size and kind."""
        ...

    def close(self) -> None: ...


class SimulationEnv:
    """An Env of `num_envs` Simulations, stepped in turn; see `lerobot_sim.env.Env` for its methods.

    What a lane's simulation raises ends the lane as FAULT, and its next reset makes a new one; numbers that are not
    finite end it as DIVERGED. Errors of ours (SimError) go through: they are the caller's.

    Args:
        spec: What the lanes are.
        make: Makes one lane's simulation.
        num_envs: Number of lanes.
        metrics: Names of the metrics that every step gives.
    """

    def __init__(
        self, spec: EnvSpec, make: Callable[[], Simulation], num_envs: int = 1, *, metrics: Sequence[str] = ()
    ) -> None:
        if num_envs < 1:
            raise InputError(f"num_envs: expected at least 1, {num_envs} came.")
        self._spec = spec
        self._make = make
        self._lanes: list[Simulation] = [make() for _ in range(num_envs)]
        self._low, self._high = _bounds(spec)
        features = spec.observation.items()
        self._observation: Batch = {key: np.zeros((num_envs, *f.shape), f.dtype) for key, f in features}
        self._metrics: dict[str, NDArray[np.float64]] = {name: np.full(num_envs, np.nan) for name in metrics}
        self._params = nominal_params(spec, num_envs)
        self._t: NDArray[np.int64] = np.zeros(num_envs, np.int64)
        self._end: NDArray[np.int64] = np.full(num_envs, End.OPERATOR, np.int64)  # a lane never reset stays put
        self._success: NDArray[np.bool_] = np.zeros(num_envs, np.bool_)
        self._begun: NDArray[np.bool_] = np.zeros(num_envs, np.bool_)
        self._notes = [""] * num_envs
        self._closed = False

    @property
    def spec(self) -> EnvSpec:
        return self._spec

    @property
    def num_envs(self) -> int:
        return len(self._lanes)

    @property
    def instructions(self) -> Sequence[str]:
        return [lane.instruction for lane in self._lanes]

    def reset(self, lanes: Array, seeds: Array, params: Mapping[str, Array] | None = None) -> Batch:
        rows = check_lanes(self.num_envs, lanes)
        checked = check_seeds(len(rows), seeds)
        given = check_params(self._spec, len(rows), params)
        values = {**nominal_params(self._spec, len(rows)), **given}
        for place, (lane, seed) in enumerate(zip(rows.tolist(), checked.tolist(), strict=True)):
            own = {name: value[place] for name, value in values.items()}
            for name, value in own.items():
                self._params[name][lane] = value
            self._reset_lane(lane, seed, own)
        return _copied(self._observation)

    def step(self, action: Array, active: Array) -> Step:
        check_feature("action", self._spec.action, action, self.num_envs)
        check_active(self.num_envs, active)
        live = active & (self._end == End.RUNNING)
        finite = np.isfinite(action).reshape(self.num_envs, -1).all(axis=1)
        self._end[live & ~finite] = End.POLICY
        reward = np.zeros(self.num_envs, np.float32)
        for lane in np.flatnonzero(live & finite).tolist():
            reward[lane] = self._step_lane(lane, np.clip(action[lane], self._low, self._high))
        return Step(_copied(self._observation), reward, self._success.copy(), self._end.copy(), _copied(self._metrics))

    def set_params(self, lanes: Array, values: Mapping[str, Array]) -> None:
        rows = check_lanes(self.num_envs, lanes)
        checked = check_params(self._spec, len(rows), values, when="step")
        for place, lane in enumerate(rows.tolist()):
            own = {name: value[place] for name, value in checked.items()}
            for name, value in own.items():
                self._params[name][lane] = value
            if own:
                self._own(lane, "set_params")(own)

    def render(self, cameras: Mapping[str, Camera], lanes: Array | None = None) -> Batch:
        check_cameras(self._spec, cameras)
        rows = np.arange(self.num_envs) if lanes is None else check_lanes(self.num_envs, lanes)
        self._require_reset(rows)
        self._require_kinds(cameras)
        images: Batch = {}
        for name, camera in cameras.items():
            own = [self._lanes[lane].render(name, camera) for lane in rows.tolist()]
            images[name] = np.stack(own) if own else np.zeros((0, camera.height, camera.width, 3), np.uint8)
        return images

    def render_into(self, cameras: Mapping[str, Camera], lanes: Array, out: Mapping[str, NDArray[Any]]) -> None:
        """`render` that writes the lanes' rows of arrays of all lanes, such as those that a host shares."""
        rows = check_lanes(self.num_envs, lanes)
        self._require_reset(rows)
        self._require_kinds(cameras)
        for name, camera in cameras.items():
            place = out[name]
            for lane in rows:
                image = self._lanes[int(lane)].render(name, camera)
                if image.shape != place.shape[1:] or image.dtype != place.dtype:
                    raise BrokenPromiseError(
                        f"'{self._spec.id}': expected {place.dtype} {place.shape[1:]} of camera '{name}', "
                        f"{image.dtype} {image.shape} came."
                    )
                place[lane] = image

    def get_state(self, lanes: Array) -> State:
        rows = check_lanes(self.num_envs, lanes)
        self._require_restore()
        self._require_reset(rows)
        state: State = {name: value[rows] for name, value in self._memory().items()}
        inner: list[Mapping[str, Any]] = [self._own(lane, "get_state")() for lane in rows.tolist()]
        for name in inner[0] if inner else ():
            state[f"inner.{name}"] = np.stack([np.asarray(one[name]) for one in inner])
        return state

    def set_state(self, lanes: Array, state: State) -> None:
        rows = check_lanes(self.num_envs, lanes)
        self._require_restore()
        memory = self._memory()
        parts = {f"inner.{name}" for lane in rows[:1].tolist() for name in self._own(lane, "get_state")()}
        self._check_state(state, {*memory, *parts} if parts else {*memory, *state}, memory, len(rows))
        inner = {name: value for name, value in state.items() if name.startswith("inner.")}
        for place, lane in enumerate(rows.tolist()):
            own = {name.removeprefix("inner."): np.array(value[place]) for name, value in inner.items()}
            self._own(lane, "set_state")(own)
            self._notes[lane] = ""
        for name, value in memory.items():
            value[rows] = state[name]
        self._begun[rows] = True

    def explain(self, lane: int) -> str:
        check_lanes(self.num_envs, [lane])
        if not self._begun[lane]:
            return self._notes[lane] or "The lane was never reset."
        end = End(int(self._end[lane]))
        if end is End.POLICY and not self._notes[lane]:
            return f"The policy gave an action that is not finite at step {self._t[lane]}."
        what = "Running" if end is End.RUNNING else f"Ended ({end.name})"
        return f"{what} after {self._t[lane]} of {self._spec.max_steps} steps. {self._notes[lane]}".strip()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            for lane in self._lanes:
                lane.close()

    def _reset_lane(self, lane: int, seed: int, params: Mapping[str, NDArray[Any]]) -> None:
        """Resets one lane; what it raises makes it stand as FAULT, which its first step tells."""
        try:
            if self._end[lane] == End.FAULT:
                with contextlib.suppress(Exception):
                    self._lanes[lane].close()
                self._lanes[lane] = self._make()
            observation, success = self._lanes[lane].reset(seed, params)
        except SimError:
            raise
        except Exception as error:
            _logger.warning("'%s': lane %d faults at its reset.", self._spec.id, lane, exc_info=True)
            self._end[lane], self._begun[lane] = End.FAULT, True
            self._t[lane], self._success[lane] = 0, False
            self._notes[lane] = f"The simulator raised {error!r} at reset."
            return
        if not self._look(lane, observation):
            raise SimError(f"'{self._spec.id}': reset with seed {seed} gave an observation that is not finite.")
        self._t[lane], self._end[lane], self._begun[lane] = 0, End.RUNNING, True
        self._success[lane], self._notes[lane] = success, ""
        for values in self._metrics.values():
            values[lane] = np.nan

    def _step_lane(self, lane: int, action: NDArray[Any]) -> float:
        """Steps one lane and returns the reward."""
        try:
            outcome = self._lanes[lane].step(action.astype(self._spec.action.dtype))
        except SimError:
            raise
        except Exception as error:
            _logger.warning("'%s': lane %d ends as FAULT.", self._spec.id, lane, exc_info=True)
            self._end[lane], self._notes[lane] = End.FAULT, f"The simulator raised {error!r}."
            return 0.0
        self._t[lane] += 1
        if not np.isfinite(outcome.reward) or not self._look(lane, outcome.observation):
            self._end[lane] = End.DIVERGED
            self._notes[lane] = outcome.note or "The simulator gave numbers that are not finite."
            return 0.0
        late = outcome.end is End.RUNNING and self._t[lane] >= self._spec.max_steps
        self._end[lane] = End.TIME_LIMIT if late else outcome.end
        self._success[lane], self._notes[lane] = outcome.success, outcome.note
        if set(outcome.metrics) != set(self._metrics):
            raise BrokenPromiseError(
                f"'{self._spec.id}': expected the metrics {sorted(self._metrics)}, {sorted(outcome.metrics)} came."
            )
        for name, value in outcome.metrics.items():
            self._metrics[name][lane] = value
        return float(outcome.reward)

    def _look(self, lane: int, observation: Mapping[str, NDArray[Any]]) -> bool:
        """Takes an observation over, or leaves the last one where it is not finite."""
        found: dict[str, NDArray[Any]] = {}
        for key, feature in self._spec.observation.items():
            value = np.asarray(observation[key])
            if value.shape != feature.shape:
                raise BrokenPromiseError(
                    f"'{self._spec.id}': expected '{key}' of shape {feature.shape}, {value.shape} came."
                )
            if not np.isfinite(value).all():
                return False
            found[key] = value
        for key, value in found.items():
            self._observation[key][lane] = value
        return True

    def _memory(self) -> dict[str, NDArray[Any]]:
        parts = {f"observation.{key}": value for key, value in self._observation.items()}
        parts |= {f"metrics.{name}": value for name, value in self._metrics.items()}
        parts |= {f"params.{name}": value for name, value in self._params.items()}
        return {**parts, "t": self._t, "end": self._end, "success": self._success}

    def _check_state(self, state: State, expected: set[str], memory: Mapping[str, NDArray[Any]], count: int) -> None:
        """Refuses what no `get_state` of as many lanes can have given."""
        if set(state) != expected:
            raise InputError(
                f"This is no state of '{self._spec.id}': expected {sorted(expected)}, {sorted(state)} came."
            )
        for name, value in state.items():
            shape = (count, *memory[name].shape[1:]) if name in memory else (count, *np.shape(value)[1:])
            if np.shape(value) != shape:
                raise InputError(f"This is no state of {count} lanes: '{name}' has shape {np.shape(value)}.")

    def _own(self, lane: int, method: str) -> Callable[..., Any]:
        """A method that only some simulations have."""
        return getattr(self._lanes[lane], method)

    def _require_restore(self) -> None:
        if self._spec.capabilities.restore == "none":
            raise InputError(
                f"'{self._spec.id}' has capabilities.restore='none': its state cannot be taken or set back."
            )

    def _require_kinds(self, cameras: Mapping[str, Camera]) -> None:
        check_cameras(self._spec, cameras)
        for name, camera in cameras.items():
            kind = self._spec.cameras[name].kind
            if camera.kind != kind:
                raise InputError(f"Camera '{name}' of '{self._spec.id}' gives '{kind}'; '{camera.kind}' was asked.")

    def _require_reset(self, lanes: NDArray[np.int64]) -> None:
        if not self._begun[lanes].all():
            raise InputError(f"'{self._spec.id}': reset a lane before it is looked at.")


def _bounds(spec: EnvSpec) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and greatest action, each broadcastable to the action's shape."""
    low, high = (np.asarray(bound, np.float64) for bound in (spec.action.low, spec.action.high))
    shape = spec.action.shape
    return (low.reshape(shape) if low.ndim else low), (high.reshape(shape) if high.ndim else high)


def _copied(arrays: Mapping[str, Array]) -> Batch:
    return {name: value.copy() for name, value in arrays.items()}
