"""The contract through a pipe, and episodes whose process dies."""

import os
import signal
import threading

import numpy as np
import pytest

from lerobot_sim import End, make, make_policy, rollout
from lerobot_sim.envs.push_t import SPEC
from lerobot_sim.testing import CHECKS

from . import fragile
from .strain_process import ProcessEnv


def remote(num_envs):
    return ProcessEnv(SPEC, "lerobot_sim.envs.push_t", "make", num_envs)


def fragile_env(num_envs, timeout_s=60.0):
    return ProcessEnv(SPEC, "tests.contract.fragile", "make", num_envs, timeout_s)


@pytest.mark.parametrize("name", CHECKS)
def test_contract(name):
    reason = CHECKS[name](remote, lambda spec: make_policy("expert", spec))
    if reason:
        pytest.skip(reason)


@pytest.fixture
def envs():
    made = []
    yield made
    for env in made:
        env.close()


class Killer:
    """A sink that kills the first environment's process once, at a tick."""

    def __init__(self, env, tick):
        self.env, self.tick, self.cameras = env, tick, {}

    def write(self, frames):
        self.tick -= 1
        if self.tick == 0:
            os.kill(self.env.process.pid, signal.SIGKILL)


def test_a_killed_worker_is_replaced_and_its_episodes_are_run_again(envs):
    envs.append(remote(2))
    policy = make_policy("expert", SPEC)
    episodes = list(rollout(envs[0], policy, range(3), sinks=[Killer(envs[0], 40)]))
    expected = list(rollout(make("push-t", 2), policy, range(3)))
    assert envs[0].workers == 2
    assert [episode.attempt for episode in episodes] == [1, 1, 0]
    for episode, other in zip(episodes, expected, strict=True):
        assert episode.end is End.TIME_LIMIT
        assert episode.seed == other.seed
        np.testing.assert_array_equal(episode.action, other.action)
        np.testing.assert_array_equal(episode.reward, other.reward)


@pytest.mark.parametrize(
    ("seed", "length", "timeout_s"),
    [(fragile.DIES_AT_STEP_5, 6, 60.0), (fragile.HANGS_AT_STEP_5, 6, 0.5), (fragile.DIES_IN_RESET, 1, 60.0)],
)
def test_what_dies_twice_is_reported_as_a_fault(envs, seed, length, timeout_s):
    envs.extend(fragile_env(1, timeout_s) for _ in range(2))
    seeds = [1, seed, 2]
    episodes = list(rollout(envs, make_policy("random", SPEC), seeds))
    assert [episode.seed for episode in episodes] == seeds
    assert [episode.end for episode in episodes] == [End.TIME_LIMIT, End.FAULT, End.TIME_LIMIT]
    assert [episode.attempt for episode in episodes] == [0, 1, 0]
    fault = episodes[1]
    assert len(fault) == length
    assert fault.explanation == "The process of the simulator died or hung."
    assert np.isfinite(fault.final_observation["observation.state"]).all()
    assert not fault.success.any()


def test_lanes_of_a_dead_worker_stay_put_until_their_reset(envs):
    envs.append(remote(3))
    env = envs[0]
    env.reset(np.arange(3), np.array([1, 2, 3]))
    action = np.zeros((3, 2), np.float32)
    action[2] = np.nan
    everyone = np.ones(3, np.bool_)
    before = env.step(action, everyone)
    os.kill(env.process.pid, signal.SIGKILL)
    after = env.step(np.zeros((3, 2), np.float32), everyone)
    assert after.end.tolist() == [End.FAULT, End.FAULT, End.POLICY]
    assert after.reward.tolist() == [0, 0, 0]
    np.testing.assert_array_equal(after.observation["observation.state"], before.observation["observation.state"])
    env.reset(np.array([1]), np.array([5]))
    later = env.step(np.zeros((3, 2), np.float32), everyone)
    assert later.end.tolist() == [End.FAULT, End.RUNNING, End.POLICY]
    for lane in (0, 2):
        assert (
            later.observation["observation.state"][lane].tolist()
            == before.observation["observation.state"][lane].tolist()
        )


def test_closing_a_rollout_early_leaves_no_thread(envs):
    envs.extend(remote(1) for _ in range(2))
    threads = threading.active_count()
    running = rollout(envs, make_policy("random", SPEC), iter(range(10**9)))
    next(running)
    assert threading.active_count() > threads
    running.close()
    assert threading.active_count() == threads
