"""Observation, reward and success of any model, as functions of a World; written once for CPU and GPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lerobot_sim.arrays import Array, device_of, namespace
from lerobot_sim.env import Batch
from lerobot_sim.errors import InputError
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Feature

from .any_model_config import ModelConfig
from .any_model_load import find, names_of
from .kinematics import constant
from .library import mj
from .world import World


class Read(Protocol):
    """World -> an array with a leading lane axis."""

    def __call__(self, world: World) -> Array: ...


_FREE, _BALL = int(mj.mjtJoint.mjJNT_FREE), int(mj.mjtJoint.mjJNT_BALL)
_QUAT = ("qw", "qx", "qy", "qz")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some numbers of an observation.

    Attributes:
        key: LeRobot's key that they are in.
        names: One a number.
        read: World -> (n, len(names)).
    """

    key: str
    names: tuple[str, ...]
    read: Read


@dataclass(frozen=True, kw_only=True)
class Pose:
    """A site, or a body, that has a place in the world.

    Attributes:
        name: Its name in the model.
        position: World -> (n, 3) in m.
        quaternion: World -> (n, 4), (w, x, y, z).
    """

    name: str
    position: Read
    quaternion: Read


def find_pose(model: Any, name: str, key: str) -> Pose:
    """The site, or else the body, of that name.

    Raises:
        InputError: Neither has it; all are listed.
    """
    sites, bodies = names_of(model, "site"), names_of(model, "body")
    if name in sites:
        site = sites.index(name)
        return _site_pose(model, site, name)
    if name in bodies:
        body = bodies.index(name)
        return Pose(
            name=name,
            position=lambda world: world.xpos[:, body],
            quaternion=lambda world: world.xquat[:, body],
        )
    raise InputError(
        f"'{key}': the model has no site or body named '{name}'. Sites: {_listed(sites)}. Bodies: {_listed(bodies)}."
    )


def end_effector(config: ModelConfig, model: Any) -> Pose | None:
    """The configured one, or the model's first site; None where there is neither and none is needed."""
    if config.end_effector is not None:
        return find_pose(model, config.end_effector, "end_effector")
    if model.nsite:
        return _site_pose(model, 0, names_of(model, "site")[0] or "site 0")
    if config.measures_distance or config.observation["end_effector_pose"]:
        raise InputError(
            f"{config.model_path.name} has no site to take for the end effector. Name one of its bodies: "
            f"end_effector = '…' ({_listed(names_of(model, 'body'))}). Or measure no distance: success = 'none'."
        )
    return None


def observation_parts(config: ModelConfig, model: Any, effector: Pose | None) -> list[Part]:
    """What the configuration asks to be observed, in the order of `PARTS`."""
    wanted = config.observation
    parts = [
        *_joints(model, wanted["joint_positions"], positions=True),
        *_joints(model, wanted["joint_velocities"], positions=False),
    ]
    if wanted["end_effector_pose"]:
        assert effector is not None
        names = tuple(f"{effector.name}.{axis}" for axis in ("x", "y", "z", *_QUAT))
        position, quaternion = effector.position, effector.quaternion
        parts.append(
            Part(
                key=STATE,
                names=names,
                read=lambda world: namespace(world.qpos).concat([position(world), quaternion(world)], axis=1),
            )
        )
    parts += [_sensor(model, index) for index in _chosen(model, "sensor", wanted["sensors"])]
    parts += [_site(model, index) for index in _chosen(model, "site", wanted["sites"])]
    parts = [part for part in parts if part.names]
    if not parts:
        raise InputError(
            "'observation' asks for nothing that the model has: give it joint positions, sensors or sites."
        )
    return parts


def features(parts: list[Part]) -> dict[str, Feature]:
    """LeRobot key -> Feature of an observation of some parts."""
    names: dict[str, tuple[str, ...]] = {}
    for part in parts:
        names[part.key] = names.get(part.key, ()) + part.names
    return {key: Feature(shape=(len(own),), dtype="float32", names=own) for key, own in names.items()}


def observe(world: World, parts: list[Part]) -> Batch:
    """Observation, float32."""
    xp = namespace(world.qpos)
    keys = dict.fromkeys(part.key for part in parts)
    return {
        key: xp.astype(xp.concat([part.read(world) for part in parts if part.key == key], axis=1), xp.float32)
        for key in keys
    }


def make_judge(config: ModelConfig, model: Any, effector: Pose | None) -> Callable[[World], tuple[Array, Array, Batch]]:
    """World -> (reward float32 (n,), success bool (n,), metrics): the configuration's weights times what they weigh."""
    weights = config.reward
    distance = _distance(config, model, effector) if effector and config.measures_distance else None
    conditions = () if isinstance(config.success, str) else config.success
    sensors = {name: _magnitude(model, name) for name in [c["sensor"] for c in conditions] + [*config.sensor_rewards]}
    for index, condition in enumerate(conditions):
        if not {"above", "below"} & set(condition):
            raise InputError(f"'success[{index}]' needs 'above', 'below' or both.")

    def judge(world: World) -> tuple[Array, Array, Batch]:
        xp = namespace(world.qpos)
        metrics: Batch = {}
        lanes = {"shape": world.qpos.shape[0], "device": device_of(world.qpos)}
        success = xp.zeros(**lanes, dtype=xp.bool)
        reward = xp.zeros(**lanes, dtype=xp.float64)
        if distance:
            metrics["distance"] = away = distance(world)
            reward = reward + weights["distance"] * away
            if config.success == "target":
                success = away < config.success_threshold
        if conditions:
            success = ~success
            for condition in conditions:
                felt = sensors[condition["sensor"]](world)
                success = success & (felt > condition.get("above", -np.inf)) & (felt < condition.get("below", np.inf))
        for name, weight in config.sensor_rewards.items():
            reward = reward + weight * sensors[name](world)
        if weights["control"]:
            reward = reward + weights["control"] * xp.sum(world.ctrl * world.ctrl, axis=1)
        if weights["velocity"]:
            reward = reward + weights["velocity"] * xp.sum(world.qvel * world.qvel, axis=1)
        reward = reward + weights["success"] * xp.astype(success, xp.float64)
        return xp.astype(reward, xp.float32), success, metrics

    return judge


def _distance(config: ModelConfig, model: Any, effector: Pose) -> Read:
    """World -> distance (n,) in m from the end effector to the target."""
    target = config.target_position
    if isinstance(target, str):
        place = find_pose(model, target, "target_position").position
    else:

        def place(world: World) -> Array:
            return constant(target, world.qpos)

    def distance(world: World) -> Array:
        xp = namespace(world.qpos)
        offset = effector.position(world) - place(world)
        return xp.sqrt(xp.sum(offset * offset, axis=1))

    return distance


def _magnitude(model: Any, name: str) -> Read:
    """World -> a sensor's number (n,); of several numbers their Euclidean length."""
    part = _sensor(model, find(model, "sensor", name))

    def magnitude(world: World) -> Array:
        xp = namespace(world.qpos)
        values = part.read(world)
        return values[:, 0] if len(part.names) == 1 else xp.sqrt(xp.sum(values * values, axis=1))

    return magnitude


def _site_pose(model: Any, site: int, name: str) -> Pose:
    """A site's pose: q(world to site) = q(world to body) q(body to site)."""
    body, (w, x, y, z) = int(model.site_bodyid[site]), (float(part) for part in model.site_quat[site])

    def quaternion(world: World) -> Array:
        a, b, c, d = (world.xquat[:, body, part] for part in range(4))
        return namespace(world.qpos).stack(
            [
                a * w - b * x - c * y - d * z,
                a * x + b * w + c * z - d * y,
                a * y - b * z + c * w + d * x,
                a * z + b * y - c * x + d * w,
            ],
            axis=1,
        )

    return Pose(name=name, position=lambda world: world.site_xpos[:, site], quaternion=quaternion)


def _chosen(model: Any, kind: str, wanted: Any) -> list[int]:
    """Indices of the parts of a kind: all for True, none for False, or those named."""
    if isinstance(wanted, bool):
        return list(range(len(names_of(model, kind)))) if wanted else []
    return [find(model, kind, name) for name in wanted]


def _joints(model: Any, wanted: Any, *, positions: bool) -> list[Part]:
    start = model.jnt_qposadr if positions else model.jnt_dofadr
    labels = names_of(model, "joint")
    places: list[int] = []
    names: list[str] = []
    for joint in _chosen(model, "joint", wanted):
        own = _joint_names(labels[joint] or f"joint{joint}", int(model.jnt_type[joint]), positions=positions)
        places += range(int(start[joint]), int(start[joint]) + len(own))
        names += own
    field = "qpos" if positions else "qvel"
    where = np.array(places, np.int64)
    return [Part(key=STATE, names=tuple(names), read=lambda world: getattr(world, field)[:, where])]


def _joint_names(joint: str, kind: int, *, positions: bool) -> list[str]:
    """Names of a joint's numbers in qpos or qvel, by MuJoCo's order."""
    turning = (*_QUAT,) if positions else ("wx", "wy", "wz")
    moving = ("x", "y", "z") if positions else ("vx", "vy", "vz")
    parts = {_FREE: (*moving, *turning), _BALL: turning}.get(kind, ("pos",) if positions else ("vel",))
    return [f"{joint}.{part}" for part in parts]


def _sensor(model: Any, index: int) -> Part:
    name = names_of(model, "sensor")[index] or f"sensor{index}"
    start, size = int(model.sensor_adr[index]), int(model.sensor_dim[index])
    names = (name,) if size == 1 else tuple(f"{name}.{number}" for number in range(size))
    return Part(key=STATE, names=names, read=lambda world: world.sensordata[:, start : start + size])


def _site(model: Any, index: int) -> Part:
    name = names_of(model, "site")[index] or f"site{index}"
    return Part(
        key=ENVIRONMENT_STATE,
        names=tuple(f"{name}.{axis}" for axis in "xyz"),
        read=lambda world: world.site_xpos[:, index],
    )


def _listed(names: list[str]) -> str:
    return ", ".join(filter(None, names)) or "none"
