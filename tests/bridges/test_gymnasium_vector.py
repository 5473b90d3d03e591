"""Our Env of many lanes as gymnasium's VectorEnv, against gymnasium's SyncVectorEnv over single ones."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics

import lerobot_sim
import lerobot_sim.gym  # registers
from lerobot_sim import registry
from lerobot_sim.bridges.gymnasium_vector import SimVectorEnv
from lerobot_sim.bridges.to_gymnasium import SimEnv
from lerobot_sim.errors import ArrayError, InputError, UnknownNameError

PUSH_T = "lerobot_sim.gym:lerobot-sim/numpy-push-t-v1"
STATE = "observation.state"
LANES = 4


def assert_same(ours, theirs, where="result"):
    assert type(ours) is type(theirs), where
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), where
        for key in ours:
            assert_same(ours[key], theirs[key], f"{where}[{key!r}]")
    elif isinstance(ours, tuple | list):
        assert len(ours) == len(theirs), where
        for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(one, other, f"{where}[{i}]")
    elif isinstance(ours, np.ndarray):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), where
        if ours.dtype == object:
            assert_same(ours.tolist(), theirs.tolist(), where)
        else:
            assert ours.tobytes() == theirs.tobytes(), where
    else:
        assert ours == theirs, where


def actions(env, count, seed=0):
    """Random actions; now and then one lane's is not finite, so that lanes end at different times."""
    random = np.random.default_rng(seed)
    for t in range(count):
        action = random.uniform(-1, 1, env.action_space.shape).astype(np.float32)
        if t % 37 == 20:
            action[random.integers(len(action))] = np.nan
        yield action


def both(env_id, mode, **options):
    ours = SimVectorEnv(env_id, LANES, autoreset_mode=mode, **options)
    theirs = SyncVectorEnv([lambda: SimEnv(env_id, **options)] * LANES, autoreset_mode=mode)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    return ours, theirs


@pytest.mark.parametrize("env_id", registry.environments())
@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_autoreset_equals_gymnasiums(env_id, mode):
    ours, theirs = both(env_id, mode)
    assert_same(ours.reset(seed=5), theirs.reset(seed=5))
    ended = np.zeros(LANES, int)
    for action in actions(ours, 330):
        result = ours.step(action)
        assert_same(result, theirs.step(action))
        ended += result[2] | result[3]
    assert (ended >= 1).all()  # the time limit at least
    assert ended.max() >= 2


@pytest.mark.parametrize("env_id", registry.environments())
def test_disabled_with_reset_masks_equals_gymnasiums(env_id):
    ours, theirs = both(env_id, "Disabled")
    assert_same(ours.reset(seed=[4, 9, 2, 2]), theirs.reset(seed=[4, 9, 2, 2]))
    resets = 0
    for t, action in enumerate(actions(ours, 320, seed=1)):
        result = ours.step(action)
        assert_same(result, theirs.step(action))
        mask = result[2] | result[3]
        if mask.any():
            resets += 1
            seed = None if t % 2 else 100 + t
            options = {"reset_mask": mask}
            assert_same(ours.reset(seed=seed, options=options), theirs.reset(seed=seed, options=dict(options)))
            assert options.keys() == {"reset_mask"}  # the caller's dict is left alone
    assert resets >= 5


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_images_equal_gymnasiums(mode):
    ours, theirs = both("push-t", mode, keys="lerobot", pixels=("front",), pixels_size=(16, 16))
    assert_same(ours.reset(seed=5), theirs.reset(seed=5))
    for t, action in enumerate(actions(ours, 24)):
        action[1, 0] = np.nan if t in {3, 4, 9} and mode is not AutoresetMode.DISABLED else action[1, 0]
        result = ours.step(action)
        assert_same(result, theirs.step(action))
        mask = result[2] | result[3]
        if mask.any() and mode is AutoresetMode.DISABLED:
            options = {"reset_mask": mask}
            assert_same(ours.reset(options=options), theirs.reset(options=dict(options)))


def test_every_lane_ending_at_once_equals_gymnasiums():
    for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
        ours, theirs = both("push-t", mode)
        assert_same(ours.reset(seed=1), theirs.reset(seed=1))
        for value in (np.nan, 0.5, np.nan, np.nan, 0.5):
            action = np.full((LANES, 2), value, np.float32)
            assert_same(ours.step(action), theirs.step(action))


def test_unseeded_episodes_draw_from_each_lanes_own_generator():
    ours, theirs = both("push-t", "Disabled")
    assert ours.reset()[1]["seed"].tolist() != ours.reset()[1]["seed"].tolist()
    ours.reset(seed=[7, None, 8, None]), theirs.reset(seed=[7, None, 8, None])
    seeds = [ours.reset()[1]["seed"].tolist(), theirs.reset()[1]["seed"].tolist()]
    assert (seeds[0][0], seeds[0][2]) == (seeds[1][0], seeds[1][2])
    assert seeds[0][1] != seeds[1][1]
    ours.reset(seed=3), theirs.reset(seed=3)
    assert ours.np_random_seed == theirs.np_random_seed == (3, 4, 5, 6)
    for one, other in zip(ours.np_random, theirs.np_random, strict=True):
        assert one.bit_generator.state == other.bit_generator.state


def test_make_vec_is_native_with_autoreset_disabled_by_default():
    env = gymnasium.make_vec(PUSH_T, num_envs=5)
    assert isinstance(env, SimVectorEnv)
    assert env.env.num_envs == 5
    assert env.metadata["autoreset_mode"] is AutoresetMode.DISABLED
    assert env.metadata["render_fps"] == 10
    for text, mode in [("NextStep", AutoresetMode.NEXT_STEP), ("SameStep", AutoresetMode.SAME_STEP)]:
        assert gymnasium.make_vec(PUSH_T, num_envs=2, autoreset_mode=text).metadata["autoreset_mode"] is mode
    sync = gymnasium.make_vec(PUSH_T, num_envs=2, vectorization_mode="sync")
    assert isinstance(sync, SyncVectorEnv)


def test_a_wrapper_of_gymnasium_counts_returns():
    env = RecordEpisodeStatistics(gymnasium.make_vec(PUSH_T, num_envs=3, autoreset_mode="NextStep"))
    env.reset(seed=0)
    total = np.zeros(3)
    for action in np.zeros((300, 3, 2), np.float32):
        _, reward, _, truncated, infos = env.step(action)
        total += reward
    assert truncated.all()
    np.testing.assert_allclose(infos["episode"]["r"], total)
    assert infos["episode"]["l"].tolist() == [300, 300, 300]


def test_a_lane_that_has_ended_must_be_reset():
    env = SimVectorEnv("push-t", 3)
    with pytest.raises(InputError, match=r"reset\(\) before"):
        env.step(np.zeros((3, 2), np.float32))
    with pytest.raises(InputError, match="all lanes"):
        env.reset(options={"reset_mask": np.array([True, False, False])})
    env.reset(seed=0)
    bad = np.zeros((3, 2), np.float32)
    bad[1] = np.nan
    before = env.step(bad)[0][STATE]
    with pytest.raises(InputError, match=r"lanes \[1\].*reset_mask"):
        env.step(np.zeros((3, 2), np.float32))
    after, infos = env.reset(seed=50, options={"reset_mask": np.array([False, True, False])})
    assert infos["_seed"].tolist() == [False, True, False]
    assert infos["seed"][1] == 51
    np.testing.assert_array_equal(after[STATE][[0, 2]], before[[0, 2]])
    env.step(np.zeros((3, 2), np.float32))


def test_misuse_is_named():
    env = SimVectorEnv("push-t", 3)
    env.reset(seed=0)
    for mask in ([True] * 3, np.ones(3), np.ones(2, bool)):
        with pytest.raises(ArrayError, match=r"reset_mask.*bool array of shape \(3,\)"):
            env.reset(options={"reset_mask": mask})
    with pytest.raises(InputError, match="at least one"):
        env.reset(options={"reset_mask": np.zeros(3, bool)})
    with pytest.raises(InputError, match="2 came"):
        env.reset(seed=[1, 2])
    with pytest.raises(InputError, match="seed"):
        env.reset(seed=-1)
    with pytest.raises(UnknownNameError, match="'reset_mask'"):
        env.reset(options={"resetmask": np.ones(3, bool)})
    for action in (np.zeros(2), np.zeros((2, 2)), [["a", "b"]] * 3):
        with pytest.raises(ArrayError, match="action: expected"):
            env.step(action)
    with pytest.raises(ArrayError, match="its own row"):
        env.step(np.zeros(2))
    with pytest.raises(UnknownNameError, match="SameStep"):
        SimVectorEnv("push-t", 3, autoreset_mode="same_step")
    with pytest.raises(InputError, match="2 lanes"):
        SimVectorEnv(lerobot_sim.make("push-t", 3), 2)


def test_params_reach_all_lanes_of_a_reset():
    env = SimVectorEnv("push-t", 2)
    env.reset(seed=0, options={"params": {"step_length": 0.1}})
    observation = env.step(np.ones((2, 2), np.float32))[0][STATE]
    np.testing.assert_allclose(observation[:, 0], 0.6, atol=1e-6)


def test_render_gives_one_picture_a_lane():
    env = SimVectorEnv("push-t", 3, render_mode="rgb_array", render_size=(20, 30))
    env.reset(seed=0)
    frames = env.render()
    assert len(frames) == 3
    assert frames[0].shape == (20, 30, 3)
    single = SimEnv("push-t", render_mode="rgb_array", render_size=(20, 30))
    single.reset(seed=2)
    np.testing.assert_array_equal(frames[2], single.render())
    assert SimVectorEnv("push-t", 3).render() is None
    env.close()
    env.close()
