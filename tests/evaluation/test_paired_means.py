import numpy as np
import pytest
from scipy import stats

from lerobot_sim.errors import InputError
from lerobot_sim.evaluation.paired_means import compare_means, sign_flip


@pytest.mark.parametrize("count", [5, 12])
def test_few_pairs_are_scipys_exact_permutations(count):
    values = np.random.default_rng(count).normal(0.6, 1, count)
    expected = stats.permutation_test(
        (values,), lambda x, axis: x.mean(axis), permutation_type="samples", n_resamples=np.inf, vectorized=True
    ).pvalue
    assert sign_flip(values) == pytest.approx(expected)


def test_many_pairs_are_near_the_t_test():
    values = np.random.default_rng(1).normal(0.15, 1, 200)
    assert sign_flip(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.01)


def test_it_is_never_wrong_too_often():
    generator = np.random.default_rng(0)
    wrong = np.mean([sign_flip(generator.standard_t(3, 10)) <= 0.05 for _ in range(800)])
    assert wrong <= 0.075


def test_the_difference_and_its_interval():
    first = np.arange(40.0)
    found = compare_means(first + 2 + np.sin(first), first)
    assert found.low < found.difference < found.high
    assert found.difference == pytest.approx(2 + np.sin(first).mean())
    assert (found.pairs, found.p_value < 0.001) == (40, True)
    assert compare_means(first, first).p_value == 1.0


@pytest.mark.parametrize("rows", [([], []), ([1.0], [1.0, 2.0]), ([np.nan], [1.0])])
def test_bad_rows_are_refused(rows):
    with pytest.raises(InputError, match="finite"):
        compare_means(*rows)
