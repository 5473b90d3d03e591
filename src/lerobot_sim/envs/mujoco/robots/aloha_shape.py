"""What ALOHA's ViperX 300 arms look and feel like: black frames, silver horns, printed fingers, a wrist camera.

Coordinates are the URDF's link frames; sizes are those of the meshes' bounding boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .parts import Part, add_material, make_pad
from .rotations import turn

TIP = (0.136, 0.0, 0.0)
"""Where the tip is in the hand's (gripper_link's) frame in m: 14 mm from the fingers' ends."""


def draw_vx300s(spec: Any, prefix: str, parts: Sequence[Part]) -> None:
    """Adds geoms and wrist camera to base, shoulder, upper arm, both forearms, wrist, hand, left and right finger."""
    add_material(spec, "aloha_black", (0.075, 0.078, 0.085), specular=0.5, shininess=0.5)
    servo = add_material(spec, "aloha_servo", (0.035, 0.035, 0.04), specular=0.3, shininess=0.3)
    silver = add_material(spec, "aloha_silver", (0.66, 0.67, 0.69), specular=0.8, shininess=0.7)
    printed = add_material(spec, "aloha_printed", (0.13, 0.13, 0.14), specular=0.1, shininess=0.1)
    rubber = add_material(spec, "aloha_rubber", (0.03, 0.03, 0.03), specular=0.1, shininess=0.1)
    base, shoulder, upper, upper_forearm, lower_forearm, wrist, hand, left, right = parts
    _base(prefix, base, servo, silver)
    _shoulder(prefix, shoulder, servo, silver)
    _upper(prefix, upper, servo, silver)
    _upper_forearm(prefix, upper_forearm, silver)
    _lower_forearm(prefix, lower_forearm, servo, silver)
    _wrist(prefix, wrist, servo, silver)
    _hand(prefix, hand, servo, silver)
    _finger(f"{prefix}left", left, -1.0, printed, rubber)
    _finger(f"{prefix}right", right, 1.0, printed, rubber)
    hand.camera(f"{prefix}wrist", (0.022, 0.0, 0.080), (0.152, 0.0, 0.010), (0, 0, 1), 68.0)


def _base(prefix: str, part: Part, servo: str, silver: str) -> None:
    part.box((-0.047, 0, 0.004), (0.149, 0.102, 0.004))
    part.box((-0.040, 0, 0.034), (0.075, 0.047, 0.026))
    part.box((-0.150, 0, 0.022), (0.035, 0.040, 0.014), material=servo)
    part.cylinder((0, 0, 0.058), (0, 0, 0.072), 0.050)
    part.cylinder((0, 0, 0.071), (0, 0, 0.0787), 0.058, material=silver)
    part.touch_box(f"{prefix}base_touch", (-0.047, 0, 0.030), (0.149, 0.095, 0.030))


def _shoulder(prefix: str, part: Part, servo: str, silver: str) -> None:
    part.cylinder((0, 0, 0.000), (0, 0, 0.010), 0.061)
    part.box((0, 0, 0.030), (0.036, 0.0235, 0.030), material=servo)
    for y in (-0.041, 0.041):
        part.box((0, y, 0.026), (0.030, 0.0170, 0.020))
        part.cylinder((0, y * 0.62, 0.04805), (0, y * 1.36, 0.04805), 0.0165, material=servo)
        part.cylinder((0, y * 1.36, 0.04805), (0, y * 1.43, 0.04805), 0.0115, material=silver)
    part.touch_box(f"{prefix}shoulder_touch", (0, 0, 0.034), (0.045, 0.058, 0.034))


def _upper(prefix: str, part: Part, servo: str, silver: str) -> None:
    for y in (-0.0495, 0.0495):
        part.cylinder((0, y - 0.0022, 0), (0, y + 0.0022, 0), 0.0200)
        part.box((0.0, y, 0.036), (0.0190, 0.0022, 0.036))
        part.cylinder((0, y * 1.04, 0), (0, y * 1.08, 0), 0.0105, material=silver)
    part.box((0, 0, 0.072), (0.0190, 0.0517, 0.0040))
    for y in (-0.0175, 0.0175):
        part.box((-0.0005, y, 0.180), (0.0125, 0.0035, 0.108))
    part.box((0, 0, 0.180), (0.0080, 0.0150, 0.104), material=servo)
    part.box((0.029, 0, 0.300), (0.0445, 0.0235, 0.0185), material=servo)
    part.box((0.010, 0, 0.278), (0.0260, 0.0280, 0.0050))
    for y in (-0.0415, 0.0415):
        part.cylinder((0.05955, y * 0.56, 0.300), (0.05955, y * 1.10, 0.300), 0.0165, material=servo)
        part.box((0.040, y * 0.78, 0.300), (0.030, 0.0045, 0.0155))
    part.touch_box(f"{prefix}upper_arm_touch", (0, 0, 0.165), (0.024, 0.032, 0.150))


def _upper_forearm(prefix: str, part: Part, silver: str) -> None:
    for y in (-0.0483, 0.0483):
        part.cylinder((0, y - 0.0022, 0), (0, y + 0.0022, 0), 0.0195)
        part.box((0.033, y, 0), (0.033, 0.0022, 0.0190))
        part.cylinder((0, y * 1.04, 0), (0, y * 1.09, 0), 0.0105, material=silver)
    part.box((0.066, 0, 0), (0.0035, 0.0505, 0.0190))
    part.cylinder((0.068, 0, 0), (0.185, 0, 0), 0.0165)
    part.cylinder((0.180, 0, 0), (0.196, 0, 0), 0.0195, material=silver)
    part.touch_capsule(f"{prefix}upper_forearm_touch", (0.0, 0, 0), (0.165, 0, 0), 0.032)


def _lower_forearm(prefix: str, part: Part, servo: str, silver: str) -> None:
    part.cylinder((-0.004, 0, 0), (0.006, 0, 0), 0.0225)
    part.box((0.033, 0.008, 0), (0.0285, 0.0185, 0.0175), material=servo)
    part.box((0.030, -0.012, 0), (0.0300, 0.0025, 0.0205))
    part.box((0.030, 0.0285, 0), (0.0300, 0.0020, 0.0205))
    part.box((0.086, 0, 0), (0.0275, 0.0200, 0.0165), material=servo)
    for y in (-0.0225, 0.0225):
        part.box((0.083, y, 0), (0.0255, 0.0025, 0.0150))
        part.cylinder((0.1, y, 0), (0.1, y * 1.25, 0), 0.0115, material=silver)
    part.touch_capsule(f"{prefix}lower_forearm_touch", (0.020, 0.004, 0), (0.090, 0.0, 0), 0.031)


def _wrist(prefix: str, part: Part, servo: str, silver: str) -> None:
    for y in (-0.0265, 0.0265):
        part.cylinder((0, y - 0.0016, 0), (0, y + 0.0016, 0), 0.0155)
        part.box((0.020, y, 0), (0.0200, 0.0016, 0.0145))
    part.box((0.0400, 0, 0.0040), (0.0022, 0.0275, 0.0200))
    part.box((0.0520, 0, 0.0120), (0.0150, 0.0145, 0.0220), material=servo)
    part.cylinder((0.062, 0, 0), (0.0695, 0, 0), 0.0125, material=silver)
    part.touch_box(f"{prefix}wrist_touch", (0.034, 0, 0.006), (0.034, 0.028, 0.024))


def _hand(prefix: str, part: Part, servo: str, silver: str) -> None:
    part.cylinder((-0.002, 0, 0), (0.004, 0, 0), 0.0190)
    part.box((0.0200, 0, 0.006), (0.0200, 0.0180, 0.0250), material=servo)
    part.box((0.0420, 0, -0.002), (0.0030, 0.0300, 0.0300))
    part.cylinder((0.044, 0, 0), (0.0500, 0, 0), 0.0200, material=silver)
    part.box((0.0560, 0, 0.0165), (0.0060, 0.0750, 0.0035), material=silver)
    part.box((0.0560, 0, -0.0165), (0.0060, 0.0750, 0.0035), material=silver)
    for y in (-0.0725, 0.0725):
        part.box((0.0550, y, 0), (0.0100, 0.0025, 0.0220))
    part.box((0.0230, 0, 0.050), (0.0030, 0.0120, 0.030))
    part.box((0.0150, 0, 0.080), (0.0110, 0.0210, 0.0115), quat=turn((0, 1, 0), 0.49), material=silver)
    part.box((0.0205, 0, 0.077), (0.0065, 0.0195, 0.0100), quat=turn((0, 1, 0), 0.49), material=servo)
    part.touch_box(f"{prefix}hand_touch", (0.033, 0, 0.002), (0.032, 0.040, 0.030))
    part.touch_box(f"{prefix}rail_touch", (0.056, 0, 0), (0.0095, 0.075, 0.022))


def _finger(prefix: str, part: Part, sign: float, printed: str, rubber: str) -> None:
    """In the finger's frame x is the hand's -z, sign * y is forward, and z points to the other finger."""
    part.box((0.0142, 0.012 * sign, 0.0100), (0.0190, 0.0120, 0.0090), material=printed)
    part.box((0.0142, 0.034 * sign, 0.0110), (0.0125, 0.0170, 0.0060), material=printed)
    part.box(
        (0.0142, 0.066 * sign, 0.0165), (0.0105, 0.0210, 0.0055), quat=turn((1, 0, 0), 0.17 * sign), material=printed
    )
    part.box((0.0142, 0.0835 * sign, 0.0236), (0.0100, 0.0105, 0.0033), material=rubber)
    part.touch_box(f"{prefix}_finger_touch", (0.0142, 0.036 * sign, 0.0125), (0.0120, 0.0360, 0.0085))
    make_pad(part.touch_box(f"{prefix}_pad", (0.0142, 0.0828 * sign, 0.0214), (0.0100, 0.0112, 0.0055)), 1.0)
