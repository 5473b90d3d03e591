"""What SO-100 and SO-101 look and feel like: printed plates around black servos, one box or capsule a link to touch.

Coordinates are SO-100's link frames (x is sideways in all but the hand's); the sizes are those of the printed parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .parts import Part, add_material, make_pad
from .rotations import Vector, frame, turn

FIXED_JAW_SLOPE = -0.109
"""Lean of the fixed jaw's inner face in the hand's frame in rad: the jaws are parallel when open by 0.19 rad."""
MOVING_JAW_SLOPE = -0.077
TIP = (-0.0155, -0.0925, 0.0)
"""Where the tip is in the hand's frame in m: 14 mm from the jaws' ends and 25 mm from the fixed jaw, so that a cube of
35 mm there is clear of that jaw by 7 mm."""


def draw_so100(spec: Any, parts: Sequence[Part]) -> None:
    """Adds geoms, the tip site and the wrist camera to base, shoulder, upper arm, lower arm, wrist, hand and jaw."""
    black = add_material(spec, "servo", (0.06, 0.06, 0.065), specular=0.4, shininess=0.4)
    metal = add_material(spec, "horn", (0.62, 0.63, 0.65), specular=0.7, shininess=0.6)
    board = add_material(spec, "board", (0.05, 0.22, 0.12), specular=0.4, shininess=0.4)
    base, shoulder, upper, lower, wrist, hand, jaw = parts
    _base(base, black, metal, board)
    _shoulder(shoulder, black, metal)
    _upper(upper, black, metal)
    _lower(lower, black, metal)
    _wrist(wrist, black, metal)
    _hand(hand, black, metal)
    _jaw(jaw, metal)
    hand.site("tip", TIP, frame((0, 0, 1), (-1, 0, 0)))
    hand.camera("wrist", (-0.012, -0.016, 0.082), (-0.018, -0.112, 0.0), (0, 0.2, 1), 75.0)


def _servo(
    part: Part, pos: Vector, size: Vector, black: str, horns: Sequence[tuple[Vector, Vector]], metal: str
) -> None:
    part.box(pos, size, material=black)
    for start, end in horns:
        part.cylinder(start, end, 0.0095, material=metal)


def _base(part: Part, black: str, metal: str, board: str) -> None:
    part.box((0, -0.028, 0.008), (0.036, 0.043, 0.008))
    part.box((0, 0.004, 0.008), (0.0555, 0.018, 0.008))
    part.box((0, -0.0345, 0.028), (0.0205, 0.0285, 0.014))
    part.box((0, 0.0, 0.045), (0.0215, 0.011, 0.031))
    part.box((0, 0.0205, 0.047), (0.0265, 0.004, 0.0365))
    part.box((0, 0.0265, 0.05), (0.021, 0.002, 0.025), material=board)
    part.box((0, -0.0327, 0.0475), (0.0126, 0.0227, 0.019), material=black)
    part.box((0, -0.033, 0.046), (0.0185, 0.026, 0.008))
    part.cylinder((0, -0.0452, 0.062), (0, -0.0452, 0.069), 0.0105, material=metal)
    part.touch_box("base_touch", (0, -0.022, 0.038), (0.036, 0.047, 0.038))


def _shoulder(part: Part, black: str, metal: str) -> None:
    part.cylinder((0, 0.001, 0), (0, 0.008, 0), 0.0125)
    part.cylinder((0, 0.050, 0), (0, 0.057, 0), 0.0175)
    part.box((0, 0.0045, 0.02), (0.0125, 0.0035, 0.021))
    part.box((0, 0.0535, 0.022), (0.0175, 0.0035, 0.024))
    part.box((0, 0.035, 0.0445), (0.0205, 0.034, 0.0065))
    part.box((0, 0.079, 0.0306), (0.0225, 0.016, 0.0195))
    horns = [((-0.0235, 0.1025, 0.0306), (0.0235, 0.1025, 0.0306))]
    _servo(part, (0, 0.0905, 0.0306), (0.0198, 0.0222, 0.0124), black, horns, metal)
    part.touch_box("shoulder_touch", (0, 0.056, 0.026), (0.024, 0.056, 0.024))


def _upper(part: Part, black: str, metal: str) -> None:
    for side in (-1, 1):
        x = 0.0262 * side
        part.cylinder((x - 0.0035, 0, 0), (x + 0.0035, 0, 0), 0.012)
        part.cylinder((x + 0.0035 * side, 0, 0), (x + 0.0047 * side, 0, 0), 0.006, material=metal)
        part.box((x, 0.034, 0.0), (0.0032, 0.034, 0.0118))
        part.box((0.0225 * side, 0.082, 0.002), (0.004, 0.022, 0.0135), quat=turn((0, 0, 1), 0.12 * side))
    part.box((0, 0.079, 0.001), (0.020, 0.014, 0.0128))
    part.box((0, 0.113, -0.002), (0.0232, 0.0172, 0.0095))
    part.box((0, 0.1285, 0.005), (0.0232, 0.0022, 0.0165))
    part.box((0, 0.097, 0.005), (0.0232, 0.0022, 0.0165))
    horns = [((-0.0235, 0.1126, 0.028), (0.0235, 0.1126, 0.028))]
    _servo(part, (0, 0.1126, 0.0155), (0.0198, 0.0124, 0.0226), black, horns, metal)
    part.touch_capsule("upper_arm_touch", (0, 0.012, 0.001), (0, 0.106, 0.006), 0.024)


def _lower(part: Part, black: str, metal: str) -> None:
    for side in (-1, 1):
        x = 0.0262 * side
        part.cylinder((x - 0.0035, 0, 0), (x + 0.0035, 0, 0), 0.012)
        part.cylinder((x + 0.0035 * side, 0, 0), (x + 0.0047 * side, 0, 0), 0.006, material=metal)
        part.box((x, 0.001, 0.030), (0.0032, 0.0122, 0.030))
    part.box((0, 0.002, 0.062), (0.0275, 0.0132, 0.014))
    part.box((0, 0.0035, 0.088), (0.0215, 0.0145, 0.020))
    part.box((0, 0.0052, 0.108), (0.0232, 0.0158, 0.0105))
    horns = [((-0.0235, 0.0052, 0.1349), (0.0235, 0.0052, 0.1349))]
    _servo(part, (0, 0.0052, 0.1224), (0.0198, 0.0124, 0.0226), black, horns, metal)
    part.touch_capsule("lower_arm_touch", (0, 0.002, 0.018), (0, 0.004, 0.120), 0.023)


def _wrist(part: Part, black: str, metal: str) -> None:
    for side in (-1, 1):
        x = 0.0262 * side
        part.cylinder((x - 0.0035, 0, 0), (x + 0.0035, 0, 0), 0.012)
        part.cylinder((x + 0.0035 * side, 0, 0), (x + 0.0047 * side, 0, 0), 0.006, material=metal)
        part.box((x, -0.012, 0.0), (0.0032, 0.012, 0.0118))
    part.box((0, -0.0255, 0.0), (0.0294, 0.0045, 0.0155))
    part.box((0.004, -0.046, 0.0145), (0.0165, 0.0165, 0.0025))
    part.box((0.004, -0.046, -0.0145), (0.0165, 0.0165, 0.0025))
    _servo(part, (-0.0125, -0.0428, 0), (0.0226, 0.0196, 0.0123), black, [], metal)
    part.cylinder((0, -0.058, 0), (0, -0.0655, 0), 0.0105, material=metal)
    part.touch_box("wrist_touch", (-0.004, -0.034, 0), (0.029, 0.026, 0.016))


def _hand(part: Part, black: str, metal: str) -> None:
    part.cylinder((0, 0.001, 0), (0, -0.0075, 0), 0.0165)
    part.box((0.001, -0.0085, 0), (0.029, 0.0032, 0.0205))
    part.box((-0.0077, -0.0244, 0), (0.0226, 0.0124, 0.0193), material=black)
    part.box((0.0215, -0.0235, 0), (0.0068, 0.0175, 0.0225))
    part.box((0.0225, -0.048, 0), (0.0058, 0.0135, 0.0215), quat=turn((0, 0, 1), -0.10))
    part.box((0.0195, -0.069, 0), (0.0050, 0.0135, 0.0165), quat=turn((0, 0, 1), -0.14))
    part.box((0.0160, -0.089, 0), (0.0042, 0.0115, 0.0120), quat=turn((0, 0, 1), -0.14))
    part.cylinder((0.0118, -0.1025, -0.0105), (0.0118, -0.1025, 0.0105), 0.0039)
    part.cylinder((-0.0202, -0.0244, 0.0195), (-0.0202, -0.0244, 0.0212), 0.0105, material=metal)
    tilt = turn((1, 0, 0), 0.70)
    part.box((-0.006, -0.0065, 0.046), (0.0105, 0.0025, 0.030))
    part.box((-0.012, -0.0085, 0.0800), (0.0165, 0.0040, 0.0165), quat=tilt, material=black)
    part.cylinder((-0.012, -0.0090, 0.0860), (-0.012, -0.0150, 0.0810), 0.0070, material=black)
    part.touch_box("hand_touch", (-0.001, -0.0205, 0), (0.0295, 0.0205, 0.0225))
    part.touch_box("fixed_jaw_touch", (0.0215, -0.053, 0), (0.006, 0.014, 0.0205), turn((0, 0, 1), -0.10))
    quat = turn((0, 0, 1), FIXED_JAW_SLOPE)
    pad = part.touch_box("fixed_jaw_pad", (0.0126, -0.0820, 0), (0.0020, 0.0247, 0.0085), quat)
    make_pad(pad, 1.0)


def _jaw(part: Part, metal: str) -> None:
    for z in (-0.0224, 0.0224):
        part.cylinder((0, 0, z - 0.0014), (0, 0, z + 0.0014), 0.0100)
        part.box((0.001, -0.014, z), (0.0085, 0.016, 0.0014))
        part.cylinder((0, 0, z * 1.06), (0, 0, z * 1.10), 0.0055, material=metal)
    part.box((0.0, -0.030, 0), (0.0070, 0.0045, 0.0236))
    part.box((-0.0012, -0.046, 0), (0.0058, 0.0140, 0.0180), quat=turn((0, 0, 1), MOVING_JAW_SLOPE))
    part.box((-0.0042, -0.066, 0), (0.0042, 0.0120, 0.0125), quat=turn((0, 0, 1), MOVING_JAW_SLOPE))
    part.cylinder((-0.0080, -0.0790, -0.0105), (-0.0080, -0.0790, 0.0105), 0.0037)
    part.touch_box("jaw_touch", (0, -0.018, 0), (0.0075, 0.0165, 0.0230))
    quat = turn((0, 0, 1), MOVING_JAW_SLOPE)
    pad = part.touch_box("moving_jaw_pad", (-0.0081, -0.0565, 0), (0.0020, 0.0255, 0.0085), quat)
    make_pad(pad, 1.0)
