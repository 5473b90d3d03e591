"""How an Env's arrays look to gymnasium: which keys, which spaces, which images."""

# pyright: reportUnknownArgumentType=false
# gymnasium's types are partly unknown

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from lerobot_sim.arrays import to_numpy
from lerobot_sim.env import Batch, check_cameras
from lerobot_sim.errors import ArrayError, InputError, unknown_name
from lerobot_sim.spec import ENVIRONMENT_STATE, IMAGES, STATE, Bound, Camera, EnvSpec, Feature

Keys: TypeAlias = "str | Mapping[str, str]"
"""A profile's name, or our key -> gymnasium's key; keys that are not named stay."""

Nested: TypeAlias = "dict[str, Any]"
"""Key -> array, or a dict of those."""

_LEROBOT = {STATE: ("agent_pos",), ENVIRONMENT_STATE: ("environment_state",)}
PROFILES = ("native", "lerobot")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where each of an Env's arrays lies in gymnasium's Dict observation.

    Attributes:
        paths: Our key, images included -> the keys that lead to it.
        cameras: What is rendered for the observation.
        space: One lane's observation space.
    """

    paths: Mapping[str, tuple[str, ...]]
    cameras: Mapping[str, Camera]
    space: spaces.Dict

    def nest(self, batch: Batch) -> Nested:
        """The arrays of all lanes, on the host, under gymnasium's keys."""
        return _nested({path: to_numpy(batch[key]) for key, path in self.paths.items()})


def make_layout(spec: EnvSpec, keys: Keys, pixels: Sequence[str], size: Sequence[int] | None) -> Layout:
    """The layout of an environment's observation.

    Args:
        spec: The environment's.
        keys: "native": our own keys. "lerobot": the names of LeRobot's gym environments, `agent_pos`,
            `environment_state` and `pixels` (camera's name -> image). A mapping renames single keys.
        pixels: Cameras whose images are part of the observation.
        size: (height, width) of those images; each camera's default where it is None.
    """
    cameras = sized_cameras(spec, pixels, size)
    features = dict(spec.observation)
    for name, camera in cameras.items():
        features[IMAGES + name] = Feature(shape=(camera.height, camera.width, 3), dtype="uint8", low=0, high=255)
    if not features:
        raise InputError(f"'{spec.id}' observes images only: choose some by pixels=, of {sorted(spec.cameras)}.")
    paths = _paths(spec, list(features), keys)
    boxes: Nested = _nested({paths[key]: to_box(feature) for key, feature in features.items()})
    return Layout(paths=paths, cameras=cameras, space=_to_space(boxes))


def sized_cameras(spec: EnvSpec, names: Sequence[str], size: Sequence[int] | None) -> dict[str, Camera]:
    """The spec's cameras of these names, at (height, width) or at their default size."""
    if isinstance(names, str):
        names = (names,)
    check_cameras(spec, {name: Camera() for name in names})
    if size is None:
        return {name: spec.cameras[name] for name in names}
    if len(size) != 2:
        raise InputError(f"A size is (height, width), {tuple(size)} came.")
    height, width = (int(value) for value in size)
    return {name: dataclasses.replace(spec.cameras[name], height=height, width=width) for name in names}


def to_box(feature: Feature) -> spaces.Box:
    """A Feature's shape, dtype and bounds as a Box."""
    dtype = np.dtype(feature.dtype)
    low, high = (_bound(feature, dtype, bound) for bound in (feature.low, feature.high))
    return spaces.Box(low, high, feature.shape, dtype.type)


def _bound(feature: Feature, dtype: np.dtype[Any], bound: Bound) -> NDArray[Any]:
    given = np.asarray(bound, np.float64)
    wide = given.reshape(feature.shape) if given.ndim else np.broadcast_to(given, feature.shape)
    if np.issubdtype(dtype, np.floating):
        return wide.astype(dtype)
    limits = (0, 1) if dtype == np.bool_ else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    result = np.where(wide > 0, np.array(limits[1], dtype), np.array(limits[0], dtype))  # integers have no infinity
    finite = np.isfinite(wide)
    result[finite] = wide[finite].astype(dtype)
    return result


def to_action(feature: Feature, lead: tuple[int, ...], action: Any) -> NDArray[Any]:
    """What a caller of gymnasium gave, as an array (*lead, *shape) of the Feature's dtype.

    Raises:
        ArrayError: Another shape, or a type that does not convert, such as text.
    """
    expected = (*lead, *feature.shape)
    try:
        given = to_numpy(action) if hasattr(action, "dtype") else np.asarray(action)
    except (ValueError, TypeError) as error:
        raise ArrayError(f"action: expected numbers of shape {expected}, {action!r} came.") from error
    if given.shape != expected:
        hint = " Every lane needs its own row." if lead and given.shape == feature.shape else ""
        raise ArrayError(f"action: expected shape {expected}, {given.shape} came.{hint}")
    if not np.can_cast(given.dtype, feature.dtype, "same_kind"):
        raise ArrayError(f"action: expected {feature.dtype}, {given.dtype} came, which does not convert to it.")
    return given.astype(feature.dtype)


def row_of(nested: Nested, lane: int) -> Nested:
    """One lane's observation, in arrays of its own."""
    return {
        key: row_of(value, lane) if isinstance(value, dict) else value[lane].copy() for key, value in nested.items()
    }


def _paths(spec: EnvSpec, keys: Sequence[str], names: Keys) -> dict[str, tuple[str, ...]]:
    if isinstance(names, str):
        if names not in PROFILES:
            raise unknown_name("profile of keys", names, PROFILES, "A dict of our key -> your key is taken, too.")
        paths = {key: _lerobot_path(key) if names == "lerobot" else (key,) for key in keys}
    else:
        for key in names:
            if key not in keys:
                raise unknown_name(f"observation of '{spec.id}'", key, keys)
        paths = {key: (names.get(key, key),) for key in keys}
    if len(set(paths.values())) < len(paths):
        raise InputError(f"Two observations of '{spec.id}' would lie under one key: {paths}.")
    return paths


def _lerobot_path(key: str) -> tuple[str, ...]:
    if key.startswith(IMAGES):
        return ("pixels", key.removeprefix(IMAGES))
    return _LEROBOT.get(key, (key.removeprefix("observation."),))


def _nested(flat: Mapping[tuple[str, ...], Any]) -> Nested:
    result: Nested = {}
    for (*parents, last), value in flat.items():
        inner = result
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return result


def _to_space(boxes: Nested) -> spaces.Dict:
    return spaces.Dict({key: _to_space(value) if isinstance(value, dict) else value for key, value in boxes.items()})
