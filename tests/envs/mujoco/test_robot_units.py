"""Environments in the units of LeRobot's robots, and the expert that gives joint targets."""

import numpy as np
import pytest
import torch

import lerobot_sim
from lerobot_sim import registry
from lerobot_sim.envs.mujoco.robot_units import UNITS, controller_name, targets_of
from lerobot_sim.envs.mujoco.world import Index, from_state
from lerobot_sim.errors import InputError, UnknownNameError
from lerobot_sim.experts.mujoco.joint_targets import JointTargets, usual_task
from lerobot_sim.loop import rollout
from lerobot_sim.testing import CHECKS

STATE = "observation.state"
SO_JOINTS = [
    f"{name}.pos" for name in ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
]


def make(unit, num_envs=1, task="mujoco/lift", robot="so100"):
    return lerobot_sim.make(task, num_envs, robot=robot, controller=controller_name(unit))


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_the_contract_is_kept(name):
    CHECKS[name](lambda num_envs: make("degrees", num_envs))


def test_names_and_features_are_those_of_the_robot():
    for unit, words in UNITS.items():
        spec = make(unit).spec
        assert list(spec.observation) == [STATE]
        assert list(spec.observation[STATE].names) == list(spec.action.names) == SO_JOINTS
        assert spec.observation[STATE].unit == spec.action.unit == words
        assert spec.options["controller"] == f"lerobot_{unit}"
        assert (spec.action.low[-1], spec.action.high[-1]) == (0, 100)
    ranged = make("range_m100_100").spec
    np.testing.assert_allclose(ranged.action.low[:-1], -100)
    np.testing.assert_allclose(ranged.action.high[:-1], 100)
    two = make("degrees", task="mujoco/aloha-transfer", robot="aloha").spec
    assert (two.action.names[6], two.action.low[6], two.action.high[13]) == ("left_gripper.pos", 0, 100)


def test_all_units_say_the_same_pose():
    """Against radians, and against the usual environment's own state."""
    seen = {unit: make(unit).reset(np.array([0]), np.array([3]))[STATE][0] for unit in UNITS}
    usual = lerobot_sim.make("mujoco/lift", robot="so100", controller="joint_position")
    own = usual.reset(np.array([0]), np.array([3]))[STATE][0]
    np.testing.assert_allclose(seen["radians"][:5], own[:5], atol=1e-6)
    np.testing.assert_allclose(seen["degrees"][:5], np.rad2deg(own[:5]), atol=1e-4)
    low, high = (np.array(bound)[:5] for bound in (usual.spec.action.low, usual.spec.action.high))
    np.testing.assert_allclose(seen["range_m100_100"][:5], 200 * (own[:5] - low) / (high - low) - 100, atol=1e-4)
    for pose in seen.values():
        assert pose[5] == pytest.approx(100 * own[5], abs=1e-4)


@pytest.mark.parametrize("unit", UNITS)
def test_a_target_is_reached_in_every_unit(unit):
    env = make(unit)
    target = env.reset(np.array([0]), np.array([0]))[STATE].copy()
    half = [low + 0.6 * (high - low) for low, high in zip(env.spec.action.low, env.spec.action.high, strict=True)]
    target[0, [0, 5]] = half[0], half[5]
    for _ in range(60):
        step = env.step(target.astype(np.float32), np.ones(1, bool))
    span = np.array(env.spec.action.high) - np.array(env.spec.action.low)
    assert (np.abs(step.observation[STATE] - target) / span < 0.02).all()


def test_units_are_linear_and_the_same_for_torch():
    units = usual_task(make("degrees").spec).controller.units
    assert units is None  # the usual controller has none
    from lerobot_sim.envs.mujoco.controllers import make_controller
    from lerobot_sim.envs.mujoco.robots.catalogue import robot

    who, model = robot("so100"), usual_task(make("degrees").spec).model
    for unit in UNITS:
        units = make_controller(controller_name(unit), who, model).units
        own = np.random.default_rng(0).uniform(-2, 2, (7, 6))
        shown = units.outside(own)
        np.testing.assert_allclose(units.inside(shown), own, atol=1e-12)
        np.testing.assert_array_equal(units.outside(torch.from_numpy(own)).numpy(), shown)
    with pytest.raises(InputError, match="absolute"):
        make_controller("lerobot_degrees", who, model, gripper="three_way")
    with pytest.raises(UnknownNameError, match="degrees"):
        controller_name("degree")


@pytest.mark.parametrize(
    ("task", "robot"), [("mujoco/lift", "so100"), ("mujoco/stack", "panda"), ("mujoco/aloha-transfer", "aloha")]
)
def test_the_expert_succeeds_by_its_joints(task, robot):
    env = make("degrees", 8, task, robot)
    episodes = list(rollout(env, JointTargets(env), range(8)))
    assert sum(episode.succeeded(env.spec.success_rule) for episode in episodes) >= 7
    assert all(np.abs(episode.action).max() > 20 for episode in episodes)  # degrees, not radians
    few = make("degrees", 3, task, robot)
    for one, other in zip(rollout(few, JointTargets(few), range(8)), episodes, strict=True):
        assert one.action.tobytes() == other.action.tobytes()


def test_its_targets_are_the_usual_controllers_commands():
    """The first command, from the same start, is the one that the usual environment gives its actuators."""
    env = make("radians", 2)
    usual = lerobot_sim.make("mujoco/lift", 2, robot="so100")
    lanes, seeds, live = np.arange(2), np.array([4, 5]), np.ones(2, bool)
    policy, expert = JointTargets(env), lerobot_sim.make_policy("expert", usual.spec)
    start = env.reset(lanes, seeds)
    seen = usual.reset(lanes, seeds)
    policy.reset(lanes, seeds), expert.reset(lanes, seeds)
    usual.step(expert.act(seen, live).action, live)
    state = usual.get_state(lanes)
    world = from_state({name.removeprefix("state."): value for name, value in state.items()})
    from lerobot_sim.envs.mujoco.robots.catalogue import robot

    who = robot("so100")
    expected = targets_of(who, Index(usual_task(env.spec).model), world.ctrl)
    shown = policy.act(start, live).action
    np.testing.assert_allclose(shown[:, :5], expected[:, :5], atol=1e-6)
    np.testing.assert_allclose(shown[:, 5], 100 * expected[:, 5], atol=1e-4)


def test_what_it_is_not_for_is_said():
    with pytest.raises(InputError, match="not driven by joints"):
        JointTargets(lerobot_sim.make("mujoco/lift"))
    with pytest.raises(InputError, match="no expert"):
        usual_task(
            lerobot_sim.make("mujoco/lift").spec.__class__(**{**vars(lerobot_sim.make("push-t").spec), "id": "a/b"})
        )
    env = make("degrees", 2)
    policy = JointTargets(env)
    with pytest.raises(InputError, match="2 lanes"):
        policy.act({}, np.ones(3, bool))
    assert registry.remake(env.spec.id, env.spec.options).spec == env.spec
