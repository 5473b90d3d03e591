"""Gymnasium environments that misbehave: named, and told apart from the policy's failures."""

import logging

import gymnasium
import numpy as np
import pytest

import lerobot_sim
from lerobot_sim.env import End
from lerobot_sim.errors import BrokenPromiseError, InputError, SimError
from lerobot_sim.simulators.gymnasium_env import GymnasiumEnv
from tests.simulators.hosted import Odd, act, odd, pendulum

STATE = "observation.state"


def test_a_success_key_that_is_not_there_is_named_with_those_that_are():
    env, _ = odd(env_options={"info": lambda t: {"solved": True, "score": 1}}, success_key="is_success")
    env.reset([0], [1])
    act(env), act(env)
    with pytest.raises(InputError, match=r"no 'is_success'.*\['score', 'solved'\].*success_key="):
        act(env)


def test_metrics_are_kept_and_a_missing_one_is_named():
    env, _ = odd(env_options={"info": lambda t: {"height": t / 2}}, metrics=("height",))
    env.reset([0], [1])
    assert act(env).metrics["height"].tolist() == [0.5]
    env, _ = odd(env_options={"info": lambda t: {"height": t / 2}}, metrics=("hight",))
    env.reset([0], [1])
    with pytest.raises(InputError, match=r"'hight'.*'height'"):
        act(env)


def test_an_old_step_of_four_values_is_named():
    env, _ = odd(env_options={"on_step": lambda self, result: (*result[:2], False, {})})
    env.reset([0], [1])
    with pytest.raises(BrokenPromiseError, match=r"step returned 4 values: this is Gym's API before 0.26.*shimmy"):
        act(env)


@pytest.mark.filterwarnings("ignore")
def test_an_old_step_is_named_through_gymnasiums_wrappers_too():
    def make():
        return gymnasium.wrappers.TimeLimit(Odd(on_step=lambda self, result: (*result[:2], False, {})), 10)

    env = GymnasiumEnv(make, env_id="test/old", success_key=None, max_steps=10)
    env.reset([0], [1])
    with pytest.raises(BrokenPromiseError, match=r"Gym's API before 0\.26"):
        act(env)


def test_an_old_reset_is_named():
    class NoInfo(Odd):
        def reset(self, *, seed=None, options=None):
            return super().reset(seed=seed)[0]

    class NoSeed(Odd):
        def reset(self):
            return super().reset()[0]

    for kind in (NoInfo, NoSeed):
        env = GymnasiumEnv(kind, env_id="test/old", success_key=None, max_steps=10)
        with pytest.raises(BrokenPromiseError, match=r"reset.*Gym's API before 0.26.*shimmy"):
            env.reset([0], [1])


def test_other_answers_of_the_wrong_form_are_named():
    env, _ = odd(env_options={"on_step": lambda self, result: result[:3]})
    env.reset([0], [1])
    with pytest.raises(BrokenPromiseError, match="3 values, expected"):
        act(env)
    env, _ = odd(env_options={"observe": lambda t: np.zeros(2 + t)})
    env.reset([0], [1])
    with pytest.raises(BrokenPromiseError, match=r"\(3,\); its space says float64 \(2,\)"):
        act(env)


def test_a_nan_action_is_the_policys_end_and_never_reaches_the_environment():
    env, (one, two) = odd(2)
    env.reset([0, 1], [1, 2])
    step = env.step(np.array([[0, np.nan], [0, 0]], np.float32), np.ones(2, bool))
    assert step.end.tolist() == [End.POLICY, End.RUNNING]
    assert (one.t, two.t) == (0, 1)
    assert "not finite" in env.explain(0)


def test_numbers_that_are_not_finite_end_as_diverged_with_the_last_good_observation():
    env, _ = odd(env_options={"observe": lambda t: np.array([t, np.nan if t == 2 else 0.0])})
    env.reset([0], [1])
    good = act(env).observation[STATE]
    step = act(env)
    assert step.end.tolist() == [End.DIVERGED]
    assert step.reward.tolist() == [0]
    np.testing.assert_array_equal(step.observation[STATE], good)
    assert "finite" in env.explain(0)
    env, _ = odd(env_options={"observe": lambda t: np.array([np.nan, 0.0])})
    with pytest.raises(SimError, match="not finite"):
        env.reset([0], [1])


def test_an_exception_is_a_fault_of_its_lane_which_begins_anew(caplog):
    def fail(self, result):
        if self.np_random_seed == 7:
            raise RuntimeError("the arm fell off")
        return result

    env, made = odd(2, env_options={"on_step": fail})
    env.reset([0, 1], [7, 8])
    with caplog.at_level(logging.WARNING):
        step = act(env)
    assert step.end.tolist() == [End.FAULT, End.RUNNING]
    assert "the arm fell off" in env.explain(0)
    assert "the arm fell off" in caplog.text
    env.reset([0], [9])
    assert len(made) == 3
    assert made[0].closed == 1
    assert act(env).end.tolist() == [End.RUNNING, End.RUNNING]
    episodes = list(lerobot_sim.rollout(env, lerobot_sim.make_policy("random", env.spec), [7, 8]))
    assert [episode.end for episode in episodes] == [End.FAULT, End.TERMINATED]
    assert episodes[0].attempt == 1  # it was tried again once


def test_ctrl_c_is_no_fault():
    def interrupt(self, result):
        raise KeyboardInterrupt

    env, _ = odd(env_options={"on_step": interrupt})
    env.reset([0], [1])
    with pytest.raises(KeyboardInterrupt):
        act(env)


def test_restore_is_refused_where_it_cannot_be():
    env = pendulum()
    env.reset([0], [1])
    for call in (lambda: env.get_state([0]), lambda: env.set_state([0], {})):
        with pytest.raises(InputError, match=r"capabilities\.restore='none'"):
            call()
    with pytest.raises(InputError, match="TimeLimit"):
        pendulum(restore="exact")
    with pytest.raises(InputError, match=r"no get_state\(\)"):
        odd(restore="exact")
