"""One BLAS thread for matrices so small that a second only spins."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks through all loaded libraries, 0.5 ms; using it costs 0.02 ms


def one_blas_thread() -> AbstractContextManager[Any]:
    """Within it, NumPy's matrix products run on one thread, which costs half of two or, in training, a tenth."""
    return _controller().limit(limits=1, user_api="blas")  # pyright: ignore[reportUnknownMemberType]


@contextmanager
def one_torch_thread(wanted: bool = True) -> Generator[None]:
    """Within it, torch computes on one thread where that is `wanted`: on small matrices a second one only spins."""
    import torch

    before = torch.get_num_threads()
    if not wanted or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
