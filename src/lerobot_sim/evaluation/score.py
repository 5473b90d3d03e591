"""Which seeds are whose: demonstrations' and held-out ones never meet."""

from __future__ import annotations

HELD_OUT = 2**40
"""Held-out seeds begin here; no demonstration of ours has a seed so high."""

SEEDS_A_RUN = 2**20
"""How far apart the seeds of two runs with neighbouring `--seed` are."""


def demonstration_seeds(seed: int, episodes: int) -> range:
    """Seeds of the demonstrations of run `seed`."""
    return range(seed * SEEDS_A_RUN, seed * SEEDS_A_RUN + episodes)


def held_out_seeds(seed: int, episodes: int) -> range:
    """Seeds of the evaluation `seed`; disjoint from every run's demonstrations."""
    first = HELD_OUT + seed * SEEDS_A_RUN
    return range(first, first + episodes)
