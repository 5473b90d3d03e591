"""Contact forces, joint limits and workspace: against MuJoCo's own contacts, and that measuring changes nothing."""

import mujoco
import numpy as np
import pytest

from lerobot_sim.env import End
from lerobot_sim.envs.mujoco.physics import SUBSTEPS
from lerobot_sim.envs.mujoco.robots.catalogue import robot
from lerobot_sim.envs.mujoco.tasks import aloha_transfer, lift, pick_place, reach
from lerobot_sim.errors import InputError, UnknownNameError

ALL = ("contact_force", "joint_limit", "workspace_violation")


def asked(env, names=ALL):
    env.measure(names)
    return env


def driven(env, action, steps, lanes=1):
    """Steps under one action; every Step."""
    active = np.ones(lanes, np.bool_)
    whole = np.repeat(np.asarray(action, np.float32)[None], lanes, axis=0)
    return [env.step(whole, active) for _ in range(steps)]


@pytest.mark.parametrize("make", [lift.make, aloha_transfer.make])
def test_measuring_changes_no_bit(make):
    plain, measured = make(3), asked(make(3))
    assert not set(ALL) & set(plain.spec.options)
    assert measured.spec == plain.spec
    lanes, seeds = np.arange(3), np.array([5, 6, 7])
    for env in (plain, measured):
        env.reset(lanes, seeds)
    generator = np.random.default_rng(0)
    for step in range(30):
        action = generator.uniform(-1, 1, (3, *plain.spec.action.shape)).astype(np.float32)
        active = np.array([True, step % 3 > 0, True])
        one, other = plain.step(action, active), measured.step(action, active)
        np.testing.assert_array_equal(one.observation["observation.state"], other.observation["observation.state"])
        np.testing.assert_array_equal(one.reward, other.reward)
        assert set(other.metrics) - set(one.metrics) == set(ALL)
    states = [env.get_state(lanes)["state.integration"] for env in (plain, measured)]
    np.testing.assert_array_equal(*states)


def longest_force(model, data, root):
    """By MuJoCo's list of contacts: the longest force at a geom of the robot."""
    force, longest = np.zeros(6), 0.0
    for number, contact in enumerate(data.contact):
        if root in model.body_rootid[model.geom_bodyid[contact.geom]]:
            mujoco.mj_contactForce(model, data, number, force)
            longest = max(longest, float(np.linalg.norm(force[:3])))
    return longest


def test_the_force_is_the_longest_of_all_physics_steps_by_mujocos_own_contacts():
    env, model = asked(reach.make(), ["contact_force"]), reach.task().model
    root = int(model.body_rootid[model.body("link1").id])
    env.reset(np.array([0]), np.array([3]))
    at_the_ends, felt = [], []
    for _ in range(40):
        data = mujoco.MjData(model)
        before = env.get_state(np.array([0]))
        (step,) = driven(env, [0, 0, -1], 1)
        mujoco.mj_setState(model, data, before["state.integration"][0], mujoco.mjtState.mjSTATE_INTEGRATION)
        data.ctrl[:] = env.get_state(np.array([0]))["state.world.ctrl"][0]
        forces = []
        for _ in range(SUBSTEPS):
            mujoco.mj_step(model, data)
            again = mujoco.MjData(model)
            mujoco.mj_copyData(again, model, data)
            mujoco.mj_forward(model, again)
            forces.append(longest_force(model, again, root))
        felt.append(float(step.metrics["contact_force"][0]))
        at_the_ends.append(forces[-1])
        np.testing.assert_allclose(felt[-1], max(forces), rtol=1e-6, atol=1e-9)
    assert felt[0] == 0.0  # the hand is in the air
    assert max(felt) > 20.0  # it presses the table
    assert max(felt) > 1.01 * max(at_the_ends)  # and hit it between two control steps


def test_a_joint_at_its_limit_counts_and_a_gripper_does_not():
    env = asked(reach.make(controller="joint_position"), ["joint_limit"])
    state = env.reset(np.array([0]), np.array([0]))["observation.state"][0]
    target = state[:7].copy()
    assert driven(env, target, 1)[0].metrics["joint_limit"][0] == 0.0
    target[0] = np.asarray(env.spec.action.high)[0]
    shares = [float(step.metrics["joint_limit"][0]) for step in driven(env, target, 74)]
    assert shares[-1] == pytest.approx(1 / 7)
    grips = asked(lift.make(controller="joint_position"), ["joint_limit"])
    home = grips.reset(np.array([0]), np.array([0]))["observation.state"][0]
    closed = driven(grips, [*home[:7], -1.0], 20)[-1]
    assert closed.observation["observation.state"][0, 7] < 0.01
    assert closed.metrics["joint_limit"][0] == 0.0


def test_the_workspace_ends_at_the_reach_of_the_arm():
    env = asked(reach.make(robot="so100"), ["workspace_violation"])
    env.reset(np.array([0]), np.array([0]))
    steps = driven(env, [1, 0, 0.3], 60)
    tip = steps[-1].observation["observation.state"][0, -3:]
    base = reach.task("so100").model.body("shoulder").pos[:2]
    assert steps[0].metrics["workspace_violation"][0] == 0.0
    beyond = np.hypot(*(tip[:2] - base)) - robot("so100").arms[0].reach[1]
    assert beyond > 0.02
    np.testing.assert_allclose(steps[-1].metrics["workspace_violation"][0], beyond, atol=0.03)


def test_restored_lanes_measure_the_same():
    env, other = asked(pick_place.make()), asked(pick_place.make())
    env.reset(np.array([0]), np.array([1]))
    last = driven(env, [0, 0, -1, 0, -1], 30)[-1]
    other.set_state(np.array([0]), env.get_state(np.array([0])))
    one, two = (driven(it, np.zeros(env.spec.action.shape), 1)[0] for it in (env, other))
    assert last.end[0] == End.RUNNING
    for name in ALL:
        np.testing.assert_array_equal(one.metrics[name], two.metrics[name])


def test_what_cannot_be_measured_is_named_and_the_time_for_asking_is_before_the_reset():
    env = reach.make()
    with pytest.raises(UnknownNameError, match="Did you mean 'contact_force'"):
        env.measure(["contact_forces"])
    env.reset(np.array([0]), np.array([0]))
    with pytest.raises(InputError, match="before the first reset"):
        env.measure(["joint_limit"])
