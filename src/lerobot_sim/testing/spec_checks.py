"""What an environment says of itself."""

from __future__ import annotations

import json
import math

import numpy as np

from lerobot_sim.spec import IMAGES, EnvSpec, Feature, Param

from .lab import Lab


def spec_is_plain_data(lab: Lab) -> str | None:
    """The spec is well formed, the same for every instance, and plain data that goes into JSON."""
    env, other = lab.make(2), lab.make(1)
    spec = env.spec
    problems = [*_identity(spec), *_features(spec), *_params(spec)]
    if env.num_envs != 2 or other.num_envs != 1:
        problems.append(f"num_envs is {env.num_envs} where 2 lanes were asked for")
    words = env.instructions
    if len(words) != 2 or not all(isinstance(word, str) and word.strip() for word in words):  # pyright: ignore[reportUnnecessaryIsInstance]
        problems.append(f"instructions are {words!r} where one sentence a lane is expected")
    if other.spec != spec:
        problems.append("two instances have different specs")
    if problems:
        raise lab.broken("; ".join(problems) + ".", "correct the EnvSpec, or the environment that it describes.")
    return None


def _identity(spec: EnvSpec) -> list[str]:
    problems: list[str] = []
    try:
        json.dumps(spec.to_dict(), allow_nan=False)
    except (TypeError, ValueError) as error:
        problems.append(f"to_dict() does not go into JSON: {error}")
    if not isinstance(spec.version, int) or spec.version < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        problems.append(f"version is {spec.version!r}, not an int from 1")
    if not math.isfinite(spec.fps):
        problems.append(f"fps is {spec.fps}")
    return problems


def _features(spec: EnvSpec) -> list[str]:
    problems = [
        f"observation '{name}' is not named as LeRobot does: 'observation.<name>', images apart"
        for name in spec.observation
        if not name.startswith("observation.") or name.startswith(IMAGES)
    ]
    for name, feature in {**spec.observation, "action": spec.action}.items():
        problems += _feature(name, feature)
    return problems


def _feature(name: str, feature: Feature) -> list[str]:
    try:
        kind = np.dtype(feature.dtype)
    except TypeError:
        return [f"dtype '{feature.dtype}' of '{name}' is not NumPy's name of a type"]
    if kind.name != feature.dtype:
        return [f"dtype of '{name}' is '{feature.dtype}', NumPy calls it '{kind.name}'"]
    low, high = np.asarray(feature.low, np.float64), np.asarray(feature.high, np.float64)
    return [] if (low <= high).all() else [f"'{name}' has a low above its high"]


def _params(spec: EnvSpec) -> list[str]:
    return [problem for name, param in spec.params.items() for problem in _param(name, param)]


def _param(name: str, param: Param) -> list[str]:
    problems: list[str] = []
    low, high = (0, len(param.choices) - 1) if param.choices is not None else (param.low, param.high)
    nominal = np.asarray(param.nominal, np.float64)
    if nominal.shape not in ((), param.shape):
        problems.append(f"Param '{name}' has a nominal of shape {nominal.shape}, its shape is {param.shape}")
    if not ((nominal >= low) & (nominal <= high)).all():
        problems.append(f"Param '{name}' has its nominal {param.nominal} outside {low} to {high}")
    if param.choices is not None and len(set(param.choices)) != len(param.choices):
        problems.append(f"Param '{name}' has a choice twice: {list(param.choices)}")
    if param.when not in ("reset", "step"):
        problems.append(f"Param '{name}' has when='{param.when}', expected 'reset' or 'step'")
    return problems


def closing_twice_is_fine(lab: Lab) -> str | None:
    """close() frees what is held, whether or not there was a reset, and a second call does nothing."""
    fresh, used = lab.make(1), lab.make(2)
    used.reset(np.arange(2), np.array([1, 2]))
    for env in (fresh, used):
        env.close()
        env.close()
    return None
