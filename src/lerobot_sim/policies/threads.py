"""One BLAS thread for matrices so small that a second only spins."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks through all loaded libraries, 0.5 ms; using it costs 0.02 ms


def one_blas_thread() -> AbstractContextManager[Any]:
    """Within it, NumPy's matrix products run on one thread, which costs half of two or, in training, a tenth."""
    return _controller().limit(limits=1, user_api="blas")  # pyright: ignore[reportUnknownMemberType]
