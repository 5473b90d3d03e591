r"""A multi-layer perceptron with two hidden layers, as six plain arrays.

    h1 = relu(x w1 + b1),  h2 = relu(h1 w2 + b2),  y = tanh(h2 w3 + b3)

The six lie one behind the other in one flat vector, so that an optimiser treats them as one array while
everyone else sees matrices: both are views of the same numbers.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lerobot_sim import rng
from lerobot_sim.errors import ArrayError

WEIGHTS = ("w1", "b1", "w2", "b2", "w3", "b3")
"""Names of the arrays, in their order in the flat vector."""


class Weights(NamedTuple):
    """The network's arrays, for S inputs, H hidden units a layer and A outputs."""

    w1: NDArray[Any]
    """(S, H)"""
    b1: NDArray[Any]
    """(H,)"""
    w2: NDArray[Any]
    """(H, H)"""
    b2: NDArray[Any]
    """(H,)"""
    w3: NDArray[Any]
    """(H, A)"""
    b3: NDArray[Any]
    """(A,)"""

    @property
    def sizes(self) -> tuple[int, int, int]:
        """(inputs, hidden units a layer, outputs)."""
        return self.w1.shape[0], self.w1.shape[1], self.b3.shape[0]

    def check(self) -> None:
        """Refuses arrays whose shapes do not fit together.

        Raises:
            ArrayError: The first array that does not fit, with the shape that was expected.
        """
        if self.w1.ndim != 2 or self.b3.ndim != 1:
            raise ArrayError(f"w1 has two axes and b3 one; {self.w1.shape} and {self.b3.shape} came.")
        for name, shape, array in zip(WEIGHTS, shapes(*self.sizes), self, strict=True):
            if array.shape != shape:
                raise ArrayError(f"{name}: expected shape {shape} beside w1 {self.w1.shape}, {array.shape} came.")


def shapes(inputs: int, hidden: int, outputs: int) -> tuple[tuple[int, ...], ...]:
    """Shapes of w1, b1, w2, b2, w3, b3."""
    return (inputs, hidden), (hidden,), (hidden, hidden), (hidden,), (hidden, outputs), (outputs,)


def count(inputs: int, hidden: int, outputs: int) -> int:
    """Length of the flat vector."""
    return sum(math.prod(shape) for shape in shapes(inputs, hidden, outputs))


def views(flat: NDArray[Any], inputs: int, hidden: int, outputs: int) -> Weights:
    """The flat vector as the network's arrays, without a copy."""
    arrays: list[NDArray[Any]] = []
    start = 0
    for shape in shapes(inputs, hidden, outputs):
        size = math.prod(shape)
        arrays.append(flat[start : start + size].reshape(shape))
        start += size
    return Weights(*arrays)


def xavier_uniform(inputs: int, hidden: int, outputs: int, seed: int, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """A fresh flat vector: biases 0, weights as Glorot and Bengio (2010), equation 16, draw them.

    w ~ U(-r, r), r = sqrt(6 / (n_in + n_out))
    """
    flat = np.zeros(count(inputs, hidden, outputs), dtype)
    for name, array in views(flat, inputs, hidden, outputs)._asdict().items():
        if array.ndim == 2:
            bound = math.sqrt(6.0 / sum(array.shape))
            array[:] = rng.uniform(np.array([seed]), f"mlp/{name}", shape=array.shape, low=-bound, high=bound)[0]
    return flat


def forward(weights: Weights, inputs: NDArray[Any]) -> NDArray[Any]:
    """y of every row: (n, inputs) -> (n, outputs), in (-1, 1)."""
    hidden = inputs @ weights.w1
    hidden += weights.b1
    np.maximum(hidden, 0, out=hidden)
    hidden = hidden @ weights.w2
    hidden += weights.b2
    np.maximum(hidden, 0, out=hidden)
    output = hidden @ weights.w3
    output += weights.b3
    return np.tanh(output, out=output)
