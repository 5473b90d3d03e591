"""A small ray caster in NumPy: capsules, balls and boxes on a floor, one light, soft shadows.

Rays meet shapes in closed form; a shape is tried only on the pixels of the square that a ball around it projects
to. Shading is a light with a highlight, a sky (lighter from above) and, on the floor, the sky that each shape
hides. Shadows are not traced: from how narrowly the way to the light passes a shape, and how far from the point,
follows how much of a small round light is hidden. Colours are what the screen shows; they are squared to add up
light, and the root is taken at the end.

One picture at a time, float64, with sums, products and square roots only: a lane's picture never depends on
others. A picture is drawn in bands of rows that fit a processor's cache. At 128 x 128, one picture of an arm costs
about 6 ms at the look "draft", 50 ms at "standard" (twice that where the hand fills it) and 180 ms at "full".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.spec import Camera

from .raycast_shapes import (
    FAINT,
    LIGHT,
    PENUMBRA,
    Colour,
    Floats,
    Shape,
    dot,
    hidden_light,
    hidden_sky,
    intersect,
    norm,
    sky_reach,
    smooth,
)

Window: TypeAlias = "tuple[slice, slice]"

_SAMPLES = {"draft": 1, "standard": 2, "full": 4}  # a pixel's side
_BAND = 1 << 14  # samples drawn together
_SKY, _GROUND, _SUN = 0.50, 0.24, 0.62
_FOG = (0.9, 2.6)  # m: distances at which the floor begins to fade and is gone
_SOFT = 0.0008  # m: how wide the edges of what is painted on the floor are


class View(NamedTuple):
    """Where a camera is, where it looks, and the tangent of half its shorter field of view."""

    position: Floats
    target: Floats
    up: Floats
    tangent: float


class Disc(NamedTuple):
    """A disc painted on the floor; a ring where `hole` is not 0. In m."""

    centre: Floats
    radius: float
    colour: Colour
    alpha: float = 1.0
    hole: float = 0.0


@dataclass(frozen=True)
class Scene:
    """Shapes over a floor at z = 0 that has a mat (x low, x high, y low, y high) and discs painted on it."""

    shapes: Sequence[Shape]
    discs: Sequence[Disc] = ()
    floor: Colour = (0.93, 0.925, 0.915)
    mat: tuple[float, float, float, float] = (0.075, 0.335, -0.25, 0.25)
    mat_colour: Colour = (0.80, 0.835, 0.865)
    haze: Colour = (0.955, 0.955, 0.96)


@dataclass
class _Band:
    """Some rows of a picture while it is drawn.

    Attributes:
        eye: Position of the camera.
        axes: The camera's (forward, right, up).
        scale: Samples a unit of tangent.
        centre: Row and column that the camera looks at, from the band's first row.
        rays: Unit directions, (3, h, w).
        depth: Distance to what each ray meets first, inf where that is nothing.
        normal: (3, h, w).
        colour: (3, h, w), squared.
        gloss: (h, w).
        owner: (h, w): index of the shape, -1 for the floor.
    """

    eye: Floats
    axes: Floats
    scale: float
    centre: tuple[float, float]
    rays: Floats
    depth: Floats
    normal: Floats
    colour: Floats
    gloss: Floats
    owner: NDArray[np.int64]

    def window(self, centre: Floats, radius: float) -> Window | None:
        """Rows and columns that a ball can be seen in; None where it is out of sight."""
        height, width = self.depth.shape
        offset = centre - self.eye
        ahead, right, up = (float(dot(axis, offset)) for axis in self.axes)
        if ahead <= -radius:
            return None
        if ahead <= 1.5 * radius:
            return slice(0, height), slice(0, width)
        spread = radius / (ahead - radius) * (1.0 + max(abs(right), abs(up)) / ahead) * self.scale + 1.0
        row, column = self.centre[0] - up / ahead * self.scale, self.centre[1] + right / ahead * self.scale
        rows = slice(max(0, int(row - spread)), max(0, min(height, int(row + spread) + 2)))
        columns = slice(max(0, int(column - spread)), max(0, min(width, int(column + spread) + 2)))
        return None if rows.start >= rows.stop or columns.start >= columns.stop else (rows, columns)

    def points(self, window: Window) -> Floats:
        """Where the rays of a window end, (3, h, w); at the eye where they meet nothing."""
        depth = self.depth[window]
        return self.eye[:, None, None] + np.where(depth < np.inf, depth, 0.0) * _cut(self.rays, window)


def render(scene: Scene, view: View, camera: Camera) -> NDArray[np.uint8]:
    """One picture, uint8 (h, w, 3). Look: 1, 4 or 16 samples a pixel; "draft" has no shadows."""
    samples = _SAMPLES[camera.look]
    solid = [shape for shape in scene.shapes if shape.alpha >= 1.0]
    picture = np.empty((camera.height, camera.width, 3), np.uint8)
    rows = max(1, _BAND // (camera.width * samples**2))
    for start in range(0, camera.height, rows):
        stop = min(camera.height, start + rows)
        band = _band(view, camera, samples, start, stop)
        _paint_floor(scene, band)
        for index, shape in enumerate(solid):
            _meet(shape, index, band)
        image = _shade(band, *_light(solid, band, shadows=camera.look != "draft"))
        _mix(image, scene.haze, smooth((band.depth - _FOG[0]) / (_FOG[1] - _FOG[0])))
        for shape in scene.shapes:
            if shape.alpha < 1.0:
                _glaze(shape, band, image)
        picture[start:stop] = _develop(image, samples)
    return picture


def _develop(image: Floats, samples: int) -> NDArray[np.uint8]:
    """Light (3, h, w) as the screen's bytes, averaged over each pixel's samples."""
    shown = np.sqrt(np.clip(image, 0.0, 1.0))
    total: Any = 0.0
    for row in range(samples):
        for column in range(samples):
            total = total + shown[:, row::samples, column::samples]
    return (total * (255.0 / samples**2) + 0.5).astype(np.uint8).transpose(1, 2, 0)


def _band(view: View, camera: Camera, samples: int, start: int, stop: int) -> _Band:
    """Rays of the pixels' rows from `start` to `stop`, and nothing met yet."""
    forward = _unit(view.target - view.position)
    right = _unit(_cross(forward, view.up))
    up = _cross(right, forward)
    scale = min(camera.height, camera.width) * samples / (2.0 * view.tangent)
    centre = camera.height * samples / 2 - start * samples, camera.width * samples / 2
    size = (stop - start) * samples, camera.width * samples
    x = ((np.arange(size[1]) + 0.5) - centre[1])[None, None, :] / scale
    y = (centre[0] - (np.arange(size[0]) + 0.5))[None, :, None] / scale
    rays = forward[:, None, None] + x * right[:, None, None] + y * up[:, None, None]
    return _Band(
        eye=view.position,
        axes=np.stack([forward, right, up]),
        scale=scale,
        centre=centre,
        rays=rays / np.sqrt(dot(rays, rays)),
        depth=np.full(size, np.inf),
        normal=np.zeros((3, *size)),
        colour=np.zeros((3, *size)),
        gloss=np.zeros(size),
        owner=np.full(size, -1),
    )


def _paint_floor(scene: Scene, band: _Band) -> None:
    """The floor under everything, with its mat and discs."""
    falls = band.rays[2] < -1e-6
    band.depth = np.where(falls, -band.eye[2] / np.where(falls, band.rays[2], -1.0), np.inf)
    band.normal[2] = 1.0
    band.colour[:] = _squared(scene.floor)
    reach = np.minimum(band.depth, 2.0 * _FOG[1])
    x, y = band.eye[0] + reach * band.rays[0], band.eye[1] + reach * band.rays[1]
    low_x, high_x, low_y, high_y = scene.mat
    inside = np.minimum(np.minimum(x - low_x, high_x - x), np.minimum(y - low_y, high_y - y))
    _mix(band.colour, scene.mat_colour, _covered(inside))
    _mix(band.colour, scene.floor, 0.8 * _covered(0.0012 - np.abs(inside - 0.012)))
    for disc in scene.discs:
        window = band.window(disc.centre * np.array([1.0, 1.0, 0.0]), disc.radius)
        if window is not None:
            off_x, off_y = x[window] - disc.centre[0], y[window] - disc.centre[1]
            distance = np.sqrt(off_x * off_x + off_y * off_y)
            inside = disc.radius - distance
            inside = np.minimum(inside, distance - disc.hole) if disc.hole else inside
            _mix(_cut(band.colour, window), disc.colour, disc.alpha * _covered(inside))


def _covered(inside: Floats) -> Floats:
    """1 within what is painted, 0 outside, by the distance to its edge."""
    return np.clip(0.5 + inside / _SOFT, 0.0, 1.0)


def _meet(shape: Shape, index: int, band: _Band) -> None:
    """Puts the shape where it is nearer than what was there."""
    window = band.window(*shape.bounds)
    if window is None:
        return
    depth, normal = intersect(shape, band.eye, _cut(band.rays, window))
    nearer = depth < band.depth[window]
    band.depth[window][nearer] = depth[nearer]
    band.owner[window][nearer] = index
    band.gloss[window][nearer] = shape.gloss
    for axis in range(3):
        band.normal[axis][window][nearer] = normal[axis][nearer]
        band.colour[axis][window][nearer] = shape.colour[axis] ** 2


def _light(shapes: Sequence[Shape], band: _Band, *, shadows: bool) -> tuple[Floats, Floats]:
    """Shares of the light and of the sky that reach each point, (h, w)."""
    lit, sky = np.ones_like(band.depth), np.ones_like(band.depth)
    if not shadows:
        return lit, sky
    on_shape = (band.owner >= 0) & (dot(band.normal, LIGHT) > 0)  # what faces away is dark by itself
    points = band.points((slice(None), slice(None)))
    owner, point = band.owner[on_shape], points[:, on_shape]
    light = np.ones(len(owner))
    for index, shape in enumerate(shapes):
        if not shape.casts:
            continue
        if len(owner):
            light *= 1.0 - np.where(owner == index, 0.0, hidden_light(shape, point))
        centre, radius = shape.bounds
        # On the floor, a shadow lies around where the ball's own does, and the hidden sky under it.
        fall = centre[2] / LIGHT[2]
        width = (radius + 0.004 + PENUMBRA * (fall + radius)) / LIGHT[2]
        window = band.window(centre - fall * LIGHT, width)
        if window is not None:
            lit[window] *= 1.0 - hidden_light(shape, _cut(points, window))
        window = band.window(centre * np.array([1.0, 1.0, 0.0]), sky_reach(shape))
        if window is not None:
            sky[window] *= 1.0 - np.maximum(hidden_sky(shape, _cut(points, window)) - FAINT, 0.0)
    lit[on_shape] = light
    sky[band.owner >= 0] = 1.0
    return lit, sky


def _shade(band: _Band, lit: Floats, sky: Floats) -> Floats:
    """Light that comes back along each ray, (3, h, w)."""
    slope = dot(band.normal, LIGHT)
    half = LIGHT[:, None, None] - band.rays
    shine = np.maximum(dot(band.normal, half), 0.0) / np.sqrt(dot(half, half))
    for _ in range(5):
        shine = shine * shine  # to the 32nd power
    from_sky = _GROUND + (_SKY - _GROUND) * 0.5 * (1.0 + band.normal[2])
    return band.colour * (from_sky * sky + _SUN * np.maximum(slope, 0.0) * lit) + band.gloss * shine * lit * (slope > 0)


def _glaze(shape: Shape, band: _Band, image: Floats) -> None:
    """Paints a translucent shape over the picture, denser at its rim."""
    window = band.window(*shape.bounds)
    if window is None:
        return
    rays = _cut(band.rays, window)
    depth, normal = intersect(shape, band.eye, rays)
    facing = np.clip(-dot(normal, rays), 0.0, 1.0)
    density = np.where(
        depth < band.depth[window], shape.alpha + (0.85 - shape.alpha) * (1 - facing) * (1 - facing), 0.0
    )
    light = 0.75 + 0.35 * dot(normal, LIGHT)
    for axis in range(3):
        plane = image[axis][window]
        plane += (shape.colour[axis] ** 2 * light - plane) * density


def _cut(field: Floats, window: Window) -> Floats:
    """The window of a field of vectors (3, h, w), as a view."""
    return field[:, window[0], window[1]]


def _mix(image: Floats, colour: Colour, share: Floats) -> None:
    image += (_squared(colour) - image) * share


def _squared(colour: Colour) -> Floats:
    value = np.array(colour)[:, None, None]
    return value * value


def _cross(a: Floats, b: Floats) -> Floats:
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def _unit(vector: Floats) -> Floats:
    return vector / norm(vector)
