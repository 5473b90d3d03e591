"""A vector environment of one lane as a single environment, whatever its autoreset."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportMissingTypeArgument=false
# gymnasium's types are partly unknown

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from lerobot_sim.errors import BrokenPromiseError
from lerobot_sim.simulators.seeding import word


class OneLane(gymnasium.Env):
    """The only lane of a vector environment; LeRobot's own calls (`call("task")` …) say what it is.

    Args:
        name: For messages.
        lanes: The vector environment; closed with this one.

    Attributes:
        max_steps: Its time limit, None where it does not say it.
    """

    def __init__(self, name: str, lanes: Any) -> None:
        if lanes.num_envs != 1:
            raise BrokenPromiseError(f"{name}: make_env(n_envs=1) gave {lanes.num_envs} lanes.")
        self._name, self._lanes = name, lanes
        self.observation_space = lanes.single_observation_space
        self.action_space = lanes.single_action_space
        self.metadata = dict(lanes.metadata or {})
        self.render_mode = getattr(lanes, "render_mode", None)
        limit = self._said("_max_episode_steps")
        self.max_steps = None if limit is None else int(limit)

    @property
    def task_description(self) -> str:
        """The task in words."""
        for name in ("task_description", "task"):
            if (said := self._said(name)) is not None:
                return str(said)
        raise AttributeError(name)  # gymnasium's way to say that there is none

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode."""
        super().reset(seed=seed)
        result = self._lanes.reset(seed=None if seed is None else [word(seed)], options=options)
        if not isinstance(result, tuple) or len(result) != 2:
            raise BrokenPromiseError(f"{self._name}: reset gave {type(result).__name__}, without info.")
        return _first(result[0]), _first_info(result[1])

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Advances; at an episode's end the observation and info are the episode's own, not those of the next."""
        result = self._lanes.step(np.asarray(action)[None])
        if not isinstance(result, tuple) or len(result) != 5:
            count = len(result) if isinstance(result, tuple) else 1
            raise BrokenPromiseError(f"{self._name}: step returned {count} values, expected 5.")
        observation, reward, terminated, truncated, info = result
        found = _first(observation)
        known = _first_info(info)
        for name in ("final_obs", "final_observation"):  # with autoreset in the same step
            if known.get(name) is not None:
                found = known.pop(name)
        final = known.pop("final_info", None)
        if isinstance(final, Mapping):
            known |= final
        return found, float(reward[0]), bool(terminated[0]), bool(truncated[0]), known

    def render(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The lane's picture."""
        images = self._lanes.render()
        return images if isinstance(images, np.ndarray) and images.ndim == 3 else images[0]

    def close(self) -> None:
        """Closes the vector environment."""
        self._lanes.close()

    def _said(self, name: str) -> Any:
        try:
            found = self._lanes.call(name)
        except AttributeError:
            return None
        return found[0] if isinstance(found, (tuple, list)) and found else None


def _first(batch: Any) -> Any:
    """The only lane of an observation, in arrays of its own."""
    if isinstance(batch, Mapping):
        return {key: _first(value) for key, value in batch.items()}
    if isinstance(batch, tuple) and not isinstance(batch[0], (str, bytes)):
        return tuple(_first(part) for part in batch)
    return np.array(batch[0]) if isinstance(batch, np.ndarray) else batch[0]


def _first_info(info: Mapping[str, Any]) -> dict[str, Any]:
    """One lane's info out of gymnasium's arrays, whose masks "_name" say which lanes have it."""
    found: dict[str, Any] = {}
    for name, value in info.items():
        if name.startswith("_") and name[1:] in info:
            continue
        mask = info.get(f"_{name}")
        if mask is not None and not np.asarray(mask)[0]:
            continue
        if isinstance(value, Mapping):
            found[name] = _first_info(value)
        elif isinstance(value, (np.ndarray, list, tuple)) and len(value) == 1:
            found[name] = value[0]
        else:
            found[name] = value
    return found
