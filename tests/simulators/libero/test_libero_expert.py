"""The scripted expert of libero_object and libero_spatial."""

import numpy as np
import pytest

from lerobot_sim.env import End
from lerobot_sim.errors import InputError
from lerobot_sim.experts import libero as expert
from lerobot_sim.loop import rollout
from lerobot_sim.simulators import libero
from lerobot_sim.simulators.libero.catalogue import catalogue
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE
from tests.simulators.conftest import needs
from tests.simulators.peers import ours

MODULE = "lerobot_sim.simulators.libero"


def test_every_thing_of_the_two_suites_has_a_grasp():
    for task in catalogue().values():
        if task.suite in ("libero_object", "libero_spatial"):
            spec = libero.spec(task.id)
            shape = {STATE: (3, 8), ENVIRONMENT_STATE: (3, *spec.observation[ENVIRONMENT_STATE].shape)}
            row = {key: np.zeros(size, np.float32) for key, size in shape.items()}
            policy = expert.make(spec)
            policy.reset(np.arange(3), np.arange(3))
            action = policy.act(row, np.ones(3, bool)).action
            assert (action.shape, action.dtype) == ((3, 7), np.float32)
            assert np.abs(action).max() <= 1


def test_other_suites_have_no_expert():
    with pytest.raises(InputError, match="libero_object"):
        expert.make(libero.spec("libero_goal-0"))


@pytest.mark.slow
@pytest.mark.timeout(900)
@needs("libero", MODULE)
@pytest.mark.parametrize(
    "task", ["libero_object-0", "libero_object-6", "libero_spatial-2", "libero_spatial-4", "libero_spatial-7"]
)
def test_it_solves_tasks(task):
    env = ours(MODULE, task, 2)
    episodes = list(rollout(env, expert.make(env.spec), range(2)))
    env.close()
    assert [episode.success[-1] for episode in episodes] == [True, True]
    assert {episode.end for episode in episodes} == {End.TERMINATED}
    assert [episode.metrics["goal_distance"][-1] for episode in episodes] == [0, 0]
    assert min(episode.metrics["goal_distance"][0] for episode in episodes) > 0.05
