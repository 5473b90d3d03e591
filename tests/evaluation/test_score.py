"""Which seeds are whose."""

from hypothesis import given
from hypothesis import strategies as st

from lerobot_sim.evaluation.plan import make_plan, settings_of
from lerobot_sim.evaluation.protocol import find
from lerobot_sim.evaluation.score import SEEDS_A_RUN, demonstration_seeds, held_out_seeds, selection_seeds

KINDS = (demonstration_seeds, held_out_seeds, selection_seeds)
SEED, EPISODES = st.integers(0, 2**20 - 1), st.integers(1, SEEDS_A_RUN)


@given(SEED, EPISODES, SEED, EPISODES)
def test_demonstrations_scores_and_selection_never_meet(seed, episodes, other_seed, other_episodes):
    """Whatever --seed each of the three commands was given."""
    for kind in KINDS:
        for other in KINDS:
            mine, theirs = kind(seed, episodes), other(other_seed, other_episodes)
            apart = mine.stop <= theirs.start or theirs.stop <= mine.start
            assert apart == (kind is not other or seed != other_seed)


def test_seeds_are_int64():
    assert selection_seeds(2**20 - 1, SEEDS_A_RUN).stop < 2**63


def test_a_plan_that_selects_has_seeds_of_its_own():
    protocol = find("push-t")
    scored, selected = make_plan(protocol, seed=3, episodes=7), make_plan(protocol, seed=3, episodes=7, selection=True)
    assert scored.tasks[0].record.seeds == list(held_out_seeds(3, 7))
    assert selected.tasks[0].record.seeds == list(selection_seeds(3, 7))
    assert settings_of(scored, "expert", True, {}) != settings_of(selected, "expert", True, {})
