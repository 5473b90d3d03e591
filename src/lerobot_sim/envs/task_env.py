"""The Env over a Task: everything that the NumPy tasks share, so that a task is only its own physics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

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
from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.spec import Camera, EnvSpec

Arrays: TypeAlias = "dict[str, NDArray[Any]]"
"""Name -> array with a leading lane axis."""

_ATTEMPTS = 1000


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task as plain functions over arrays with a leading lane axis; none of them changes its arguments.

    Attributes:
        spec: The environment's.
        instruction: The task in words, or a function of one lane's state (empty before the first reset) and Params.
        draw: (seeds, attempt, params) -> state at the start; a start that succeeds is drawn again with
            the next attempt.
        advance: (state, action, params, live) -> (next state, diverged bool (n,) or None); the action is finite,
            within bounds and float64. Rows of lanes that are not live, or diverged, are not looked at.
        observe: (state, params) -> observation, in arrays of their own.
        judge: (state, params) -> (reward float (n,), success bool (n,), metrics).
        draw_image: (state, params, camera's name, camera) -> images of the camera's kind.
        describe: (state of one lane, success) -> how it stands, in words.
        settle: (lanes, drawn state, params) -> whole state of those lanes, where drawing leaves work to physics.
        apply: (lanes, params): makes Params hold in physics that keeps them outside of the state.
        ends_on_success: Whether the first success ends the episode as TERMINATED.
        close: Frees what the task holds.
        kinds: Kinds of image that it draws.
        measurable: Names of the metrics that it does not measure unasked.
        measuring: (some of these names) -> the task with these metrics; all else is the same.
    """

    spec: EnvSpec
    instruction: str | Callable[[Arrays, Arrays], str]
    draw: Callable[[NDArray[np.int64], int, Arrays], Arrays]
    advance: Callable[[Arrays, NDArray[np.float64], Arrays, NDArray[np.bool_]], tuple[Arrays, NDArray[np.bool_] | None]]
    observe: Callable[[Arrays, Arrays], Batch]
    judge: Callable[[Arrays, Arrays], tuple[NDArray[Any], NDArray[np.bool_], Arrays]]
    draw_image: Callable[[Arrays, Arrays, str, Camera], NDArray[np.uint8]]
    describe: Callable[[Arrays, bool], str]
    settle: Callable[[NDArray[np.int64], Arrays, Arrays], Arrays] | None = None
    apply: Callable[[NDArray[np.int64], Arrays], None] | None = None
    ends_on_success: bool = False
    close: Callable[[], None] | None = None
    kinds: tuple[str, ...] = ("rgb",)
    measurable: tuple[str, ...] = ()
    measuring: Callable[[Sequence[str]], Task] | None = None


class TaskEnv:
    """An Env of `num_envs` lanes of a Task; see `lerobot_sim.env.Env` for its methods.

    A lane that was never reset counts as ended: it stays put.
    """

    def __init__(self, task: Task, num_envs: int) -> None:
        self._task = task
        self._num_envs = num_envs
        self._state: Arrays = {}
        self._params = nominal_params(task.spec, num_envs)
        self._t: NDArray[np.int64] = np.zeros(num_envs, np.int64)
        self._end: NDArray[np.int64] = np.full(num_envs, End.OPERATOR, np.int64)
        self._observation: Batch = {}
        self._success: NDArray[np.bool_] = np.zeros(num_envs, np.bool_)
        self._metrics: Arrays = {}
        self._words: list[str] = []
        self._low = np.asarray(task.spec.action.low, np.float64)
        self._high = np.asarray(task.spec.action.high, np.float64)

    @property
    def spec(self) -> EnvSpec:
        return self._task.spec

    @property
    def num_envs(self) -> int:
        return self._num_envs

    @property
    def measurable(self) -> Sequence[str]:
        """Names of the metrics that `measure` adds."""
        return self._task.measurable

    def measure(self, names: Sequence[str]) -> None:
        """Has further metrics of `measurable` in every `Step.metrics` to come.

        Nothing else changes, to the last bit. Call it before the first reset.

        Raises:
            UnknownNameError: It cannot measure one of them.
            InputError: The environment was reset already.
        """
        for name in names:
            if name not in self._task.measurable:
                raise unknown_name(f"metric of '{self.spec.id}'", name, self._task.measurable)
        if self._state:
            raise InputError(f"'{self.spec.id}': call measure({list(names)}) before the first reset.")
        if names and self._task.measuring:
            self.close()
            self._task = self._task.measuring(names)

    @property
    def instructions(self) -> Sequence[str]:
        words = self._task.instruction
        if isinstance(words, str):
            return [words] * self._num_envs
        if not self._words:
            rows = np.arange(self._num_envs)[:, None]
            self._words = [words(_taken(self._state, row), _taken(self._params, row)) for row in rows]
        return self._words

    def reset(self, lanes: Array, seeds: Array, params: Mapping[str, Array] | None = None) -> Batch:
        lanes = check_lanes(self._num_envs, lanes)
        seeds = check_seeds(len(lanes), seeds)
        given = check_params(self.spec, len(lanes), params)
        values = {**nominal_params(self.spec, len(lanes)), **given}
        self._apply(lanes, values)
        state = self._draw_unsolved(lanes, seeds, values)
        if not self._state:
            self._state = {
                name: np.zeros((self._num_envs, *value.shape[1:]), value.dtype) for name, value in state.items()
            }
        _scatter(self._state, lanes, state)
        _scatter(self._params, lanes, values)
        self._words = []
        self._t[lanes] = 0
        self._end[lanes] = End.RUNNING
        self._look()
        return _copied(self._observation)

    def step(self, action: Array, active: Array) -> Step:
        spec = self._task.spec
        check_feature("action", spec.action, action, self._num_envs)
        check_active(self._num_envs, active)
        self._require_reset()
        live = active & (self._end == End.RUNNING)
        if not np.isfinite(action).all():
            finite = np.isfinite(action).reshape(self._num_envs, -1).all(axis=1)
            self._end = np.where(live & ~finite, End.POLICY, self._end)
            action = np.where(_columns(finite, action), action, 0)
            live = live & finite
        wanted = np.clip(action, self._low, self._high, dtype=np.float64)
        moved, diverged = self._task.advance(self._state, wanted, self._params, live)
        if diverged is not None and diverged.any():
            self._end = np.where(live & diverged, End.DIVERGED, self._end)
            live = live & ~diverged
        self._move(live, moved)
        self._look()
        self._t += live
        if self._task.ends_on_success:
            self._end[live & self._success] = End.TERMINATED
        self._end[live & (self._end == End.RUNNING) & (self._t >= spec.max_steps)] = End.TIME_LIMIT
        reward = np.where(live, self._reward, np.float32(0))
        return Step(_copied(self._observation), reward, self._success.copy(), self._end.copy(), _copied(self._metrics))

    def set_params(self, lanes: Array, values: Mapping[str, Array]) -> None:
        lanes = check_lanes(self._num_envs, lanes)
        _scatter(self._params, lanes, check_params(self.spec, len(lanes), values, when="step"))
        self._words = []
        self._apply(lanes, _taken(self._params, lanes))

    def render(self, cameras: Mapping[str, Camera], lanes: Array | None = None) -> Batch:
        check_cameras(self.spec, cameras)
        rows = np.arange(self._num_envs) if lanes is None else check_lanes(self._num_envs, lanes)
        self._require_reset()
        state, params = _taken(self._state, rows), _taken(self._params, rows)
        images: Batch = {}
        for name, camera in cameras.items():
            if camera.kind not in self._task.kinds:
                kinds = ", ".join(self._task.kinds)
                raise InputError(f"'{self.spec.id}' renders {kinds}; '{camera.kind}' was asked of camera '{name}'.")
            images[name] = self._task.draw_image(state, params, name, camera)
        return images

    def get_state(self, lanes: Array) -> State:
        rows = check_lanes(self._num_envs, lanes)
        self._require_reset()
        parts = {f"state.{name}": value[rows] for name, value in self._state.items()}
        parts |= {f"params.{name}": value[rows] for name, value in self._params.items()}
        return {**parts, "t": self._t[rows], "end": self._end[rows]}

    def set_state(self, lanes: Array, state: State) -> None:
        rows = check_lanes(self._num_envs, lanes)
        expected = {"t", "end", *(f"params.{name}" for name in self._params)}
        own = {name.removeprefix("state."): value for name, value in state.items() if name.startswith("state.")}
        if not expected <= set(state) or (self._state and set(own) != set(self._state)):
            raise InputError(f"This is no state of '{self.spec.id}': it holds {sorted(state)}.")
        for name, value in state.items():
            if len(value) != len(rows):
                raise InputError(f"State '{name}': expected one row for each of {len(rows)} lanes, {len(value)} came.")
        if not self._state:
            self._state = {
                name: np.zeros((self._num_envs, *value.shape[1:]), value.dtype) for name, value in own.items()
            }
        _scatter(self._state, rows, own)
        _scatter(self._params, rows, {name: state[f"params.{name}"] for name in self._params})
        self._apply(rows, _taken(self._params, rows))
        self._words = []
        self._t[rows] = state["t"]
        self._end[rows] = state["end"]
        self._look()

    def explain(self, lane: int) -> str:
        row = check_lanes(self._num_envs, [lane])
        if not self._state:
            return "The lane was never reset."
        end = End(int(self._end[lane]))
        stands = self._task.describe(_taken(self._state, row), bool(self._success[lane]))
        if end is End.DIVERGED:
            return f"The physics diverged at step {self._t[lane]}; before it: {stands}"
        if end is End.POLICY:
            return f"The policy gave an action that is not finite at step {self._t[lane]}. {stands}"
        what = "Running" if end is End.RUNNING else f"Ended ({end.name})"
        return f"{what} after {self._t[lane]} of {self.spec.max_steps} steps. {stands}"

    def close(self) -> None:
        if self._task.close:
            self._task.close()

    def _apply(self, lanes: NDArray[np.int64], params: Arrays) -> None:
        if self._task.apply:
            self._task.apply(lanes, params)

    def _draw(self, lanes: NDArray[np.int64], seeds: NDArray[np.int64], attempt: int, params: Arrays) -> Arrays:
        drawn = self._task.draw(seeds, attempt, params)
        return self._task.settle(lanes, drawn, params) if self._task.settle else drawn

    def _draw_unsolved(self, lanes: NDArray[np.int64], seeds: NDArray[np.int64], params: Arrays) -> Arrays:
        """The first attempt of each lane that does not start in success."""
        state = self._draw(lanes, seeds, 0, params)
        for attempt in range(1, _ATTEMPTS):
            solved = np.flatnonzero(self._task.judge(state, params)[1])
            if not len(solved):
                return state
            again = self._draw(lanes[solved], seeds[solved], attempt, _taken(params, solved))
            _scatter(state, solved, again)
        raise InputError(f"'{self.spec.id}': with these Params, {_ATTEMPTS} draws of a seed all start in success.")

    def _move(self, live: NDArray[np.bool_], moved: Arrays) -> None:
        if live.all():
            self._state = moved
        else:
            self._state = {
                name: np.where(_columns(live, value), value, self._state[name]) for name, value in moved.items()
            }

    def _look(self) -> None:
        self._observation = self._task.observe(self._state, self._params)
        self._reward, self._success, self._metrics = self._task.judge(self._state, self._params)

    def _require_reset(self) -> None:
        if not self._state:
            raise InputError(f"'{self.spec.id}' was never reset. Call reset(lanes, seeds) first.")


def _columns(mask: NDArray[np.bool_], value: NDArray[Any]) -> NDArray[np.bool_]:
    """The lane mask with as many trailing axes as `value` has."""
    return mask.reshape(len(mask), *(1,) * (value.ndim - 1))


def _scatter(arrays: Arrays, lanes: NDArray[np.int64], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        arrays[name][lanes] = value


def _taken(arrays: Arrays, lanes: NDArray[np.int64]) -> Arrays:
    return {name: value[lanes] for name, value in arrays.items()}


def _copied(arrays: Mapping[str, Array]) -> Batch:
    return {name: value.copy() for name, value in arrays.items()}
