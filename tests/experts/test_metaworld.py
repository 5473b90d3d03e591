"""MetaWorld's scripts as experts: how often they succeed, what they ask for, what happens when their process dies."""

import os
import signal

import numpy as np
import pytest

from lerobot_sim.errors import InputError
from lerobot_sim.experts.metaworld import HostedScript, make, published
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


def test_a_script_whose_process_is_killed_is_asked_again():
    script = HostedScript("reach-v3")
    try:
        numbers = np.random.default_rng(0).uniform(0, 1, (3, 39))
        first = script(numbers)
        process = script._end.__self__
        os.kill(process.pid, signal.SIGKILL)
        assert np.array_equal(script(numbers), first)
        assert script._end.__self__.pid != process.pid
    finally:
        script.close()


@pytest.mark.slow
@pytest.mark.parametrize("task", metaworld.tasks())
def test_every_script_answers_rows_of_zeros(task):
    script = HostedScript(task)  # what the rows of other environments are
    try:
        assert script(np.zeros((2, 39))).shape == (2, 4)
    finally:
        script.close()
