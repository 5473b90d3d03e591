import numpy as np
import pytest

from lerobot_sim import make, make_policy, rollout
from lerobot_sim.errors import InputError
from lerobot_sim.experts.push_t import decide
from lerobot_sim.spec import STATE


def state(agent, block, target):
    return np.array([[*agent, *block, *target]], np.float32)


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ((0.1, 0.5), (0.8, 0.0)),  # far behind: to the approach point (0.42, 0.5) at full speed
        ((0.42, 0.1), (0.0, 0.8)),
        ((0.42, 0.54 + 1e-4), (0.0, -0.8)),  # just outside the tolerance of 0.04
        ((0.40, 0.5), (0.8, 0.0)),  # within it: push, 0.08 further than one step can
        ((0.455, 0.5), (0.5, 0.0)),  # push until 0.02 is left of 0.045
    ],
)
def test_the_two_phases(agent, expected):
    action = decide(state(agent, (0.5, 0.5), (0.7, 0.5)))
    np.testing.assert_allclose(action, [expected], atol=1e-5)


def test_pushes_straight_at_the_block_from_beside_the_approach_point():
    agent, block = np.array([0.42, 0.53]), np.array([0.5, 0.5])
    action = decide(state(agent, block, (0.7, 0.5)))[0]
    direction = (block - agent) / np.linalg.norm(block - agent)
    np.testing.assert_allclose(action / np.linalg.norm(action), direction, atol=1e-5)


@pytest.mark.parametrize("where", [((0.5, 0.5), (0.5, 0.5), (0.5, 0.5)), ((0.3, 0.3), (0.5, 0.5), (0.5, 0.5))])
def test_is_finite_where_directions_vanish(where):
    assert np.isfinite(decide(state(*where))).all()


def test_succeeds_in_every_one_of_a_thousand_episodes():
    env = make("push-t", 1000)
    episodes = list(rollout(env, make_policy("expert", env.spec), range(1000)))
    assert len(episodes) == 1000
    assert all(episode.succeeded("any") for episode in episodes)
    assert all(episode.succeeded("final") for episode in episodes)
    assert 285 < np.mean([episode.total_reward for episode in episodes]) < 295


def test_actions_are_the_same_bytes_in_other_batches():
    def actions(num_envs):
        env = make("push-t", num_envs)
        episodes = rollout(env, make_policy("expert", env.spec), range(7), window=7)
        return [episode.action for episode in episodes]

    for alone, together in zip(actions(1), actions(7), strict=True):
        assert alone.tobytes() == together.tobytes()


def test_noise_has_the_deviation_that_was_asked_for_and_differs_between_acts_lanes_and_seeds():
    spec = make("push-t").spec
    lanes = np.arange(50)
    observation = {STATE: np.tile(state((0.42, 0.45), (0.5, 0.5), (0.7, 0.5)), (50, 1))}
    noisy, plain = make_policy("expert", spec, noise=0.02), make_policy("expert", spec, noise=0.0)
    for policy in (noisy, plain):
        policy.reset(lanes, lanes + 100)
    active = np.ones(50, bool)
    noise = np.stack(
        [(noisy.act(observation, active).action - plain.act(observation, active).action) for _ in range(80)]
    )
    assert noise.std() == pytest.approx(0.02, rel=0.03)
    assert abs(noise.mean()) < 0.001
    assert len(np.unique(noise.ravel().round(9))) > 0.99 * noise.size


def test_an_idle_lane_keeps_its_place_in_the_noise():
    spec = make("push-t").spec
    observation = {STATE: np.tile(state((0.42, 0.45), (0.5, 0.5), (0.7, 0.5)), (2, 1))}
    policy = make_policy("expert", spec)
    policy.reset(np.arange(2), np.array([5, 5]))
    both, first = np.array([True, True]), np.array([True, False])
    seen = [[], []]
    for act in range(100):
        active = both if act % 3 else first
        action = policy.act(observation, active).action
        for lane in np.flatnonzero(active):
            seen[lane].append(action[lane].tobytes())
    assert len(seen[1]) < len(seen[0])
    assert seen[0][: len(seen[1])] == seen[1]


def test_actions_stay_within_their_bounds_under_great_noise():
    spec = make("push-t").spec
    policy = make_policy("expert", spec, noise=5.0)
    policy.reset(np.arange(3), np.arange(3))
    action = policy.act({STATE: np.full((3, 6), 0.5, np.float32)}, np.ones(3, bool)).action
    assert action.dtype == np.float32
    assert np.abs(action).max() == 1.0


@pytest.mark.parametrize("noise", [-0.1, np.nan, np.inf])
def test_refuses_noise_that_is_no_deviation(noise):
    with pytest.raises(InputError, match="noise"):
        make_policy("expert", make("push-t").spec, noise=noise)
