"""Controllers: what actions are called and do, on every robot, on NumPy as on torch, whatever the number of lanes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lerobot_sim.envs.mujoco.controllers import CONTROLLERS, make_controller
from lerobot_sim.envs.mujoco.physics import CONTROL_HZ, SUBSTEPS, Physics
from lerobot_sim.envs.mujoco.robots.parts import Link, Servo, add_link, add_servo
from lerobot_sim.envs.mujoco.robots.robot import Arm, Robot
from lerobot_sim.envs.mujoco.world import from_state
from lerobot_sim.errors import InputError, UnknownNameError
from tests.envs.mujoco.benches import bench, lane, to_torch

ROBOTS = ["so100", "so101", "panda", "aloha"]
TIP_CONTROLLERS = [name for name in CONTROLLERS if name.startswith("ee_")]
WORKSPACES = {  # where the tip is sent, from home
    "so100": [0.03, 0.06, 0.02],
    "so101": [0.03, 0.06, 0.02],
    "panda": [0.12, 0.15, 0.1],
    "aloha": [0.08, 0.1, 0.08],
}
STEADY = 0.005  # m
FLOOR = {"bounds": {"min": (-1, -1, 0.02), "max": (1, 1, 1)}}


def controller(name, robot, **options):
    on = bench(robot)
    return make_controller(name, on.robot, on.model, **options)


def tip_of(on, world, arm=0):
    site = on.index.site(on.robot.arms[arm].tip)
    return world.site_xpos[:, site], world.site_xmat[:, site].reshape(-1, 3, 3)


def columns(control, *endings):
    return [i for i, name in enumerate(control.action.names) if name.endswith(endings)]


def test_actions_have_lerobots_names_units_and_bounds():
    joints = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")
    model = bench("so100").model
    ranges = [model.joint(name).range for name in joints]
    action = controller("joint_position", "so100").action
    assert (action.shape, action.dtype, action.unit) == ((6,), "float32", "rad; gripper 1")
    assert action.names == (*joints, "gripper")
    np.testing.assert_allclose(action.low, [*(r[0] for r in ranges), -1])
    np.testing.assert_allclose(action.high, [*(r[1] for r in ranges), 1])
    assert controller("joint_position", "so100", gripper="none").action.unit == "rad"
    for name in ("joint_velocity", "joint_delta"):
        action = controller(name, "so100").action
        assert (action.names, action.unit) == ((*joints, "gripper"), "")
        assert (action.low, action.high) == ((-1.0,) * 6, (1.0,) * 6)
    xyz = ("delta_x", "delta_y", "delta_z")
    assert controller("ee_delta_xyz", "panda").action.names == (*xyz, "gripper")
    assert controller("ee_delta_xyz_yaw", "panda", gripper="none").action.names == (*xyz, "delta_yaw")
    six = controller("ee_delta_6d", "panda", gripper="three_way").action
    assert six.names == (*xyz, "delta_wx", "delta_wy", "delta_wz", "gripper")
    assert (six.low[-1], six.high[-1]) == (0.0, 2.0)
    two = controller("ee_delta_xyz", "aloha").action.names
    assert two == tuple(f"{side}_{name}" for side in ("left", "right") for name in (*xyz, "gripper"))
    assert len(set(controller("joint_position", "aloha").action.names)) == 14


def test_unknown_names_and_options_are_answered():
    with pytest.raises(UnknownNameError, match="Did you mean 'ee_delta_xyz'"):
        controller("ee_delta_xy", "panda")
    with pytest.raises(UnknownNameError, match="Did you mean 'x_step_size'"):
        controller("ee_delta_xyz", "panda", x_stepsize=0.1)
    with pytest.raises(UnknownNameError, match=r"option of the controller joint_position.*gripper"):
        controller("joint_position", "panda", x_step_size=0.1)
    with pytest.raises(UnknownNameError, match="Did you mean 'three_way'"):
        controller("joint_position", "panda", gripper="threeway")
    with pytest.raises(InputError, match="above 0, -1 came"):
        controller("joint_delta", "panda", joint_step_size=-1)
    for bounds in (3, {"min": (0, 0, 0)}, {"min": (0, 0), "max": (1, 1)}, {"min": (0, 0, 1), "max": (1, 1, 0)}):
        with pytest.raises(InputError, match="min below max"):
            controller("ee_delta_xyz", "panda", bounds=bounds)


def test_the_guides_parameters_are_taken_and_their_control_mode_is_answered():
    params = {
        "x_step_size": 0.02,
        "y_step_size": 0.01,
        "z_step_size": 0.005,
        "bounds": {"max": [0.6, 0.3, 0.5], "min": [0.2, -0.3, 0.0]},
    }
    on = bench("panda")
    for given in (params, {"ee_action_space_params": params}):
        control = controller("ee_delta_xyz", "panda", gripper="none", **given)
        _, memory, _ = on.drive(control, np.ones((1, 1, 3)), 1)
        start = tip_of(on, on.world(on.home(1)[0]))[0]
        np.testing.assert_allclose(memory["position"] - start, [[0.02, 0.01, 0.005]], atol=1e-6)
        for sign in (1, -1):
            _, memory, _ = on.drive(control, np.full((60, 1, 3), sign), 1)
            edge = params["bounds"]["max" if sign > 0 else "min"]
            assert (sign * memory["position"] <= sign * np.array(edge) + 1e-12).all()
        assert memory["position"][0, 2] == pytest.approx(0.0, abs=1e-12), "the edge is reached"
    with pytest.raises(InputError, match=r"control_mode.*teleop"):
        controller("ee_delta_xyz", "panda", ee_action_space_params={**params, "control_mode": "gamepad"})


@pytest.mark.parametrize("robot", ROBOTS)
@pytest.mark.parametrize("name", TIP_CONTROLLERS)
def test_the_tip_goes_where_the_steps_say(name, robot):
    """Random ways of half a second, then a second's rest."""
    on, lanes, steps = bench(robot), 8, 12
    control = controller(name, robot, gripper="none", **FLOOR)
    arms = len(on.robot.arms)
    way = np.random.default_rng(2).uniform(-1, 1, (lanes, arms, 3)) * WORKSPACES[robot]
    share = control.action.shape[0] // arms
    actions = np.zeros((steps + 40, lanes, arms, share))
    actions[:steps, :, :, :3] = way / steps / 0.025
    turns = np.random.default_rng(3).uniform(-0.3, 0.3, (lanes, arms, share - 3))
    actions[:steps, :, :, 3:] = turns / steps / 0.1
    world, _, _ = on.drive(control, actions.reshape(len(actions), lanes, -1), lanes)
    start = on.world(on.home(lanes)[0])
    for arm in range(arms):
        (before, posed), (after, turned) = tip_of(on, start, arm), tip_of(on, world, arm)
        expected = np.maximum(before + way[:, arm], [-np.inf, -np.inf, 0.02])
        assert np.linalg.norm(after - expected, axis=1).max() < STEADY
        if name != "ee_delta_6d" and robot in ("panda", "aloha"):
            assert np.arccos(np.clip(-turned[:, 2, 2], -1, 1)).max() < 0.05
        if name == "ee_delta_xyz_yaw" and robot in ("panda", "aloha"):
            yaw = np.unwrap(np.arctan2(turned[:, 1, 1], turned[:, 0, 1]) - np.arctan2(posed[:, 1, 1], posed[:, 0, 1]))
            np.testing.assert_allclose((yaw - turns[:, arm, 0] + np.pi) % (2 * np.pi) - np.pi, 0, atol=0.05)


@pytest.mark.parametrize("robot", ["so100", "so101"])
def test_a_five_jointed_arm_points_down_where_it_can(robot):
    """Near the table; the yaw is the last joint's."""
    on = bench(robot)
    control = controller("ee_delta_xyz", robot, gripper="none", **FLOOR)
    actions = np.zeros((60, 4, 3))
    actions[:6] = np.array([[0.5, 0, -0.2], [-0.4, 0.5, -0.3], [0, -0.7, -0.2], [0.3, 0.6, -0.1]])
    world, memory, _ = on.drive(control, actions, 4)
    place, pose = tip_of(on, world)
    assert np.linalg.norm(place - memory["position"], axis=1).max() < 2e-3
    assert np.arccos(-pose[:, 2, 2]).max() < 0.06
    _, posed = tip_of(on, on.world(on.home(4)[0]))
    along = (pose[:, :2, 1] * posed[:, :2, 1]).sum(axis=1)  # of the directions between the fingers
    assert np.arccos(along).max() > 0.1, "the yaw is not held: the joints stay near home instead"
    turn = controller("ee_delta_xyz_yaw", robot, gripper="none", **FLOOR)
    actions = np.zeros((60, 2, 4))
    actions[:6, :, 3], actions[:6, :, 2] = [1, -1], -0.2
    world, memory, _ = on.drive(turn, actions, 2)
    _, turned = tip_of(on, world)
    yaw = np.arctan2(turned[:, 1, 1], turned[:, 0, 1])
    assert (yaw[0] - yaw[1]) % (2 * np.pi) == pytest.approx(1.2, abs=0.1)


@pytest.mark.parametrize("robot", ROBOTS)
@pytest.mark.parametrize("name", CONTROLLERS)
def test_numpy_and_torch_give_the_same_command(name, robot):
    on, lanes = bench(robot), 5
    for gripper in ("absolute",) if name.startswith("lerobot_") else ("absolute", "three_way"):
        control = controller(name, robot, gripper=gripper)
        bounds = np.array(control.action.low), np.array(control.action.high)
        actions = np.random.default_rng(0).uniform(*bounds, (7, lanes, len(bounds[0])))
        world, memory, _ = on.drive(control, actions[:6] * 0.3 if name != "joint_position" else actions[:6], lanes)
        here, after = control.command(world, memory, actions[6])
        there, later = control.command(to_torch(world), to_torch(memory), to_torch(actions[6]))
        assert isinstance(there, torch.Tensor)
        np.testing.assert_allclose(here, there.numpy(), rtol=0, atol=1e-10)
        begun, also = control.start(world), control.start(to_torch(world))
        assert list(after) == list(later) == list(memory) == list(begun) == list(also)
        for key, value in after.items():
            np.testing.assert_allclose(value, later[key].numpy(), rtol=0, atol=1e-10)
            np.testing.assert_allclose(begun[key], also[key].numpy(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", CONTROLLERS)
def test_a_lane_does_not_depend_on_the_others_and_nothing_given_is_changed(name):
    on, lanes = bench("so100"), 9
    control = controller(name, "so100")
    actions = np.random.default_rng(1).uniform(-1, 1, (10, lanes, control.action.shape[0]))
    world, memory, _ = on.drive(control, actions[:9], lanes)
    kept = lane(world, slice(None)), lane(memory, slice(None)), actions.copy()
    ctrl, after = control.command(world, memory, actions[9])
    for old, new in ((kept[0].qpos, world.qpos), (kept[0].ctrl, world.ctrl), (kept[2], actions)):
        np.testing.assert_array_equal(old, new)
    for key in memory:
        np.testing.assert_array_equal(kept[1][key], memory[key])
    for rows in ([3], [0, 8], list(range(2, 9))):
        part, part_after = control.command(lane(world, rows), lane(memory, rows), actions[9][rows])
        assert part.tobytes() == ctrl[rows].tobytes()
        for key, value in after.items():
            assert part_after[key].tobytes() == value[rows].tobytes()


def test_grippers_open_close_and_stay():
    on = bench("panda")
    gripper = int(on.index.actuators([on.arm.gripper_actuator])[0])
    world = on.world(on.home(5)[0])
    opened, closed = on.arm.gripper_open, on.arm.gripper_closed
    for name in ("joint_delta", "ee_delta_xyz"):
        control = controller(name, "panda")
        action = np.zeros((5, control.action.shape[0]))
        action[:, -1] = [-1, 1, 0, 0.5, -0.5]
        ctrl, _ = control.command(world, control.start(world), action)
        share = np.array([0, 1, 0.5, 0.75, 0.25])
        np.testing.assert_allclose(ctrl[:, gripper], closed + share * (opened - closed))
        control = controller(name, "panda", gripper="three_way")
        world.ctrl[:, gripper] = 0.3 * opened
        for asked, answer in (
            ([0, 2, 1, 0.6, 1.4], [closed, opened, *[0.3 * opened] * 3]),
            ([0.4, 1.6, 0.5, 1.5, 1], [closed, opened, 0.3 * opened, opened, 0.3 * opened]),
        ):
            action[:, -1] = asked
            ctrl, _ = control.command(world, control.start(world), action)
            np.testing.assert_allclose(ctrl[:, gripper], answer)
        control = controller(name, "panda", gripper="none")
        ctrl, _ = control.command(world, control.start(world), action[:, :-1])
        np.testing.assert_array_equal(ctrl[:, gripper], world.ctrl[:, gripper])


@pytest.mark.parametrize("robot", ROBOTS)
def test_joint_controllers_move_joints_as_they_say(robot):
    on = bench(robot)
    joints = np.concatenate([on.index.qpos(arm.joints) for arm in on.robot.arms])
    rng, lanes, count = np.random.default_rng(0), 4, len(joints)
    home = np.concatenate([arm.home for arm in on.robot.arms])
    low, high = (
        np.concatenate([on.model.joint(j).range[[k]] for a in on.robot.arms for j in a.joints]) for k in (0, 1)
    )
    way = np.clip(home + rng.uniform(-0.3, 0.3, (lanes, count)), low, high) - home
    tolerance = 0.05 if robot.startswith("so") else 0.03  # what the arms sag, and what friction holds

    control = controller("joint_position", robot, gripper="none")
    world, _, _ = on.drive(control, np.tile(home + way, (40, 1, 1)), lanes)
    np.testing.assert_allclose(world.qpos[:, joints] - home, way, atol=tolerance)
    assert control.command(world, {}, np.full((lanes, count), 100.0))[0].max() <= high.max()

    for name, options, per_step in (
        ("joint_velocity", {"max_joint_speed": 1.5}, 1.5 / CONTROL_HZ),
        ("joint_delta", {"joint_step_size": 0.06}, 0.06),
    ):
        control = controller(name, robot, gripper="none", **options)
        actions = np.zeros((45, lanes, count))
        actions[:10] = way / 10 / per_step
        world, memory, _ = on.drive(control, actions, lanes)
        np.testing.assert_allclose(world.qpos[:, joints] - home, way, atol=tolerance)
        target = np.concatenate([memory[key] for key in memory], axis=1)
        np.testing.assert_allclose(target - home, way, atol=1e-6)


def test_a_blocked_arm_does_not_wind_up():
    """Pressed against the table for two seconds, it is free again at once."""
    on = bench("so100")
    for name, down, up in (
        ("ee_delta_xyz", [0, 0, -1], [0, 0, 1]),
        ("joint_delta", [0, 1, 0, 0, 0], [0, -1, 0, 0, 0]),
    ):
        options = {"bounds": {"min": (-1, -1, -1), "max": (1, 1, 1)}} if name.startswith("ee") else {}
        control = controller(name, "so100", gripper="none", **options)
        actions = np.array([down] * 50 + [up] * 14, float)[:, None]
        pressed, _, _ = on.drive(control, actions[:50], 1)
        freed, _, _ = on.drive(control, actions, 1)
        assert tip_of(on, freed)[0][0, 2] > tip_of(on, pressed)[0][0, 2] + 0.03


@pytest.mark.parametrize("robot", ["so100", "aloha"])
@pytest.mark.parametrize("name", TIP_CONTROLLERS)
def test_an_arm_out_of_reach_comes_to_rest_and_returns(name, robot):
    on = bench(robot)
    control = controller(name, robot, gripper="none")
    outwards = np.zeros((4, control.action.shape[0]))
    outwards[:, columns(control, "delta_x", "delta_y", "delta_z")[:3]] = [
        [0, 1, 0],
        [0.3, 1, 0.5],
        [0, -1, 1],
        [-0.2, -1, 0],
    ]
    actions = np.concatenate([np.tile(outwards, (60, 1, 1)), np.zeros((40, *outwards.shape))])
    far, _, _ = on.drive(control, actions, 4)
    assert np.abs(far.qvel[:, on.index.dofs(on.arm.joints)]).max() < 0.15  # without `reaching_step`: 2 rad/s
    back = -actions[:8]
    near, memory, _ = on.drive(control, np.concatenate([actions, back, np.zeros((40, *outwards.shape))]), 4)
    place = memory[next(key for key in memory if key.endswith("position"))]
    assert np.linalg.norm(tip_of(on, near)[0] - place, axis=1).max() < 2 * STEADY  # still nearly stretched


def test_an_arm_that_sags_is_held_up():
    """SO-100 has no gravity compensation: joint targets leave a rest, the tip's target does not."""
    on = bench("so100")
    start = tip_of(on, on.world(on.home(1)[0]))[0]
    held, _, _ = on.drive(controller("ee_delta_xyz", "so100", gripper="none"), np.zeros((60, 1, 3)), 1)
    home = np.array(on.arm.home)[None]
    left, _, _ = on.drive(controller("joint_position", "so100", gripper="none"), np.tile(home, (60, 1, 1)), 1)
    sag, rest = (np.linalg.norm(tip_of(on, world)[0] - start) for world in (left, held))
    assert rest < 1e-3
    assert sag > 2 * rest


def test_continuing_from_a_lanes_state_is_exact():
    """World and memory are all that a controller needs."""
    on, lanes = bench("panda"), 3
    control = controller("ee_delta_6d", "panda")
    actions = np.random.default_rng(0).uniform(-1, 1, (12, lanes, 7))
    physics = Physics(on.model, lanes, threads=1)
    state = physics.settle(np.arange(lanes), *on.home(lanes))
    memory, live, kept = control.start(from_state(state)), np.ones(lanes, bool), None
    for t, action in enumerate(actions):
        if t == 6:
            kept = {k: v.copy() for k, v in state.items()}, {k: v.copy() for k, v in memory.items()}
        ctrl, memory = control.command(from_state(state), memory, action)
        state, _ = physics.advance(state, ctrl, live, SUBSTEPS)
    again, other = kept, Physics(on.model, lanes, threads=1)
    resumed, memory = again
    for action in actions[6:]:
        ctrl, memory = controller("ee_delta_6d", "panda").command(from_state(resumed), memory, action)
        resumed, _ = other.advance(resumed, ctrl, live, SUBSTEPS)
    np.testing.assert_array_equal(resumed["world.qpos"], state["world.qpos"])


def small_robots(arms):
    """Arms of one slide and two hinges, `arms` of them, with a passive joint before them in the model."""

    def add(spec):
        other = spec.worldbody.add_body(name="other", pos=[0, 1, 1])
        other.add_joint(name="other", axis=[0, 0, 1])
        other.add_geom(size=[0.01, 0, 0])
        spec.add_actuator(name="other", target="other", trntype=0).set_to_position(kp=1.0, kv=0.1)
        for k in range(arms):
            _add_small_arm(spec, k)

    made = tuple(
        Arm(
            joints=tuple(f"{k}{joint}" for joint in ("lift", "a", "b")),
            actuators=tuple(f"{k}{joint}" for joint in ("lift", "a", "b")),
            gripper_actuator=f"{k}grip",
            gripper_joint=f"{k}grip",
            gripper_open=0.5,
            gripper_closed=0.0,
            tip=f"{k}tip",
            fingers=((), ()),
            wrist_camera="",
            home=(0.0, 0.3, 0.6),
            reach=(0.1, 0.3),
        )
        for k in range(arms)
    )
    return Robot(name="small", arms=made, add=add, source="")


def _add_small_arm(spec, k):
    hinge, slide = Servo(kp=20.0, kv=1.0, force=50.0, armature=0.02), Servo(kp=200.0, kv=20.0, force=50.0)
    body = spec.worldbody
    for joint, length in (("lift", 0.0), ("a", 0.0), ("b", 0.2), ("grip", 0.2)):
        limits = (-0.3, 0.3) if joint == "lift" else (-2.0, 2.0)
        inertia = (1e-3, 1e-3, 1e-3, 0, 0, 0)
        link = Link(
            name=f"{k}{joint}", pos=(length, 0.5 * k, 0.5 if joint == "lift" else 0.0), joint=f"{k}{joint}",
            limits=limits, mass=0.1, com=(0, 0, 0), inertia=inertia, slide=joint == "lift",
        )  # fmt: skip
        if joint != "lift":
            link = Link(**{**link.__dict__, "pos": (length, 0, 0)})
        servo = slide if joint == "lift" else hinge
        body = add_link(body, link, servo, 0.0, gravity_compensation=1.0)
        add_servo(spec, link.joint, servo, limits, joint=link.joint)
    body.add_site(name=f"{k}tip", pos=[0.05, 0, 0], quat=[0, 1, 0, 0])


@pytest.mark.parametrize("arms", [1, 2])
def test_arms_with_slides_beside_other_actuators(arms):
    import mujoco

    from lerobot_sim.envs.mujoco.physics import prepared

    robot, spec = small_robots(arms), prepared(mujoco.MjSpec())
    robot.add(spec)
    model = spec.compile()
    control = make_controller("ee_delta_xyz", robot, model)
    assert control.action.names[-1] == ("gripper" if arms == 1 else "arm1_gripper")
    assert make_controller("joint_position", robot, model).action.unit == "rad; m; gripper 1"
    physics = Physics(model, 1, threads=1)
    qpos, ctrl = np.zeros((1, model.nq)), np.zeros((1, model.nu))
    for arm in robot.arms:
        qpos[0, [model.joint(j).qposadr[0] for j in arm.joints]] = arm.home
    ctrl[0, 0] = 0.7
    state = physics.settle(np.arange(1), qpos, ctrl)
    memory = control.start(from_state(state))
    begin = state["world.site_xpos"].copy()
    step = np.tile([-0.3, -0.5, 0.4, 1.0], arms)[None]
    for t in range(60):
        ctrl, memory = control.command(from_state(state), memory, step if t < 8 else step * [[0, 0, 0, 1] * arms])
        state, _ = physics.advance(state, ctrl, np.ones(1, bool), SUBSTEPS)
    assert ctrl[0, 0] == 0.7, "others' actuators are left alone"
    assert (ctrl[0, [model.actuator(arm.gripper_actuator).id for arm in robot.arms]] == 0.5).all()
    moved = state["world.site_xpos"] - begin
    np.testing.assert_allclose(moved[0], np.tile(np.array([-0.3, -0.5, 0.4]) * 8 * 0.025, (arms, 1)), atol=STEADY)
