import itertools

import numpy as np
import pytest
from scipy import stats

from lerobot_sim.errors import InputError
from lerobot_sim.evaluation.power import episodes_to_pass
from lerobot_sim.evaluation.stopping import Barrier, Sequential, SequentialPair


def run(sequential, successes):
    for success in successes:
        decision = sequential.update(bool(success))
        if decision.stop:
            return decision
    return sequential.decision


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.8])
def test_the_barriers_error_rate_is_exact_over_all_outcomes(rate):
    """Every sequence of 12 coins, weighed by its probability: no approximation, no drawing."""
    wrong = {"above": 0.0, "below": 0.0}
    for coins in itertools.product([False, True], repeat=12):
        barrier = Barrier(rate, 12, 0.1)
        found = next((v for t, c in enumerate(coins, 1) if (v := barrier.update(c, t)) != "open"), "open")
        if found != "open":
            wrong[found] += rate ** sum(coins) * (1 - rate) ** (12 - sum(coins))
    assert 0.04 < wrong["above"] <= 0.1
    assert 0.02 < wrong["below"] <= 0.1


def test_the_barrier_spends_no_faster_than_it_may():
    barrier = Barrier(0.6, 40, 0.025)
    spent = []
    for look in range(1, 41):
        barrier.update(look % 5 > 1, look)
        spent.append(list(barrier._spent))
    allowed = 0.025 * np.arange(1, 41) / 40
    assert (np.array(spent) <= allowed[:, None] + 1e-15).all()
    assert min(spent[-1]) > 0.015


@pytest.mark.parametrize("pattern", [0, 1])
def test_coins_that_come_at_some_looks_only(pattern):
    """Which seeds tell the policies apart may be anything; the error rate over the coins' sides is kept."""
    looks = [t for t in range(1, 25) if (t * 7 % 3 == pattern or t % 5 == 0)]
    total = 0.0
    for coins in itertools.product([False, True], repeat=len(looks)):
        barrier, came = Barrier(0.5, 24, 0.05), dict(zip(looks, coins, strict=True))
        total += any(barrier.update(came.get(t), t) != "open" for t in range(1, 25))
    assert 0.03 < total / 2 ** len(looks) <= 0.1


def test_a_good_policy_passes_early_and_a_bad_one_fails_early():
    generator = np.random.default_rng(0)
    for rate, verdict in ((0.95, "above"), (0.5, "below")):
        ends = [run(Sequential(mark=0.8, most=300), generator.random(300) < rate) for _ in range(25)]
        assert np.mean([end.verdict == verdict for end in ends]) > 0.9
        assert np.mean([end.trials for end in ends]) < 100


def test_a_limit_makes_it_sharper():
    generator = np.random.default_rng(1)
    draws = generator.random((25, 400)) < 0.9
    limited = [run(Sequential(mark=0.8, most=400), row).trials for row in draws]
    unlimited = [run(Sequential(mark=0.8), row).trials for row in draws]
    assert np.mean(limited) < np.mean(unlimited)
    assert np.mean(limited) < 1.2 * episodes_to_pass(0.9, 0.8)


def test_on_the_mark_it_is_seldom_wrong_without_a_limit_too():
    generator = np.random.default_rng(2)
    wrong = [run(Sequential(mark=0.7), generator.random(100) < 0.7).stop for _ in range(100)]
    assert np.mean(wrong) <= 0.08


def test_a_narrow_interval_stops():
    generator = np.random.default_rng(3)
    end = run(Sequential(half_width=0.1), generator.random(2000) < 0.7)
    assert end.verdict == "precise"
    assert end.high - end.low <= 0.2
    assert "between" in end.words
    assert 100 < end.trials < 400


def test_after_the_end_nothing_changes():
    sequential = Sequential(mark=0.5, most=3)
    end = run(sequential, [True, False, True])
    assert (end.verdict, end.trials, end.successes) == ("limit", 3, 2)
    assert sequential.update(True) is end
    assert "limit" in end.words


def test_two_policies_on_the_same_seeds():
    generator = np.random.default_rng(4)

    def end_of(first_rate, second_rate, most):
        pair = SequentialPair(most=most)
        for first, second in zip(generator.random(300) < first_rate, generator.random(300) < second_rate, strict=True):
            if pair.update(bool(first), bool(second)).stop:
                break
        return pair.decision

    assert {end_of(0.95, 0.5, most).verdict for most in (300, None) for _ in range(4)} == {"above"}
    assert {end_of(0.4, 0.9, most).verdict for most in (300, None) for _ in range(4)} == {"below"}
    same = [end_of(0.6, 0.6, 300).verdict for _ in range(40)]
    assert sum(verdict != "limit" for verdict in same) <= 6
    decision = end_of(0.9, 0.5, 300)
    assert -1 <= decision.low < decision.high <= 1
    assert "first is better" in decision.words


def test_the_fixed_test_looked_at_again_and_again_would_be_wrong():
    """Why the barrier is there: the ordinary exact test at every look rejects a true mark far too often."""
    draws = np.random.default_rng(5).random((100, 100)) < 0.5
    counts = draws.cumsum(axis=1)
    n = np.arange(1, 101)
    p_values = 2 * np.minimum(stats.binom.cdf(counts, n, 0.5), stats.binom.sf(counts - 1, n, 0.5))  # of fair coins
    naive = (p_values <= 0.05).any(axis=1).mean()
    kept = np.mean([run(Sequential(mark=0.5, most=100), row).verdict != "limit" for row in draws])
    assert naive > 0.15
    assert kept <= 0.1


@pytest.mark.parametrize(
    "wrong",
    [
        Sequential,
        lambda: Sequential(mark=1.0),
        lambda: Sequential(half_width=0.9),
        lambda: Sequential(mark=0.5, most=0),
        lambda: Sequential(mark=0.5, confidence=95),
        lambda: SequentialPair(most=0),
    ],
)
def test_bad_input_is_refused(wrong):
    with pytest.raises(InputError, match=r"xpected|needs"):
        wrong()
