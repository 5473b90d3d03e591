r"""Differential inverse kinematics of many arms at once: how far the joints should move so that a tip moves as wanted.

To first order joint steps dq move the tip by J dq. With weighted rows, a wish z for the joints and damping lambda,

    dq = argmin |e - J dq|^2 + lambda^2 |dq - z|^2 = z + J^T (J J^T + lambda^2 I)^{-1} (e - J z)

which is J# e + (I - J# J) z: the wish acts in the null space of J (Nakamura and Hanafusa 1986; Liegeois 1977).

Everything is elementwise over the lanes, which lie on the *last* axis here (rows x joints x lanes): a lane's numbers do
not depend on how many there are, and no linear algebra library is called whose results might.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, device_of, namespace

from .world import Index, World

SLACK = 0.002
"""Distance in m that a step may miss before it counts as out of reach."""

Columns = slice | NDArray[np.int64]


@dataclass(frozen=True)
class Chain:
    """The joints that move a tip, and where they lie in a World.

    Attributes:
        joints: In `xanchor` and `xaxis`.
        qpos: In `qpos`.
        slides: Whether each joint slides.
        low: Least joint positions in rad or m, -inf where there is no limit.
        high: Greatest.
        site: The tip, in `site_xpos` and `site_xmat`.
    """

    joints: Columns
    qpos: Columns
    slides: NDArray[np.bool_]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    site: int


def chain(model: Any, joints: tuple[str, ...], site: str) -> Chain:
    """The chain of hinges and slides from the base to a tip, by their names in a compiled model."""
    index = Index(model)
    ids = np.array([index.joint(name) for name in joints], np.int64)
    limited = model.jnt_limited[ids] != 0
    return Chain(
        joints=columns(ids),
        qpos=columns(index.qpos(joints)),
        slides=model.jnt_type[ids] == 2,  # mjJNT_SLIDE
        low=np.where(limited, model.jnt_range[ids, 0], -np.inf),
        high=np.where(limited, model.jnt_range[ids, 1], np.inf),
        site=index.site(site),
    )


def columns(indices: NDArray[np.int64]) -> Columns:
    """The indices as a slice where they follow each other, because a slice copies nothing."""
    start, count = int(indices[0]), len(indices)
    return slice(start, start + count) if (indices == start + np.arange(count)).all() else indices


def on_host(array: Array) -> bool:
    """Whether an array is NumPy's."""
    return isinstance(array, np.ndarray)


def lanes_last(array: Array) -> Array:
    """(n, a, b, …) -> (…, b, a, n); contiguous on the host, where the operations that follow gain by it."""
    moved = namespace(array).permute_dims(array, tuple(reversed(range(array.ndim))))
    return np.ascontiguousarray(moved) if on_host(moved) else moved


def constant(value: Any, array: Array) -> Array:
    """Host numbers in the namespace, of the type and on the device of `array`."""
    return namespace(array).asarray(value, dtype=array.dtype, device=device_of(array))


def jacobian(world: World, arm: Chain) -> Array:
    """How the joints move the tip, in world axes.

    Returns:
        (6, m, n): rows m/rad (m/m for slides) of the tip's position, then rad/rad of its orientation.
    """
    xp = namespace(world.qpos)
    axis = lanes_last(world.xaxis[:, arm.joints])
    arms = lanes_last(world.site_xpos[:, arm.site])[:, None] - lanes_last(world.xanchor[:, arm.joints])
    linear = xp.stack(_cross(axis, arms))
    if arm.slides.any():
        slides = xp.asarray(arm.slides, device=device_of(axis))[None, :, None]
        linear, axis = xp.where(slides, axis, linear), xp.where(slides, xp.zeros_like(axis), axis)
    return xp.concat([linear, axis])


def rotation_error(present: Array, target: Array) -> Array:
    """The rotation that leads from one orientation to another, in world axes.

    Args:
        present: (9, n), rotation matrices by rows.
        target: (9, n).

    Returns:
        (3, n): axis times angle, the angle in [0, pi] rad.
    """
    xp = namespace(present)
    a, b = (xp.reshape(matrix, (3, 3, -1)) for matrix in (present, target))
    r = _sum([b[:, None, k] * a[None, :, k] for k in range(3)])  # target times present transposed
    sine = 0.5 * xp.stack([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
    cosine = 0.5 * (r[0, 0] + r[1, 1] + r[2, 2] - 1.0)
    length = xp.sqrt(_dot(sine, sine))
    small = length < 1e-12
    factor = xp.where(small, 1.0, xp.atan2(length, cosine) / xp.where(small, 1.0, length))
    return xp.where(cosine < -0.99, _half_turn(r, sine, cosine), sine * factor)


def _half_turn(r: Array, sine: Array, cosine: Array) -> Array:
    """`rotation_error` of nearly half turns, where the sine loses the axis u: r + r^T = 2 cos I + 2 (1 - cos) u u^T."""
    xp = namespace(cosine)
    outer = 0.5 * (r + xp.permute_dims(r, (1, 0, 2))) - constant(np.eye(3)[:, :, None], r) * cosine
    x, y, z = outer[0, 0], outer[1, 1], outer[2, 2]
    column = xp.where((x >= y) & (x >= z), outer[0], xp.where(y >= z, outer[1], outer[2]))
    axis = column / xp.sqrt(_dot(column, column) + 1e-300)
    along = _dot(axis, sine)
    sign = xp.where(along < 0, -1.0, 1.0)
    return axis * (sign * xp.atan2(sign * along, cosine))


def damped_step(rows: Array, error: Array, damping: float, wish: Array, low: Array, high: Array) -> Array:
    """The joint steps that the module describes, within bounds.

    Joints whose step would leave its bounds are held at the bound, and the others make up for it: one more solution
    without them (the first step of an active-set method; then what still leaves its bounds is clipped).

    Args:
        rows: (k, m, n): J, rows already weighted.
        error: (k, n): e, weighted likewise.
        damping: lambda > 0, in the unit of the rows.
        wish: (m, n): z.
        low: (m, n): least steps, rad or m.
        high: (m, n): greatest.

    Returns:
        (m, n): dq.
    """
    return _bounded_step(rows, error, damping**2, wish, low, high)


def reaching_step(rows: Array, error: Array, damping: float, wish: Array, low: Array, high: Array) -> Array:
    """`damped_step` that comes to rest where the target cannot be reached.

    A stretched arm cannot go further, but a tiny damping lets its joints dash to and fro: what the tip would still be
    missing, |e - J dq|, bends J by as much as the lever of the joints. Where the position (the first three rows, in m)
    is missed by more than `SLACK`, lambda^2 grows by that distance times the longest lever (compare Sugihara 2011,
    "Solvability-unconcerned inverse kinematics by the Levenberg-Marquardt method").
    """
    xp = namespace(rows)
    step = damped_step(rows, error, damping, wish, low, high)
    missed = error[:3] - _apply(rows[:3], step)
    beyond = xp.clip(xp.sqrt(_dot(missed, missed)) - SLACK, 0.0, np.inf)
    if on_host(step) and not beyond.any():  # on the host; the second solution would be the same
        return step
    lever = xp.sqrt(reduce(xp.maximum, [_dot(rows[:3, j], rows[:3, j]) for j in range(rows.shape[1])]))
    return _bounded_step(rows, error, damping**2 + beyond * lever, wish, low, high)


def shortened(step: Array, longest: float) -> Array:
    """Joint steps (m, n), scaled so that no joint goes further than `longest`."""
    xp = namespace(step)
    reach = reduce(xp.maximum, [xp.abs(step[j]) for j in range(step.shape[0])])
    return step * (longest / xp.maximum(reach, xp.full_like(reach, longest)))


def _bounded_step(rows: Array, error: Array, square: float | Array, wish: Array, low: Array, high: Array) -> Array:
    """`damped_step` by the square of lambda, one for all lanes or (n,)."""
    xp = namespace(rows)
    step = _unbounded_step(rows, error, square, wish)
    held = xp.clip(step, low, high)
    if on_host(step) and (step == held).all():  # on the host; the second solution would be the same
        return step
    free = xp.astype(step == held, rows.dtype)
    fixed = held * (1.0 - free)
    again = _unbounded_step(rows * free, error - _apply(rows, fixed), square, wish * free)
    return xp.clip(again * free + fixed, low, high)


def _unbounded_step(rows: Array, error: Array, square: float | Array, wish: Array) -> Array:
    count = rows.shape[0]
    gram = _sum([rows[:, None, j] * rows[None, :, j] for j in range(rows.shape[1])])
    eye = constant(np.eye(count)[:, :, None], rows)
    y = solve_positive(gram + eye * square, error - _apply(rows, wish))
    return wish + _sum([rows[k] * y[k] for k in range(count)])


def solve_positive(matrix: Array, right: Array) -> Array:
    """Solves A x = b by elimination without pivots, which is stable for symmetric positive definite A.

    Args:
        matrix: (k, k, n).
        right: (k, n).

    Returns:
        (k, n).
    """
    xp = namespace(matrix)
    rest = xp.concat([matrix, right[:, None]], axis=1)
    pivots: list[Array] = []
    for _ in range(matrix.shape[0]):
        pivot = rest[0, 1:] / rest[0, 0]
        rest = rest[1:, 1:] - rest[1:, 0][:, None] * pivot
        pivots.append(pivot)
    solved: list[Array] = []
    for pivot in reversed(pivots):
        known = [pivot[i] * value for i, value in enumerate(solved)]
        solved = [pivot[-1] - _sum(known) if known else pivot[-1], *solved]
    return xp.stack(solved)


def _apply(rows: Array, step: Array) -> Array:
    """J dq."""
    return _sum([rows[:, j] * step[j] for j in range(rows.shape[1])])


def _sum(terms: list[Array]) -> Array:
    """Terms added in order: a library's own sum may add in an order that depends on the shape."""
    return reduce(add, terms)


def _dot(a: Array, b: Array) -> Array:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Array, b: Array) -> list[Array]:
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
