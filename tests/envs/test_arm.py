import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lerobot_sim.env import nominal_params
from lerobot_sim.envs import arm, reach

from . import arm_reference

QUARTER = np.pi / 2
SEEDS = st.integers(0, 2**32 - 1)


def poses(seed, count):
    return np.random.default_rng(seed).uniform(arm.LOW, arm.HIGH, (count, 6))


@pytest.mark.parametrize(
    ("joints", "tip"),
    [
        ([0, 0, 0, 0, 0, 0], [0.0306 + 0.028 + 0.1349 + 0.0601 + 0.1014, 0, 0.0165 + 0.1025 + 0.11257 + 0.0052]),
        ([QUARTER, 0, 0, 0, 0, 0], [0, 0.355, 0.23677]),
        ([0, 0, -QUARTER, 0, 0, 0], [0.0306 + 0.028 - 0.0052, 0, 0.119 + 0.11257 + 0.1349 + 0.1615]),
        ([0, QUARTER, -QUARTER, 0, 0, 0], [0.0306 + 0.11257 + 0.1349 + 0.1615, 0, 0.119 - 0.028 + 0.0052]),
        ([0, 0, 0, QUARTER, 0, 0], [0.1935, 0, 0.23677 - 0.1615]),
        ([0, 0, 0, 0, QUARTER, 0], [0.1935, 0.1615, 0.23677]),
        ([0, 0, 0, 0, 0, QUARTER], [0.355, 0, 0.23677]),
    ],
)
def test_tip_of_poses_computed_by_hand(joints, tip):
    np.testing.assert_allclose(arm.forward(np.array([joints])).tip, [tip], atol=1e-12)


def test_hand_frame_of_poses_computed_by_hand():
    rolled = arm.forward(np.array([[0, 0, 0, 0, 0, QUARTER]])).hand[0]
    np.testing.assert_allclose(rolled, [[1, 0, 0], [0, 0, 1], [0, -1, 0]], atol=1e-12)
    bowed = arm.forward(np.array([[0, 0, 0, QUARTER, 0, 0]])).hand[0]
    np.testing.assert_allclose(bowed, [[0, 0, -1], [0, 1, 0], [1, 0, 0]], atol=1e-12)


@given(SEEDS, st.floats(0.08, 0.12))
@settings(max_examples=40, deadline=None)
def test_forward_agrees_with_matrices(seed, tool_length):
    joints = poses(seed, 5)
    pose = arm.forward(joints, np.full(5, tool_length))
    for lane in range(5):
        wrist, tip, hand = arm_reference.kinematics(joints[lane].tolist(), tool_length)
        np.testing.assert_allclose(pose.origins[lane, arm.WRIST], wrist, atol=1e-12)
        np.testing.assert_allclose(pose.tip[lane], tip, atol=1e-12)
        np.testing.assert_allclose(pose.hand[lane].T, hand, atol=1e-12)


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_jacobian_agrees_with_finite_differences(seed):
    joints, step = poses(seed, 4), 1e-6
    expected = np.empty((4, 3, 6))
    for i in range(6):
        shift = np.zeros(6)
        shift[i] = step
        expected[:, :, i] = (arm.forward(joints + shift).tip - arm.forward(joints - shift).tip) / (2 * step)
    np.testing.assert_allclose(arm.jacobian(arm.forward(joints)), expected, atol=1e-9)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 17])
def test_forward_is_the_same_bits_for_any_number_of_lanes(count):
    joints = poses(0, 64)
    whole, part = arm.forward(joints), arm.forward(joints[7 : 7 + count])
    for all_lanes, few in zip(whole, part, strict=True):
        np.testing.assert_array_equal(all_lanes[7 : 7 + count], few)
    strided = arm.forward(np.asfortranarray(joints))
    np.testing.assert_array_equal(strided.tip, whole.tip)


def drive_once(joints, command, **changed):
    params = nominal_params(reach.SPEC, len(joints)) | {name: np.full(len(joints), v) for name, v in changed.items()}
    return arm.drive(joints, np.zeros_like(joints), command, params, 0.1)


def test_drive_stops_at_the_limits():
    joints, _, _ = drive_once(np.array([[0, 0, -1.55, 0, 0, 0]]), -np.ones((1, 6)))
    assert joints[0, 2] == arm.LOW[2]
    assert joints[0, 3] == -0.1


@pytest.mark.parametrize(
    "joints",
    [[0.0, 0.0, 0.3, 1.2, 0.0, 0.0], [0.0, 0.7, 0.5, -1.7, 0.0, 0.0]],
    ids=["fingertips", "wrist"],
)
def test_drive_stalls_before_the_table(joints):
    down = np.array([[0.0, 1.0, 1.0, 0.0, 0.0, 0.0]])
    now = np.array([joints])
    for _ in range(20):
        following, velocity, pose = drive_once(now, down)
        assert arm.above_table(pose).all()
        if (following == now).all():
            break
        now = following
    else:
        pytest.fail("the arm never came to the table")
    np.testing.assert_array_equal(velocity, 0)
    np.testing.assert_array_equal(pose.tip, arm.forward(now).tip)
    assert (drive_once(now, -down)[0] != now).any(), "it gets away again"


def test_a_stalled_lane_holds_nobody_up():
    joints = np.array([[0.0, 0.0, 0.3, 1.2, 0.0, 0.0], arm.HOME])
    for _ in range(4):
        following, _, _ = drive_once(joints, np.tile([0.0, 1.0, 0.0, 0.0, 0.0, 0.0], (2, 1)))
        moved = (following != joints).any(axis=1)
        joints = following
    assert moved.tolist() == [False, True]


def test_every_start_is_above_the_table():
    corners = np.array(np.meshgrid(*[[-1, 1]] * 6)).reshape(6, -1).T * arm.START_SPREAD
    for tool_length in (0.08, 0.12):
        assert arm.above_table(arm.forward(arm.HOME + corners, np.full(len(corners), tool_length))).all()
    assert (arm.HOME - arm.START_SPREAD > arm.LOW).all()
    assert (arm.HOME + arm.START_SPREAD < arm.HIGH).all()


def test_float32_bounds_hold_what_is_rounded():
    low, high = arm.float32_bounds(np.array([-1.8, 0.1]), np.array([1.7, 0.3]))
    assert np.float32(1.7) <= high[0]
    assert np.float32(-1.8) >= low[0]
    assert np.float32(0.3) <= high[1]
