"""Our statistics beside statsmodels', where it is installed (it is in the `dev` extra)."""

from itertools import pairwise

import numpy as np
import pytest

from lerobot_sim.evaluation.intervals import wilson
from lerobot_sim.evaluation.paired import holm, mcnemar_exact
from lerobot_sim.evaluation.power import episodes_unpaired
from lerobot_sim.evaluation.statistics import clopper_pearson
from lerobot_sim.evaluation.unpaired import newcombe

MEND = "statsmodels is missing; pip install 'lerobot-sim[dev]' brings it"
proportion = pytest.importorskip("statsmodels.stats.proportion", reason=MEND)
contingency = pytest.importorskip("statsmodels.stats.contingency_tables", reason=MEND)
multitest = pytest.importorskip("statsmodels.stats.multitest", reason=MEND)

COUNTS = [(0, 10), (3, 10), (10, 10), (97, 100), (400, 1000), (1, 2000)]


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_intervals_of_rates(counts, confidence):
    alpha = 1 - confidence
    exact = proportion.proportion_confint(*counts, alpha=alpha, method="beta")
    score = proportion.proportion_confint(*counts, alpha=alpha, method="wilson")
    assert clopper_pearson(*counts, confidence) == pytest.approx(np.nan_to_num(exact, nan=0.0), abs=1e-9)
    assert wilson(*counts, confidence) == pytest.approx(score, abs=1e-9)


@pytest.mark.parametrize("counts", [(56, 70, 48, 80), (9, 10, 3, 10), (0, 20, 5, 25), (990, 1000, 970, 1000)])
def test_intervals_of_differences(counts):
    expected = proportion.confint_proportions_2indep(*counts, method="newcomb", compare="diff")
    assert newcombe(*counts) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("counts", [(0, 0), (5, 1), (12, 30), (3, 3), (100, 140)])
def test_mcnemar(counts):
    b, c = counts
    expected = contingency.mcnemar([[7, b], [c, 11]], exact=True).pvalue if b + c else 1.0
    assert mcnemar_exact(b, c) == pytest.approx(expected, rel=1e-9)


def test_holm():
    for values in np.random.default_rng(0).random((50, 7)) ** 3:
        expected = multitest.multipletests(values, method="holm")[1]
        assert holm(values.tolist()) == pytest.approx(expected.tolist())


@pytest.mark.parametrize("rates", list(pairwise([0.5, 0.6, 0.75, 0.9, 0.97])))
def test_episodes_of_different_seeds(rates):
    low, high = rates
    expected = proportion.samplesize_proportions_2indep_onetail(high - low, low, power=0.8, alternative="two-sided")
    assert episodes_unpaired(low, high) == pytest.approx(expected, rel=0.02, abs=1)
