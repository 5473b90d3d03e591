"""`language_conditioning` of a policy that was really trained to read."""

import pytest

from lerobot_sim import registry
from lerobot_sim.env import Env
from lerobot_sim.evaluation.language import Language, Worded, instructions_of, paraphrases_of
from lerobot_sim.loop import rollout

pytest.importorskip("torch")
OPTION = {"show_target": False}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small `bc` of 150 demonstrations of pick-color, whose states do not say which cube is meant."""
    from lerobot_sim.datasets.writer import DatasetWriter
    from lerobot_sim.training.bc_training import BCTrainingConfig, train

    folder = tmp_path_factory.mktemp("reads")
    env = registry.make("mujoco/pick-color", 50, **OPTION)
    with DatasetWriter(folder / "data", env.spec) as writer:
        for episode in rollout(env, registry.make_policy("expert", env.spec), range(150)):
            writer.add(episode)
    config = BCTrainingConfig(settings={"hidden_dim": 128}, steps=2000, batch_size=64, learning_rate=2e-3)
    train(folder / "data", folder / "run", config)
    yield env, folder / "run/last"
    env.close()


def successes(env: Env, checkpoint, count=50):
    from lerobot_sim.policies import bc

    seeds = range(10**6, 10**6 + count)
    rule = env.spec.success_rule
    return sum(episode.succeeded(rule) for episode in rollout(env, bc.make(env.spec, checkpoint), seeds))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_other_words_take_its_success_and_held_out_ones_leave_it(trained):
    env, checkpoint = trained
    pool = instructions_of(env, range(10**6, 10**6 + 16))
    language = Language(pool=pool, paraphrases={words: paraphrases_of(env.spec.id, words) for words in pool})
    right = successes(env, checkpoint)
    arms = {
        name: successes(Worded(env, language, f"language:{name}"), checkpoint) for name in ("shuffled", "paraphrased")
    }
    assert right >= 20
    assert arms["shuffled"] <= right / 4, arms
    assert arms["paraphrased"] >= right / 2, arms
