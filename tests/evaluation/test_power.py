import numpy as np
import pytest

from lerobot_sim.errors import InputError
from lerobot_sim.evaluation.intervals import wilson
from lerobot_sim.evaluation.paired import mcnemar_exact
from lerobot_sim.evaluation.power import (
    episodes_for_width,
    episodes_to_pass,
    episodes_to_tell_apart,
    episodes_unpaired,
    paired_power,
    smallest_improvement,
)
from lerobot_sim.evaluation.statistics import clopper_pearson


def test_the_textbooks_number_of_episodes():
    """1.96^2 / 4 / 0.05^2 = 384, of which Wilson's interval needs z^2 fewer."""
    assert episodes_for_width(0.5, 0.05) == pytest.approx(381, abs=2)
    low, high = wilson(90, episodes_for_width(0.9, 0.06))
    assert high - low < 0.14


@pytest.mark.parametrize(
    ("first", "second", "seeds"), [(0.2, 0.05, 60), (0.1, 0.1, 100), (0.3, 0.0, 25), (0.5, 0.5, 9)]
)
def test_power_is_what_drawing_gives(first, second, seeds):
    draws = np.random.default_rng(0).multinomial(seeds, [first, second, max(0.0, 1 - first - second)], 4000)
    rejected = np.mean([mcnemar_exact(int(b), int(c)) <= 0.05 for b, c, _ in draws])
    assert paired_power(first, second, seeds) == pytest.approx(rejected, abs=0.025)


def test_the_number_of_seeds_has_the_power():
    seeds = episodes_to_tell_apart(0.9, 0.8)
    first, second = 0.9 * 0.2, 0.9 * 0.2 - 0.1
    assert paired_power(first, second, seeds) >= 0.8 > paired_power(first, second, seeds * 9 // 10)


def test_shared_failures_need_fewer_seeds():
    assert episodes_to_tell_apart(0.9, 0.8, agreement=1.0) < episodes_to_tell_apart(0.9, 0.8) / 2


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: episodes_to_tell_apart(0.5, 0.5),
        lambda: episodes_to_tell_apart(1.5, 0.5),
        lambda: episodes_to_tell_apart(0.9, 0.5, agreement=2),
        lambda: episodes_for_width(0.5, 0.7),
        lambda: paired_power(0.8, 0.4, 10),
    ],
)
def test_bad_input_is_refused(wrong):
    with pytest.raises(InputError, match=r"xpected|differ"):
        wrong()


def test_episodes_to_pass_have_the_power():
    episodes = episodes_to_pass(0.9, 0.8)
    draws = np.random.default_rng(0).binomial(episodes, 0.9, 4000)
    passed = {k: clopper_pearson(k, episodes)[0] >= 0.8 for k in set(draws.tolist())}
    assert 0.78 <= np.mean([passed[k] for k in draws.tolist()]) <= 0.9
    assert episodes_to_pass(0.99, 0.8) < episodes_to_pass(0.85, 0.8)
    with pytest.raises(InputError, match="below the rate"):
        episodes_to_pass(0.7, 0.8)


def test_the_smallest_improvement_is_what_the_seeds_tell_apart():
    improvement = smallest_improvement(0.6, 100)
    assert episodes_to_tell_apart(0.6, 0.6 + improvement) == pytest.approx(100, abs=8)
    assert smallest_improvement(0.95, 20) is None
    assert smallest_improvement(1.0, 20) is None


def test_pairs_never_need_more_than_different_seeds():
    assert episodes_to_tell_apart(0.6, 0.7, agreement=0.5) < episodes_unpaired(0.6, 0.7)
