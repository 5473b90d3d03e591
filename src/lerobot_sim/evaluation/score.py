"""Which seeds are whose: those of demonstrations, of choosing a checkpoint and of its score never meet.

    demonstrations    seed * 2^20 + 0, 1, …          collect
    score             2^40 + seed * 2^20 + 0, 1, …   eval, run
    selection         2^41 + seed * 2^20 + 0, 1, …   train, which keeps the checkpoint that does best

The best of many checkpoints owes part of its rate to luck on the seeds it was chosen by, so a rate on those says too
much: selection has seeds of its own. That holds for `--seed` below 2^20, and not where a protocol names its seeds.
"""

from __future__ import annotations

HELD_OUT = 2**40
"""Held-out seeds begin here; no demonstration of ours has a seed so high."""

SELECTION = 2**41
"""Seeds on which training chooses among its checkpoints begin here; no score of ours has a seed so high."""

SEEDS_A_RUN = 2**20
"""How far apart the seeds of two runs with neighbouring `--seed` are."""


def demonstration_seeds(seed: int, episodes: int) -> range:
    """Seeds of the demonstrations of run `seed`."""
    return range(seed * SEEDS_A_RUN, seed * SEEDS_A_RUN + episodes)


def held_out_seeds(seed: int, episodes: int) -> range:
    """Seeds of the evaluation `seed`; disjoint from every run's demonstrations."""
    first = HELD_OUT + seed * SEEDS_A_RUN
    return range(first, first + episodes)


def selection_seeds(seed: int, episodes: int) -> range:
    """Seeds on which the training `seed` scores its checkpoints; disjoint from demonstrations and evaluations."""
    first = SELECTION + seed * SEEDS_A_RUN
    return range(first, first + episodes)
