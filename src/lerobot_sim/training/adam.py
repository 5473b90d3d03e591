r"""Adam (Kingma and Ba, 2015) on one flat vector, in ten array operations a step.

With gradient g_t, step t = 1, 2, … and rate a_t, the method is

    m_t = b1 m_{t-1} + (1 - b1) g_t            m^ = m_t / (1 - b1^t)
    v_t = b2 v_{t-1} + (1 - b2) g_t^2          v^ = v_t / (1 - b2^t)
    theta_t = theta_{t-1} - a_t m^ / (sqrt(v^) + e)

The constants are moved out of the arrays: with M = m / (1 - b1), V = v / (1 - b2) and
s = sqrt((1 - b2) / (1 - b2^t)), the same numbers are

    M_t = b1 M_{t-1} + g_t
    V_t = b2 V_{t-1} + g_t^2
    theta_t = theta_{t-1} - [a_t (1 - b1) / ((1 - b1^t) s)] M_t / (sqrt(V_t) + e / s)

**Denormals.** The gradient of a hidden unit that is always off is exactly 0, so its M shrinks by b1 a step and after
about 800 steps leaves the normal float32 (below 1e-38), where arithmetic is some ten times slower. Every
hundredth step, moments too small to matter are set to 0; 0.9^100 = 3e-5 keeps the rest normal until the next.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FLUSH_EVERY = 100
_NEGLIGIBLE = 1e-30


class Adam:
    """The moments of one flat vector and how they move it.

    Attributes:
        first: M, decaying sum of gradients.
        second: V, decaying sum of squared gradients.
        t: Steps done.
    """

    def __init__(
        self, parameters: NDArray[Any], *, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8
    ) -> None:
        self.first: NDArray[Any] = np.zeros_like(parameters)
        self.second: NDArray[Any] = np.zeros_like(parameters)
        self.t = 0
        self._parameters = parameters
        self._beta_1, self._beta_2, self._epsilon = beta_1, beta_2, epsilon
        self._work = np.empty_like(parameters)

    def step(self, gradient: NDArray[Any], learning_rate: float) -> None:
        """Moves the parameters against `gradient`, which is overwritten."""
        self.t += 1
        first, second, work = self.first, self.second, self._work
        first *= self._beta_1
        first += gradient
        second *= self._beta_2
        second += np.multiply(gradient, gradient, out=gradient)

        s = math.sqrt((1 - self._beta_2) / (1 - self._beta_2**self.t))
        np.sqrt(second, out=work)
        work += self._epsilon / s
        np.divide(first, work, out=work)
        work *= learning_rate * (1 - self._beta_1) / ((1 - self._beta_1**self.t) * s)
        self._parameters -= work
        if self.t % _FLUSH_EVERY == 0:
            self._flush()

    def _flush(self) -> None:
        first, second = self.first, self.second
        first[np.abs(first) < _NEGLIGIBLE] = 0
        second[second < _NEGLIGIBLE] = 0
