"""Inverse kinematics: against MuJoCo's Jacobians, SciPy's rotations, and mink's steps."""

from __future__ import annotations

import mink
import mujoco
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from lerobot_sim.envs.mujoco.kinematics import (
    chain,
    damped_step,
    jacobian,
    lanes_last,
    reaching_step,
    rotation_error,
    shortened,
    solve_positive,
)
from tests.envs.mujoco.benches import bench, lane, to_torch

ROBOTS = ["so100", "panda"]
DT = 0.04
WEIGHT, DAMPING, POSTURE = 0.1, 3e-4, 0.02  # mink's costs: of orientation, of all joints, of the posture
LAMBDA = np.sqrt(DAMPING + POSTURE**2)


def links_of(name):
    on = bench(name)
    return chain(on.model, on.arm.joints, on.arm.tip)


def random_qpos(name, count, seed=0, margin=0.25):
    """Joint positions within the middle of their ranges."""
    on, links = bench(name), links_of(name)
    qpos, _ = on.home(count)
    spread = np.random.default_rng(seed).uniform(margin, 1 - margin, (count, len(links.low)))
    qpos[:, links.qpos] = links.low + spread * (links.high - links.low)
    return qpos


def random_rotations(count, seed=0):
    return Rotation.random(count, random_state=seed)


@pytest.mark.parametrize("name", [*ROBOTS, "aloha"])
def test_the_jacobian_is_mujocos(name):
    on, links = bench(name), links_of(name)
    qpos = random_qpos(name, 8)
    ours = jacobian(on.world(qpos), links)
    dofs = on.index.dofs(on.arm.joints)
    for i, q in enumerate(qpos):
        data = mujoco.MjData(on.model)
        data.qpos[:] = q
        mujoco.mj_forward(on.model, data)
        linear, angular = np.zeros((2, 3, on.model.nv))
        mujoco.mj_jacSite(on.model, data, linear, angular, links.site)
        np.testing.assert_allclose(ours[:, :, i], np.concatenate([linear, angular])[:, dofs], atol=1e-12)


def test_the_jacobian_of_slides():
    spec = mujoco.MjSpec()
    body = spec.worldbody.add_body(name="cart")
    body.add_joint(name="x", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[1, 0, 0])
    pole = body.add_body(name="pole", pos=[0, 0, 0.1])
    pole.add_joint(name="pole", axis=[0, 1, 0])
    pole.add_geom(size=[0.1, 0, 0])
    body.add_geom(size=[0.1, 0, 0])
    pole.add_site(name="tip", pos=[0, 0, 0.5])
    model = spec.compile()
    from lerobot_sim.envs.mujoco.physics import Physics
    from lerobot_sim.envs.mujoco.world import from_state

    world = from_state(Physics(model, 1, threads=1).settle(np.arange(1), np.zeros((1, 2)), np.zeros((1, 0))))
    expected = np.array([[1, 0, 0, 0, 0, 0], [0.5, 0, 0, 0, 1, 0]]).T
    np.testing.assert_allclose(jacobian(world, chain(model, ("x", "pole"), "tip"))[:, :, 0], expected, atol=1e-12)


def test_rotation_errors_are_scipys_even_at_half_turns():
    count = 200
    present = random_rotations(count)
    axis = np.random.default_rng(1).normal(size=(count, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.concatenate([np.linspace(0, np.pi, 150), np.pi - np.logspace(-12, -1, 40), [1e-14, 1e-9, 1e-6] * 3, [0]])
    target = Rotation.from_rotvec(axis * angle[:, None]) * present
    ours = rotation_error(*(lanes_last(r.as_matrix().reshape(count, 9)) for r in (present, target))).T
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), angle, atol=1e-7)
    again = Rotation.from_rotvec(ours) * present
    assert (again * target.inv()).magnitude().max() < 1e-6
    usual = angle < np.pi - 1e-6
    np.testing.assert_allclose(ours[usual], (axis * angle[:, None])[usual], atol=1e-7)


def test_small_systems_are_solved():
    rng = np.random.default_rng(0)
    for size in (1, 3, 6):
        root = rng.normal(size=(50, size, size + 1))
        matrix, right = root @ root.transpose(0, 2, 1), rng.normal(size=(50, size))
        ours = solve_positive(matrix.transpose(1, 2, 0), right.T).T
        np.testing.assert_allclose(ours, np.linalg.solve(matrix, right[:, :, None])[:, :, 0], rtol=1e-7)


class WorldAxes(mink.FrameTask):
    """mink's task with the error split as ours: position and rotation vector, both in world axes."""

    def _error_and_jacobian(self, configuration):
        pose = configuration.get_transform_frame_to_world(self.frame_name, self.frame_type)
        target = self.transform_target_to_world
        turn = target.rotation() @ pose.rotation().inverse()
        error = np.concatenate([target.translation() - pose.translation(), turn.log()])
        body = configuration.get_frame_jacobian(self.frame_name, self.frame_type)
        matrix = np.kron(np.eye(2), pose.rotation().as_matrix())
        return -error, matrix @ body


def mink_step(name, qpos, tasks, limits=(), homewards=True):
    """mink's joint steps of the arm, with damping and a posture task towards home, or to stay."""
    on = bench(name)
    configuration = mink.Configuration(on.model, q=qpos)
    posture = mink.PostureTask(on.model, cost=POSTURE)
    home = qpos.copy()
    if homewards:
        home[on.index.qpos(on.arm.joints)] = on.arm.home
    posture.set_target(home)
    velocity = mink.solve_ik(configuration, [*tasks, posture], DT, "daqp", damping=DAMPING, limits=list(limits))
    return velocity[on.index.dofs(on.arm.joints)] * DT


def targets_near(world, links, position_m, turn_rad, seed=3):
    """Positions (n, 3) and rotations so far from the tips."""
    rng = np.random.default_rng(seed)
    count = len(world.qpos)
    positions = world.site_xpos[:, links.site] + rng.uniform(-1, 1, (count, 3)) * position_m
    present = Rotation.from_matrix(world.site_xmat[:, links.site].reshape(count, 3, 3))
    return positions, Rotation.from_rotvec(rng.uniform(-1, 1, (count, 3)) * turn_rad) * present


def our_step(name, world, positions, rotations, low=-np.inf, high=np.inf, homewards=True):
    """The step with the costs above: mink's |W(J dq - e)|^2 + posture^2 |dq - (home - q)|^2 + damping |dq|^2 is ours,
    |W(J dq - e)|^2 + lambda^2 |dq - z|^2, with lambda^2 = posture^2 + damping and z = posture^2/lambda^2 (home - q)."""
    on, links = bench(name), links_of(name)
    rows = jacobian(world, links)
    present, target = (lanes_last(m) for m in (world.site_xmat[:, links.site], rotations.as_matrix().reshape(-1, 9)))
    ahead = lanes_last(positions - world.site_xpos[:, links.site])
    q = lanes_last(world.qpos[:, links.qpos])
    return damped_step(
        np.concatenate([rows[:3], WEIGHT * rows[3:]]),
        np.concatenate([ahead, WEIGHT * rotation_error(present, target)]),
        LAMBDA,
        homewards * (POSTURE / LAMBDA) ** 2 * (np.array(on.arm.home)[:, None] - q),
        np.broadcast_to(low, q.shape),
        np.broadcast_to(high, q.shape),
    ).T


def mink_tasks(kind, name, position, rotation):
    task = kind(bench(name).arm.tip, "site", position_cost=1.0, orientation_cost=WEIGHT)
    task.set_target(mink.SE3.from_rotation_and_translation(mink.SO3(rotation.as_quat(scalar_first=True)), position))
    return [task]


@pytest.mark.parametrize("name", ROBOTS)
def test_steps_are_minks(name):
    on, links, qpos = bench(name), links_of(name), random_qpos(name, 30)
    world = on.world(qpos)
    positions, rotations = targets_near(world, links, 0.05, 0.5)
    ours = our_step(name, world, positions, rotations)
    for i in range(len(qpos)):
        theirs = mink_step(name, qpos[i], mink_tasks(WorldAxes, name, positions[i], rotations[i]))
        np.testing.assert_allclose(ours[i], theirs, rtol=0, atol=1e-9)
    assert np.abs(ours).max() > 0.05


@pytest.mark.parametrize("name", ROBOTS)
def test_steps_are_those_of_minks_own_frame_task_to_first_order(name):
    """Its error is a screw motion's, ours a line and a turn: they differ by their product."""
    on, links, qpos = bench(name), links_of(name), random_qpos(name, 10)
    world = on.world(qpos)
    away = []
    for scale in (1e-2, 1e-3):
        positions, rotations = targets_near(world, links, 0.3 * scale, scale)
        ours = our_step(name, world, positions, rotations, homewards=False)
        theirs = [
            mink_step(name, q, mink_tasks(mink.FrameTask, name, p, r), homewards=False)
            for q, p, r in zip(qpos, positions, rotations, strict=True)
        ]
        away.append(np.abs(ours - theirs).max() / np.abs(ours).max())
    assert away[0] < 0.02
    assert away[1] < away[0] / 5


def test_pointing_down_is_minks_axis_task():
    """Five joints: the tip's position, and its axis down."""
    name = "so100"
    on, links, qpos = bench(name), links_of(name), random_qpos(name, 30)
    world = on.world(qpos)
    positions, rotations = targets_near(world, links, 0.05, 0.0)
    rows, q = jacobian(world, links), lanes_last(world.qpos[:, links.qpos])
    approach = lanes_last(world.site_xmat[:, links.site])[2::3]
    ours = damped_step(
        np.concatenate([rows[:3], WEIGHT * np.stack([-rows[4], rows[3]])]),
        np.concatenate([lanes_last(positions - world.site_xpos[:, links.site]), -WEIGHT * approach[:2]]),
        LAMBDA,
        (POSTURE / LAMBDA) ** 2 * (np.array(on.arm.home)[:, None] - q),
        np.full(q.shape, -np.inf),
        np.full(q.shape, np.inf),
    ).T
    for i in range(len(qpos)):
        (place,) = mink_tasks(WorldAxes, name, positions[i], rotations[i])
        place.set_orientation_cost(0.0)
        axis = mink.AxisAlignTask(on.arm.tip, "site", axis=[0, 0, 1], cost=WEIGHT)
        axis.set_target([0, 0, -1])
        np.testing.assert_allclose(ours[i], mink_step(name, qpos[i], [place, axis]), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ROBOTS)
def test_a_joint_at_its_limit_is_held_as_minks_is(name):
    on, links, qpos = bench(name), links_of(name), random_qpos(name, 80, seed=5)
    count = len(links.low)
    for i, q in enumerate(qpos):
        q[on.index.qpos(on.arm.joints)[i % count]] = links.high[i % count] - 1e-5
    world = on.world(qpos)
    positions, rotations = targets_near(world, links, 0.15, 0.8)
    q = lanes_last(world.qpos[:, links.qpos])
    low, high = links.low[:, None] - q, links.high[:, None] - q
    free = our_step(name, world, positions, rotations)
    ours = our_step(name, world, positions, rotations, low, high)
    assert ((ours >= low.T) & (ours <= high.T)).all()
    # with one joint at its bound the method is exact; where the others' making up for it runs into a second, it clips
    held = np.maximum(((free < low.T) | (free > high.T)).sum(axis=1), ((ours == low.T) | (ours == high.T)).sum(axis=1))
    assert (held == 1).sum() > 8, "limits matter in this test"
    limit = mink.ConfigurationLimit(on.model, gain=1.0)
    for i in np.flatnonzero(held <= 1):
        theirs = mink_step(name, qpos[i], mink_tasks(WorldAxes, name, positions[i], rotations[i]), [limit])
        np.testing.assert_allclose(ours[i], theirs, rtol=0, atol=1e-7)


def test_many_steps_end_where_minks_do():
    """A redundant arm, 20 cm and half a radian away: the same joint positions."""
    name = "panda"
    on, links = bench(name), links_of(name)
    qpos, _ = on.home(1)
    start = on.world(qpos)
    positions, rotations = targets_near(start, links, 0.0, 0.5)
    positions += np.array([0.05, 0.18, 0.1])
    theirs = qpos[0].copy()
    columns = on.index.qpos(on.arm.joints)
    for _ in range(150):
        qpos[0, columns] += our_step(name, on.world(qpos), positions, rotations)[0]
        theirs[columns] += mink_step(name, theirs, mink_tasks(mink.FrameTask, name, positions[0], rotations[0]))
    np.testing.assert_allclose(qpos[0], theirs, atol=2e-3)
    reached = on.world(qpos).site_xpos[0, links.site]
    assert np.linalg.norm(reached - positions[0]) < 2e-3


@pytest.mark.parametrize("name", ROBOTS)
def test_a_lane_does_not_depend_on_the_others(name):
    on, links, qpos = bench(name), links_of(name), random_qpos(name, 17, margin=-0.05)
    world = on.world(qpos)
    positions, rotations = targets_near(world, links, 0.1, 1.0)
    low, high = -0.1, 0.1
    together = our_step(name, world, positions, rotations, low, high)
    assert (np.abs(together) == 0.1).any()
    for rows in ([4], [16], [0, 9], list(range(5, 14))):
        part = our_step(name, lane(world, rows), positions[rows], rotations[rows], low, high)
        assert part.tobytes() == together[rows].tobytes()


def test_targets_out_of_reach_damp_their_own_lanes_alone():
    """A stretched arm is asked outwards in every third lane."""
    name = "so100"
    on, links = bench(name), links_of(name)
    qpos, _ = on.home(9)
    qpos[:, links.qpos] = np.random.default_rng(0).uniform(-0.4, 0.4, (9, 5))
    qpos[::3, links.qpos] = [0.0, 1.3, -1.3, 0.0, 0.0]
    world = on.world(qpos)
    rows, tips = jacobian(world, links), world.site_xpos[:, links.site]
    ahead = np.random.default_rng(1).uniform(-0.01, 0.01, (9, 3))
    ahead[::3] = [0.1, 0.0, 0.0]
    assert (tips[::3, 0] > 0.35).all()
    bounds = np.full((5, 9), 9.0)

    def steps(kind, some):
        return kind(
            rows[:3, :, some], lanes_last(ahead[some]), 0.01, bounds[:, some] * 0, -bounds[:, some], bounds[:, some]
        )

    every = np.arange(9)
    careful, plain = steps(reaching_step, every), steps(damped_step, every)
    assert np.abs(careful[:, ::3]).max() < 0.3 * np.abs(plain[:, ::3]).max()
    near = every[every % 3 > 0]
    np.testing.assert_array_equal(careful[:, near], plain[:, near])
    for some in (near, every[:1], every[3:5]):
        assert steps(reaching_step, some).tobytes() == careful[:, some].tobytes()
    np.testing.assert_allclose(
        reaching_step(
            *map(to_torch, (rows[:3].copy(), lanes_last(ahead))), 0.01, *map(to_torch, (bounds * 0, -bounds, bounds))
        ).numpy(),
        careful,
        atol=1e-12,
    )


def test_numpy_and_torch_agree():
    name = "panda"
    on, links, qpos = bench(name), links_of(name), random_qpos(name, 20)
    world = on.world(qpos)
    ours, theirs = jacobian(world, links), jacobian(to_torch(world), links)
    assert isinstance(theirs, torch.Tensor)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-15)
    rng = np.random.default_rng(0)
    error, wish = rng.normal(size=(6, 20)) * 0.1, rng.normal(size=(7, 20)) * 0.1
    bound = np.full((7, 20), 0.2)
    args = (ours, error), (wish, -bound, bound)
    step = shortened(damped_step(*args[0], 0.05, *args[1]), 0.15)
    there = shortened(damped_step(*map(to_torch, args[0]), 0.05, *map(to_torch, args[1])), 0.15)
    np.testing.assert_allclose(step, there.numpy(), atol=1e-12)
    assert np.abs(step).max() == pytest.approx(0.15)
    a, b = (lanes_last(random_rotations(20, seed).as_matrix().reshape(20, 9)) for seed in (1, 2))
    np.testing.assert_allclose(rotation_error(a, b), rotation_error(to_torch(a), to_torch(b)).numpy(), atol=1e-12)


def test_steps_are_shortened_together():
    step = np.array([[0.4, 0.05], [-0.2, 0.02]])
    np.testing.assert_allclose(shortened(step, 0.1), [[0.1, 0.05], [-0.05, 0.02]])
