import math

import numpy as np
import pytest
from scipy import integrate, stats

from lerobot_sim.errors import InputError
from lerobot_sim.evaluation.sequential import confidence_sequence, evidence_above, evidence_of_difference
from lerobot_sim.evaluation.statistics import clopper_pearson

EPISODES = 200


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
def test_the_rate_is_in_all_intervals_at_once(rate):
    counts = np.random.default_rng(0).random((600, EPISODES)).__lt__(rate).cumsum(axis=1)
    looks = range(9, EPISODES, 20)
    table = {n: [confidence_sequence(k, n) for k in range(n + 1)] for n in (look + 1 for look in looks)}
    held = [all(table[n + 1][row[n]][0] <= rate <= table[n + 1][row[n]][1] for n in looks) for row in counts]
    assert np.mean(held) >= 0.94
    fixed = {n: [clopper_pearson(k, n) for k in range(n + 1)] for n in (look + 1 for look in looks)}
    naive = [all(fixed[n + 1][row[n]][0] <= rate <= fixed[n + 1][row[n]][1] for n in looks) for row in counts]
    assert np.mean(naive) < 0.935  # which is why


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (0, 12), (12, 12), (7, 12), (900, 1000)])
def test_the_interval_is_about_the_estimate(successes, trials):
    low, high = confidence_sequence(successes, trials)
    assert 0 <= low <= successes / max(trials, 1) <= high <= 1
    if successes == 0:
        assert low == 0
    if trials and successes == trials:
        assert high == 1


@pytest.mark.parametrize(("mark", "successes", "trials"), [(0.5, 3, 4), (0.8, 50, 60), (0.9, 0, 5), (0.2, 7, 7)])
def test_evidence_is_the_integral(mark, successes, trials):
    law = stats.binom.pmf
    integral, _ = integrate.quad(lambda p: law(successes, trials, p) / law(successes, trials, mark), mark, 1)
    assert evidence_above(mark, successes, trials) == pytest.approx(integral / (1 - mark), rel=1e-6)


def test_evidence_above_is_rarely_wrong_and_often_right():
    generator = np.random.default_rng(0)

    def proven(rate):
        counts = (generator.random((400, EPISODES)) < rate).cumsum(axis=1)
        return np.mean(
            [any(evidence_above(0.7, int(row[n - 1]), n) >= 20 for n in range(5, EPISODES + 1, 5)) for row in counts]
        )

    assert proven(0.7) <= 0.06
    assert proven(0.85) > 0.95


def test_evidence_of_difference_is_rarely_wrong_and_often_right():
    generator = np.random.default_rng(0)

    def proven(share):
        counts = (generator.random((600, EPISODES)) < share).cumsum(axis=1)
        looks = range(5, EPISODES + 1, 5)
        return np.mean(
            [any(evidence_of_difference(int(r[n - 1]), int(n - r[n - 1])) >= 20 for n in looks) for r in counts]
        )

    assert proven(0.5) <= 0.06
    assert proven(0.7) > 0.95


def test_no_episode_proves_nothing():
    assert evidence_above(0.5, 0, 0) == pytest.approx(1)
    assert evidence_of_difference(0, 0) == 1
    assert math.isfinite(evidence_of_difference(100_000, 0))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: confidence_sequence(2, 1),
        lambda: confidence_sequence(1, 2, 95),
        lambda: evidence_above(1.0, 1, 2),
        lambda: evidence_of_difference(-1, 2),
    ],
)
def test_bad_input_is_refused(wrong):
    with pytest.raises(InputError, match="xpected"):
        wrong()
