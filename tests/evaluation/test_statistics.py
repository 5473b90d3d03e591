import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from lerobot_sim.errors import InputError
from lerobot_sim.evaluation.statistics import clopper_pearson, standard_error


@given(some.integers(1, 2000), some.floats(0, 1), some.sampled_from([0.8, 0.95, 0.99]))
def test_exact_interval_is_scipys(trials, share, confidence):
    successes = round(share * trials)
    expected = stats.binomtest(successes, trials).proportion_ci(confidence, method="exact")
    assert clopper_pearson(successes, trials, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_without_trials_nothing_is_known():
    assert clopper_pearson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("trials", [5, 40])
def test_coverage_is_at_least_what_it_says_at_every_rate(trials):
    bounds = [clopper_pearson(k, trials) for k in range(trials + 1)]
    for rate in np.linspace(0.001, 0.999, 199):
        weights = stats.binom.pmf(np.arange(trials + 1), trials, rate)
        covered = sum(weight for weight, (low, high) in zip(weights, bounds, strict=True) if low <= rate <= high)
        assert covered >= 0.95 - 1e-12


@pytest.mark.parametrize("trials", [1, 3, 17, 60])
def test_coverage_is_kept_where_it_is_least(trials):
    """Coverage jumps down just beyond an interval's end: it is least there, not on a grid."""
    bounds = [clopper_pearson(k, trials) for k in range(trials + 1)]
    ends = np.array(bounds).ravel()
    for rate in np.clip(np.concatenate([ends - 1e-10, ends + 1e-10]), 0, 1):
        weights = stats.binom.pmf(np.arange(trials + 1), trials, rate)
        covered = sum(weight for weight, (low, high) in zip(weights, bounds, strict=True) if low <= rate <= high)
        assert covered >= 0.95 - 1e-8


@pytest.mark.parametrize(("successes", "trials", "confidence"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)])
def test_bad_counts_are_refused(successes, trials, confidence):
    with pytest.raises(InputError):
        clopper_pearson(successes, trials, confidence)


def test_standard_error_is_scipys():
    values = [3.0, 1.5, -2.0, 8.25]
    assert standard_error(values) == pytest.approx(float(stats.sem(values)))
    assert math.isnan(standard_error([1.0]))
