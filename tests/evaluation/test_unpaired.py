import numpy as np
import pytest
from scipy import stats

from lerobot_sim.errors import InputError
from lerobot_sim.evaluation.unpaired import barnard, newcombe

TABLES = [(7, 8, 12, 20), (1, 20, 8, 20), (45, 50, 38, 50), (0, 10, 10, 10), (3, 5, 3, 5), (90, 100, 80, 100)]


@pytest.mark.parametrize("table", TABLES)
def test_barnard_is_scipys(table):
    k, n, j, m = table
    expected = stats.barnard_exact([[k, j], [n - k, m - j]], n=256).pvalue
    found = barnard(k, n, j, m)
    assert found == pytest.approx(expected, rel=5e-3)
    assert found >= expected * (1 - 1e-6)  # the largest over all rates: scipy looks at fewer and cannot find more


@pytest.mark.parametrize("table", [(2, 9, 7, 11), (7, 8, 12, 20), (0, 30, 4, 25)])
def test_barnard_is_the_largest_tail_by_brute_force(table):
    k, n, j, m = table
    x, y = np.meshgrid(np.arange(n + 1), np.arange(m + 1), indexing="ij")
    q = (x + y) / (n + m)
    with np.errstate(invalid="ignore", divide="ignore"):
        score = np.nan_to_num(np.abs(x / n - y / m) / np.sqrt(q * (1 - q) * (1 / n + 1 / m)))
    region = score >= score[k, j] - 1e-12
    rates = np.linspace(0, 1, 4001)
    tails = [(stats.binom.pmf(x, n, p) * stats.binom.pmf(y, m, p))[region].sum() for p in rates]
    assert barnard(k, n, j, m) == pytest.approx(max(tails), rel=1e-5)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.85])
def test_barnard_is_never_wrong_too_often(rate):
    n, m = 15, 12
    law = np.outer(stats.binom.pmf(np.arange(n + 1), n, rate), stats.binom.pmf(np.arange(m + 1), m, rate))
    rejected = [[barnard(k, n, j, m) <= 0.05 for j in range(m + 1)] for k in range(n + 1)]
    wrong = law[np.array(rejected)].sum()
    assert 0.01 < wrong <= 0.05


def test_the_same_or_nothing_is_no_difference():
    assert barnard(3, 10, 3, 10) == barnard(0, 0, 5, 9) == barnard(10, 10, 7, 7) == 1.0
    assert barnard(3, 10, 9, 12) == pytest.approx(barnard(9, 12, 3, 10))


def test_newcombes_own_example():
    """56 of 70 and 48 of 80: 0.0524 to 0.3339 (Newcombe 1998, table II, example (a), method 10)."""
    assert newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe(0, 0, 3, 4) == (-1.0, 1.0)


@pytest.mark.parametrize("counts", [(3, 2, 1, 2), (1, 2, -1, 2)])
def test_bad_counts_are_refused(counts):
    with pytest.raises(InputError, match="xpected"):
        barnard(*counts)
