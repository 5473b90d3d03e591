"""What the statistics of evaluation promise, computed: coverage of intervals, errors and savings of early stopping.

Coverage is analytic: for each true rate the probabilities of the counts whose interval holds it are added up, at a grid
and beside every interval's end, where it is least. Early stopping is drawn, 400 runs (2,000 with `--full`) a figure.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from harness import Row, main
from numpy.typing import NDArray
from scipy import stats

from lerobot_sim.evaluation.intervals import suite_interval, wilson
from lerobot_sim.evaluation.paired import difference_interval
from lerobot_sim.evaluation.power import episodes_to_pass, episodes_to_tell_apart, episodes_unpaired
from lerobot_sim.evaluation.statistics import clopper_pearson
from lerobot_sim.evaluation.stopping import Sequential, SequentialPair
from lerobot_sim.evaluation.unpaired import newcombe

TRIALS = (5, 10, 20, 50, 100, 200, 500)


def coverage(interval: Callable[[int, int], tuple[float, float]], trials: int) -> tuple[float, float]:
    """(mean over uniform rates, smallest at any rate)."""
    counts = np.arange(trials + 1)
    low, high = np.array([interval(int(k), trials) for k in counts]).T
    law = stats.beta(counts + 1, trials - counts + 1)
    mean = float((law.cdf(high) - law.cdf(low)).sum() / (trials + 1))
    ends = np.concatenate([low, high])
    rates = np.clip(np.concatenate([np.linspace(0, 1, 1001), ends - 1e-9, ends + 1e-9]), 0, 1)
    inside = (low[:, None] <= rates) & (rates <= high[:, None])
    return mean, float((stats.binom.pmf(counts[:, None], trials, rates) * inside).sum(axis=0).min())


def differences_covered(pairs: int) -> tuple[float, float]:
    """Tango's interval over a grid of (only the first, only the second): (mean, smallest) coverage, exactly."""
    table = np.full((pairs + 1, pairs + 1, 2), np.nan)
    for b in range(pairs + 1):
        for c in range(pairs + 1 - b):
            table[b, c] = difference_interval(b, c, pairs)
    b, c = np.meshgrid(np.arange(pairs + 1), np.arange(pairs + 1), indexing="ij")
    found: list[float] = []
    for first in np.linspace(0.02, 0.6, 10):
        for second in np.linspace(0.02, 0.96 - first, 6):
            law = stats.multinomial.pmf(
                np.stack([b, c, np.maximum(pairs - b - c, 0)], axis=-1), pairs, [first, second, 1 - first - second]
            )
            law = np.where(b + c <= pairs, law, 0.0)
            held = (table[..., 0] <= first - second) & (first - second <= table[..., 1])
            found.append(float(law[held].sum()))
    return float(np.mean(found)), min(found)


def suites_covered(draws: int) -> float:
    """The smallest coverage of a suite's interval over some suites of 20 episodes a task."""
    generator = np.random.default_rng(0)
    suites = ([0.1, 0.9], [0.5] * 10, [0.05, 0.3, 0.95, 0.99], list(np.linspace(0.2, 0.98, 50)))
    found: list[float] = []
    for rates in suites:
        rows = generator.binomial(20, rates, (draws, len(rates))).tolist()
        bounds = [suite_interval(row, [20] * len(rates))[1:] for row in rows]
        found.append(float(np.mean([low <= np.mean(rates) <= high for low, high in bounds])))
    return min(found)


def passing(rate: float, mark: float, most: int, runs: int) -> tuple[float, float]:
    """(share of runs that say "above", mean episodes until a decision)."""
    draws: NDArray[np.bool_] = np.random.default_rng(1).random((runs, most)) < rate
    above, episodes = 0, 0
    for row in draws.tolist():
        sequential = Sequential(mark=mark, most=most)
        for success in row:
            if sequential.update(success).stop:
                break
        above += sequential.decision.verdict == "above"
        episodes += sequential.decision.trials
    return above / runs, episodes / runs


def comparing(first: float, second: float, most: int, runs: int) -> tuple[float, float]:
    """(share of runs that tell two policies apart, mean seeds until then)."""
    generator = np.random.default_rng(2)
    told, seeds = 0, 0
    for _ in range(runs):
        pair = SequentialPair(most=most)
        one, other = generator.random(most) < first, generator.random(most) < second
        for a, b in zip(one.tolist(), other.tolist(), strict=True):
            if pair.update(a, b).stop:
                break
        told += pair.decision.verdict in ("above", "below")
        seeds += pair.decision.trials
    return told / runs, seeds / runs


def measure(full: bool) -> list[Row]:
    rows: list[Row] = []
    exact = {n: coverage(clopper_pearson, n) for n in TRIALS}
    score = {n: coverage(wilson, n) for n in TRIALS}
    rows += [
        Row(what=f"exact interval, {n} episodes: smallest coverage", unit="", ours=exact[n][1], reach=">= 0.95")
        for n in TRIALS
    ]
    for n in TRIALS:
        rows.append(Row(what=f"Wilson, {n}: mean coverage", unit="", ours=score[n][0], reach="0.945-0.955"))
        rows.append(Row(what=f"Wilson, {n}: smallest coverage", unit="", ours=score[n][1], reach="reported"))
    mean, least = differences_covered(40)
    rows.append(Row(what="Tango's difference, 40 pairs: mean coverage", unit="", ours=mean))
    rows.append(Row(what="Tango's difference, 40 pairs: smallest coverage", unit="", ours=least))
    rows.append(Row(what="suites of 2 to 50 tasks: smallest coverage", unit="", ours=suites_covered(4000)))
    runs = 2000 if full else 400
    fixed = episodes_to_pass(0.9, 0.8)
    most = round(1.25 * fixed)
    wrong, _ = passing(0.8, 0.8, most, runs)
    rows.append(Row(what="stopping early: wrong 'above' on the mark", unit="", ours=wrong, reach="<= 0.025"))
    for rate in (0.9, 0.95, 0.99):
        share, episodes = passing(rate, 0.8, most, runs)
        needed = episodes_to_pass(rate, 0.8)
        what = f"mark 80%, rate {rate:.0%}, at most {most}: mean episodes (found {share:.0%})"
        rows.append(
            Row(
                what=what,
                unit="episodes",
                ours=episodes,
                peer=needed,
                peer_name="fixed number of this power 80%",
                ratio=needed / episodes,
            )
        )
    for first, second in ((0.9, 0.6), (0.8, 0.6), (0.6, 0.6)):
        needed = episodes_to_tell_apart(first, second) if first != second else 200
        most = round(1.25 * needed)
        share, seeds = comparing(first, second, most, runs)
        what = f"two policies, {first:.0%} and {second:.0%}, at most {most}: mean seeds (told apart {share:.1%})"
        peer = needed if first != second else None
        rows.append(
            Row(
                what=what,
                unit="seeds",
                ours=seeds,
                peer=peer,
                peer_name="McNemar, fixed number",
                ratio=needed / seeds if peer else None,
            )
        )
    for agreement in (0.0, 0.5, 1.0):
        seeds = episodes_to_tell_apart(0.8, 0.7, agreement=agreement)
        peer = episodes_unpaired(0.8, 0.7)
        rows.append(
            Row(
                what=f"80% against 70%, agreement {agreement:g}: seeds needed",
                unit="seeds",
                ours=seeds,
                peer=peer,
                peer_name="different seeds",
                ratio=peer / seeds,
            )
        )
    low, high = newcombe(56, 70, 48, 80)
    rows.append(
        Row(what="Newcombe's own example: width", unit="", ours=high - low, peer=0.3339 - 0.0524, peer_name="published")
    )
    return rows


if __name__ == "__main__":
    main(measure, __doc__)
