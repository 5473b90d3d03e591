from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import optimize, stats

from lerobot_sim.errors import InputError
from lerobot_sim.evaluation.paired import compare_pair, difference_interval, holm, letters, mcnemar_exact


@given(some.integers(0, 300), some.integers(0, 300))
def test_mcnemar_is_scipys_test_of_coins(first_only, second_only):
    total = first_only + second_only
    expected = stats.binomtest(first_only, total).pvalue if total else 1.0
    assert mcnemar_exact(first_only, second_only) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("first_only", "second_only", "pairs"), [(1, 4, 44), (10, 2, 30), (3, 3, 12)])
def test_the_bounds_are_where_the_score_test_stops_rejecting(first_only, second_only, pairs):
    for bound, z in zip(difference_interval(first_only, second_only, pairs), (1.959964, -1.959964), strict=True):

        def unlikely(q, d=bound):
            same = pairs - first_only - second_only
            return -(first_only * np.log(q + d) + second_only * np.log(q) + same * np.log(1 - 2 * q - d))

        limits = (max(0.0, -bound) + 1e-9, (1 - bound) / 2 - 1e-9)
        q = optimize.minimize_scalar(unlikely, bounds=limits, method="bounded", options={"xatol": 1e-10}).x
        score = (first_only - second_only - pairs * bound) / np.sqrt(pairs * (2 * q + bound * (1 - bound)))
        assert score == pytest.approx(z, abs=1e-4)


@pytest.mark.parametrize(("both", "first", "second"), [(0.5, 0.2, 0.1), (0.8, 0.1, 0.02), (0.3, 0.05, 0.05)])
def test_the_difference_is_covered(both, first, second):
    pairs = 40
    draws = np.random.default_rng(0).multinomial(pairs, [both, first, second, 1 - both - first - second], 3000)
    bounds = [difference_interval(int(b), int(c), pairs) for _, b, c, _ in draws]
    covered = np.mean([low <= first - second <= high for low, high in bounds])
    assert 0.93 <= covered <= 0.98


@given(some.integers(0, 30), some.integers(0, 30), some.integers(0, 30))
def test_the_interval_holds_the_estimate_and_turns_with_the_order(first_only, second_only, others):
    pairs = first_only + second_only + others
    if pairs == 0:
        return
    low, high = difference_interval(first_only, second_only, pairs)
    assert -1 <= low <= (first_only - second_only) / pairs <= high <= 1
    assert difference_interval(second_only, first_only, pairs) == pytest.approx((-high, -low), abs=1e-9)


def test_only_shared_seeds_count():
    result = compare_pair({1: True, 2: True, 3: False, 9: True}, {1: True, 2: False, 3: False, 8: True})
    assert (result.pairs, result.first_only, result.second_only) == (3, 1, 0)
    assert result.difference == pytest.approx(1 / 3)
    with pytest.raises(InputError, match="share none"):
        compare_pair({1: True}, {2: True})


def test_holm_steps():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_is_never_wrong_too_often():
    generator = np.random.default_rng(0)
    wrong = np.mean([min(holm(generator.uniform(size=5).tolist())) < 0.05 for _ in range(4000)])
    assert 0.03 < wrong < 0.065


@given(some.integers(1, 6), some.data())
def test_two_share_a_letter_exactly_where_they_cannot_be_told_apart(count, data):
    names = [f"policy {i}" for i in range(count)]
    pairs = list(combinations(names, 2))
    apart = {pair for pair in pairs if data.draw(some.booleans())}
    shown = letters(names, lambda one, other: (one, other) in apart)
    for pair in pairs:
        assert bool(set(shown[pair[0]]) & set(shown[pair[1]])) == (pair not in apart)


def test_letters_begin_with_the_best():
    assert letters(["x", "y", "z"], lambda one, other: {one, other} == {"x", "z"}) == {"x": "a", "y": "ab", "z": "b"}
