"""The shapes of the ray caster: where rays meet them, and how much light and sky they hide; see `raycast`.

Fields of vectors are arrays (3, ...): rays, points and normals. Everything is written out elementwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"
Colour: TypeAlias = "tuple[float, float, float]"

LIGHT = np.array([0.38, -0.46, 0.80]) / np.sqrt(0.38**2 + 0.46**2 + 0.80**2)
"""Towards the light."""
PENUMBRA = 0.11
"""How much a shadow's edge widens with the distance to what casts it."""
FAINT = 0.006
"""Less of the sky hidden than this is not seen."""


@dataclass(frozen=True)
class Capsule:
    """All within `radius` of a segment, a ball where that is a point, in m; without `casts` it has no shadow."""

    start: Floats
    end: Floats
    radius: float
    colour: Colour
    alpha: float = 1.0
    gloss: float = 0.25
    casts: bool = True

    @property
    def bounds(self) -> tuple[Floats, float]:
        """Centre and radius of a sphere around it."""
        return (self.start + self.end) / 2, norm(self.end - self.start) / 2 + self.radius


@dataclass(frozen=True)
class Box:
    """A box by centre, axes (rows, unit vectors) and half sizes, in m; without `casts` it has no shadow."""

    centre: Floats
    axes: Floats
    half: Floats
    colour: Colour
    alpha: float = 1.0
    gloss: float = 0.25
    casts: bool = True

    @property
    def bounds(self) -> tuple[Floats, float]:
        """Centre and radius of a sphere around it."""
        return self.centre, norm(self.half)


Shape: TypeAlias = "Capsule | Box"


def intersect(shape: Shape, origin: Floats, rays: Floats) -> tuple[Floats, Floats]:
    """Distance along each ray (inf where it misses) and unit normal there."""
    return _meet_box(shape, origin, rays) if isinstance(shape, Box) else _meet_capsule(shape, origin, rays)


def _meet_capsule(shape: Capsule, origin: Floats, rays: Floats) -> tuple[Floats, Floats]:
    """A ray o + t d meets the cylinder about a + y (b - a), or else the sphere about the nearer end."""
    along, offset = shape.end - shape.start, origin - shape.start
    square, start = float(dot(along, along)), float(dot(along, offset))
    depth = np.full(rays.shape[1:], np.inf)
    share = np.zeros(rays.shape[1:])
    across, forward = dot(rays, along), dot(rays, offset)
    if square > 1e-12:
        a = np.maximum(square - across * across, 1e-12)
        b = square * forward - start * across
        c = square * (float(dot(offset, offset)) - shape.radius**2) - start * start
        root = b * b - a * c
        t = (-b - np.sqrt(np.maximum(root, 0.0))) / a
        share = (start + t * across) / square
        depth = np.where((root > 0) & (share > 0) & (share < 1) & (t > 0), t, np.inf)
    for end, outside in ((shape.start, share <= 0), (shape.end, share >= 1)):
        towards = origin - end
        b = dot(rays, towards)
        root = b * b - (float(dot(towards, towards)) - shape.radius**2)
        t = -b - np.sqrt(np.maximum(root, 0.0))
        hit = outside & (root > 0) & (t > 0) & (t < depth)
        depth = np.where(hit, t, depth)
    reach = np.where(np.isfinite(depth), depth, 0.0)
    point = _spread(offset, rays) + reach * rays
    share = np.clip(dot(point, along) / max(square, 1e-12), 0, 1)
    return depth, (point - share * _spread(along, rays)) / shape.radius


def _meet_box(shape: Box, origin: Floats, rays: Floats) -> tuple[Floats, Floats]:
    """The slab that is entered last, unless one is left before."""
    enter, leave = np.full(rays.shape[1:], -np.inf), np.full(rays.shape[1:], np.inf)
    normal = np.zeros(rays.shape)
    for axis, half in zip(shape.axes, shape.half, strict=True):
        speed = dot(rays, axis)
        speed = np.where(np.abs(speed) < 1e-9, 1e-9, speed)
        middle = -float(dot(axis, origin - shape.centre)) / speed
        width = half / np.abs(speed)
        later = middle - width > enter
        enter = np.where(later, middle - width, enter)
        leave = np.minimum(leave, middle + width)
        normal = np.where(later, -np.sign(speed) * _spread(axis, rays), normal)
    return np.where((enter < leave) & (enter > 0), enter, np.inf), normal


def hidden_light(shape: Shape, point: Floats) -> Floats:
    """Share of the light that a shape hides from points (3, ...)."""
    return _box_shadow(shape, point) if isinstance(shape, Box) else _capsule_shadow(shape, point)


def _box_shadow(shape: Box, point: Floats) -> Floats:
    """By the length of the way to the light that runs inside the box."""
    enter, leave = np.full(point.shape[1:], -np.inf), np.full(point.shape[1:], np.inf)
    for axis, half in zip(shape.axes, shape.half, strict=True):
        speed = float(dot(axis, LIGHT))
        speed = speed if abs(speed) > 1e-9 else 1e-9
        middle = (float(dot(axis, shape.centre)) - dot(point, axis)) / speed
        enter = np.maximum(enter, middle - half / abs(speed))
        leave = np.minimum(leave, middle + half / abs(speed))
    enter = np.maximum(enter, 0.0)
    return smooth((leave - enter) / (0.004 + PENUMBRA * enter))


def _capsule_shadow(shape: Capsule, point: Floats) -> Floats:
    """By the least distance of the way to the light, p + s l with s >= 0, from the segment."""
    along = shape.end - shape.start
    offset = point - _spread(shape.start, point)
    square, slope = float(dot(along, along)), float(dot(along, LIGHT))
    forward = dot(offset, LIGHT)
    share: Any = 0.0
    if square > 1e-12:
        share = np.clip((dot(offset, along) - slope * forward) / max(square - slope * slope, 1e-9), 0.0, 1.0)
    reach = np.maximum(share * slope - forward, 0.0)
    total: Any = 0.0
    for i in range(3):
        gap = offset[i] + reach * LIGHT[i] - share * along[i]
        total = total + gap * gap
    hidden = smooth(0.5 + (shape.radius - np.sqrt(total)) / (0.004 + 2.0 * PENUMBRA * reach))
    return np.where(reach > 0, hidden, 0.0)


def hidden_sky(shape: Shape, point: Floats) -> Floats:
    """Share of the sky that a shape hides from points (3, ...) of the floor: that of a ball where it is nearest.

    A ball of radius r at distance d and height z over the floor hides r^2 z / d^3 of a sky weighted by its height.
    """
    radius = _thickness(shape)
    shift: Any = 0.0
    along = np.zeros(3)
    start = shape.centre if isinstance(shape, Box) else shape.start
    if isinstance(shape, Capsule):
        along = shape.end - shape.start
        square = max(float(dot(along, along)), 1e-12)
        shift = np.clip((dot(point, along) - float(dot(along, start))) / square, 0.0, 1.0)
    x, y, z = (start[i] + shift * along[i] - point[i] for i in range(3))
    square = np.maximum(x * x + y * y + z * z, radius * radius)
    return np.minimum(0.8 * np.maximum(z, 0.0) * radius * radius / (square * np.sqrt(square)), 0.8)


def sky_reach(shape: Shape) -> float:
    """How far from below the shape's middle, in m, it hides more of the sky than `FAINT`."""
    centre, radius = shape.bounds
    top = centre[2] + radius
    return radius + float(np.cbrt(0.8 * _thickness(shape) ** 2 * top / FAINT))


def _thickness(shape: Shape) -> float:
    """Radius of the ball that the shape is taken for."""
    return 1.4 * float(np.min(shape.half)) if isinstance(shape, Box) else shape.radius


def _spread(vector: Floats, field: Floats) -> Floats:
    """A vector with as many axes as a field of vectors."""
    return vector.reshape(3, *(1,) * (field.ndim - 1))


def smooth(share: Floats) -> Floats:
    """0 up to 0, 1 from 1 on, without a kink between."""
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def dot(a: Any, b: Any) -> Any:
    """The dot product over the first axis; a vector and a field of vectors go together, too."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def norm(vector: Floats) -> float:
    """Euclidean length of one vector."""
    return float(np.sqrt(dot(vector, vector)))
