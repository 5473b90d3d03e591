"""Pictures of push-t, by signed distance functions in NumPy: a top view of the unit square, y up.

A shape is a function d(x, y), its distance to the shape's edge in m, negative inside. A pixel of width p is
covered by clip(1/2 - d/p, 0, 1), which is what makes edges smooth without a sample more. Only sums, products
and square roots are used: a lane's picture is the same bytes in every batch.

All sizes grow with the contact radius: the T is drawn around the block's position and the pusher at the
agent's, so that they meet where the push begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.spec import Camera

Floats = NDArray[Any]  # of float32

_MARGIN = 0.07  # m shown around the unit square
_PIXELS_AT_ONCE = 1 << 20  # pixels drawn together, which bounds the memory
_NOMINAL_CONTACT = 0.06  # m: the sizes below are those at this contact radius
_BAR = (0.0, 0.029, 0.075, 0.022)  # m: centre x, y and half width, half height, from the block's position
_STEM = (0.0, -0.016, 0.022, 0.050)
_ROUNDING = 0.006  # m
_PUSHER_RADIUS = 0.028  # m
_SHADOW_OFFSET = (0.008, -0.011)  # m

_FLOOR, _SURROUND = (0.965, 0.955, 0.935), (0.80, 0.79, 0.775)
_TARGET, _TARGET_EDGE = (0.45, 0.78, 0.56), (0.16, 0.56, 0.36)
_BLOCK, _BLOCK_EDGE = (0.37, 0.45, 0.66), (0.23, 0.29, 0.47)
_PUSHER, _PUSHER_TOP = (0.80, 0.27, 0.20), (0.95, 0.45, 0.34)


class _Grid(NamedTuple):
    """Pixel centres: x (1, 1, w) and y (1, h, 1) in m, and a pixel's width in m."""

    x: Floats
    y: Floats
    pixel: float


def draw(
    agent: NDArray[np.float64],
    block: NDArray[np.float64],
    target: NDArray[np.float64],
    contact_radius: NDArray[np.float64],
    camera: Camera,
) -> NDArray[np.uint8]:
    """Draws n lanes.

    Args:
        agent: (n, 2) in m, as `block` and `target`.
        block: Where the T is.
        target: Where it should be.
        contact_radius: (n,) in m.
        camera: Any size; the unit square is fitted into the shorter side. Look "draft" is without shadows
            and smooth edges, "full" with four samples a pixel.

    Returns:
        uint8 (n, h, w, 3).
    """
    samples = 2 if camera.look == "full" else 1
    grid = _grid(camera.height * samples, camera.width * samples)
    images = np.empty((len(agent), camera.height, camera.width, 3), np.uint8)
    scale = (contact_radius / _NOMINAL_CONTACT).astype(np.float32)
    chunk = max(1, _PIXELS_AT_ONCE // (grid.x.size * grid.y.size))
    for start in range(0, len(agent), chunk):
        lanes = slice(start, start + chunk)
        image = _paint(
            agent[lanes].astype(np.float32),
            block[lanes].astype(np.float32),
            target[lanes].astype(np.float32),
            scale[lanes, None, None],
            grid,
            plain=camera.look == "draft",
        )
        if samples > 1:
            image = image.reshape(len(image), camera.height, samples, camera.width, samples, 3).mean((2, 4))
        images[lanes] = image * 255.0 + 0.5
    return images


def _grid(height: int, width: int) -> _Grid:
    pixel = (1.0 + 2.0 * _MARGIN) / min(height, width)
    x = 0.5 + (np.arange(width) + 0.5 - width / 2) * pixel
    y = 0.5 - (np.arange(height) + 0.5 - height / 2) * pixel
    return _Grid(x.astype(np.float32)[None, None, :], y.astype(np.float32)[None, :, None], pixel)


def _paint(agent: Floats, block: Floats, target: Floats, scale: Floats, grid: _Grid, *, plain: bool) -> Floats:
    """The picture in [0, 1], float32 (n, h, w, 3), painted from the floor up."""
    count, shadow = len(agent), not plain
    image = np.empty((count, grid.y.size, grid.x.size, 3), np.float32)
    image[:] = _SURROUND
    _fill(image, _box(grid.x - 0.5, grid.y - 0.5, (0.0, 0.0, 0.5, 0.5), np.float32(1)), _FLOOR, grid, plain)

    outline = _tee(grid, target, scale)
    _fill(image, outline, _TARGET, grid, plain, alpha=0.55)
    _fill(image, np.abs(outline) - 0.0025 * scale, _TARGET_EDGE, grid, plain, alpha=0.9)

    offset = np.array(_SHADOW_OFFSET, np.float32) * scale[:, 0]
    if shadow:
        _shade(image, _tee(grid, block + offset, scale), 0.016 * scale, 0.34)
    solid = _tee(grid, block, scale)
    _fill(image, solid, _BLOCK_EDGE, grid, plain)
    _fill(image, solid + 0.0045 * scale, _BLOCK, grid, plain)

    if shadow:
        _shade(image, _disc(grid, agent + offset, _PUSHER_RADIUS * scale), 0.014 * scale, 0.38)
    _fill(image, _disc(grid, agent, _PUSHER_RADIUS * scale), _PUSHER, grid, plain)
    _fill(image, _disc(grid, agent - 0.4 * offset, 0.6 * _PUSHER_RADIUS * scale), _PUSHER_TOP, grid, plain, alpha=0.8)
    return image


def _box(x: Floats, y: Floats, box: tuple[float, float, float, float], scale: Any) -> Floats:
    """Distance to a box with rounded corners, given by centre and half sizes in units of `scale`."""
    rounding = _ROUNDING * scale
    outside_x = np.abs(x - box[0] * scale) - (box[2] * scale - rounding)
    outside_y = np.abs(y - box[1] * scale) - (box[3] * scale - rounding)
    far_x, far_y = np.maximum(outside_x, 0), np.maximum(outside_y, 0)
    return np.sqrt(far_x * far_x + far_y * far_y) + np.minimum(np.maximum(outside_x, outside_y), 0) - rounding


def _tee(grid: _Grid, position: Floats, scale: Floats) -> Floats:
    """Distance to the T of each lane, (n, h, w)."""
    x, y = _relative(grid, position)
    return np.minimum(_box(x, y, _BAR, scale), _box(x, y, _STEM, scale))


def _disc(grid: _Grid, position: Floats, radius: Floats) -> Floats:
    x, y = _relative(grid, position)
    return np.sqrt(x * x + y * y) - radius


def _relative(grid: _Grid, position: Floats) -> tuple[Floats, Floats]:
    """x (n, 1, w) and y (n, h, 1) from each lane's position: their maths stays one-dimensional."""
    return grid.x - position[:, 0, None, None], grid.y - position[:, 1, None, None]


def _fill(
    image: Floats, distance: Floats, colour: tuple[float, float, float], grid: _Grid, plain: bool, alpha: float = 1.0
) -> None:
    """Paints a shape over the image, its edge smooth or plain."""
    if plain:
        coverage = np.where(distance < 0, np.float32(alpha), np.float32(0))
    else:
        coverage = np.clip(0.5 - distance / np.float32(grid.pixel), 0, 1) * np.float32(alpha)
    _blend(image, coverage, lambda channel: colour[channel])


def _shade(image: Floats, distance: Floats, softness: Floats, strength: float) -> None:
    """Darkens the image around a shape: smoothstep from `softness` within its edge to as much outside."""
    depth = np.clip(0.5 - distance / (2 * softness), 0, 1)
    _blend(image, depth * depth * (3 - 2 * depth) * np.float32(strength), lambda _: 0.12)


def _blend(image: Floats, coverage: Floats, colour: Callable[[int], float]) -> None:
    for channel in range(3):
        plane = image[..., channel]
        plane += (np.float32(colour(channel)) - plane) * coverage
