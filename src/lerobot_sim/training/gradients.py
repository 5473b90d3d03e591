r"""The student's loss and every gradient of it, by the chain rule, for a whole batch at once.

For a batch of B rows x (B, S) with wanted outputs t (B, A), and 1[.] being 1 where its argument holds, else 0:

    forward     z1 = x w1 + b1     h1 = max(z1, 0)
                z2 = h1 w2 + b2    h2 = max(z2, 0)
                z3 = h2 w3 + b3    y  = tanh(z3)

    loss        L = 1/(B A) sum_ij (y_ij - t_ij)^2

    backward    d3 = dL/dz3 = 2/(B A) (y - t) (1 - y^2)       since tanh' = 1 - tanh^2
                d2 = dL/dz2 = (d3 w3^T) 1[h2 > 0]             since h2 > 0 exactly where z2 > 0
                d1 = dL/dz1 = (d2 w2^T) 1[h1 > 0]

    gradients   dL/dw3 = h2^T d3    dL/db3 = sum over rows of d3
                dL/dw2 = h1^T d2    dL/db2 = sum over rows of d2
                dL/dw1 = x^T d1     dL/db1 = sum over rows of d1

A matrix product sums over the rows, so one product a layer accumulates what a loop over the samples would add up
one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lerobot_sim.policies.network import count, views


class BatchGradient:
    """Buffers for one batch size; nothing is allocated while training.

    Attributes:
        inputs: (B, S), to be filled before `compute`.
        wanted: (B, A), to be filled before `compute`.
        flat: The gradient of the last `compute`, in the order of the network's flat vector.
    """

    def __init__(self, weights: NDArray[Any], sizes: tuple[int, int, int], batch: int) -> None:
        dtype: DTypeLike = weights.dtype
        n_inputs, n_hidden, n_outputs = sizes
        self.inputs: NDArray[Any] = np.zeros((batch, n_inputs), dtype)
        self.wanted: NDArray[Any] = np.zeros((batch, n_outputs), dtype)
        self.flat: NDArray[Any] = np.zeros(count(*sizes), dtype)
        self._weights = views(weights, *sizes)
        self._gradient = views(self.flat, *sizes)
        self._h1, self._h2, self._d1, self._d2 = (np.zeros((batch, n_hidden), dtype) for _ in range(4))
        self._y, self._d3, self._slope = (np.zeros((batch, n_outputs), dtype) for _ in range(3))
        self._positive = np.zeros((batch, n_hidden), np.bool_)
        self._ones: NDArray[Any] = np.ones(batch, dtype)

    def compute(self) -> float:
        """The loss of `inputs` and `wanted`; its gradient goes to `flat`."""
        self._forward()
        error = np.subtract(self._y, self.wanted, out=self._d3).ravel()
        loss = float(np.dot(error, error)) / error.size
        self._backward()
        return loss

    def _forward(self) -> None:
        w1, b1, w2, b2, w3, b3 = self._weights
        h1, h2, y = self._h1, self._h2, self._y
        np.matmul(self.inputs, w1, out=h1)
        h1 += b1
        np.maximum(h1, 0, out=h1)
        np.matmul(h1, w2, out=h2)
        h2 += b2
        np.maximum(h2, 0, out=h2)
        np.matmul(h2, w3, out=y)
        y += b3
        np.tanh(y, out=y)

    def _backward(self) -> None:
        weights, gradient, ones = self._weights, self._gradient, self._ones
        h1, h2, y, d1, d2, d3 = self._h1, self._h2, self._y, self._d1, self._d2, self._d3
        slope = np.multiply(y, y, out=self._slope)
        np.subtract(1, slope, out=slope)
        d3 *= slope  # d3 holds y - t
        d3 *= 2.0 / d3.size
        np.matmul(h2.T, d3, out=gradient.w3)
        np.dot(ones, d3, out=gradient.b3)

        np.matmul(d3, weights.w3.T, out=d2)
        d2 *= np.greater(h2, 0, out=self._positive)
        np.matmul(h1.T, d2, out=gradient.w2)
        np.dot(ones, d2, out=gradient.b2)

        np.matmul(d2, weights.w2.T, out=d1)
        d1 *= np.greater(h1, 0, out=self._positive)
        np.matmul(self.inputs.T, d1, out=gradient.w1)
        np.dot(ones, d1, out=gradient.b1)
