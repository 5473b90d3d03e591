"""Which decoded frames stay within the limit."""

import numpy as np

from lerobot_sim.datasets.frame_cache import FrameCache

FRAME = np.zeros(100, np.uint8)


def epochs(cache, frames, count):
    """Share of frames found in each epoch of a random order."""
    generator, found = np.random.default_rng(0), []
    for _ in range(count):
        hits = 0
        for place in generator.permutation(frames).tolist():
            hits += cache.get(("front", place)) is not None
            cache.put(("front", place), FRAME)
            assert cache.bytes <= frames * 50
        found.append(hits / frames)
    return found


def test_without_evicting_half_is_found_where_half_fits():
    rates = epochs(FrameCache(200 * 50, evict=False), 200, 4)
    assert rates == [0, 0.5, 0.5, 0.5]


def test_with_evicting_far_less_is_found_in_a_random_order():
    rates = epochs(FrameCache(200 * 50), 200, 6)
    assert abs(np.mean(rates[1:]) - (0.5 + 0.5 * np.log(0.5))) < 0.05


def test_with_evicting_the_latest_stay():
    cache = FrameCache(300)
    for place in (0, 1, 2):
        cache.put(("front", place), FRAME)
    cache.get(("front", 0))
    cache.put(("front", 3), FRAME)
    assert [cache.get(("front", place)) is not None for place in range(4)] == [True, False, True, True]


def test_what_is_larger_than_the_limit_is_not_kept():
    for evict in (True, False):
        cache = FrameCache(99, evict)
        cache.put(("front", 0), FRAME)
        assert cache.get(("front", 0)) is None
        assert cache.bytes == 0
