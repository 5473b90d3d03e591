"""Statistics against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lerobot_sim.datasets.statistics import QUANTILES, column_statistics, join

VALUES = arrays(np.float32, st.tuples(st.integers(1, 40), st.just(2)), elements=st.floats(-1e3, 1e3, width=32))


@given(VALUES)
def test_an_episodes_statistics_are_their_definitions(values: np.ndarray) -> None:
    found = column_statistics(values)
    exact = values.astype(np.float64)
    assert np.array_equal(found["min"], exact.min(0))
    assert np.array_equal(found["max"], exact.max(0))
    assert np.allclose(found["mean"], exact.mean(0), rtol=1e-12, atol=1e-9)
    assert np.allclose(found["std"], exact.std(0), rtol=1e-9, atol=1e-9)
    assert found["count"].tolist() == [len(values)]
    for name, q in QUANTILES.items():
        at_most = (exact <= found[name]).sum(0)  # the smallest value that so large a share does not exceed
        below = (exact < found[name]).sum(0)
        assert (at_most >= math.ceil(q * len(values))).all()
        assert (below < math.ceil(q * len(values))).all()


@given(VALUES, VALUES, VALUES)
def test_joined_statistics_are_those_of_all_rows(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> None:
    joined = join(join(column_statistics(first), column_statistics(second)), column_statistics(third))
    whole = column_statistics(np.concatenate([first, second, third]))
    for name in ("min", "max", "count"):
        assert np.array_equal(joined[name], whole[name])
    assert np.allclose(joined["mean"], whole["mean"], rtol=1e-9, atol=1e-9)
    assert np.allclose(joined["std"], whole["std"], rtol=1e-6, atol=1e-6)


def test_joined_quantiles_are_weighted_means_as_lerobots() -> None:
    joined = join(column_statistics(np.zeros((10, 1))), column_statistics(np.ones((30, 1))))
    assert joined["q50"] == pytest.approx([0.75])


def test_a_constant_column_does_not_vary() -> None:
    values = np.full((300, 1), np.float32(0.62921864))
    one = column_statistics(values)
    for found in (one, join(one, join(one, one))):
        assert found["std"] == 0
        assert found["mean"] == found["min"] == found["q50"] == np.float64(np.float32(0.62921864))


def test_several_axes_are_joined_but_the_last_and_bools_are_numbers() -> None:
    found = column_statistics(np.arange(24).reshape(2, 3, 4))
    assert found["min"].tolist() == [0, 1, 2, 3]
    assert found["max"].tolist() == [20, 21, 22, 23]
    assert found["count"].tolist() == [2]
    assert column_statistics(np.array([[True], [False]]))["mean"].tolist() == [0.5]
