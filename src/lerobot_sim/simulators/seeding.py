"""Our seeds, any integers, for simulators that take 32 bits or NumPy's global generator."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

import numpy as np

_WORD = 2**32


def word(seed: int) -> int:
    """A seed in [0, 2^32): itself where it is one, else 32 bits that depend on all of it."""
    if 0 <= seed < _WORD:
        return seed
    return int(np.random.SeedSequence(seed % 2**64).generate_state(1)[0])


@contextlib.contextmanager
def global_seed(seed: int) -> Generator[None]:
    """Within it NumPy's global generator begins at a seed; afterwards it stands where it stood before."""
    before = np.random.get_state()  # noqa: NPY002  a simulator uses it
    np.random.seed(word(seed))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
