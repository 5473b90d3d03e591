"""MetaWorld's scripts as experts: how often they succeed, what they ask for, what happens when their process dies."""

import os
import signal

import numpy as np
import pytest

from lerobot_sim.errors import InputError, SimError
from lerobot_sim.experts.metaworld import make, published
from lerobot_sim.loop import rollout
from lerobot_sim.simulators import families, metaworld
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE
from tests.simulators.conftest import needs

MODULE = "lerobot_sim.simulators.metaworld"
pytestmark = needs("metaworld", MODULE)


def successes(task, seeds, **options):
    """Which of the seeds' episodes, one a lane, succeed; all are left as soon as all have."""
    lanes = np.arange(len(seeds))
    env = families.make(MODULE, task, len(seeds), host="own", **options)
    try:
        expert, done = make(env.spec), np.zeros(len(seeds), np.bool_)
        observation = env.reset(lanes, np.array(seeds))
        expert.reset(lanes, np.array(seeds))
        for _ in range(env.spec.max_steps):
            step = env.step(expert.act(observation, ~done).action, ~done)
            observation = step.observation
            done |= step.success
            if done.all():
                break
        return done.tolist()
    finally:
        env.close()


def test_the_expert_solves_a_task_and_needs_no_second_frame():
    assert successes("door-open-v3", range(2)) == [True, True]
    assert successes("reach-v3", range(1), frame_stack=3) == [True]


def test_the_loop_runs_the_expert():
    env = families.make(MODULE, "reach-v3", 2, host="own", action_repeat=10)
    try:
        (episode,) = rollout(env, make(env.spec, noise=0.01), [3])
        assert len(episode.reward) == 50
    finally:
        env.close()


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_experts_solve_95_percent_of_all_tasks():
    table = {task: sum(successes(task, range(5))) for task in metaworld.tasks()}
    print("\n".join(f"{count} of 5  {task}" for task, count in table.items()))
    assert sum(table.values()) >= 0.95 * 250, table
    assert min(table.values()) >= 3, table


def test_the_numbers_are_metaworlds():
    robot, others = np.arange(8.0)[None], np.arange(100.0, 131.0)[None]
    numbers = published({STATE: robot, ENVIRONMENT_STATE: others})[0]
    assert numbers.tolist() == [*range(4), *range(100, 114), *range(4), *range(100, 114), 128, 129, 130]


@pytest.mark.parametrize("options", [{"goal_observable": False}, {"observation_type": "pixels"}, {"suite": "ML1"}])
def test_what_the_scripts_cannot_see_is_asked_for(options):
    with pytest.raises(InputError, match="goal_observable=True"):
        make(metaworld.spec("reach-v3", **options))


@pytest.fixture
def expert():
    made = []

    def one(task, **keywords):
        made.append(make(metaworld.spec(task), **keywords))
        return made[-1]

    yield one
    for policy in made:
        policy.close()


def seen(count, low=0.0):
    random, spec = np.random.default_rng(0), metaworld.spec("reach-v3")
    return {
        key: random.uniform(low, 1, (count, *feature.shape)).astype(np.float32)
        for key, feature in spec.observation.items()
    }


def test_noise_is_a_function_of_seed_and_step(expert):
    plain, one, two = expert("reach-v3"), expert("reach-v3", noise=0.1), expert("reach-v3", noise=0.1)
    actions = []
    for policy in (plain, one, two):
        policy.reset(np.arange(2), np.array([4, 5]))
        actions.append([policy.act(seen(2), np.ones(2, np.bool_)).action for _ in range(3)])
    assert np.array_equal(actions[1], actions[2])
    assert not np.array_equal(actions[0], actions[1])
    assert np.array_equal(actions[0][0], actions[0][2])


def test_an_expert_whose_process_is_killed_says_so_and_begins_anew(expert):
    policy = expert("reach-v3")
    policy.reset(np.arange(3), np.arange(3))
    first = policy.act(seen(3), np.ones(3, np.bool_)).action
    os.kill(policy.pid, signal.SIGKILL)
    with pytest.raises(SimError, match="killed"):
        policy.act(seen(3), np.ones(3, np.bool_))
    policy.reset(np.arange(3), np.arange(3))
    assert np.array_equal(policy.act(seen(3), np.ones(3, np.bool_)).action, first)


@pytest.mark.slow
@pytest.mark.parametrize("task", metaworld.tasks())
def test_every_script_answers_rows_of_zeros(task, expert):
    zeros = {key: 0 * value for key, value in seen(2).items()}  # what the rows of other environments are
    assert expert(task).act(zeros, np.ones(2, np.bool_)).action.shape == (2, 4)
