import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from lerobot_sim.errors import InputError
from lerobot_sim.evaluation.intervals import bootstrap_mean, suite_interval, wilson


@given(some.integers(1, 2000), some.floats(0, 1), some.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_scipys(trials, share, confidence):
    successes = round(share * trials)
    expected = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    assert wilson(successes, trials, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("trials", [20, 50, 200])
def test_wilson_covers_in_the_mean_over_rates(trials):
    bounds = np.array([wilson(k, trials) for k in range(trials + 1)])
    rates = (np.arange(2000) + 0.5) / 2000
    inside = (bounds[:, :1] <= rates) & (rates <= bounds[:, 1:])
    covered = (stats.binom.pmf(np.arange(trials + 1)[:, None], trials, rates) * inside).sum(axis=0)
    assert 0.945 <= covered.mean() <= 0.955
    assert covered.min() > 0.8


@pytest.mark.parametrize("trials", [10, 100])
def test_wilsons_mean_coverage_by_the_integral(trials):
    """No grid: the mean over uniform rates is a sum of incomplete beta functions."""
    k = np.arange(trials + 1)
    low, high = np.array([wilson(int(i), trials) for i in k]).T
    law = stats.beta(k + 1, trials - k + 1)
    assert 0.945 <= (law.cdf(high) - law.cdf(low)).sum() / (trials + 1) <= 0.955


def test_a_suite_of_one_task_is_wilsons():
    rate, low, high = suite_interval([7], [20])
    assert rate == 0.35
    assert (low, high) == pytest.approx(wilson(7, 20))


@pytest.mark.parametrize("rates", [[0.1, 0.9], [0.5, 0.5, 0.5, 0.5, 0.5], [0.05, 0.3, 0.95, 0.99]])
def test_suites_are_covered(rates):
    draws = np.random.default_rng(0).binomial(20, rates, (4000, len(rates)))
    bounds = [suite_interval(row, [20] * len(rates))[1:] for row in draws.tolist()]
    covered = np.mean([low <= np.mean(rates) <= high for low, high in bounds])
    assert 0.93 <= covered <= 0.98


def test_differences_between_tasks_are_no_chance():
    """Two tasks, one always and one never solved: the suite's rate is known far better than of pooled episodes."""
    _, low, high = suite_interval([100, 0], [100, 100])
    pooled = wilson(100, 200)
    assert high - low < 0.5 * (pooled[1] - pooled[0])


def test_tasks_weigh_the_same_whatever_their_episodes():
    assert suite_interval([90, 0], [90, 10])[0] == 0.5


def test_bootstrap_is_the_normal_interval_for_many_values():
    values = np.random.default_rng(1).normal(3.0, 2.0, 2000)
    half = 1.96 * values.std(ddof=1) / math.sqrt(len(values))
    assert bootstrap_mean(values) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


def test_bootstrap_within_groups_does_not_see_the_distance_between_them():
    values = np.concatenate([np.zeros(50), np.full(50, 10.0)])
    assert bootstrap_mean(values, np.repeat([0, 1], 50)) == (5.0, 5.0)
    low, high = bootstrap_mean(values)
    assert high - low > 1


def test_bootstrap_weighs_groups_the_same():
    low, high = bootstrap_mean([0.0] * 90 + [1.0] * 10, ["a"] * 90 + ["b"] * 10)
    assert low == high == 0.5


def test_bootstrap_says_the_same_for_one_seed():
    values = [0.0, 1.0, 5.0, 2.0]
    assert bootstrap_mean(values, seed=3) == bootstrap_mean(values, seed=3)
    assert all(math.isnan(bound) for bound in bootstrap_mean([]))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: wilson(3, 2),
        lambda: wilson(1, 2, 95),
        lambda: suite_interval([], []),
        lambda: suite_interval([1], [0]),
        lambda: suite_interval([1, 2], [3]),
        lambda: bootstrap_mean([1.0, math.nan]),
        lambda: bootstrap_mean([1.0], [1, 2]),
        lambda: bootstrap_mean([1.0], samples=0),
    ],
)
def test_bad_input_is_refused(wrong):
    with pytest.raises(InputError, match=r"xpected|episode"):
        wrong()
