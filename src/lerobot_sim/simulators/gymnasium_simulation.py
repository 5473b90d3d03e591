"""One lane of a gymnasium environment, as a Simulation."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# gymnasium's types are partly unknown

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.env import End
from lerobot_sim.errors import BrokenPromiseError, InputError
from lerobot_sim.spec import Camera

from .gymnasium_calls import OLD_API, AnyEnv, checked_step, rendered, reset_of
from .gymnasium_spaces import ActionMap, ObservationMap, pick, resized
from .simulation import Outcome


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """How a gymnasium environment is read.

    Attributes:
        env_id: For messages.
        observation: Which of its arrays is which of ours.
        action: Our action, and how it becomes its.
        success_key: Key of `info` that says success, None where there is none.
        metrics: Keys of `info` that are numbers to keep.
        instruction: The task in words, None for what the environment says.
        max_steps: Time limit; at an episode's end `info` must say success.
    """

    env_id: str
    observation: ObservationMap
    action: ActionMap
    success_key: str | None
    metrics: Sequence[str]
    instruction: str | None
    max_steps: int


class GymnasiumSimulation:
    """One lane; see `lerobot_sim.simulators.simulation.Simulation`."""

    def __init__(self, env: AnyEnv, mapped: Mapped) -> None:
        self._env, self._map = env, mapped
        cameras = mapped.observation.cameras.items()
        self._images: dict[str, NDArray[Any]] = {
            name: np.zeros((camera.height, camera.width, 3), np.uint8) for name, camera in cameras
        }
        self._t = 0
        self._begun = False

    @property
    def instruction(self) -> str:
        said = self._map.instruction
        return str(getattr(self._env.unwrapped, "task_description", self._map.env_id)) if said is None else said

    def reset(self, seed: int, params: Mapping[str, NDArray[Any]]) -> tuple[Mapping[str, NDArray[Any]], bool]:
        observation, info = reset_of(self._map.env_id, self._env, seed)
        self._t, self._begun = 0, True
        key = self._map.success_key
        return self._read(observation), bool(key is not None and info.get(key, False))

    def step(self, action: NDArray[Any]) -> Outcome:
        try:
            result: Any = self._env.step(self._map.action.convert(action))
        except ValueError as error:
            if "values to unpack" in str(error):
                message = f"'{self._map.env_id}': a wrapper could not read what step returned: {OLD_API}"
                raise BrokenPromiseError(message) from error
            raise
        observation, reward, terminated, truncated, info = checked_step(self._map.env_id, result)
        self._t += 1
        found = self._read(observation)
        if not np.isfinite(reward) or not _finite(found):
            return Outcome(found, np.nan, False)
        end = _end_of(terminated, truncated, info)
        over = end is not End.RUNNING or self._t >= self._map.max_steps
        note = str(info.get("explanation", ""))
        return Outcome(found, float(reward), self._success(info, over), end, self._metrics(info), note)

    def render(self, name: str, camera: Camera) -> NDArray[Any]:
        image = self._images[name] if name in self._images else rendered(self._map.env_id, self._env)
        return resized(image, camera.height, camera.width)

    def get_state(self) -> dict[str, NDArray[Any]]:
        self._begin()
        inner: Any = self._env.unwrapped
        state = {f"env.{name}": np.asarray(value) for name, value in inner.get_state().items()}
        images = {f"images.{name}": image.copy() for name, image in self._images.items()}
        return {**state, **images, "steps": np.array(self._t, np.int64)}

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._begin()
        inner: Any = self._env.unwrapped
        inner.set_state({name.removeprefix("env."): value for name, value in state.items() if name.startswith("env.")})
        self._images = {name: np.array(state[f"images.{name}"]) for name in self._images}
        self._t = int(state["steps"])

    def close(self) -> None:
        self._env.close()

    def _begin(self) -> None:
        """Wrappers of gymnasium ask for a reset before anything else."""
        if not self._begun:
            self.reset(0, {})

    def _read(self, observation: Any) -> dict[str, NDArray[Any]]:
        """Our arrays of an observation; its images are kept, where the rest is finite."""
        known = self._map.observation
        found = {
            key: pick(self._map.env_id, observation, known.paths[key], feature.shape, feature.dtype)
            for key, feature in known.features.items()
        }
        if _finite(found):
            for name, image in self._images.items():
                path = known.image_paths[name]
                self._images[name] = pick(self._map.env_id, observation, path, image.shape, "uint8")
        return found

    def _success(self, info: Mapping[str, Any], over: bool) -> bool:
        key = self._map.success_key
        if key is not None and key not in info and over:
            raise InputError(
                f"'{self._map.env_id}': an episode ended and its info has no '{key}'; it has {sorted(info)}. "
                "Give the key that says success as success_key=, or None where there is none."
            )
        return bool(key is not None and info.get(key, False))

    def _metrics(self, info: Mapping[str, Any]) -> dict[str, float]:
        for name in self._map.metrics:
            if name not in info:
                raise InputError(f"'{self._map.env_id}': info has no metric '{name}'; it has {sorted(info)}.")
        return {name: float(info[name]) for name in self._map.metrics}


def _finite(found: Mapping[str, NDArray[Any]]) -> bool:
    return all(np.isfinite(value).all() for value in found.values())


def _end_of(terminated: bool, truncated: bool, info: Mapping[str, Any]) -> End:
    end = End.TERMINATED if terminated else End.TIME_LIMIT if truncated else End.RUNNING
    said = End.__members__.get(str(info.get("end")))  # environments of ours say it more exactly
    return said if said is not None and end is End.TIME_LIMIT and said > End.TERMINATED else end
