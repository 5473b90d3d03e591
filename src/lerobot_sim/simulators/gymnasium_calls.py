"""Calls of a gymnasium environment whose answers are checked, and what is found out about it beforehand."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# gymnasium's types are partly unknown

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium.wrappers import TimeLimit
from numpy.typing import NDArray

from lerobot_sim.errors import BrokenPromiseError, InputError
from lerobot_sim.spec import Camera

AnyEnv: TypeAlias = "gymnasium.Env[Any, Any]"

OLD_API = (
    "this is Gym's API before 0.26. Wrap it with shimmy's GymV21CompatibilityV0, or let step return (observation, "
    "reward, terminated, truncated, info) and reset(seed=…) return (observation, info)."
)


def reset_of(env_id: str, env: AnyEnv, seed: int) -> tuple[Any, Mapping[str, Any]]:
    """The observation and info of a reset."""
    try:
        result: Any = env.reset(seed=seed % 2**64)  # gymnasium's seeds are not negative
    except TypeError as error:
        if "seed" in str(error):
            raise BrokenPromiseError(f"'{env_id}': reset takes no seed: {OLD_API}") from error
        raise
    if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[1], Mapping):
        raise BrokenPromiseError(f"'{env_id}': reset returned {type(result).__name__}, without info: {OLD_API}")
    return result


def checked_step(env_id: str, result: Any) -> tuple[Any, float, bool, bool, Mapping[str, Any]]:
    """The five values of a step, or an error that says what came."""
    count = len(result) if isinstance(result, tuple) else 1
    if count == 4:
        raise BrokenPromiseError(f"'{env_id}': step returned 4 values: {OLD_API}")
    if count != 5:
        raise BrokenPromiseError(
            f"'{env_id}': step returned {count} values, expected (observation, reward, terminated, truncated, info)."
        )
    return result


def check_lanes_alike(env_id: str, envs: Sequence[AnyEnv]) -> None:
    """Refuses lanes that share an environment or differ in their spaces."""
    if len({id(env.unwrapped) for env in envs}) < len(envs):
        raise InputError(f"'{env_id}': make() gave the same environment twice; every lane needs its own.")
    for env in envs[1:]:
        if env.observation_space != envs[0].observation_space or env.action_space != envs[0].action_space:
            raise InputError(f"'{env_id}': the lanes' spaces differ; every lane needs the same task.")


def find_fps(env_id: str, env: AnyEnv, given: float | None) -> float:
    """Steps a second: as given, or as the environment's metadata say."""
    fps = given if given is not None else env.metadata.get("render_fps")
    if fps is None:
        raise InputError(f"'{env_id}' does not say how long a step lasts (metadata['render_fps']): give fps=.")
    return float(fps)


def find_max_steps(env_id: str, env: AnyEnv, given: int | None) -> int:
    """The time limit: as given, or as the environment was registered with."""
    steps = given if given is not None else env.spec.max_episode_steps if env.spec else None
    if steps is None:
        raise InputError(f"'{env_id}' says no time limit (spec.max_episode_steps): give max_steps=.")
    return steps


def check_restore(env_id: str, env: AnyEnv) -> None:
    """Refuses an environment whose state cannot be taken and set back."""
    inner: Any = env
    while isinstance(inner, gymnasium.Wrapper):
        if isinstance(inner, TimeLimit):
            raise InputError(
                f"'{env_id}': gymnasium's TimeLimit counts steps that set_state cannot set back: make the "
                "environment with max_episode_steps=-1, and give max_steps= here."
            )
        inner = inner.env
    for name in ("get_state", "set_state"):
        if not callable(getattr(inner, name, None)):
            raise InputError(f"'{env_id}' has no {name}(): restore= must be 'none'.")


def picture_camera(env_id: str, env: AnyEnv, taken: Mapping[str, Camera]) -> dict[str, Camera]:
    """The camera behind `env.render()`, where its mode is "rgb_array"; its size is found by looking once."""
    if env.render_mode != "rgb_array":
        return {}
    reset_of(env_id, env, 0)
    height, width, _ = rendered(env_id, env).shape
    return {"render" if "front" in taken else "front": Camera(height=height, width=width)}


def rendered(env_id: str, env: AnyEnv) -> NDArray[np.uint8]:
    """What `env.render()` shows, uint8 (h, w, 3)."""
    image = np.asarray(env.render())
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise BrokenPromiseError(f"'{env_id}': render() gave {image.dtype} {image.shape}, expected uint8 (h, w, 3).")
    return image.copy()
