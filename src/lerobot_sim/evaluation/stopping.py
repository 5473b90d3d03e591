"""Stopping an evaluation early by a rule whose error rate is kept.

    sequential = Sequential(mark=0.8, most=200)
    for result in results_in_the_order_of_the_seeds:
        decision = sequential.update(result.success)
        if decision.stop:
            break

Give episodes in the order of their seeds and leave out FAULTs. Lanes that succeed early report early: whoever counts
episodes in the order in which they end counts too many successes when stopping.

With `most` the test is an exact one of at most so many episodes whose error rate is spent evenly over them; its
barriers come from the binomial law by recursion, so nothing is approximated and no look is free (Lan and DeMets,
Biometrika 70, 1983; the problem and the idea of spending it near-optimally under a limit: Snyder et al., "Is your
imitation learning policy better than mine?", STEP, 2025). Without `most` the evidence is a bet (`sequential`), valid
however long it goes on. Two policies on the same seeds need no worst case over a common rate, as STEP's independent
runs do: seeds that only one solves are fair coins if neither is better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError

from .sequential import confidence_sequence, evidence_above, evidence_of_difference
from .statistics import check_confidence

Verdict = Literal["open", "above", "below", "precise", "limit"]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What is known after an episode.

    Attributes:
        stop: Nothing more is needed, or the limit is reached.
        verdict: "above" or "below" the mark (of two policies: the first is better or worse), "precise" (the interval
            is narrow enough), "limit" (nothing was shown within `most` episodes) or "open".
        trials: Episodes so far.
        successes: Among them; of two policies: seeds that only the first solved.
        low: Of the success rate, or of the difference, valid at every look at once.
        high: Of the same.
        words: All this as a sentence.
    """

    stop: bool
    verdict: Verdict
    trials: int
    successes: int
    low: float
    high: float
    words: str


class Sequential:
    """Decides after every episode whether a policy's success rate is known well enough.

    The probability of a wrong "above" or "below" is 1 - confidence at most, and so is that of an interval that ever
    excludes the rate, however often one looks.

    Args:
        mark: Stop when the rate is shown to be above or below it.
        half_width: Stop when the interval is at most so wide to each side; it is the one that may be looked at after
            every episode, about 1.4 times as wide as an ordinary one.
        most: Stop after so many episodes.
        confidence: Between 0 and 1.

    Raises:
        InputError: Neither mark nor half_width, or values that cannot be.
    """

    def __init__(
        self,
        *,
        mark: float | None = None,
        half_width: float | None = None,
        most: int | None = None,
        confidence: float = 0.95,
    ) -> None:
        check_confidence(confidence)
        if mark is None and half_width is None:
            raise InputError("A sequential evaluation needs a mark or a half_width, or it would never stop by itself.")
        if mark is not None and not 0 < mark < 1:
            raise InputError(f"mark: expected between 0 and 1, {mark} came. A rate of 0 or 1 can never be beaten.")
        if half_width is not None and not 0 < half_width < 0.5:
            raise InputError(f"half_width: expected between 0 and 0.5, {half_width} came.")
        _check_most(most)
        self._mark, self._half_width, self._most, self._confidence = mark, half_width, most, confidence
        self._barrier = Barrier(mark, most, (1 - confidence) / 2) if mark is not None and most else None
        self._trials = self._successes = 0
        self.decision = self._decided("open")
        """What is known so far."""

    def update(self, success: bool) -> Decision:
        """Counts the next seed's episode; after the end nothing changes any more.

        Args:
            success: By the environment's rule.
        """
        if not self.decision.stop:
            self._trials += 1
            self._successes += int(success)
            self.decision = self._decided(self._look(success))
        return self.decision

    def _decided(self, verdict: Verdict) -> Decision:
        low, high = confidence_sequence(self._successes, self._trials, self._confidence)
        if verdict == "open" and self._half_width is not None and high - low <= 2 * self._half_width:
            verdict = "precise"
        if verdict == "open" and self._trials == self._most:
            verdict = "limit"
        return Decision(
            stop=verdict != "open",
            verdict=verdict,
            trials=self._trials,
            successes=self._successes,
            low=low,
            high=high,
            words=self._words(verdict, low, high),
        )

    def _look(self, success: bool) -> Verdict:
        if self._mark is None:
            return "open"
        if self._barrier is not None:
            return self._barrier.update(success, self._trials)
        enough = 2 / (1 - self._confidence)  # each side has half of the error rate
        if evidence_above(self._mark, self._successes, self._trials) >= enough:
            return "above"
        failures = self._trials - self._successes
        return "below" if evidence_above(1 - self._mark, failures, self._trials) >= enough else "open"

    def _words(self, verdict: Verdict, low: float, high: float) -> str:
        seen = f"{self._successes} of {self._trials} episodes succeeded"
        known = f"the rate is between {low:.1%} and {high:.1%}"
        mark = f"{self._mark:.0%}" if self._mark is not None else ""
        ends = {
            "open": f"{seen}; more are needed",
            "above": f"{seen}: the rate is above {mark}",
            "below": f"{seen}: the rate is below {mark}",
            "precise": f"{seen}: {known}",
            "limit": f"{seen}, the limit: nothing was shown, {known}",
        }
        return f"{ends[verdict]} ({self._confidence:.0%} sure, looked at after every episode)."


class SequentialPair:
    """Decides after every seed which of two policies is better; as `Sequential`, on the seeds of both.

    Args:
        most: Stop after so many seeds; without it the evidence is a bet that may go on for ever.
        confidence: Between 0 and 1.
    """

    def __init__(self, *, most: int | None = None, confidence: float = 0.95) -> None:
        check_confidence(confidence)
        _check_most(most)
        self._most, self._confidence = most, confidence
        self._barrier = Barrier(0.5, most, (1 - confidence) / 2) if most else None
        self._trials = self._first_only = self._second_only = 0
        self.decision = self._decided("open")
        """What is known so far."""

    def update(self, first: bool, second: bool) -> Decision:
        """Counts the next seed; after the end nothing changes any more.

        Args:
            first: Whether the first policy solved it.
            second: Whether the second did.
        """
        if not self.decision.stop:
            self._trials += 1
            self._first_only += int(first and not second)
            self._second_only += int(second and not first)
            self.decision = self._decided(self._look(None if first == second else first))
        return self.decision

    def _look(self, coin: bool | None) -> Verdict:
        if self._barrier is not None:
            return self._barrier.update(coin, self._trials)
        if evidence_of_difference(self._first_only, self._second_only) < 1 / (1 - self._confidence):
            return "open"
        return "above" if self._first_only > self._second_only else "below"

    def _decided(self, verdict: Verdict) -> Decision:
        if verdict == "open" and self._trials == self._most:
            verdict = "limit"
        low, high = self._interval()
        seen = f"{self._first_only} seeds only the first solved, {self._second_only} only the second, of {self._trials}"
        ends = {
            "open": "more are needed",
            "above": "the first is better",
            "below": "the second is better",
            "limit": "nothing was shown within the limit",
        }
        return Decision(
            stop=verdict != "open",
            verdict=verdict,
            trials=self._trials,
            successes=self._first_only,
            low=low,
            high=high,
            words=f"{seen}: {ends[verdict]} ({self._confidence:.0%} sure, looked at after every seed).",
        )

    def _interval(self) -> tuple[float, float]:
        """Of the difference: of rates of the seeds that only one solved, each looked at at half the error rate."""
        if not self._trials:
            return -1.0, 1.0
        half = 1 - (1 - self._confidence) / 2
        low, high = confidence_sequence(self._first_only, self._trials, half)
        other_low, other_high = confidence_sequence(self._second_only, self._trials, half)
        return low - other_high, high - other_low


class Barrier:
    """An exact test of at most `most` looks at coins of probability `rate`, its error rate spent evenly over them.

    After look t of T the probability, if the coins are as said, of having gone above is at most alpha t / T, and the
    same below. What was not spent, for counts are whole numbers, is carried on. Coins need not come at every look, as
    long as whether one comes says nothing of its side.

    Args:
        rate: Of the coins if there is nothing to show.
        most: T.
        alpha: Error rate of each side.
    """

    def __init__(self, rate: float, most: int, alpha: float) -> None:
        self._rate, self._most, self._alpha = rate, most, alpha
        self._law: NDArray[np.float64] = np.ones(1)  # P(so many heads so far, and not stopped)
        self._heads = 0
        self._spent = [0.0, 0.0]

    def update(self, coin: bool | None, look: int) -> Literal["open", "above", "below"]:
        """Where the coins are after this look.

        Args:
            coin: What came; None: no coin at this look.
            look: t, from 1 to T.
        """
        if coin is not None:
            self._heads += int(coin)
            law = np.zeros(len(self._law) + 1)
            law[:-1] += (1 - self._rate) * self._law
            law[1:] += self._rate * self._law
            self._law = law
        allowed = self._alpha * look / self._most
        high = self._cut(allowed, 0)
        low = self._cut(allowed, 1)
        if self._heads >= len(self._law) - high:
            return "above"
        return "below" if self._heads < low else "open"

    def _cut(self, allowed: float, side: int) -> int:
        """How many counts at the upper (0) or lower (1) end stop now; their probability is spent."""
        law = self._law[::-1] if side == 0 else self._law
        sums = self._spent[side] + np.cumsum(law)
        count = int(np.searchsorted(sums, allowed * (1 + 1e-12), side="right"))
        if count:
            self._spent[side] = float(sums[count - 1])
            law[:count] = 0.0
        return count


def _check_most(most: int | None) -> None:
    if most is not None and most < 1:
        raise InputError(f"most: expected at least 1 episode, {most} came.")
