"""Any gymnasium environment as an Env: its lanes are single gymnasium environments, stepped in turn."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# gymnasium's types are partly unknown

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

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
)
from lerobot_sim.errors import BrokenPromiseError, InputError, SimError
from lerobot_sim.spec import Camera, Capabilities, EnvSpec, Restore

from .gymnasium_calls import (
    OLD_API,
    AnyEnv,
    check_lanes_alike,
    check_restore,
    checked_step,
    find_fps,
    find_max_steps,
    picture_camera,
    rendered,
    reset_of,
)
from .gymnasium_spaces import map_action, map_observation, pick, resized

_logger = logging.getLogger(__name__)


class GymnasiumEnv:
    """An Env of `num_envs` gymnasium environments; see `lerobot_sim.env.Env` for its methods.

    An exception of a lane's step ends that lane as FAULT, and its next reset makes it anew. Numbers that are not
    finite end it as DIVERGED.

    Args:
        make: Makes one environment, a new one with every call.
        num_envs: Number of lanes.
        env_id: "family/task".
        version: Raised whenever the environment's dynamics, reset or success change.
        success_key: The key of `info` that says whether the state just reached is a success. It may be absent
            while an episode runs, which counts as no, and must be there at its end. None: no success is defined.
        success_rule: As in EnvSpec; "none" where `success_key` is None.
        fps: Steps a second of simulated time; `metadata["render_fps"]` by default.
        max_steps: Time limit; that which `gymnasium.make` has put on it by default.
        observation_keys: Their path -> our key; see `map_observation`.
        instruction: The task in words; by default the environment's `task_description`, or its id.
        metrics: Keys of `info` that are numbers to keep; each must be there at every step.
        restore: "exact" or "approximate" where `env.unwrapped` has `get_state() -> {name: array}` and
            `set_state(state)` that keep that promise.
        seeding: Whether the same seed gives the same reset.
    """

    def __init__(
        self,
        make: Callable[[], AnyEnv],
        num_envs: int = 1,
        *,
        env_id: str,
        version: int = 1,
        success_key: str | None = "is_success",
        success_rule: str = "any",
        fps: float | None = None,
        max_steps: int | None = None,
        observation_keys: Mapping[str, str | None] | None = None,
        instruction: str | None = None,
        metrics: Sequence[str] = (),
        restore: Restore = "none",
        seeding: bool = True,
    ) -> None:
        if num_envs < 1:
            raise InputError(f"num_envs: expected at least 1, {num_envs} came.")
        self._make = make
        self._envs = [make() for _ in range(num_envs)]
        first = self._envs[0]
        check_lanes_alike(env_id, self._envs)
        self._map = map_observation(env_id, first.observation_space, observation_keys)
        self._action = map_action(env_id, first.action_space)
        self._picture = picture_camera(env_id, first, self._map.cameras)
        self._spec = EnvSpec(
            id=env_id,
            version=version,
            fps=find_fps(env_id, first, fps),
            max_steps=find_max_steps(env_id, first, max_steps),
            observation=self._map.features,
            action=self._action.feature,
            cameras={**self._map.cameras, **self._picture},
            success_rule="none" if success_key is None else success_rule,
            capabilities=Capabilities(seeding=seeding, restore=restore, resets_in_success=True),
            about=f"{type(first.unwrapped).__name__} of gymnasium",
        )
        if restore != "none":
            check_restore(env_id, first)
        self._success_key = success_key
        self._instruction = instruction
        self._closed = False
        self._begin_memory(metrics)

    def _begin_memory(self, metrics: Sequence[str]) -> None:
        """What is remembered of each lane; a lane that was never reset counts as ended."""
        count = len(self._envs)
        features = self._map.features
        self._observation: Batch = {key: np.zeros((count, *f.shape), f.dtype) for key, f in features.items()}
        self._images: Batch = {
            name: np.zeros((count, camera.height, camera.width, 3), np.uint8)
            for name, camera in self._map.cameras.items()
        }
        self._t = np.zeros(count, np.int64)
        self._end = np.full(count, End.OPERATOR, np.int64)
        self._success = np.zeros(count, np.bool_)
        self._metrics: dict[str, NDArray[np.float64]] = {name: np.full(count, np.nan) for name in metrics}
        self._begun = np.zeros(count, np.bool_)
        self._notes = [""] * count

    @property
    def spec(self) -> EnvSpec:
        return self._spec

    @property
    def num_envs(self) -> int:
        return len(self._envs)

    @property
    def instructions(self) -> Sequence[str]:
        if self._instruction is not None:
            return [self._instruction] * self.num_envs
        return [str(getattr(env.unwrapped, "task_description", self._spec.id)) for env in self._envs]

    def reset(self, lanes: Array, seeds: Array, params: Mapping[str, Array] | None = None) -> Batch:
        rows = check_lanes(self.num_envs, lanes)
        checked = check_seeds(len(rows), seeds)
        check_params(self._spec, len(rows), params)
        for lane, seed in zip(rows.tolist(), checked.tolist(), strict=True):
            self._reset_lane(lane, seed)
        return _copied(self._observation)

    def step(self, action: Array, active: Array) -> Step:
        check_feature("action", self._spec.action, action, self.num_envs)
        check_active(self.num_envs, active)
        live = active & (self._end == End.RUNNING)
        finite = np.isfinite(action).reshape(self.num_envs, -1).all(axis=1)
        self._end[live & ~finite] = End.POLICY
        reward = np.zeros(self.num_envs, np.float32)
        clipped = self._clipped(action)
        for lane in np.flatnonzero(live & finite).tolist():
            reward[lane] = self._step_lane(lane, clipped[lane])
        return Step(_copied(self._observation), reward, self._success.copy(), self._end.copy(), _copied(self._metrics))

    def set_params(self, lanes: Array, values: Mapping[str, Array]) -> None:
        check_params(self._spec, len(check_lanes(self.num_envs, lanes)), values, when="step")

    def render(self, cameras: Mapping[str, Camera], lanes: Array | None = None) -> Batch:
        check_cameras(self._spec, cameras)
        rows = np.arange(self.num_envs) if lanes is None else check_lanes(self.num_envs, lanes)
        self._require_reset(rows)
        images: Batch = {}
        for name, camera in cameras.items():
            if camera.kind != "rgb":
                raise InputError(f"'{self._spec.id}' renders 'rgb' only; '{camera.kind}' was asked of camera '{name}'.")
            size = camera.height, camera.width
            if name in self._images:
                images[name] = resized(self._images[name][rows], *size)
            else:
                pictures = [resized(rendered(self._spec.id, self._envs[lane]), *size) for lane in rows.tolist()]
                images[name] = np.stack(pictures) if pictures else np.zeros((0, *size, 3), np.uint8)
        return images

    def get_state(self, lanes: Array) -> State:
        rows = check_lanes(self.num_envs, lanes)
        self._require_restore()
        self._require_reset(rows)
        state: State = {name: value[rows] for name, value in self._memory().items()}
        inner: list[Mapping[str, Any]] = [self._inner(lane).get_state() for lane in rows.tolist()]
        for name in inner[0] if inner else ():
            state[f"inner.{name}"] = np.stack([np.asarray(one[name]) for one in inner])
        return state

    def set_state(self, lanes: Array, state: State) -> None:
        rows = check_lanes(self.num_envs, lanes)
        self._require_restore()
        for lane in rows[~self._begun[rows]].tolist():
            reset_of(self._spec.id, self._envs[lane], 0)  # wrappers of gymnasium ask for one before a step
        memory = self._memory()
        inner_names = {f"inner.{name}" for lane in rows[:1].tolist() for name in self._inner(lane).get_state()}
        self._check_state(state, memory, inner_names, len(rows))
        for place, lane in enumerate(rows.tolist()):
            inner = {name.removeprefix("inner."): np.array(state[name][place]) for name in inner_names}
            self._inner(lane).set_state(inner)
            self._notes[lane] = ""
        for name, value in memory.items():
            value[rows] = state[name]
        self._begun[rows] = True

    def _check_state(self, state: State, memory: Mapping[str, NDArray[Any]], inner: Iterable[str], count: int) -> None:
        """Refuses what no `get_state` of as many lanes can have given."""
        expected = {*memory, *inner}
        if set(state) != expected:
            raise InputError(
                f"This is no state of '{self._spec.id}': expected {sorted(expected)}, {sorted(state)} came."
            )
        for name, value in state.items():
            shape = (count, *memory[name].shape[1:]) if name in memory else (count, *np.shape(value)[1:])
            if np.shape(value) != shape:
                raise InputError(f"This is no state of {count} lanes: '{name}' has shape {np.shape(value)}.")

    def explain(self, lane: int) -> str:
        check_lanes(self.num_envs, [lane])
        if not self._begun[lane]:
            return "The lane was never reset."
        end = End(int(self._end[lane]))
        if end is End.POLICY and not self._notes[lane]:
            return f"The policy gave an action that is not finite at step {self._t[lane]}."
        what = "Running" if end is End.RUNNING else f"Ended ({end.name})"
        return f"{what} after {self._t[lane]} of {self._spec.max_steps} steps. {self._notes[lane]}".strip()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            for env in self._envs:
                env.close()

    def _reset_lane(self, lane: int, seed: int) -> None:
        if self._end[lane] == End.FAULT:
            with contextlib.suppress(Exception):
                self._envs[lane].close()
            self._envs[lane] = self._make()
        observation, info = reset_of(self._spec.id, self._envs[lane], seed)
        if not self._look(lane, observation):
            raise SimError(f"'{self._spec.id}': reset with seed {seed} gave an observation that is not finite.")
        self._t[lane] = 0
        self._end[lane] = End.RUNNING
        self._begun[lane] = True
        self._success[lane] = bool(self._success_key is not None and info.get(self._success_key, False))
        self._notes[lane] = ""
        for name, values in self._metrics.items():
            values[lane] = info.get(name, np.nan)

    def _step_lane(self, lane: int, action: NDArray[Any]) -> float:
        """Steps one environment and returns the reward."""
        try:
            result: Any = self._envs[lane].step(self._action.convert(action))
        except Exception as error:
            if isinstance(error, ValueError) and "values to unpack" in str(error):
                raise BrokenPromiseError(
                    f"'{self._spec.id}': a wrapper could not read what step returned: {OLD_API}"
                ) from error
            _logger.warning("'%s': lane %d ends as FAULT.", self._spec.id, lane, exc_info=True)
            self._end[lane], self._notes[lane] = End.FAULT, f"The environment raised {error!r}."
            return 0.0
        observation, reward, terminated, truncated, info = checked_step(self._spec.id, result)
        self._t[lane] += 1
        if not np.isfinite(reward) or not self._look(lane, observation):
            self._end[lane], self._notes[lane] = End.DIVERGED, "The environment gave numbers that are not finite."
            return 0.0
        self._end[lane] = self._end_of(terminated, truncated, info, int(self._t[lane]))
        self._notes[lane] = str(info.get("explanation", ""))
        self._judge(lane, info)
        return float(reward)

    def _look(self, lane: int, observation: Any) -> bool:
        """Takes an observation over, or leaves the last one where it is not finite."""
        found: dict[str, NDArray[Any]] = {}
        for key, feature in self._map.features.items():
            found[key] = pick(self._spec.id, observation, self._map.paths[key], feature.shape, feature.dtype)
            if not np.isfinite(found[key]).all():
                return False
        for key, value in found.items():
            self._observation[key][lane] = value
        for name, image in self._images.items():
            image[lane] = pick(self._spec.id, observation, self._map.image_paths[name], image.shape[1:], "uint8")
        return True

    def _end_of(self, terminated: bool, truncated: bool, info: Mapping[str, Any], t: int) -> End:
        end = (
            End.TERMINATED if terminated else End.TIME_LIMIT if truncated or t >= self._spec.max_steps else End.RUNNING
        )
        said = End.__members__.get(str(info.get("end")))  # environments of ours say it more exactly
        return said if said is not None and end is End.TIME_LIMIT and said > End.TERMINATED else end

    def _judge(self, lane: int, info: Mapping[str, Any]) -> None:
        key = self._success_key
        if key is not None and key not in info and self._end[lane] != End.RUNNING:
            raise InputError(
                f"'{self._spec.id}': an episode ended and its info has no '{key}'; it has {sorted(info)}. "
                "Give the key that says success as success_key=, or None where there is none."
            )
        self._success[lane] = bool(key is not None and info.get(key, False))
        for name, values in self._metrics.items():
            if name not in info:
                raise InputError(f"'{self._spec.id}': info has no metric '{name}'; it has {sorted(info)}.")
            values[lane] = info[name]

    def _clipped(self, action: NDArray[Any]) -> NDArray[Any]:
        feature = self._spec.action
        low, high = (np.asarray(bound, np.float64) for bound in (feature.low, feature.high))
        low, high = (bound.reshape(feature.shape) if bound.ndim else bound for bound in (low, high))
        return np.clip(action, low, high).astype(feature.dtype)

    def _memory(self) -> dict[str, NDArray[Any]]:
        parts = {f"observation.{key}": value for key, value in self._observation.items()}
        parts |= {f"images.{name}": value for name, value in self._images.items()}
        parts |= {f"metrics.{name}": value for name, value in self._metrics.items()}
        return {**parts, "t": self._t, "end": self._end, "success": self._success}

    def _inner(self, lane: int) -> Any:
        return self._envs[lane].unwrapped

    def _require_restore(self) -> None:
        if self._spec.capabilities.restore == "none":
            raise InputError(
                f"'{self._spec.id}' has capabilities.restore='none': its state cannot be taken or set. Give "
                "restore='exact' where the environment has get_state and set_state."
            )

    def _require_reset(self, lanes: NDArray[np.int64]) -> None:
        if not self._begun[lanes].all():
            raise InputError(f"'{self._spec.id}': reset a lane before it is looked at.")


def _copied(arrays: Mapping[str, Array]) -> Batch:
    return {name: value.copy() for name, value in arrays.items()}
