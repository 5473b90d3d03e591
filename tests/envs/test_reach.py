import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lerobot_sim import End, make
from lerobot_sim.envs import arm, reach
from lerobot_sim.experts.reach import decide
from lerobot_sim.spec import STATE

from . import arm_reference

ALL = np.ones(1, np.bool_)


def plain(env):
    """State and Params of lane 0 as plain Python."""
    state = env.get_state([0])
    parts = [
        {key.removeprefix(prefix): value[0].tolist() for key, value in state.items() if key.startswith(prefix)}
        for prefix in ("state.", "params.")
    ]
    return parts[0], parts[1]


@given(
    st.integers(0, 2**40), st.floats(0.25, 2.0), st.floats(0.0, 0.9), st.floats(0.08, 0.12), st.sampled_from([0.0, 0.7])
)
@settings(max_examples=25, deadline=None)
def test_steps_agree_with_the_formulas(seed, speed, lag, tool_length, share_of_expert):
    env = make("numpy/reach")
    given_params = {"joint_speed": [speed], "actuator_lag": [lag], "tool_length": [tool_length]}
    observation = env.reset([0], [seed], {name: np.array(value) for name, value in given_params.items()})
    state, params = plain(env)
    numbers = np.random.default_rng(seed)
    for _ in range(env.spec.max_steps):
        action = numbers.uniform(-1.5, 1.5, (1, 6))
        if numbers.random() < share_of_expert:
            action = decide(observation[STATE].astype(np.float64))
        action = action.astype(np.float32)
        step = env.step(action, ALL)
        observation = step.observation
        clipped = np.clip(action[0].astype(np.float64), -1, 1).tolist()
        state, reward, success = arm_reference.reach_step(state, clipped, params)
        np.testing.assert_allclose(observation[STATE][0], [*state["joints"], *state["target"]], atol=1e-6)
        np.testing.assert_allclose(step.metrics["goal_distance"][0], 1 - reward, atol=1e-9)
        np.testing.assert_allclose(step.reward[0], reward, atol=1e-6)
        assert step.success[0] == success
    assert step.end[0] == End.TIME_LIMIT


def test_resets_are_in_the_box_within_reach_and_never_solved():
    env = make("numpy/reach", 5000)
    observation = env.reset(np.arange(5000), np.arange(5000))[STATE]
    state = env.get_state(np.arange(5000))
    target = state["state.target"]
    assert (target >= reach.TARGET_LOW).all()
    assert (target <= reach.TARGET_HIGH).all()
    np.testing.assert_allclose(target.mean(0), (reach.TARGET_LOW + reach.TARGET_HIGH) / 2, atol=0.01)
    assert np.abs(state["state.joints"] - arm.HOME).max() <= arm.START_SPREAD
    assert (arm.length(state["state.tip"] - target) >= reach.SUCCESS_DISTANCE).all()
    assert (observation >= np.array(env.spec.observation[STATE].low, np.float32)).all()
    assert (observation <= np.array(env.spec.observation[STATE].high, np.float32)).all()


def test_lanes_do_not_depend_on_each_other():
    many, one = make("numpy/reach", 9), make("numpy/reach")
    many.reset(np.arange(9), np.arange(9) * 7)
    one.reset([0], [5 * 7])
    actions = np.random.default_rng(0).uniform(-1, 1, (20, 9, 6)).astype(np.float32)
    for action in actions:
        all_lanes, alone = many.step(action, np.ones(9, np.bool_)), one.step(action[5:6], ALL)
        np.testing.assert_array_equal(all_lanes.observation[STATE][5], alone.observation[STATE][0])
        assert all_lanes.reward[5] == alone.reward[0]
        assert all_lanes.metrics["goal_distance"][5] == alone.metrics["goal_distance"][0]


def after(steps, **params):
    env = make("numpy/reach")
    env.reset([0], [3], {name: np.array([value]) for name, value in params.items()})
    for _ in range(steps):
        step = env.step(np.full((1, 6), 0.5, np.float32), ALL)
    return env, step


def test_joint_speed_scales_the_motion_and_may_change_within_an_episode():
    start = make("numpy/reach").reset([0], [3])[STATE]
    env, step = after(1, joint_speed=2.0)
    np.testing.assert_allclose(step.observation[STATE][0, :6] - start[0, :6], 0.1, atol=1e-6)
    env.set_params([0], {"joint_speed": np.array([0.5])})
    slower = env.step(np.full((1, 6), 0.5, np.float32), ALL)
    np.testing.assert_allclose((slower.observation[STATE] - step.observation[STATE])[0, :6], 0.025, atol=1e-6)


def test_lag_slows_the_first_step_and_carries_on_after_the_last():
    start = make("numpy/reach").reset([0], [3])[STATE]
    env, step = after(1, actuator_lag=0.6)
    np.testing.assert_allclose(step.observation[STATE][0, :6] - start[0, :6], 0.4 * 0.05, atol=1e-6)
    on = env.step(np.zeros((1, 6), np.float32), ALL)
    np.testing.assert_allclose((on.observation[STATE] - step.observation[STATE])[0, :6], 0.6 * 0.4 * 0.05, atol=1e-6)


def test_encoders_read_their_offset_and_nothing_else_changes():
    offset = np.linspace(-0.05, 0.05, 6)
    (_, wrong), (_, right) = after(3, encoder_offset=offset), after(3)
    np.testing.assert_allclose((wrong.observation[STATE] - right.observation[STATE])[0, :6], offset, atol=1e-6)
    assert wrong.metrics["goal_distance"] == right.metrics["goal_distance"]


def test_tool_length_moves_the_tip():
    (short, _), (long, _) = after(1, tool_length=0.08), after(1, tool_length=0.12)
    apart = short.get_state([0])["state.tip"] - long.get_state([0])["state.tip"]
    np.testing.assert_allclose(arm.length(apart), 0.04, atol=1e-12)


def test_passing_by_is_no_success():
    assert reach.SPEC.success_rule == "final"


def test_describe_says_how_far():
    env, step = after(2)
    assert f"{float(step.metrics['goal_distance'][0]):.3f} m" in env.explain(0)


@pytest.mark.parametrize("lane", [0, 1])
def test_success_is_at_two_centimetres(lane):
    env = make("numpy/reach", 2)
    env.reset([0, 1], [1, 2])
    state = env.get_state([0, 1])
    near = 0.0199 if lane else 0.0201
    state["state.target"] = state["state.tip"] + np.array([near, 0, 0])
    env.set_state([0, 1], state)
    step = env.step(np.zeros((2, 6), np.float32), np.ones(2, np.bool_))
    assert step.success.tolist() == [bool(lane)] * 2
