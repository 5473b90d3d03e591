"""Our Env of one lane as gymnasium's."""

import numpy as np
import pytest
from gymnasium import spaces

import lerobot_sim
from lerobot_sim.bridges.gymnasium_layout import to_box
from lerobot_sim.bridges.to_gymnasium import SimEnv
from lerobot_sim.errors import ArrayError, InputError, UnknownNameError
from lerobot_sim.spec import Feature

STATE = "observation.state"


def test_a_seeded_episode_equals_the_envs_own():
    face, env = SimEnv("push-t"), lerobot_sim.make("push-t")
    observation, info = face.reset(seed=11)
    np.testing.assert_array_equal(observation[STATE], env.reset([0], [11])[STATE][0])
    assert info == {"seed": 11, "task": env.instructions[0]}
    random = np.random.default_rng(0)
    for t in range(300):
        action = random.uniform(-1, 1, 2).astype(np.float32)
        observation, reward, terminated, truncated, info = face.step(action)
        step = env.step(action[None], np.ones(1, bool))
        assert observation[STATE].tobytes() == step.observation[STATE][0].tobytes()
        assert reward == float(step.reward[0])
        assert (terminated, truncated) == (False, t == 299)
        assert info["is_success"] is bool(step.success[0])
        assert info["goal_distance"] == step.metrics["goal_distance"][0]
        assert info["end"] == ("TIME_LIMIT" if t == 299 else "RUNNING")
        assert "explanation" not in info


def test_an_unseeded_reset_draws_from_np_random():
    face, again = SimEnv("push-t"), SimEnv("push-t")
    face.reset(seed=3), again.reset(seed=3)
    first, second = face.reset()[1]["seed"], face.reset()[1]["seed"]
    assert first != second
    assert [again.reset()[1]["seed"] for _ in range(2)] == [first, second]
    face.np_random = np.random.default_rng(5)
    expected = int(np.random.default_rng(5).integers(2**63 - 1))
    assert face.reset()[1]["seed"] == expected
    env = lerobot_sim.make("push-t")
    face.np_random = np.random.default_rng(5)
    np.testing.assert_array_equal(face.reset()[0][STATE], env.reset([0], [expected])[STATE][0])
    assert SimEnv("push-t").reset()[1]["seed"] != SimEnv("push-t").reset()[1]["seed"]


def test_spaces_follow_the_features():
    face = SimEnv("push-t")
    assert isinstance(face.observation_space, spaces.Dict)
    assert face.observation_space[STATE] == spaces.Box(0, 1, (6,), np.float32)
    assert face.action_space == spaces.Box(-1, 1, (2,), np.float32)
    assert face.metadata["render_fps"] == 10


@pytest.mark.parametrize(
    ("feature", "low", "high"),
    [
        (Feature(shape=(2,), dtype="float64", low=(0.0, -1.0), high=(np.inf, 1.0)), [0, -1], [np.inf, 1]),
        (Feature(shape=(2,), dtype="int32", low=(-np.inf, 0.0), high=5), [np.iinfo(np.int32).min, 0], [5, 5]),
        (Feature(shape=(1, 2), dtype="uint8"), [[0, 0]], [[255, 255]]),
        (Feature(shape=(), dtype="bool"), False, True),
    ],
)
def test_bounds_and_types_of_a_box(feature, low, high):
    box = to_box(feature)
    assert box.dtype == feature.dtype
    assert box.shape == feature.shape
    np.testing.assert_array_equal(box.low, low)
    np.testing.assert_array_equal(box.high, high)


def test_lerobots_names_give_the_tutorials_agent_pos_and_pixels():
    face = SimEnv("push-t", keys="lerobot", pixels=("front",), pixels_size=(48, 64))
    observation, _ = face.reset(seed=1)
    assert set(observation) == {"agent_pos", "pixels"}
    assert observation["pixels"]["front"].shape == (48, 64, 3)
    assert observation["pixels"]["front"].dtype == np.uint8
    assert observation in face.observation_space
    camera = lerobot_sim.Camera(height=48, width=64)
    np.testing.assert_array_equal(observation["pixels"]["front"], face.env.render({"front": camera})["front"][0])
    observation, *_ = face.step([1.0, 0.0])
    np.testing.assert_array_equal(observation["pixels"]["front"], face.env.render({"front": camera})["front"][0])


def test_our_own_names_for_images_and_renamed_single_keys():
    native = SimEnv("push-t", pixels="front")
    assert set(native.reset(seed=1)[0]) == {STATE, "observation.images.front"}
    named = SimEnv("push-t", keys={STATE: "agent_pos"})
    np.testing.assert_array_equal(named.reset(seed=1)[0]["agent_pos"], native.reset(seed=1)[0][STATE])


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"keys": "lerobt"}, "'lerobot'"),
        ({"keys": {"observation.stat": "x"}}, "'observation.state'"),
        ({"keys": {STATE: "observation.images.front"}, "pixels": ("front",)}, "under one key"),
        ({"pixels": ("frnt",)}, "'front'"),
        ({"pixels": ("front",), "pixels_size": (3,)}, "(height, width)"),
        ({"render_mode": "rgb"}, "'rgb_array'"),
        ({"render_mode": "rgb_array", "render_camera": "wrist"}, "front"),
        ({"env": lerobot_sim.make("push-t", 2)}, "1 lanes"),
    ],
)
def test_wrong_options_say_what_is_right(options, word):
    with pytest.raises(InputError) as caught:
        SimEnv(**{"env": "push-t", **options})
    assert word in str(caught.value)


def test_render_modes_and_sizes():
    face = SimEnv("push-t", render_mode="rgb_array", render_camera="front", render_size=(32, 48))
    face.reset(seed=0)
    assert face.render().shape == (32, 48, 3)
    assert face.render().dtype == np.uint8
    default = SimEnv("push-t", render_mode="rgb_array")
    default.reset(seed=0)
    assert default.render().shape == (128, 128, 3)
    blind = SimEnv("push-t")
    blind.reset(seed=0)
    assert blind.render() is None


def test_actions_are_converted_where_that_is_safe_and_refused_otherwise():
    face, env = SimEnv("push-t"), lerobot_sim.make("push-t")
    face.reset(seed=1), env.reset([0], [1])
    for action in ([1, 0], np.array([0.5, 0.25]), (0.1, -0.3)):
        ours = env.step(np.array([action], np.float32), np.ones(1, bool)).observation[STATE][0]
        np.testing.assert_array_equal(face.step(action)[0][STATE], ours)
    for action in ([1, 0, 0], [[1, 0]], 1.0, ["a", "b"], None, [1 + 2j, 0], [[1], [2, 3]]):
        with pytest.raises(ArrayError, match="action: expected"):
            face.step(action)


def test_an_action_that_is_not_finite_ends_the_episode_as_the_policys():
    face = SimEnv("push-t")
    face.reset(seed=1)
    _, reward, terminated, truncated, info = face.step([np.nan, 0])
    assert (reward, terminated, truncated, info["end"]) == (0.0, False, True, "POLICY")
    assert "not finite" in info["explanation"]
    with pytest.raises(InputError, match=r"ended.*POLICY.*reset"):
        face.step([0, 0])
    face.reset(seed=1)
    face.step([0, 0])


def test_misuse_is_named():
    face = SimEnv("push-t")
    with pytest.raises(InputError, match=r"reset\(\) before"):
        face.step([0, 0])
    for seed in (-1, 2**64, 1.5, "a"):
        with pytest.raises(InputError, match="seed"):
            face.reset(seed=seed)
    face.reset(seed=np.int64(4))
    with pytest.raises(UnknownNameError, match="'params'"):
        face.reset(options={"parms": {}})
    with pytest.raises(UnknownNameError, match="contact_radius"):
        face.reset(options={"params": {"contact_radis": 0.05}})


def test_params_reach_the_episode_and_do_not_linger():
    face, env = SimEnv("push-t"), lerobot_sim.make("push-t")
    face.reset(seed=1, options={"params": {"step_length": 0.1}})
    env.reset([0], [1], {"step_length": np.array([0.1])})
    ours = env.step(np.ones((1, 2), np.float32), np.ones(1, bool)).observation[STATE][0]
    np.testing.assert_array_equal(face.step([1, 1])[0][STATE], ours)
    face.reset(seed=1)
    assert not np.array_equal(face.step([1, 1])[0][STATE], ours)


def test_observations_are_the_callers_own():
    face = SimEnv("push-t", pixels=("front",))
    first, _ = face.reset(seed=1)
    kept = {key: value.copy() for key, value in first.items()}
    for value in first.values():
        value[:] = 0
    face.step([1, 1])
    for key, value in face.reset(seed=1)[0].items():
        np.testing.assert_array_equal(value, kept[key])


def test_state_can_be_taken_and_set_back():
    face = SimEnv("push-t")
    face.reset(seed=1)
    for _ in range(298):
        face.step([1, 1])
    state = face.get_state()
    once = [face.step([-1, 0.5]) for _ in range(2)]
    ended = face.get_state()
    assert once[-1][3]
    other = SimEnv("push-t")
    other.reset(seed=9)
    other.set_state(state)
    for step in once:
        np.testing.assert_equal(other.step([-1, 0.5]), step)
    other.reset(seed=9)
    other.set_state(ended)
    with pytest.raises(InputError, match="TIME_LIMIT"):
        other.step([0, 0])


def test_closing_twice_is_allowed():
    face = SimEnv("push-t", render_mode="rgb_array")
    face.reset(seed=0)
    face.close()
    face.close()
