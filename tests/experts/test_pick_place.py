import numpy as np
import pytest

from lerobot_sim.experts.pick_place import decide
from lerobot_sim.spec import STATE

from .test_reach import run


def test_places_every_ball():
    episodes = run("numpy/pick-place", range(5000, 5200))
    assert sum(episode.succeeded("final") for episode in episodes) >= 199


@pytest.mark.parametrize("params", [{"joint_speed": 0.6}, {"ball_radius": 0.01}, {"ball_radius": 0.02}])
def test_places_them_with_other_params_too(params):
    episodes = run("numpy/pick-place", range(50), params)
    assert sum(episode.succeeded("final") for episode in episodes) >= 49


def test_lifts_the_ball_and_sets_it_down_gently():
    for episode in run("numpy/pick-place", range(20)):
        height = episode.observation[STATE][:, 9]
        held = episode.metrics["held"]
        assert held.any()
        let_go = np.flatnonzero(held)[-1]
        assert height[let_go + 1] < 0.015 + 0.012
        gap = np.linalg.norm(episode.observation[STATE][0, 7:9] - episode.observation[STATE][0, 10:12])
        assert height.max() > (0.05 if gap > 0.08 else 0.02)
        assert np.abs(np.diff(episode.action[:, :6], axis=0)).max() < 1.2


def test_has_no_memory():
    episode = run("numpy/pick-place", [5], noise=0.0)[0]
    shuffled = np.random.default_rng(0).permutation(len(episode))
    state = episode.observation[STATE].astype(np.float64)[shuffled]
    np.testing.assert_array_equal(decide(state).astype(np.float32), episode.action[shuffled])


def test_tries_again_after_a_miss():
    """A ball that was let go on the way is picked up once more."""
    from lerobot_sim import make, make_policy

    env = make("numpy/pick-place")
    expert = make_policy("expert", env.spec)
    observation = env.reset([0], [0])
    expert.reset(np.array([0]), np.array([0]))
    dropped = 0
    for _ in range(env.spec.max_steps):
        action = expert.act(observation, np.ones(1, np.bool_)).action
        if 0 < dropped < 4 or (not dropped and observation[STATE][0, 9] > 0.05):
            dropped += 1
            action[:, 6] = 1.0
        step = env.step(action, np.ones(1, np.bool_))
        observation = step.observation
    assert dropped == 4
    assert step.success[0]
