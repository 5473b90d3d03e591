"""Gymnasium's spaces as Features and cameras: where foreign names become LeRobot's."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# gymnasium's types are partly unknown

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from lerobot_sim.errors import BrokenPromiseError, InputError, unknown_name
from lerobot_sim.spec import ENVIRONMENT_STATE, IMAGES, STATE, Bound, Camera, Feature

Path: TypeAlias = "tuple[str, ...]"
"""Keys that lead to an array in nested dicts; () where the observation is one array."""

KNOWN_KEYS: Mapping[str, str] = {
    "": STATE,
    "agent_pos": STATE,
    "environment_state": ENVIRONMENT_STATE,
    "observation": STATE,
    "state": STATE,
}
"""Their path -> our key, where nothing is said; any other low-dimensional x becomes observation.x."""

_ONE_CAMERA = ("", "image", "images", "pixels", "rgb")


@dataclass(frozen=True, kw_only=True)
class ObservationMap:
    """Which of gymnasium's arrays is which of ours.

    Attributes:
        features: Our key -> Feature.
        paths: Our key -> where it lies in their observation.
        cameras: Name -> size of the images that are part of their observation.
        image_paths: Camera's name -> where it lies.
    """

    features: Mapping[str, Feature]
    paths: Mapping[str, Path]
    cameras: Mapping[str, Camera]
    image_paths: Mapping[str, Path]


@dataclass(frozen=True, kw_only=True)
class ActionMap:
    """Our action and how a row of it, within its bounds, becomes theirs."""

    feature: Feature
    convert: Callable[[NDArray[Any]], Any]


def map_observation(env_id: str, space: spaces.Space[Any], keys: Mapping[str, str | None] | None) -> ObservationMap:
    """Maps an observation space.

    Args:
        env_id: For messages.
        space: A Box, or a Dict of Boxes, which may be nested.
        keys: Their path, joined by "/" ("" where the observation is one array) -> our key, or None to leave it
            out; what is not named follows `KNOWN_KEYS`. Images, uint8 (h, w, 3), become cameras.
    """
    boxes = {"/".join(path): (path, box) for path, box in _boxes(env_id, space, ())}
    for given in keys or {}:
        if given not in boxes:
            raise unknown_name(f"observation of '{env_id}'", given, boxes)
    features: dict[str, Feature] = {}
    paths: dict[str, Path] = {}
    cameras: dict[str, Camera] = {}
    image_paths: dict[str, Path] = {}
    for joined, (path, box) in boxes.items():
        key = keys[joined] if keys and joined in keys else _default_key(joined, path, box)
        if key is None:
            continue
        if key in paths or key.removeprefix(IMAGES) in image_paths:
            raise InputError(
                f"'{env_id}': two observations would be '{key}'. Say which is which by observation_keys=, "
                f"from {sorted(boxes)}."
            )
        if _is_image(box):
            name = _camera_name(env_id, joined, key)
            cameras[name] = Camera(height=box.shape[0], width=box.shape[1])
            image_paths[name] = path
        else:
            features[key], paths[key] = to_feature(box), path
    return ObservationMap(features=features, paths=paths, cameras=cameras, image_paths=image_paths)


def map_action(env_id: str, space: spaces.Space[Any]) -> ActionMap:
    """Maps an action space: a Box as it is; Discrete(n) as n scores in [0, 1], of which the largest is taken."""
    if isinstance(space, spaces.Box):
        dtype: Any = space.dtype
        return ActionMap(feature=to_feature(space), convert=lambda row: np.asarray(row, dtype))
    if isinstance(space, spaces.Discrete):
        start, count = int(space.start), int(space.n)
        names = tuple(f"choice_{start + i}" for i in range(count))
        feature = Feature(shape=(count,), dtype="float32", names=names, low=0.0, high=1.0)
        return ActionMap(feature=feature, convert=lambda row: start + int(np.argmax(row)))
    raise InputError(
        f"'{env_id}' has the action space {space}; Box and Discrete are taken. Wrap it in a "
        "gymnasium.wrappers.TransformAction that makes it a Box."
    )


def to_feature(box: spaces.Box) -> Feature:
    """A Box's shape, dtype and bounds as a Feature."""
    return Feature(shape=box.shape, dtype=str(box.dtype), low=_bound(box.low), high=_bound(box.high))


def pick(env_id: str, observation: Any, path: Path, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """One array out of an observation, of the dtype that the space promised.

    Raises:
        BrokenPromiseError: It is not there, or not of the space's shape.
    """
    value = observation
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            raise BrokenPromiseError(f"'{env_id}' gave an observation without '{'/'.join(path)}', which its space has.")
        value = value[key]
    array = np.asarray(value)
    if array.shape != shape or not np.can_cast(array.dtype, dtype, "same_kind"):
        where = f"observation '{'/'.join(path)}'" if path else "an observation"
        raise BrokenPromiseError(
            f"'{env_id}' gave {where} of {array.dtype} {array.shape}; its space says {dtype} {shape}."
        )
    return array.astype(dtype)


def resized(images: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Images (…, h, w, 3) at another size: each new pixel is the mean of the area that it covers."""
    if images.shape[-3:-1] == (height, width):
        return images
    down, across = _area_weights(images.shape[-3], height), _area_weights(images.shape[-2], width)
    mixed = np.einsum("yh,...hwc,xw->...yxc", down, images, across, optimize=True)
    return np.rint(mixed).astype(np.uint8)


def _area_weights(old: int, new: int) -> NDArray[np.float64]:
    """(new, old): the share of each old pixel in a new one."""
    edges = np.arange(new + 1)[:, None] * (old / new)
    covered = np.clip(edges - np.arange(old), 0.0, 1.0)  # of each old pixel, up to each new edge
    return np.diff(covered, axis=0) * (new / old)


def _boxes(env_id: str, space: spaces.Space[Any], path: Path) -> list[tuple[Path, spaces.Box]]:
    if isinstance(space, spaces.Box):
        return [(path, space)]
    if isinstance(space, spaces.Dict):
        return [found for key, inner in space.spaces.items() for found in _boxes(env_id, inner, (*path, str(key)))]
    where = f"observation '{'/'.join(path)}'" if path else "observation"
    raise InputError(
        f"'{env_id}' has the {where} space {space}; Box and Dict of Box are taken. Wrap it: "
        "gymnasium.wrappers.FlattenObservation makes it a Box."
    )


def _default_key(joined: str, path: Path, box: spaces.Box) -> str:
    if joined.startswith("observation."):
        return joined
    if _is_image(box):
        return IMAGES + ("front" if joined in _ONE_CAMERA else path[-1].removeprefix(IMAGES))
    return KNOWN_KEYS.get(joined, "observation." + joined.replace("/", "."))


def _is_image(box: spaces.Box) -> bool:
    return box.dtype == np.uint8 and len(box.shape) == 3 and box.shape[2] == 3


def _camera_name(env_id: str, joined: str, key: str) -> str:
    if not key.startswith(IMAGES):
        raise InputError(f"'{env_id}': '{joined}' is an image: name it '{IMAGES}<camera>', not '{key}'.")
    return key.removeprefix(IMAGES)


def _bound(values: NDArray[Any]) -> Bound:
    flat = values.astype(np.float64).ravel()
    if values.dtype.itemsize >= 4 and np.issubdtype(values.dtype, np.integer):
        limits = np.iinfo(values.dtype)
        flat = np.where(values.ravel() == limits.max, np.inf, np.where(values.ravel() == limits.min, -np.inf, flat))
    if not flat.size or (flat == flat[0]).all():
        return float(flat[0]) if flat.size else 0.0
    return tuple(flat.tolist())
