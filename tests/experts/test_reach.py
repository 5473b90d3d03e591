import numpy as np
import pytest

from lerobot_sim import make, make_policy, rollout
from lerobot_sim.envs import arm
from lerobot_sim.experts import arm_control
from lerobot_sim.experts.reach import decide
from lerobot_sim.spec import STATE


def run(name, seeds, params=None, **options):
    env = make(name, len(seeds))
    values = (
        None if params is None else lambda seeds: {key: np.full(len(seeds), value) for key, value in params.items()}
    )
    return list(rollout(env, make_policy("expert", env.spec, **options), seeds, params=values))


def test_reaches_every_target():
    episodes = run("numpy/reach", range(5000, 5200))
    assert sum(episode.succeeded("final") for episode in episodes) >= 199


@pytest.mark.parametrize("params", [{"joint_speed": 0.5}, {"joint_speed": 2.0}, {"actuator_lag": 0.4}])
def test_reaches_them_with_other_drives_too(params):
    episodes = run("numpy/reach", range(50), params)
    assert sum(episode.succeeded("final") for episode in episodes) >= 49


def test_actions_are_smooth_and_mostly_within_bounds():
    actions = np.stack([episode.action for episode in run("numpy/reach", range(50), noise=0.0)])
    assert np.abs(np.diff(actions, axis=1)).max() < 0.5
    assert np.abs(actions).max() <= 1.0
    assert (np.abs(actions) >= 1.0).mean() < 0.02


def test_noise_is_a_function_of_seed_and_step():
    first, again, other = run("numpy/reach", [7])[0], run("numpy/reach", [3, 7])[1], run("numpy/reach", [8])[0]
    np.testing.assert_array_equal(first.action, again.action)
    state = first.observation[STATE].astype(np.float64)
    noise = first.action - decide(state)
    assert 0.017 < noise.std() < 0.023
    apart = other.action - decide(other.observation[STATE].astype(np.float64))
    assert np.abs(np.corrcoef(noise.ravel(), apart.ravel())[0, 1]) < 0.25
    plain = run("numpy/reach", [7], noise=0.0)[0]
    np.testing.assert_array_equal(plain.action, decide(plain.observation[STATE].astype(np.float64)).astype(np.float32))


def test_idle_lanes_do_not_advance_the_noise():
    env = make("numpy/reach", 2)
    observation, both = env.reset([0, 1], [1, 2]), np.array([True, True])
    expert, other = make_policy("expert", env.spec), make_policy("expert", env.spec)
    for policy in (expert, other):
        policy.reset(np.array([0, 1]), np.array([1, 2]))
    expert.act(observation, np.array([True, False]))
    second, first = expert.act(observation, both).action, other.act(observation, both).action
    np.testing.assert_array_equal(second[1], first[1])
    assert (second[0] != first[0]).any()


def test_damped_least_squares_agrees_with_numpy():
    numbers = np.random.default_rng(0)
    pose = arm.forward(numbers.uniform(arm.LOW, arm.HIGH, (20, 6)))
    velocity, wish = numbers.normal(size=(20, 3)), numbers.normal(size=(20, 6))
    actual = arm_control.joint_velocity(pose, velocity, wish)
    for lane, columns in enumerate(arm.jacobian(pose)):
        inverse = columns.T @ np.linalg.inv(columns @ columns.T + arm_control.DAMPING**2 * np.eye(3))
        expected = inverse @ velocity[lane] + (np.eye(6) - inverse @ columns) @ wish[lane]
        np.testing.assert_allclose(actual[lane], expected, rtol=1e-9, atol=1e-9)


def test_point_down_is_the_gradient():
    joints = np.random.default_rng(1).uniform(arm.LOW, arm.HIGH, (5, 6))
    gradient = arm_control.point_down(arm.forward(joints))
    for i in range(6):
        shift = np.zeros(6)
        shift[i] = 1e-6
        down = [-arm.forward(joints + sign * shift).hand[:, 0, 2] for sign in (1, -1)]
        np.testing.assert_allclose(gradient[:, i], (down[0] - down[1]) / 2e-6, atol=1e-8)


def test_speeds_are_bounded_and_directions_kept():
    velocity = np.array([[0.5, -2.0, 0, 0, 0, 0], [0.5, 0.2, 0, 0, 0, 0]])
    np.testing.assert_allclose(arm_control.slowed(velocity, 1.0), [[0.25, -1, 0, 0, 0, 0], [0.5, 0.2, 0, 0, 0, 0]])
    offset = np.array([[0.3, 0.4, 0], [0.0, 0.01, 0], [0, 0, 0]])
    np.testing.assert_allclose(arm_control.towards(offset, 2.0, 0.1), [[0.06, 0.08, 0], [0, 0.02, 0], [0, 0, 0]])
