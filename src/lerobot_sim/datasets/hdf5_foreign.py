"""Demonstrations in HDF5 files by robomimic and LIBERO (and others of robomimic's layout), with LeRobot's names.

LIBERO's observations become those of LeRobot's own LIBERO environment. Several keys may go to one name: they are put
side by side, in the table's order. Keys that no table and no `--map` names become "observation.KEY".

**Pictures.** LIBERO stores what OpenGL renders, the last line first; the file says so
(`macros_image_convention` = "opengl"), and then lines are turned over. LeRobot's LIBERO pictures are turned by 180
degrees instead, so mirrored: `flip="both"` gives those. Files by robomimic hold pictures the right way up.

**Success** is a reward above 0 where all rewards are 0 or 1 (sparse); shaped rewards say nothing of success.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false
# h5py carries no types

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import ArrayError, InputError, StorageError, unknown_name
from lerobot_sim.spec import ACTION, ENVIRONMENT_STATE, IMAGES, STATE

from .exchange import Header, Item
from .hdf5 import demos_of, opened
from .layout import NEXT_DONE, NEXT_REWARD, NEXT_SUCCESS

DROP = ""
"""A key that is mapped to this is left out."""

LIBERO: Mapping[str, str] = {
    "agentview_rgb": IMAGES + "image",
    "eye_in_hand_rgb": IMAGES + "image2",
    "ee_states": STATE,
    "gripper_states": STATE,
    "joint_states": "observation.joint_states",
    "ee_pos": DROP,  # both halves of ee_states again
    "ee_ori": DROP,
    "agentview_depth": DROP,  # the depth buffer, not m
    "eye_in_hand_depth": DROP,
}
"""LIBERO's keys; the state is position, axis-angle and both fingers: 8 numbers."""

ROBOMIMIC: Mapping[str, str] = {
    **{f"robot{arm}_{part}": STATE for arm in range(2) for part in ("eef_pos", "eef_quat", "gripper_qpos")},
    "object": ENVIRONMENT_STATE,
    "agentview_image": IMAGES + "agentview",
    "frontview_image": IMAGES + "frontview",
    "sideview_image": IMAGES + "sideview",
    "robot0_eye_in_hand_image": IMAGES + "robot0_eye_in_hand",
    "robot1_eye_in_hand_image": IMAGES + "robot1_eye_in_hand",
}
"""robomimic's keys; the state is, for each arm, position, quaternion (x, y, z, w) and gripper: its own default."""

FLIPS = ("auto", "none", "rows", "both")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a file is read.

    Attributes:
        kind: "LIBERO" or "robomimic".
        path: The file.
        demos: The episodes' names.
        sources: LeRobot name -> the keys that make it up.
        dropped: Keys that are left out.
        flip: "none", "rows" or "both".
        task: The instruction where an episode has no own.
        sparse: Whether rewards tell success.
    """

    kind: str
    path: Path
    demos: Sequence[str]
    sources: Mapping[str, Sequence[str]]
    dropped: Sequence[str]
    flip: str
    task: str
    sparse: bool


def read(
    path: Path,
    *,
    renamed: Mapping[str, str],
    fps: float | None = None,
    task: str | None = None,
    flip: str = "auto",
    mask: str | None = None,
) -> tuple[Header, Layout]:
    """The header of a file, and how its episodes are read.

    Args:
        path: The file.
        renamed: Key -> LeRobot name, or `DROP`; over the tables.
        fps: Rows a second, over what the file says.
        task: The instruction, over what the file says.
        flip: One of `FLIPS`.
        mask: Only the episodes that mask/MASK names.

    Raises:
        StorageError: It is no such file, or damaged.
        InputError: Something is not known: the rate, a key of `renamed`, the mask.
    """
    if flip not in FLIPS:
        raise unknown_name("flip", flip, FLIPS)
    with opened(path) as file:
        data = _data(file, path)
        demos = _chosen(file, demos_of(data), mask)
        first = data[demos[0]]
        _check_demo(first, demos[0], path)
        attributes = dict(data.attrs)
        kind = "LIBERO" if "problem_info" in attributes or "agentview_rgb" in first["obs"] else "robomimic"
        sources, dropped = _sources(list(first["obs"]), LIBERO if kind == "LIBERO" else ROBOMIMIC, renamed)
        arguments = _arguments(attributes, path)
        if flip == "auto":
            flip = "rows" if attributes.get("macros_image_convention") == "opengl" else "none"
        layout = Layout(
            kind=kind,
            path=path,
            demos=demos,
            sources=sources,
            dropped=dropped,
            flip=flip,
            task=task or _task(attributes, arguments),
            sparse=all(_is_sparse(data[name]) for name in demos),
        )
        features = {name: _feature(name, values) for name, values in _columns(first, demos[0], layout).items()}
    header = Header(
        fps=fps or _rate(arguments, path),
        robot_type=_robot(arguments),
        features=features,
        settings={"imported_from": path.name, "kind": kind, "env_name": str(arguments.get("env_name", ""))},
    )
    return header, layout


def items(layout: Layout) -> Iterator[Item]:
    """Every episode, one at a time.

    Raises:
        StorageError: One lacks what the first has.
        ArrayError: Arrays of one episode are of different lengths.
    """
    with opened(layout.path) as file:
        for name in layout.demos:
            demo = file["data"][name]
            _check_demo(demo, name, layout.path)
            yield Item(columns=_columns(demo, name, layout), task=_own_task(demo) or layout.task)


def _data(file: Any, path: Path) -> Any:
    if "data" not in file or not len(file["data"]):
        raise StorageError(
            f"{path} is not in robomimic's layout: it needs a group 'data' with episodes in it; {sorted(file)} came."
        )
    return file["data"]


def _chosen(file: Any, demos: list[str], mask: str | None) -> list[str]:
    if mask is None:
        return demos
    masks = sorted(file.get("mask", {}))
    if mask not in masks:
        raise unknown_name("mask in this file", mask, masks)
    wanted = {name.decode() if isinstance(name, bytes) else str(name) for name in file["mask"][mask][()]}
    chosen = [name for name in demos if name in wanted]
    if not chosen:
        raise InputError(f"mask/{mask} names no episode of the file.")
    return chosen


def _check_demo(demo: Any, name: str, path: Path) -> None:
    if "actions" not in demo:
        raise StorageError(f"{path}: data/{name} has no 'actions'; it has {sorted(demo)}.")
    if "obs" not in demo or not len(demo["obs"]):
        raise StorageError(
            f"{path}: data/{name} has no observations; it has {sorted(demo)}. Add them with robomimic's "
            "dataset_states_to_obs.py, or LIBERO's create_dataset.py."
        )


def _sources(
    keys: list[str], table: Mapping[str, str], renamed: Mapping[str, str]
) -> tuple[dict[str, list[str]], list[str]]:
    """(LeRobot name -> keys, dropped keys); `renamed` first, in its order, then the table's, then the rest."""
    for key, name in renamed.items():
        if key not in keys:
            raise unknown_name("observation in this file", key, keys)
        if name != DROP and not name.startswith("observation."):
            raise InputError(f"--map {key}={name}: a name begins with 'observation.', such as {STATE}.")
    names = {**renamed, **{key: name for key, name in table.items() if key in keys and key not in renamed}}
    for key in keys:
        names.setdefault(key, DROP if key.endswith("_depth") else f"observation.{key}")
    sources: dict[str, list[str]] = {}
    for key, name in names.items():
        if name != DROP:
            sources.setdefault(name, []).append(key)
    return sources, [key for key, name in names.items() if name == DROP]


def _columns(demo: Any, name: str, layout: Layout) -> dict[str, NDArray[Any]]:
    """The episode's columns with LeRobot's names: numbers in float32, pictures the right way up."""
    actions = demo["actions"][()].astype(np.float32)
    count = len(actions)
    columns: dict[str, NDArray[Any]] = {}
    for target, keys in layout.sources.items():
        missing = [key for key in keys if key not in demo["obs"]]
        if missing:
            raise StorageError(f"{layout.path}: data/{name}/obs lacks {missing}, which other episodes have.")
        values = [demo["obs"][key][()] for key in keys]
        for key, value in zip(keys, values, strict=True):
            if len(value) != count:
                raise ArrayError(f"{layout.path}: data/{name}/obs/{key} has {len(value)} rows, the actions {count}.")
        columns[target] = _joined(target, keys, values, layout.flip)
    rewards = demo["rewards"][()].astype(np.float32) if "rewards" in demo else np.zeros(count, np.float32)
    done = np.zeros(count, np.bool_)
    done[-1:] = True
    columns |= {ACTION: actions.reshape(count, -1), NEXT_REWARD: rewards.reshape(count), NEXT_DONE: done}
    if layout.sparse:
        columns[NEXT_SUCCESS] = columns[NEXT_REWARD] > 0
    return columns


def _joined(target: str, keys: Sequence[str], values: Sequence[NDArray[Any]], flip: str) -> NDArray[Any]:
    picture = values[0].dtype == np.uint8 and values[0].ndim == 4 and values[0].shape[-1] == 3
    if picture != target.startswith(IMAGES):
        what = "pictures are named" if picture else "only pictures, uint8 (T, h, w, 3), are named"
        raise InputError(f"{keys[0]} -> {target}: {what} '{IMAGES}NAME'. Use --map {keys[0]}=….")
    if picture:
        if len(values) > 1:
            raise InputError(f"{target}: several pictures cannot be one, {list(keys)} came.")
        turned = values[0][:, ::-1] if flip in ("rows", "both") else values[0]
        return np.ascontiguousarray(turned[:, :, ::-1] if flip == "both" else turned)
    return np.concatenate([value.reshape(len(value), -1).astype(np.float32) for value in values], axis=1)


def _feature(name: str, values: NDArray[Any]) -> dict[str, Any]:
    picture = name.startswith(IMAGES)
    shape = list(values.shape[1:]) or [1]
    names = ["height", "width", "channels"] if picture else None
    return {"dtype": "video" if picture else str(values.dtype), "shape": shape, "names": names}


def _is_sparse(demo: Any) -> bool:
    return "rewards" in demo and bool(np.isin(demo["rewards"][()], (0, 1)).all())


def _arguments(attributes: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    if "env_args" not in attributes:
        return {}
    try:
        return dict(json.loads(attributes["env_args"]))
    except (TypeError, ValueError) as error:
        raise StorageError(f"{path} is damaged: its env_args are no JSON ({error}).") from error


def _rate(arguments: Mapping[str, Any], path: Path) -> float:
    rate = (arguments.get("env_kwargs") or {}).get("control_freq")
    if not isinstance(rate, int | float) or rate <= 0:
        raise InputError(f"{path} does not say how many rows a second has (env_args … control_freq). Give --fps.")
    return float(rate)


def _robot(arguments: Mapping[str, Any]) -> str:
    robots = (arguments.get("env_kwargs") or {}).get("robots")
    if isinstance(robots, list):
        return "+".join(map(str, robots))
    return str(robots or "unknown")


def _task(attributes: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """LIBERO's language instruction, else the environment's name."""
    try:
        said = json.loads(attributes["problem_info"])["language_instruction"]
    except (KeyError, TypeError, ValueError):
        return str(arguments.get("env_name", "unknown"))
    return " ".join(said) if isinstance(said, list) else str(said).strip().strip('"')


def _own_task(demo: Any) -> str | None:
    """The instruction of one episode, as newer robosuite files have it."""
    try:
        return json.loads(demo.attrs["ep_meta"])["lang"] or None
    except (KeyError, TypeError, ValueError):
        return None
