"""Comparing means of two policies on the same seeds: returns, times, smoothness, whatever was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lerobot_sim.errors import InputError

from .intervals import bootstrap_mean

_EXACT = 14
_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True)
class PairedMeans:
    """The mean difference of a measure on the same seeds.

    Attributes:
        difference: Mean of the first minus the second, over the seeds that both have.
        low: Its bootstrap interval's lower bound.
        high: Its upper bound.
        pairs: How many seeds.
        p_value: Of the sign-flip test that neither is larger.
    """

    difference: float
    low: float
    high: float
    pairs: int
    p_value: float


def compare_means(first: ArrayLike, second: ArrayLike, confidence: float = 0.95, seed: int = 0) -> PairedMeans:
    """Two policies' measures, (n,) each, finite, in the same order of seeds.

    Raises:
        InputError: Not the same number, none, or values that are not finite.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != other.shape or one.ndim != 1 or not len(one) or not np.isfinite(one - other).all():
        raise InputError(f"Expected two rows (n,) of finite values, {one.shape} and {other.shape} came.")
    differences = one - other
    low, high = bootstrap_mean(differences, confidence=confidence, seed=seed)
    return PairedMeans(
        difference=float(differences.mean()),
        low=low,
        high=high,
        pairs=len(differences),
        p_value=sign_flip(differences, seed=seed),
    )


def sign_flip(differences: ArrayLike, samples: int = 20_000, seed: int = 0) -> float:
    r"""P-value that differences of pairs are as likely to be d as -d.

    The share of all 2^n choices of signs whose mean is at least as far from 0 as the one seen (Fisher, The Design of
    Experiments, 1935, section 21): all of them up to n = 14, otherwise (r + 1) / (samples + 1) of drawn ones, which
    keeps its error rate (Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9, 2010).

    Args:
        differences: (n,), finite.
        samples: How many signs are drawn.
        seed: Which.
    """
    values: NDArray[np.float64] = np.asarray(differences, np.float64)
    values = values[values != 0]
    if not len(values):
        return 1.0
    seen = abs(math.fsum(values)) * (1 - 1e-12)
    if len(values) <= _EXACT:
        choices, places = np.arange(2 ** len(values), dtype=np.int64), np.arange(len(values), dtype=np.int64)
        heads = (choices[:, None] // 2**places) % 2
        signs = np.where(heads == 1, 1.0, -1.0)
        return float((np.abs(signs @ values) >= seen).mean())
    generator = np.random.Generator(np.random.Philox(seed))
    beyond = 0
    for start in range(0, samples, _AT_ONCE):
        heads = generator.random((min(_AT_ONCE, samples - start), len(values))) < 0.5
        signs = np.where(heads, 1.0, -1.0)
        beyond += int((np.abs(signs @ values) >= seen).sum())
    return (beyond + 1) / (samples + 1)
