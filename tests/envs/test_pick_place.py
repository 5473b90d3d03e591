import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lerobot_sim import make
from lerobot_sim.envs import arm, pick_place
from lerobot_sim.experts.pick_place import decide
from lerobot_sim.spec import STATE

from . import arm_reference
from .test_reach import plain

ALL = np.ones(1, np.bool_)
NOTHING, CLOSE, OPEN = (np.array([[0, 0, 0, 0, 0, 0, grip]], np.float32) for grip in (0, -1, 1))
WIDTH = 0.5  # the opening at which the jaws touch the nominal ball


@given(
    st.integers(0, 2**40),
    st.floats(0.5, 2.0),
    st.floats(0.0, 0.6),
    st.floats(0.5, 4.0),
    st.floats(0.01, 0.02),
    st.sampled_from([0.0, 0.8, 1.0]),
)
@settings(max_examples=15, deadline=None)
def test_steps_agree_with_the_formulas(seed, speed, lag, gripper_speed, ball_radius, share_of_expert):
    env = make("numpy/pick-place")
    given_params = {
        "joint_speed": speed,
        "actuator_lag": lag,
        "gripper_speed": gripper_speed,
        "ball_radius": ball_radius,
    }
    observation = env.reset([0], [seed], {name: np.array([value]) for name, value in given_params.items()})
    state, params = plain(env)
    numbers = np.random.default_rng(seed)
    for _ in range(env.spec.max_steps):
        action = numbers.uniform(-1.5, 1.5, (1, 7))
        if numbers.random() < share_of_expert:
            action = decide(observation[STATE].astype(np.float64))
        action = action.astype(np.float32)
        step = env.step(action, ALL)
        observation = step.observation
        clipped = np.clip(action[0].astype(np.float64), -1, 1).tolist()
        state, reward, success = arm_reference.pick_place_step(state, clipped, params)
        expected = [*state["joints"], state["opening"], *state["ball"], *state["target"]]
        np.testing.assert_allclose(observation[STATE][0], expected, atol=1e-6)
        np.testing.assert_allclose(step.reward[0], reward, atol=1e-6)
        assert step.success[0] == success
        assert step.metrics["held"][0] == state["held"]


def placed(away=0.0, opening=1.0, lift=0.0, **params):
    """An environment whose ball is between the fingertips, or `away` from them, `lift` above the table."""
    env = make("numpy/pick-place")
    env.reset([0], [0], {name: np.array([value]) for name, value in params.items()})
    state = env.get_state([0])
    joints = np.array([[0.3, 0.3, 0.05, 1.22, 0.0, 0.2]])  # hand down, tips about 15 mm above the table
    tip = arm.forward(joints).tip
    radius = state["params.ball_radius"]
    ball = tip + np.array([[away, 0, 0]])
    ball[:, 2] = radius + lift
    state |= {"state.joints": joints, "state.tip": tip, "state.ball": ball, "state.opening": np.array([opening])}
    env.set_state([0], state)
    return env


def act(env, *actions):
    for action in actions:
        step = env.step(action, ALL)
    return step


def test_fixture_has_the_ball_between_the_tips():
    assert act(placed(), NOTHING).metrics["tip_distance"] < 0.005


def test_jaws_catch_the_ball_and_stop_at_its_width():
    env = placed()
    assert not act(env, CLOSE, CLOSE).metrics["held"]  # 0.6: still wider than the ball
    step = act(env, CLOSE)
    assert step.metrics["held"]
    assert step.observation[STATE][0, 6] == WIDTH
    assert act(env, CLOSE).observation[STATE][0, 6] == WIDTH


def test_catching_moves_nothing():
    env = placed(away=0.02)
    before = env.get_state([0])["state.ball"]
    act(env, CLOSE, CLOSE, CLOSE)
    np.testing.assert_array_equal(env.get_state([0])["state.ball"], before)


@pytest.mark.parametrize(("away", "held"), [(0.022, True), (0.027, False)])
def test_only_a_ball_near_the_tips_is_caught(away, held):
    assert act(placed(away), *[CLOSE] * 5).metrics["held"] == held


def test_jaws_that_miss_close_all_the_way():
    step = act(placed(0.05), *[CLOSE] * 6)
    assert step.observation[STATE][0, 6] == 0


def test_closed_jaws_catch_nothing():
    env = placed(opening=0.3)
    assert not act(env, CLOSE, CLOSE).metrics["held"]
    assert not act(env, OPEN).metrics["held"], "nor do opening ones"


def test_a_held_ball_goes_where_the_hand_goes():
    env = placed(away=0.01)
    act(env, CLOSE, CLOSE, CLOSE)
    turn = np.array([[1, -1, 0, 0.5, 0.3, 1, -1]], np.float32)
    for _ in range(3):
        step = act(env, turn)
        state = env.get_state([0])
        np.testing.assert_allclose(step.metrics["tip_distance"], arm.length(state["state.offset"]), atol=1e-9)
    assert step.observation[STATE][0, 9] > 0.03
    assert not step.success[0]


def test_a_small_opening_does_not_let_go_and_a_larger_one_does():
    env = placed()
    act(env, CLOSE, CLOSE, CLOSE)
    little = np.array([[0, 0, 0, 0, 0, 0, 0.2]], np.float32)  # 0.04
    assert act(env, little).metrics["held"]
    assert not act(env, little).metrics["held"]


def test_the_table_holds_up_what_is_pressed_into_it():
    env = placed(lift=0.0)
    act(env, CLOSE, CLOSE, CLOSE)
    heights = [act(env, np.array([[0, 0.3, 0, 0, 0, 0, -1]], np.float32)).observation[STATE][0, 9] for _ in range(5)]
    assert min(heights) >= np.float32(0.015)


def test_a_ball_let_go_falls_under_gravity_and_stays():
    env = placed(lift=0.25)  # not held, in the air
    heights = [float(act(env, NOTHING).observation[STATE][0, 9]) for _ in range(4)]
    np.testing.assert_allclose(heights, [0.265 - 0.04905, 0.265 - 0.1962, 0.015, 0.015], atol=1e-6)


def test_success_needs_the_ball_at_rest_on_the_table_and_out_of_the_hand():
    env = placed()
    state = env.get_state([0])
    state["state.target"] = state["state.ball"] + np.array([[0.02, 0, 0]])
    env.set_state([0], state)
    assert act(env, CLOSE, CLOSE).success[0]
    assert not act(env, CLOSE).success[0], "held"
    assert act(env, OPEN).success[0], "let go on the spot"
    state["state.ball"][:, 2] += 0.01
    state["state.target"] = state["state.ball"].copy()
    env.set_state([0], {**state, "state.fall_speed": np.array([-5.0])})
    assert not act(env, NOTHING).success[0], "in the air"


def test_gripper_speed_and_ball_radius_count():
    assert act(placed(gripper_speed=4.0), CLOSE).observation[STATE][0, 6] == np.float32(0.6)
    step = act(placed(ball_radius=0.02), CLOSE, CLOSE)
    assert step.metrics["held"]
    assert step.observation[STATE][0, 6] == np.float32(2 / 3)
    assert step.observation[STATE][0, 12] == np.float32(0.02)


def test_grasp_distance_counts():
    assert not act(placed(0.015, grasp_distance=0.01), *[CLOSE] * 4).metrics["held"]
    assert act(placed(0.015), *[CLOSE] * 4).metrics["held"]


def test_resets_lie_on_the_table_in_the_area_and_are_never_solved():
    env = make("numpy/pick-place", 5000)
    env.reset(np.arange(5000), np.arange(5000))
    state = env.get_state(np.arange(5000))
    for what in ("state.ball", "state.target"):
        assert (state[what][:, :2] >= pick_place.AREA_LOW).all()
        assert (state[what][:, :2] <= pick_place.AREA_HIGH).all()
        assert (state[what][:, 2] == pick_place.BALL_RADIUS).all()
    assert (arm.length(state["state.ball"] - state["state.target"]) >= pick_place.SUCCESS_DISTANCE).all()


def test_a_state_taken_in_mid_grasp_goes_on_exactly():
    env, other = placed(away=0.01), make("numpy/pick-place", 3)
    act(env, CLOSE, CLOSE, CLOSE)
    other.set_state([1], env.get_state([0]))
    actions = np.random.default_rng(1).uniform(-1, 1, (10, 1, 7)).astype(np.float32)
    actions[:6, :, 6] = -1
    for action in actions:
        own = act(env, action)
        copy = other.step(np.repeat(action, 3, axis=0), np.array([False, True, False]))
        np.testing.assert_array_equal(copy.observation[STATE][1], own.observation[STATE][0])
    assert not own.metrics["held"] or own.observation[STATE][0, 9] > 0


def test_lanes_do_not_depend_on_each_other():
    many, one = make("numpy/pick-place", 6), make("numpy/pick-place")
    all_lanes = many.reset(np.arange(6), np.arange(6) + 40)
    alone = one.reset([0], [43])
    for _ in range(60):
        first = many.step(decide(all_lanes[STATE].astype(np.float64)).astype(np.float32), np.ones(6, np.bool_))
        second = one.step(decide(alone[STATE].astype(np.float64)).astype(np.float32), ALL)
        all_lanes, alone = first.observation, second.observation
        np.testing.assert_array_equal(all_lanes[STATE][3], alone[STATE][0])
    assert second.success[0]
