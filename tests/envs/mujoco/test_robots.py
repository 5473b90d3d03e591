"""The robots against their publishers' numbers, at rest, at work, and with a cube in the hand."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from lerobot_sim.envs.mujoco.robots.catalogue import ROBOTS, robot
from lerobot_sim.envs.mujoco.robots.robot import Arm, Robot
from lerobot_sim.errors import UnknownNameError

Array = NDArray[np.float64]
NAMES = sorted(ROBOTS)
GRASPS = [("so100", 0), ("so101", 0), ("panda", 0), ("aloha", 1)]


@dataclass
class Bench:
    """A robot on a table, perhaps with a cube."""

    robot: Robot
    model: mujoco.MjModel
    data: mujoco.MjData

    def set(self, joints: tuple[str, ...], positions: tuple[float, ...] | Array) -> None:
        for joint, position in zip(joints, positions, strict=True):
            self.data.joint(joint).qpos = position

    def hold(self) -> None:
        """Aims every actuator at the home posture with open grippers."""
        for arm in self.robot.arms:
            for actuator, position in zip(arm.actuators, arm.home, strict=True):
                self.data.actuator(actuator).ctrl = position
            self.data.actuator(arm.gripper_actuator).ctrl = arm.gripper_open

    def positions(self, arm: Arm) -> Array:
        return np.array([self.data.joint(joint).qpos[0] for joint in arm.joints])


def bench(
    name: str, cube: tuple[float, float, float] | None = None, *, half: float = 0.0175, mass: float = 0.06
) -> Bench:
    found = robot(name)
    spec = mujoco.MjSpec()
    spec.option.timestep = 0.004
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10
    spec.worldbody.add_geom(name="table", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[1, 1, 0.1])
    found.add(spec)
    if cube is not None:
        body = spec.worldbody.add_body(name="cube", pos=cube)
        body.add_freejoint()
        body.add_geom(name="cube", type=mujoco.mjtGeom.mjGEOM_BOX, size=[half] * 3, mass=mass)
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return Bench(found, model, data)


def turn(axis: tuple[float, float, float], angle: float) -> Array:
    """Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=np.float64)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


MASSES = {
    "so100": 1.0 + 0.119226 + 0.162409 + 0.147968 + 0.0661321 + 0.0929859 + 0.0202444,
    "so101": 0.147 + 0.100006 + 0.103 + 0.104 + 0.079 + 0.087 + 0.012,
    "panda": 0.629769 + 4.970684 + 0.646926 + 3.228604 + 3.587895 + 1.225946 + 1.666555 + 0.735522 + 0.73 + 2 * 0.015,
    "aloha": 2
    * (0.969034 + 0.798614 + 0.792592 + 0.322228 + 0.414823 + 0.115395 + 0.251652 + 0.42158 + 0.0862937 + 0.0862932),
}


@pytest.mark.parametrize("name", NAMES)
def test_masses_are_the_published_ones(name):
    assert bench(name).model.body_mass.sum() == pytest.approx(MASSES[name], abs=1e-9)


LIMITS = {
    "so100": [(-2, 2), (-1.8, 1.7), (-1.57079, 1.57079), (-1.92921, 1.77079), (-3.14158, 3.14158)],
    "so101": [(-1.91986, 1.91986), (-1.74533, 1.74533), (-1.69, 1.69), (-1.65806, 1.65806), (-2.74385, 2.84121)],
    "panda": [
        (-2.8973, 2.8973),
        (-1.7628, 1.7628),
        (-2.8973, 2.8973),
        (-3.0718, -0.0698),
        (-2.8973, 2.8973),
        (-0.0175, 3.7525),
        (-2.8973, 2.8973),
    ],
    "aloha": [
        (-3.14158, 3.14158),
        (-1.85005, 1.25664),
        (-1.76278, 1.60570),
        (-3.14158, 3.14158),
        (-1.86750, 2.23402),
        (-3.14158, 3.14158),
    ],
}


@pytest.mark.parametrize("degrees", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_limits_and_home_do_not_depend_on_the_unit_of_the_spec(name, degrees):
    found = robot(name)
    spec = mujoco.MjSpec()
    spec.compiler.degree = degrees
    found.add(spec)
    model = spec.compile()
    data = mujoco.MjData(model)
    for arm in found.arms:
        ranges = np.array([model.joint(joint).range for joint in arm.joints])
        np.testing.assert_allclose(ranges, LIMITS[name], atol=1.1e-5)
        np.testing.assert_allclose([data.joint(joint).qpos[0] for joint in arm.joints], arm.home, atol=1e-12)
        assert data.joint(arm.gripper_joint).qpos[0] == pytest.approx(arm.gripper_open)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_as_declared(name):
    scene = bench(name)
    assert scene.robot.name == name
    for arm in scene.robot.arms:
        assert len(arm.joints) == len(arm.actuators) == len(arm.home)
        for joint, actuator in zip(arm.joints, arm.actuators, strict=True):
            index = scene.model.actuator(actuator).trnid[0]
            assert scene.model.joint(index).name == joint
            np.testing.assert_allclose(scene.model.actuator(actuator).ctrlrange, scene.model.joint(joint).range)
        low, high = scene.model.actuator(arm.gripper_actuator).ctrlrange
        assert low <= arm.gripper_closed < arm.gripper_open <= high
        assert scene.model.camera(arm.wrist_camera).bodyid == scene.model.site(arm.tip).bodyid
        for finger in arm.fingers:
            for geom in finger:
                assert scene.model.geom(geom).condim >= 4
    names = {"so100": {"shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper"}}
    names["so101"] = names["so100"]
    names["panda"] = {f"joint{index}" for index in range(1, 8)} | {"gripper"}
    parts = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper")
    names["aloha"] = {f"{side}_{part}" for side in ("left", "right") for part in parts}
    assert {scene.model.actuator(index).name for index in range(scene.model.nu)} == names[name]


@pytest.mark.parametrize("name", NAMES)
def test_collision_geoms_are_few_and_what_is_looked_at_is_not_felt(name):
    scene = bench(name)
    felt = (scene.model.geom_contype > 0) & (scene.model.geom_bodyid > 0)
    assert felt.sum() <= 15 * len(scene.robot.arms)
    assert set(scene.model.geom_group[felt]) == {3}
    looked_at = (scene.model.geom_bodyid > 0) & ~felt
    assert looked_at.sum() > 20
    assert set(scene.model.geom_group[looked_at]) == {2}
    assert not scene.model.geom_conaffinity[looked_at].any()


@pytest.mark.parametrize("name", NAMES)
def test_home_points_down_over_the_table_and_touches_nothing(name):
    scene = bench(name)
    assert scene.data.ncon == 0
    for arm in scene.robot.arms:
        limits = np.array([scene.model.joint(joint).range for joint in arm.joints])
        assert (limits[:, 0] < arm.home).all()
        assert (arm.home < limits[:, 1]).all()
        axes = scene.data.site(arm.tip).xmat.reshape(3, 3)
        np.testing.assert_allclose(axes[:, 2], [0, 0, -1], atol=1e-3)
        first, second = (np.mean([scene.data.geom(geom).xpos for geom in finger], axis=0) for finger in arm.fingers)
        across = (second - first) / np.linalg.norm(second - first)
        assert across @ axes[:, 1] > 0.9
        assert 0.05 < scene.data.site(arm.tip).xpos[2] < 0.3
        base = scene.data.joint(arm.joints[0]).xanchor
        distance = np.linalg.norm((scene.data.site(arm.tip).xpos - base)[:2])
        assert arm.reach[0] < distance < arm.reach[1]


@pytest.mark.parametrize("name", NAMES)
def test_wrist_camera_sees_both_pads_and_the_tip(name):
    scene = bench(name)
    for arm in scene.robot.arms:
        camera = scene.data.camera(arm.wrist_camera)
        half = np.tan(np.deg2rad(scene.model.camera(arm.wrist_camera).fovy[0]) / 2)
        points = [
            scene.data.site(arm.tip).xpos,
            *(scene.data.geom(geom).xpos for finger in arm.fingers for geom in finger),
        ]
        for point in points:
            x, y, z = camera.xmat.reshape(3, 3).T @ (point - camera.xpos)
            assert z < 0
            assert max(abs(x), abs(y)) / -z < half


@pytest.mark.parametrize("name", NAMES)
def test_actuators_hold_home(name):
    scene = bench(name)
    scene.hold()
    mujoco.mj_step(scene.model, scene.data, 500)
    for arm in scene.robot.arms:
        np.testing.assert_allclose(scene.positions(arm), arm.home, atol=0.02)
        assert scene.data.joint(arm.gripper_joint).qpos[0] == pytest.approx(arm.gripper_open, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_stable_under_targets_all_over_the_workspace(name):
    scene = bench(name)
    random = np.random.default_rng(3)
    low, high = scene.model.actuator_ctrlrange.T
    fastest = 0.0
    for _ in range(40):
        scene.data.ctrl[:] = random.uniform(low, high)
        for _ in range(5):
            mujoco.mj_step(scene.model, scene.data, 25)
            fastest = max(fastest, float(np.abs(scene.data.qvel).max()))
    assert not any(warning.number for warning in scene.data.warning)
    assert fastest < 40
    scene.hold()
    mujoco.mj_step(scene.model, scene.data, 750)
    assert np.abs(scene.data.qvel).max() < 0.05, "trembles at rest"


def inverse_kinematics(
    scene: Bench, arm: Arm, position: Array, rotation: Array, start: Array, weight: float
) -> tuple[Array, float]:
    """Damped least squares; orientation errors count `weight`. Returns joints and the distance left in m."""
    data = mujoco.MjData(scene.model)
    joints = [scene.model.joint(joint) for joint in arm.joints]
    q, v = [joint.qposadr[0] for joint in joints], [joint.dofadr[0] for joint in joints]
    low, high = np.array([joint.range for joint in joints]).T
    data.qpos[q] = start
    jacobian, quat, error = np.zeros((6, scene.model.nv)), np.zeros(4), np.zeros(6)
    scale = np.array([1, 1, 1, weight, weight, weight])
    for _ in range(150):
        mujoco.mj_kinematics(scene.model, data)
        mujoco.mj_comPos(scene.model, data)
        site = data.site(arm.tip)
        error[:3] = position - site.xpos
        mujoco.mju_mat2Quat(quat, (rotation @ site.xmat.reshape(3, 3).T).ravel())
        mujoco.mju_quat2Vel(error[3:], quat, 1.0)
        mujoco.mj_jacSite(scene.model, data, jacobian[:3], jacobian[3:], site.id)
        a = jacobian[:, v] * scale[:, None]
        step = a.T @ np.linalg.solve(a @ a.T + 1e-6 * np.eye(6), scale * error)
        data.qpos[q] = np.clip(data.qpos[q] + np.clip(step, -0.2, 0.2), low, high)
    return data.qpos[q].copy(), float(np.linalg.norm(error[:3]))


def reachable(scene: Bench, arm: Arm, position: Array, start: Array) -> Array:
    """Joints at which the tip is at `position`, pointing down or tilted outwards by as little as needed."""
    forward = 1.0 if scene.data.site(arm.tip).xmat[0] > 0 else -1.0
    down = np.diag([forward, -forward, -1.0])
    for tilt in np.arange(0, 1.0, 0.1):
        q, distance = inverse_kinematics(scene, arm, position, turn((0, 1, 0), -forward * tilt) @ down, start, 0.03)
        if distance < 5e-4:
            return q
    raise AssertionError(f"{arm.tip} does not reach {position}")


@pytest.mark.parametrize("name", NAMES)
def test_reach_is_where_the_hand_points_straight_down(name):
    scene = bench(name)
    heights = (0.02, 0.07) if name.startswith("so") else (0.02, 0.2)
    for arm in scene.robot.arms:
        base = scene.data.joint(arm.joints[0]).xanchor.copy()
        forward = 1.0 if scene.data.site(arm.tip).xmat[0] > 0 else -1.0
        for distance in np.linspace(*arm.reach, 4):
            for height in heights:
                target = np.array([base[0] + forward * distance, 0, height])
                start = np.array(arm.home)
                q, left = inverse_kinematics(scene, arm, target, np.diag([forward, -forward, -1.0]), start, 1.0)
                assert left < 1e-3, (distance, height)
                scene.set(arm.joints, q)
                mujoco.mj_forward(scene.model, scene.data)
                assert scene.data.ncon == 0, (distance, height)
                scene.set(arm.joints, arm.home)


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_the_pandas_servos_settle_after_they_met_their_force_limits(gain):
    """As far as the Param of their gains reaches: kv grows with its root."""
    scene = bench("panda")
    model, data, arm = scene.model, scene.data, scene.robot.arms[0]
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
    servos = [model.actuator(name).id for name in (*arm.actuators, arm.gripper_actuator)]
    model.actuator_gainprm[servos, 0] *= gain
    model.actuator_biasprm[servos, 1] *= gain
    model.actuator_biasprm[servos, 2] *= np.sqrt(gain)
    low, high = model.actuator_ctrlrange[servos].T
    greatest, random = model.actuator_forcerange[servos, 1], np.random.default_rng(0)
    for _ in range(5):
        mujoco.mj_resetData(model, data)
        scene.set(arm.joints, random.uniform(low[:7], high[:7]))
        data.ctrl[servos] = [*random.uniform(low[:7], high[:7]), low[7]]
        limited = np.zeros(8, np.bool_)
        for _ in range(1000):
            mujoco.mj_step(model, data)
            limited |= np.abs(data.actuator_force[servos]) >= greatest
        assert limited.sum() >= 6, "the test asks for too little"
        assert np.abs(data.qvel).max() < 1e-4
        np.testing.assert_allclose(scene.positions(arm), data.ctrl[servos[:7]], atol=1e-4)


@pytest.mark.parametrize(("half", "mass"), [(0.0175, 0.06), (0.015, 0.05), (0.02, 0.1)])
@pytest.mark.parametrize(("name", "which"), GRASPS)
def test_the_hand_holds_a_cube(name, which, half, mass):
    home = bench(name)
    tip = home.data.site(home.robot.arms[which].tip).xpos
    scene = bench(name, (tip[0], tip[1], half), half=half, mass=mass)
    arm = scene.robot.arms[which]
    site, cube = scene.data.site(arm.tip), scene.data.body("cube")
    scene.hold()

    def move(goal: Array, seconds: float, gripper: float) -> None:
        start = np.array([scene.data.actuator(actuator).ctrl[0] for actuator in arm.actuators])
        for share in np.linspace(0, 1, int(seconds * 25) + 1)[1:]:
            for actuator, target in zip(
                arm.actuators, start + share * share * (3 - 2 * share) * (goal - start), strict=True
            ):
                scene.data.actuator(actuator).ctrl = target
            scene.data.actuator(arm.gripper_actuator).ctrl = gripper
            mujoco.mj_step(scene.model, scene.data, 10)

    def in_hand() -> Array:
        return site.xmat.reshape(3, 3).T @ (cube.xpos - site.xpos)

    place = cube.xpos.copy()
    low = reachable(scene, arm, place, np.array(arm.home))
    high = reachable(scene, arm, place + np.array([0, 0, 0.1]), low)
    move(low, 2.0, arm.gripper_open)
    move(low, 1.0, arm.gripper_closed)
    gripped = in_hand()
    assert np.linalg.norm(gripped) < 0.015
    move(high, 1.5, arm.gripper_closed)
    move(high, 2.0, arm.gripper_closed)
    assert cube.xpos[2] > half + 0.085
    assert np.linalg.norm(in_hand() - gripped) < 0.005
    move(high, 1.0, arm.gripper_open)
    assert cube.xpos[2] < half + 0.02, "let go"


def test_an_unknown_robot_is_met_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="'so100'"):
        robot("so10")
