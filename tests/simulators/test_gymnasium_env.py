"""Gymnasium environments as Envs: gymnasium's own, and ours through gymnasium and back."""

import gymnasium
import numpy as np
import pytest

import lerobot_sim
import lerobot_sim.gym  # registers
from lerobot_sim.env import End
from lerobot_sim.errors import ArrayError
from lerobot_sim.simulators.gymnasium_env import GymnasiumEnv
from lerobot_sim.spec import Camera
from lerobot_sim.testing import CHECKS
from tests.simulators.hosted import act, cart_pole, odd, pendulum

STATE = "observation.state"


def mountain_car(num_envs=1):
    make = lambda: gymnasium.make("MountainCarContinuous-v0")  # noqa: E731
    return GymnasiumEnv(make, num_envs, env_id="gymnasium/mountain-car", success_key=None)


def round_trip(num_envs=1):
    """Our push-t as gymnasium's, and that as an Env again."""
    make = lambda: gymnasium.make("lerobot-sim/numpy-push-t-v1", pixels=("front",), pixels_size=(40, 56))  # noqa: E731
    options = {"max_steps": 300, "metrics": ("goal_distance",), "restore": "exact"}
    return GymnasiumEnv(make, num_envs, env_id="numpy/push-t", **options)


@pytest.mark.parametrize("make", [pendulum, mountain_car, cart_pole, round_trip])
@pytest.mark.parametrize("name", CHECKS)
def test_the_contract_is_kept(name, make):
    expert = lambda spec: lerobot_sim.make_policy("expert", spec)  # noqa: E731
    CHECKS[name](make, expert if make is round_trip else None)


def test_push_t_through_gymnasium_and_back_is_the_same_bytes():
    native, hosted = lerobot_sim.make("push-t", 3), round_trip(3)
    assert hosted.spec.observation[STATE].shape == native.spec.observation[STATE].shape
    assert (hosted.spec.fps, hosted.spec.max_steps) == (10, 300)
    expert = lambda: lerobot_sim.make_policy("expert", native.spec)  # noqa: E731
    seeds = [1, 2, 3, 4, -5, 2**40]
    ours = list(lerobot_sim.rollout(native, expert(), seeds))
    theirs = list(lerobot_sim.rollout(hosted, expert(), seeds))
    assert len(ours) == len(theirs) == 6
    for one, other in zip(ours, theirs, strict=True):
        assert (one.seed, one.end, one.instruction) == (other.seed, other.end, other.instruction)
        for name in ("action", "reward", "success"):
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
        assert one.observation[STATE].tobytes() == other.observation[STATE].tobytes()
        assert one.final_observation[STATE].tobytes() == other.final_observation[STATE].tobytes()
        assert one.metrics["goal_distance"].tobytes() == other.metrics["goal_distance"].tobytes()
    camera = {"front": Camera(height=40, width=56)}
    native.reset([0, 1, 2], [1, 2, 3]), hosted.reset([0, 1, 2], [1, 2, 3])
    np.testing.assert_array_equal(native.render(camera)["front"], hosted.render(camera)["front"])


def test_steps_are_gymnasiums_own():
    env, alone = pendulum(2), gymnasium.make("Pendulum-v1")
    observation = env.reset([0, 1], [5, 6])[STATE]
    np.testing.assert_array_equal(alone.reset(seed=6)[0], observation[1])
    for t in range(200):
        action = np.array([[0.5], [np.sin(t)]], np.float32)
        step = env.step(action, np.ones(2, bool))
        theirs = alone.step(action[1])
        np.testing.assert_array_equal(step.observation[STATE][1], theirs[0])
        assert step.reward[1] == np.float32(theirs[1])
    assert theirs[3]
    assert step.end.tolist() == [End.TIME_LIMIT] * 2
    assert not step.success.any()
    assert env.spec.success_rule == "none"
    assert env.spec.max_steps == 200


def test_nothing_resets_by_itself():
    env, (one, two) = odd(2, env_options={"length": 2})
    env.reset([0, 1], [1, 2])
    act(env, active=[True, False])
    step = act(env)
    assert step.end.tolist() == [End.TERMINATED, End.RUNNING]
    step = act(env)
    assert step.end.tolist() == [End.TERMINATED, End.TERMINATED]
    assert (one.t, two.t) == (2, 2)
    assert step.reward.tolist() == [0, 1]
    assert step.observation[STATE][:, 0].tolist() == [2, 2]


def test_max_steps_ends_what_gymnasium_would_not():
    env, _ = odd(env_options={"length": 99}, max_steps=4)
    env.reset([0], [1])
    ends = [int(act(env).end[0]) for _ in range(4)]
    assert ends == [0, 0, 0, End.TIME_LIMIT]


def test_success_is_the_declared_key_and_not_latched():
    env, _ = odd(env_options={"info": lambda t: {"solved": t == 2}, "length": 4}, success_key="solved")
    env.reset([0], [1])
    assert [bool(act(env).success[0]) for _ in range(4)] == [False, True, False, False]
    assert env.spec.success_rule == "any"


def test_success_may_be_told_at_the_end_only():
    env, _ = odd(env_options={"info": lambda t: {"solved": True} if t == 3 else {}}, success_key="solved")
    env.reset([0], [1])
    assert [bool(act(env).success[0]) for _ in range(3)] == [False, False, True]


def test_actions_are_clipped_and_checked():
    env, (one,) = odd()
    seen = []
    one.on_step = lambda self, result: result
    original = one.step
    one.step = lambda action: seen.append(action) or original(action)
    env.reset([0], [1])
    act(env, 7.0)
    assert seen[0].tolist() == [1, 1]
    assert seen[0].dtype == np.float32
    with pytest.raises(ArrayError, match="float32"):
        env.step(np.zeros((1, 2)), np.ones(1, bool))


def test_closing_closes_every_environment_once():
    env, made = odd(3)
    env.close()
    env.close()
    assert [one.closed for one in made] == [1, 1, 1]
