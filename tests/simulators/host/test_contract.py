"""The contract across the boundary of the process, and the same bytes on both sides of it."""

import sys
import threading

import numpy as np
import pytest

from lerobot_sim import Decision, make, make_policy, rollout
from lerobot_sim.simulators.host.hosted_env import HostedEnv
from lerobot_sim.spec import STATE
from lerobot_sim.testing import CHECKS

from . import toy
from .conftest import program


class Expert:
    """Brings the point to the middle."""

    cameras, batch_invariant = {}, True

    def __init__(self, spec):
        pass

    def reset(self, lanes, seeds):
        """Keeps nothing."""

    def act(self, observation, active):
        return Decision(np.clip((0.5 - observation[STATE]) / 0.1, -1, 1).astype(np.float32))


@pytest.mark.parametrize("name", CHECKS)
def test_contract_of_a_toy_in_a_bare_environment(name, bare_python):
    reason = CHECKS[name](lambda num_envs: HostedEnv(program(python=bare_python), num_envs), Expert)
    if reason:
        pytest.skip(reason)


@pytest.mark.parametrize(
    ("factory", "local"),
    [("toy:make", toy.make), ("lerobot_sim.envs.push_t:make", lambda n: make("numpy/push-t", n))],
    ids=["toy", "push-t"],
)
def test_every_byte_is_the_local_one(hosted, factory, local):
    here, there = local(3), hosted(3, factory=factory)
    assert there.spec == here.spec
    on, seeds = np.array([True, True, False]), np.array([5, -6, 7])
    params = {name: np.full(2, param.high) for name, param in here.spec.params.items()}
    pairs = [[env.reset(np.arange(3), seeds), env.reset(np.array([0, 2]), seeds[:2], params)] for env in (here, there)]
    actions = np.random.default_rng(1).uniform(-1.5, 1.5, (12, 3, 2)).astype(np.float32)
    actions[8, 1] = np.nan
    for env, seen in zip((here, there), pairs, strict=True):
        for t, action in enumerate(actions):
            step = env.step(action, on if t % 3 else np.ones(3, bool))
            seen += [step.observation, step.metrics, {"r": step.reward, "s": step.success, "e": step.end}]
            seen += [
                env.render(env.spec.cameras),
                env.get_state(np.arange(3)),
                env.render(env.spec.cameras, np.array([0, 2])),
            ]
            seen += [{"words": np.array(env.instructions)}, {"explain": np.array([env.explain(k) for k in range(3)])}]
    for first, second in zip(*pairs, strict=True):
        assert first.keys() == second.keys()
        for name, value in first.items():
            assert value.dtype == second[name].dtype
            assert value.tobytes() == second[name].tobytes(), name


def test_episodes_of_a_policy_are_the_local_ones(hosted):
    policy = make_policy("expert", make("numpy/push-t").spec)
    envs = [hosted(2, factory="lerobot_sim.envs.push_t:make"), hosted(1, factory="lerobot_sim.envs.push_t:make")]
    there = list(rollout(envs, policy, range(5)))
    here = list(rollout(make("numpy/push-t", 2), policy, range(5)))
    for one, other in zip(there, here, strict=True):
        assert (one.seed, one.end, one.instruction) == (other.seed, other.end, other.instruction)
        assert one.action.tobytes() == other.action.tobytes()
        assert one.reward.tobytes() == other.reward.tobytes()


def test_an_environment_that_tells_no_more_than_its_module_is_found_by_its_own_python(hosted):
    assert hosted(python=sys.executable).spec == toy.SPEC


def test_closing_a_rollout_early_leaves_no_thread(hosted):
    envs = [hosted(1), hosted(1)]
    threads = threading.active_count()
    running = rollout(envs, make_policy("random", toy.SPEC), iter(range(10**9)))
    next(running)
    assert threading.active_count() > threads
    running.close()
    assert threading.active_count() == threads
