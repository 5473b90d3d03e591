"""What a robot at a table does to itself and its surroundings: measured where it is asked for (`TaskEnv.measure`).

    contact_force         N: the longest contact force on any part of the robot, a grasp's among them, after any of the
                          control step's physics steps
    joint_limit           share of the arms' joints that are within 1 mrad of a limit, or beyond it
    workspace_violation   m by which an arm's tip is below the table's top, or further from its base than its `reach`

None of it changes the physics: with it and without it an episode is the same, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from lerobot_sim.arrays import Array, device_of, namespace
from lerobot_sim.env import Batch

from .library import mj
from .mujoco_task import MujocoTask
from .tabletop import Bench
from .world import Index, World

AT_LIMIT = 1e-3
"""rad (or m) from a joint's limit: nearer, it is at it."""

_FORCE = 1 << 1  # mjCONDATA_FORCE: a contact sensor's three numbers of force
_LONGEST = 2  # of all contacts that match, the one with the longest force

Read = Callable[[World], Array]
"""(world) -> one number a lane (n,)."""


def joint_limit(bench: Bench) -> Read:
    """Grippers close onto their limits and are not among the joints."""
    names = [joint for arm in bench.robot.arms for joint in arm.joints]
    limited = np.array([bool(bench.model.jnt_limited[bench.index.joint(name)]) for name in names])
    ranges = np.array([bench.model.jnt_range[bench.index.joint(name)] for name in names], np.float64)[limited]
    joints = bench.index.qpos(names)[limited]

    def read(world: World) -> Array:
        xp = namespace(world.qpos)
        place = world.qpos[:, xp.asarray(joints, device=device_of(world.qpos))]
        low, high = (xp.asarray(ranges[:, side], dtype=place.dtype, device=device_of(place)) for side in (0, 1))
        at = (place <= low + AT_LIMIT) | (place >= high - AT_LIMIT)
        return xp.mean(xp.astype(at, place.dtype), axis=1)

    return read


def workspace_violation(bench: Bench) -> Read:
    """The workspace of an arm is a cylinder on the table around its first joint."""
    bases = [bench.index.joint(arm.joints[0]) for arm in bench.robot.arms]

    def read(world: World) -> Array:
        xp = namespace(world.qpos)
        worst = xp.zeros_like(world.qpos[:, 0])
        for number, base in enumerate(bases):
            tip = bench.tip(world, number)
            away = tip[:, :2] - world.xanchor[:, base, :2]
            beyond = xp.sqrt(xp.sum(away * away, axis=1)) - bench.robot.arms[number].reach[1]
            worst = xp.maximum(worst, xp.maximum(beyond, -tip[:, 2]))
        return worst

    return read


def with_force_sensors(bench: Bench) -> tuple[Any, tuple[int, ...]]:
    """The bench's model with a contact sensor on all of each arm, and where their forces begin in `sensordata`."""
    spec = bench.scene.copy()
    roots: dict[str, None] = {}
    for arm in bench.robot.arms:
        body = spec.joint(arm.joints[0]).parent
        while body.parent.name != spec.worldbody.name:
            body = body.parent
        body.name = body.name or f"root_of_{arm.joints[0]}"
        roots[body.name] = None
    for name in roots:
        sensor = spec.add_sensor(
            name=f"felt_by_{name}",
            type=mj.mjtSensor.mjSENS_CONTACT,
            objtype=mj.mjtObj.mjOBJ_XBODY,  # with all that hangs on it
            objname=name,
        )
        sensor.intprm[0], sensor.intprm[1], sensor.intprm[2] = _FORCE, _LONGEST, 1
    model = spec.compile()
    return model, tuple(Index(model).sensor(f"felt_by_{name}").start for name in roots)


def contact_force(columns: Sequence[int]) -> Read:
    """The length of the longest force at these places in `sensordata`."""

    def read(world: World) -> Array:
        xp = namespace(world.sensordata)
        squares = [xp.sum(world.sensordata[:, c : c + 3] ** 2, axis=1) for c in columns]
        return xp.sqrt(xp.max(xp.stack(squares), axis=0))

    return read


MEASURABLE = ("contact_force", "joint_limit", "workspace_violation")
"""Names of the metrics."""


def measurable(bench: Bench, task: MujocoTask) -> MujocoTask:
    """The task, which measures these metrics where they are asked for."""
    return replace(task, measurable=MEASURABLE, measuring=partial(_measuring, bench, task))


def _measuring(bench: Bench, task: MujocoTask, names: Sequence[str]) -> MujocoTask:
    model, forces = with_force_sensors(bench) if "contact_force" in names else (task.model, ())
    makers: Mapping[str, Callable[[], Read]] = {
        "contact_force": lambda: contact_force(forces),
        "joint_limit": lambda: joint_limit(bench),
        "workspace_violation": lambda: workspace_violation(bench),
    }
    reads = {name: makers[name]() for name in names}

    def judge(world: World, memory: Batch, params: Batch) -> tuple[Array, Array, Batch]:
        reward, success, metrics = task.judge(world, memory, params)
        return reward, success, {**metrics, **{name: read(world) for name, read in reads.items()}}

    return replace(task, model=model, forces=forces, judge=judge)
