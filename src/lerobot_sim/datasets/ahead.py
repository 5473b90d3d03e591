"""Work that is done by a thread while its last result is used."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def read_ahead(calls: Iterable[Callable[[], T]], ahead: int, threads: int = 1) -> Generator[T]:
    """The results of some calls in their order; threads are up to `ahead` calls further.

    What a call raises is raised where its result would have come. Leaving early waits for the call that runs.
    """
    calls = iter(calls)
    if ahead < 1:
        for call in calls:
            yield call()
        return
    pool = ThreadPoolExecutor(threads, "ahead")
    try:
        waiting: deque[Future[T]] = deque(pool.submit(call) for call in itertools.islice(calls, ahead))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(call) for call in itertools.islice(calls, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
