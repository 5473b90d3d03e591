"""Philox against the published vectors, and what is drawn from it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lerobot_sim import rng
from lerobot_sim.errors import InputError

INT64 = st.integers(-(2**63), 2**63 - 1)

# Random123 1.14, tests/kat_vectors, "philox4x32 10": counter, key, result
KNOWN_ANSWERS = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize("array", [np.array, torch.tensor])
@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_known_answers(array, counter, key, expected):
    words = rng.philox4x32([array([word]) for word in counter], [array([word]) for word in key])
    assert [int(word[0]) for word in words] == expected


def test_a_block_is_key_seed_and_counter_block_draw_stream():
    low, high = rng._stream_words("name")
    seed, draw = 0x123456789ABCDEF0, 7
    (row,) = rng.words(np.array([seed]), "name", draw, 8)
    for block in range(2):
        key = [np.array(seed & 0xFFFFFFFF), np.array(seed >> 32)]
        expected = rng.philox4x32([np.array(word) for word in (block, draw, low, high)], key)
        assert row[4 * block : 4 * block + 4].tolist() == [int(word) for word in expected]


@given(seeds=st.lists(INT64, min_size=1, max_size=5), counter=st.integers(0, 2**32 - 1), size=st.integers(1, 9))
@settings(deadline=None)
def test_torch_equals_numpy_bit_for_bit(seeds, counter, size):
    here = np.array(seeds, np.int64)
    there = torch.tensor(seeds, dtype=torch.int64)
    shape = (size,)
    for draw in (
        lambda s: rng.uniform(s, "a", counter, shape=shape, low=-0.3, high=0.8),
        lambda s: rng.integers(s, "a", counter, shape=shape, below=1000),
        lambda s: rng.words(s, "a", counter, size),
    ):
        assert draw(here).tobytes() == draw(there).numpy().tobytes()
    np.testing.assert_allclose(
        rng.normal(here, "a", counter, shape=shape), rng.normal(there, "a", counter, shape=shape).numpy(), atol=1e-12
    )


@given(seeds=st.lists(INT64, min_size=1, max_size=40), data=st.data())
@settings(deadline=None)
def test_a_lane_is_a_function_of_its_own_seed_and_counter(seeds, data):
    counters = np.array([data.draw(st.integers(0, 2**31)) for _ in seeds])
    all_seeds = np.array(seeds, np.int64)
    for draw in (rng.uniform, rng.normal):
        together = draw(all_seeds, "x", counters, shape=(3,))
        for lane, seed in enumerate(seeds):
            alone = draw(np.array([seed], np.int64), "x", int(counters[lane]), shape=(3,))
            assert alone[0].tobytes() == together[lane].tobytes()


def test_seeds_streams_and_counters_are_apart():
    seeds = np.array([3, -3, 3 + 2**32, 3 - 2**62, 2**63 - 1, -(2**63), 0, -1])
    rows = [rng.words(seeds, stream, counter, 4) for stream in ("a", "b") for counter in (0, 1, 2**32 - 1)]
    assert len({tuple(row) for row in np.concatenate(rows).tolist()}) == len(seeds) * 6


def test_the_first_words_do_not_hang_on_how_many_are_drawn():
    seeds = np.arange(3)
    np.testing.assert_array_equal(rng.words(seeds, "a", 0, 9)[:, :2], rng.words(seeds, "a", 0, 2))


def test_uniforms_are_uniform():
    x = rng.uniform(np.arange(2000), "u", shape=(50,), low=2.0, high=5.0)
    assert x.shape == (2000, 50)
    assert 2.0 <= x.min() < 2.001
    assert 4.999 < x.max() < 5.0
    share = np.histogram(x, 30, (2, 5))[0] / x.size
    error = math.sqrt(1 / 30 * 29 / 30 / x.size)
    assert np.abs(share - 1 / 30).max() < 4 * error
    assert abs(np.corrcoef(x[:, 0], x[:, 1])[0, 1]) < 0.1
    assert abs(np.corrcoef(x[:-1, 0], x[1:, 0])[0, 1]) < 0.1, "neighbouring seeds"


def test_normals_are_normal():
    z = rng.normal(np.arange(2000), "z", shape=(50,))
    error = 1 / math.sqrt(z.size)
    assert np.isfinite(z).all()
    assert abs(z.mean()) < 4 * error
    assert abs(z.var() - 1) < 4 * math.sqrt(2) * error
    assert abs((z**3).mean()) < 4 * math.sqrt(15) * error
    assert abs((z**4).mean() - 3) < 4 * math.sqrt(96) * error
    assert abs(np.mean(z < 1) - 0.8413447) < 4 * 0.5 * error


def test_normals_of_the_extreme_words_are_finite(monkeypatch):
    for word in (0, 2**32 - 1):
        monkeypatch.setattr(rng, "words", lambda *_, word=word: np.full((1, 2), word))
        assert np.isfinite(rng.normal(np.array([0]), "z")).all()


def test_integers_cover_their_range():
    x = rng.integers(np.arange(3000), "i", shape=(4,), below=7)
    assert x.dtype == np.int64
    counts = np.bincount(x.ravel(), minlength=7)
    assert len(counts) == 7
    assert np.abs(counts / x.size - 1 / 7).max() < 4 * math.sqrt(6 / 49 / x.size)
    assert set(rng.integers(np.arange(9), "i", below=1).tolist()) == {0}
    assert rng.integers(np.arange(5000), "i", below=2**31).max() > 2**30


def test_counters_of_any_integer_kind():
    seeds = np.arange(4)
    expected = rng.uniform(seeds, "a", 5)
    for counter in (np.int64(5), np.uint8(5), np.full(4, 5), np.full(4, 5, np.int32)):
        np.testing.assert_array_equal(rng.uniform(seeds, "a", counter), expected)


def test_no_lanes_and_no_shape():
    assert rng.uniform(np.zeros(0, np.int64), "a", shape=(3,)).shape == (0, 3)
    assert rng.uniform(np.arange(2), "a").shape == (2,)


@pytest.mark.parametrize("seeds", [np.array([0.5]), np.array([[1]]), torch.tensor([1.0])])
def test_seeds_that_are_no_vector_of_integers(seeds):
    with pytest.raises(InputError, match="vector of integers"):
        rng.uniform(seeds, "a")


@pytest.mark.parametrize("below", [0, -1, 2**31 + 1])
def test_integers_below_nothing(below):
    with pytest.raises(InputError, match="between 1 and"):
        rng.integers(np.arange(2), "a", below=below)
