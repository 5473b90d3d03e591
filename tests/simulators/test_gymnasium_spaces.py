"""What a gymnasium environment observes, shows and takes, by our names."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import lerobot_sim
from lerobot_sim.errors import InputError
from lerobot_sim.simulators.gymnasium_env import GymnasiumEnv
from lerobot_sim.spec import Camera
from tests.simulators.hosted import Odd, act, cart_pole, odd, pendulum

STATE = "observation.state"


def test_nested_observations_and_images_get_lerobots_names():
    space = spaces.Dict(
        {
            "agent_pos": spaces.Box(-1, 1, (2,), np.float32),
            "pixels": spaces.Dict({"wrist": spaces.Box(0, 255, (8, 12, 3), np.uint8)}),
            "task": spaces.Dict({"goal": spaces.Box(0, np.array([1, 2]), (2,), np.float64)}),
        }
    )
    picture = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)

    def observe(t):
        return {
            "agent_pos": np.full(2, t / 10, np.float32),
            "pixels": {"wrist": picture + t},
            "task": {"goal": np.ones(2)},
        }

    env, _ = odd(2, env_options={"space": space, "observe": observe})
    assert set(env.spec.observation) == {STATE, "observation.task.goal"}
    assert env.spec.observation["observation.task.goal"].high == (1.0, 2.0)
    assert env.spec.cameras == {"wrist": Camera(height=8, width=12)}
    observation = env.reset([0, 1], [1, 2])
    assert set(observation) == set(env.spec.observation)
    act(env, active=[False, True])
    images = env.render(env.spec.cameras)["wrist"]
    np.testing.assert_array_equal(images, [picture, picture + 1])
    np.testing.assert_array_equal(env.render(env.spec.cameras, [1])["wrist"], [picture + 1])
    half = env.render({"wrist": Camera(height=4, width=6)}, [0])["wrist"][0]
    mean = picture.reshape(4, 2, 6, 2, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(half - mean).max() <= 0.5


def test_render_is_a_camera_where_gymnasium_renders():
    env = pendulum(2)
    assert env.spec.cameras == {"front": Camera(height=500, width=500)}
    env.reset([0, 1], [1, 2])
    alone = gymnasium.make("Pendulum-v1", render_mode="rgb_array")
    alone.reset(seed=2)
    np.testing.assert_array_equal(env.render(env.spec.cameras, [1])["front"][0], alone.render())
    with pytest.raises(InputError, match="gives 'rgb'; 'depth'"):
        env.render({"front": Camera(kind="depth")})


def test_observation_keys_rename_and_leave_out():
    space = spaces.Dict({name: spaces.Box(-9, 9, (2,), np.float64) for name in ("observation", "desired_goal", "x")})
    options = {"space": space, "observe": lambda t: dict.fromkeys(space, np.full(2, t))}
    keys = {"desired_goal": "observation.environment_state", "x": None}
    env, _ = odd(env_options=options, observation_keys=keys)
    assert set(env.spec.observation) == {STATE, "observation.environment_state"}
    with pytest.raises(InputError, match="'desired_goal'"):
        odd(env_options=options, observation_keys={"desired_gaol": STATE})
    with pytest.raises(InputError, match="observation_keys="):
        odd(env_options=options, observation_keys={"x": STATE})


def test_discrete_actions_are_scores():
    env = cart_pole(2)
    assert env.spec.action.shape == (2,)
    assert env.spec.action.names == ("choice_0", "choice_1")
    observation = env.reset([0, 1], [3, 3])[STATE]
    assert (observation[0] == observation[1]).all()
    alone = gymnasium.make("CartPole-v1")
    alone.reset(seed=3)
    step = env.step(np.array([[0.1, 0.9], [0.9, 0.1]], np.float32), np.ones(2, bool))
    np.testing.assert_array_equal(step.observation[STATE][0], alone.step(1)[0])
    alone.reset(seed=3)
    np.testing.assert_array_equal(step.observation[STATE][1], alone.step(0)[0])


def test_spaces_that_cannot_be_mapped_name_a_way_out():
    with pytest.raises(InputError, match="FlattenObservation"):
        odd(env_options={"space": spaces.Tuple([spaces.Discrete(3)])})

    class Many(Odd):
        action_space = spaces.MultiDiscrete([2, 3])

    with pytest.raises(InputError, match="TransformAction"):
        GymnasiumEnv(Many, env_id="test/many", success_key=None, max_steps=3)


def test_what_is_missing_at_construction_is_named():
    class Silent(Odd):
        metadata = {"render_modes": []}  # noqa: RUF012

    with pytest.raises(InputError, match="fps="):
        GymnasiumEnv(Silent, env_id="test/silent", max_steps=3)
    with pytest.raises(InputError, match="max_steps="):
        GymnasiumEnv(Odd, env_id="test/odd")
    with pytest.raises(InputError, match="at least 1"):
        pendulum(0)
    one = Odd()
    with pytest.raises(InputError, match="twice"):
        GymnasiumEnv(lambda: one, 2, env_id="test/odd", max_steps=3)
    lengths = iter([2, 3])
    make = lambda: Odd(space=spaces.Box(0, 1, (next(lengths),)))  # noqa: E731
    with pytest.raises(InputError, match="spaces differ"):
        GymnasiumEnv(make, 2, env_id="test/odd", max_steps=3)


def test_images_alone_are_an_observation_too():
    space = spaces.Box(0, 255, (6, 6, 3), np.uint8)
    env, _ = odd(2, env_options={"space": space, "observe": lambda t: np.full((6, 6, 3), t, np.uint8)})
    assert env.spec.observation == {}
    assert set(env.spec.cameras) == {"front"}
    env.reset([0, 1], [1, 2])
    act(env, active=[True, False])
    assert env.render(env.spec.cameras)["front"][:, 0, 0, 0].tolist() == [1, 0]
    episodes = list(lerobot_sim.rollout(env, lerobot_sim.make_policy("random", env.spec), [1, 2, 3]))
    assert [len(episode) for episode in episodes] == [3, 3, 3]


def test_an_environment_says_its_task_itself():
    class Told(Odd):
        task_description = "count to three"

    env = GymnasiumEnv(Told, 2, env_id="test/told", success_key=None, max_steps=3)
    assert env.instructions == ["count to three"] * 2
    assert GymnasiumEnv(Told, env_id="test/told", max_steps=3, instruction="count").instructions == ["count"]
    assert odd()[0].instructions == ["test/odd"]
