"""What the Panda looks and feels like: white rounded links with dark seams; capsules and boxes to touch.

Coordinates are the Denavit-Hartenberg frames of the links; sizes are those of Franka's meshes' bounding boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .parts import Part, add_material, make_pad
from .rotations import turn


def draw_panda(spec: Any, parts: Sequence[Part]) -> None:
    """Adds geoms and the wrist camera to links 0 to 7, the hand, the left and the right finger."""
    add_material(spec, "panda_white", (0.93, 0.94, 0.95), specular=0.5, shininess=0.5)
    grey = add_material(spec, "panda_grey", (0.74, 0.76, 0.78), specular=0.4, shininess=0.4)
    dark = add_material(spec, "panda_dark", (0.10, 0.105, 0.115), specular=0.4, shininess=0.4)
    rubber = add_material(spec, "panda_rubber", (0.05, 0.05, 0.05), specular=0.1, shininess=0.1)
    blue = add_material(spec, "panda_blue", (0.04, 0.45, 0.80), specular=0.5, shininess=0.5)
    _link0(parts[0], grey, dark)
    _link1(parts[1], dark)
    _link2(parts[2], dark)
    _link3(parts[3], dark)
    _link4(parts[4], dark)
    _link5(parts[5], dark)
    _link6(parts[6], dark, blue)
    _link7(parts[7], grey, dark)
    _hand(parts[8], dark)
    _finger(parts[9], "left", rubber)
    _finger(parts[10], "right", rubber)
    parts[8].camera("wrist", (0.075, 0.0, 0.010), (0.018, 0.0, 0.125), (1, 0, 0.4), 70.0)


def _link0(part: Part, grey: str, dark: str) -> None:
    part.cylinder((0, 0, 0), (0, 0, 0.012), 0.092, material=grey)
    part.cylinder((0, 0, 0.010), (0, 0, 0.135), 0.066)
    part.ellipsoid((0, 0, 0.045), (0.088, 0.088, 0.080))
    part.box((-0.085, 0, 0.030), (0.060, 0.070, 0.030), material=grey)
    part.ellipsoid((-0.070, 0, 0.058), (0.078, 0.070, 0.050))
    part.box((-0.1455, 0, 0.030), (0.003, 0.045, 0.020), material=dark)
    part.cylinder((0, 0, 0.135), (0, 0, 0.142), 0.0585, material=dark)
    part.touch_box("link0_touch", (-0.035, 0, 0.065), (0.100, 0.080, 0.065))


def _link1(part: Part, dark: str) -> None:
    part.cylinder((0, 0, -0.191), (0, 0, -0.010), 0.055)
    part.cylinder((0, 0.0, 0), (0, -0.070, 0), 0.055)
    part.ellipsoid((0, -0.070, 0), (0.055, 0.058, 0.055))
    part.ellipsoid((0, -0.020, -0.050), (0.0552, 0.075, 0.085))
    part.cylinder((0, -0.004, 0), (0, 0.003, 0), 0.0525, material=dark)
    part.touch_capsule("link1_touch", (0, 0, -0.130), (0, -0.010, -0.010), 0.062)


def _link2(part: Part, dark: str) -> None:
    part.cylinder((0, -0.010, 0), (0, -0.190, 0), 0.055)
    part.cylinder((0, 0, 0.003), (0, 0, 0.070), 0.055)
    part.ellipsoid((0, 0, 0.070), (0.055, 0.055, 0.058))
    part.ellipsoid((0, -0.050, 0.020), (0.0552, 0.085, 0.075))
    part.cylinder((0, -0.190, 0), (0, -0.196, 0), 0.0525, material=dark)
    part.touch_capsule("link2_touch", (0, -0.005, 0.005), (0, -0.130, 0), 0.062)


def _link3(part: Part, dark: str) -> None:
    part.cylinder((0, 0, -0.120), (0, 0, -0.010), 0.0545)
    part.ellipsoid((0.010, 0.010, -0.045), (0.062, 0.060, 0.072))
    part.capsule((0.010, 0.030, -0.030), (0.0825, 0.045, 0), 0.052)
    part.cylinder((0.0825, 0.003, 0), (0.0825, 0.064, 0), 0.055)
    part.ellipsoid((0.0825, 0.064, 0), (0.055, 0.047, 0.055))
    part.cylinder((0.0825, -0.004, 0), (0.0825, 0.004, 0), 0.0525, material=dark)
    part.touch_capsule("link3_touch", (0.005, 0.005, -0.075), (0.0825, 0.030, 0), 0.060)


def _link4(part: Part, dark: str) -> None:
    part.cylinder((0, 0, 0.003), (0, 0, 0.064), 0.055)
    part.ellipsoid((0, 0, 0.064), (0.055, 0.055, 0.047))
    part.capsule((0, 0.0, 0.045), (-0.0725, 0.030, 0.030), 0.052)
    part.cylinder((-0.0825, 0.010, 0), (-0.0825, 0.120, 0), 0.0545)
    part.ellipsoid((-0.0725, 0.045, 0.010), (0.062, 0.072, 0.060))
    part.cylinder((-0.0825, 0.119, 0), (-0.0825, 0.126, 0), 0.0525, material=dark)
    part.touch_capsule("link4_touch", (0, 0, 0.030), (-0.0775, 0.065, 0.005), 0.060)


def _link5(part: Part, dark: str) -> None:
    part.cylinder((0, 0, -0.2580), (0, 0, -0.180), 0.0545)
    part.capsule((0, 0.004, -0.205), (0, 0.068, -0.035), 0.050)
    part.capsule((0, 0.0, -0.215), (0, 0.032, -0.090), 0.0535)
    part.cylinder((0, 0.005, 0), (0, 0.085, 0), 0.050)
    part.ellipsoid((0, 0.085, 0), (0.050, 0.044, 0.050))
    part.cylinder((0, -0.003, 0), (0, 0.006, 0), 0.0475, material=dark)
    part.touch_capsule("link5_touch", (0, 0.002, -0.200), (0, 0.050, -0.060), 0.056)
    part.touch_capsule("link5_wrist_touch", (0, 0.045, 0), (0, 0.075, 0), 0.052)


def _link6(part: Part, dark: str, blue: str) -> None:
    part.cylinder((0, 0, -0.040), (0, 0, 0.008), 0.0465)
    part.ellipsoid((0, 0, -0.012), (0.047, 0.047, 0.040))
    part.capsule((0.010, 0.002, -0.004), (0.088, 0.010, 0.002), 0.042)
    part.cylinder((0.088, -0.046, 0), (0.088, 0.062, 0), 0.0445)
    part.ellipsoid((0.088, 0.060, 0), (0.0445, 0.022, 0.0445))
    part.cylinder((0.088, -0.052, 0), (0.088, -0.045, 0), 0.0425, material=dark)
    part.cylinder((0.088, 0.046, 0), (0.088, 0.050, 0), 0.0452, material=blue)
    part.touch_capsule("link6_touch", (0.020, 0.002, 0), (0.088, 0.012, 0), 0.050)


def _link7(part: Part, grey: str, dark: str) -> None:
    part.cylinder((0, 0, 0.053), (0, 0, 0.100), 0.0435)
    part.cylinder((0, 0, 0.099), (0, 0, 0.1068), 0.0400, material=grey)
    part.capsule((0.020, 0.020, 0.078), (0.052, 0.052, 0.078), 0.024)
    part.cylinder((0.056, 0.056, 0.090), (0.056, 0.056, 0.1045), 0.013, material=dark)
    part.touch_capsule("link7_touch", (0.004, 0.004, 0.078), (0.030, 0.030, 0.078), 0.036)


def _hand(part: Part, dark: str) -> None:
    part.cylinder((0, 0, 0), (0, 0, 0.014), 0.0370, material=dark)
    part.box((0, 0, 0.034), (0.0300, 0.073, 0.0215))
    part.cylinder((0, -0.073, 0.0125), (0, -0.073, 0.0555), 0.0300)
    part.cylinder((0, 0.073, 0.0125), (0, 0.073, 0.0555), 0.0300)
    part.box((0, 0, 0.060), (0.0165, 0.096, 0.0060), material=dark)
    part.box((0.0305, 0, 0.034), (0.0012, 0.022, 0.010), material=dark)
    part.box((0.045, 0, 0.014), (0.020, 0.008, 0.004), material=dark)
    part.box((0.071, 0, 0.008), (0.0085, 0.021, 0.0105), quat=turn((0, 1, 0), 0.35), material=dark)
    part.touch_box("hand_touch", (0, 0, 0.032), (0.031, 0.102, 0.033))


def _finger(part: Part, side: str, rubber: str) -> None:
    part.box((0, 0.0125, 0.0085), (0.0105, 0.0120, 0.0085))
    part.box((0, 0.0175, 0.0250), (0.0100, 0.0058, 0.0110), quat=turn((1, 0, 0), 0.20))
    part.box((0, 0.0105, 0.0420), (0.0098, 0.0060, 0.0115))
    part.box((0, 0.0030, 0.0440), (0.0090, 0.0028, 0.0095), material=rubber)
    part.touch_box(f"{side}_finger_touch", (0, 0.0150, 0.0180), (0.0105, 0.0090, 0.0180))
    make_pad(part.touch_box(f"{side}_pad", (0, 0.0080, 0.0440), (0.0090, 0.0080, 0.0095)), 1.0)
