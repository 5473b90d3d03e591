"""How an episode moved: smoothness, path and saturation of its columns."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.episode import Episode
from lerobot_sim.spec import STATE, EnvSpec, Feature

CUT_HZ = 10.0
"""Frequencies above are no part of the spectral arc length (Balasubramanian et al. 2015)."""

LEAST_AMPLITUDE = 0.05
"""Share of the greatest amplitude; the spectrum counts from the first to the last frequency that reaches it."""

_PADDING = 4  # the transform has 2**4 times as many points as the speed has
_AT_BOUND = 1e-6
_TIPS = (("tip.x", "tip.y", "tip.z"), ("agent_x", "agent_y"), ("hand.x", "hand.y", "hand.z"))


def spectral_arc_length(speed: NDArray[np.float64], fps: float) -> float | None:
    r"""SPARC of a speed profile: minus the length of its normalised amplitude spectrum's curve, 0 at the smoothest.

        SPARC = - \int_0^{w_c} sqrt( (1 / w_c)^2 + (d V(w)/dw)^2 ) dw,    V(w) = |F(w)| / max |F|

    with w_c the greatest frequency up to 10 Hz (and half of `fps`) at which V still is 0.05. Unit: none. It does not
    depend on the movement's size or duration. Source: Balasubramanian, Melendez-Calderon, Roby-Brami, Burdet, On the
    analysis of movement smoothness, J. NeuroEngineering Rehabil. 12:112, 2015.

    Args:
        speed: (T,), not negative.
        fps: Samples a second.

    Returns:
        None below two samples, or where nothing moves.
    """
    if len(speed) < 2 or not np.isfinite(speed).all() or not speed.any():
        return None
    points = 2 ** (math.ceil(math.log2(len(speed))) + _PADDING)
    amplitude = np.abs(np.fft.rfft(speed, points))
    frequency = np.fft.rfftfreq(points, 1 / fps)
    amplitude = amplitude[frequency <= CUT_HZ] / amplitude.max()
    frequency = frequency[frequency <= CUT_HZ]
    reached = np.flatnonzero(amplitude >= LEAST_AMPLITUDE)
    first, last = int(reached[0]), int(reached[-1])
    if last == first:
        return -1.0
    width = frequency[last] - frequency[first]
    along = np.diff(frequency[first : last + 1]) / width
    return -float(np.sum(np.hypot(along, np.diff(amplitude[first : last + 1]))))


def scaled_actions(episode: Episode, feature: Feature) -> NDArray[np.float64]:
    """Actions (T, A) as executed, in units of half their range: -1 and 1 at the bounds; unscaled where unbounded."""
    actions = episode.action.reshape(len(episode), -1).astype(np.float64)
    low, high = bounds(feature)
    half = np.where(np.isfinite(high - low), (high - low) / 2, 1.0)
    middle = np.where(np.isfinite(high + low), (high + low) / 2, 0.0)
    return (np.clip(actions, low, high) - middle) / np.where(half > 0, half, 1.0)


def action_smoothness(episode: Episode, spec: EnvSpec) -> float | None:
    """`spectral_arc_length` of how fast the action changes, |a_{t+1} - a_t| fps, in scaled actions."""
    actions = scaled_actions(episode, spec.action)
    changes = (actions[1:] - actions[:-1]) * spec.fps
    return spectral_arc_length(np.sqrt(np.sum(changes * changes, axis=1)), spec.fps)


def action_jerk(episode: Episode, spec: EnvSpec) -> float | None:
    r"""Root mean square of the scaled action's second difference.

        sqrt( mean_t |a_{t+2} - 2 a_{t+1} + a_t|^2 ) fps^2

    Unit: half ranges / s^2; of actions that are velocities it is the jerk (Flash and Hogan, J. Neurosci. 5, 1985, take
    the integral of its square). None below three steps.
    """
    actions = scaled_actions(episode, spec.action)
    if len(actions) < 3 or not np.isfinite(actions).all():
        return None
    second = (actions[2:] - 2 * actions[1:-1] + actions[:-2]) * spec.fps**2
    squares: NDArray[np.float64] = np.sum(second * second, axis=1)
    return math.sqrt(float(squares.mean()))


def action_saturation(episode: Episode, spec: EnvSpec) -> float | None:
    """Share of (step, number of the action) at or beyond its bounds. Unit: none."""
    low, high = bounds(spec.action)
    bounded = np.isfinite(low) & np.isfinite(high)
    if not bounded.any() or not len(episode):
        return None
    actions = episode.action.reshape(len(episode), -1).astype(np.float64)[:, bounded]
    near = _AT_BOUND * (high - low)[bounded]
    at = (actions <= low[bounded] + near) | (actions >= high[bounded] - near)
    return float(np.mean(at))


def path_length(episode: Episode, spec: EnvSpec) -> float | None:
    r"""How far the robot went until the first success, or the end: sum of |x_{t+1} - x_t|.

    x is the fingertips' (or the pusher's) position in m where `observation.state` names it, else the whole
    `observation.state` in its own units. None without an `observation.state`.
    """
    if STATE not in spec.observation or STATE not in episode.observation:
        return None
    rows = np.concatenate([episode.observation[STATE], episode.final_observation[STATE][None]]).astype(np.float64)
    names = spec.observation[STATE].names
    columns = next(([names.index(part) for part in tip] for tip in _TIPS if set(tip) <= set(names)), slice(None))
    moves = np.diff(rows.reshape(len(rows), -1)[:, columns], axis=0)
    steps = first_success(episode)
    return float(np.sum(np.sqrt(np.sum(moves * moves, axis=1))[:steps]))


def first_success(episode: Episode) -> int | None:
    """Steps until the predicate first held, None if it never did."""
    return int(np.argmax(episode.success)) + 1 if episode.success.any() else None


def bounds(feature: Feature) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and greatest values (A,) of an action."""
    size = math.prod(feature.shape)
    low = np.broadcast_to(np.asarray(feature.low, np.float64).ravel(), (size,))
    return low, np.broadcast_to(np.asarray(feature.high, np.float64).ravel(), (size,))
