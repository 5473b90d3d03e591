"""The guides' three protocols in their own simulators: what they want measured can be measured."""

from contextlib import closing

import pytest

from lerobot_sim.evaluation.metrics import chosen, measure, parts_of
from lerobot_sim.evaluation.plan import make_plan
from lerobot_sim.evaluation.protocol import find
from lerobot_sim.evaluation.running import Worlds, check_offer
from lerobot_sim.loop import rollout
from lerobot_sim.registry import make_policy
from tests.simulators.conftest import needs


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("metaworld-ml10", marks=needs("metaworld")),
        pytest.param("libero-90", marks=needs("libero")),
        pytest.param("gym-hil", marks=needs("gym-hil")),
    ],
)
def test_every_metric_of_the_guides_has_a_value(name):
    plan = make_plan(find(name), num_envs=1)
    task, names = plan.tasks[0], plan.protocol.metrics
    with closing(Worlds(plan)) as worlds:
        (env,) = worlds.of(task)
        assert check_offer(plan, task, env) == ""  # nothing is refused, and no part is untold
        (episode,) = rollout([env], make_policy("random", env.spec), [0])
    values = measure(names, episode, env.spec)
    given = {part for metric in chosen(names).values() for part in metric.gives}
    assert {part for part in given if values[part] is None} <= {"time_to_success"}  # random solves none
    assert set(parts_of(names)) <= set(episode.metrics)
