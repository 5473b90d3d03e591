"""Our own scene as OpenUSD text: the arm on a table, a cube. Boxes and spheres only, nothing from anywhere else."""

from __future__ import annotations

from math import degrees
from pathlib import Path

from . import arm
from .arm import JOINTS, Joint

_GREY, _ORANGE, _DARK = (0.75, 0.75, 0.78), (0.95, 0.55, 0.1), (0.2, 0.2, 0.22)
_WOOD, _RED = (0.6, 0.45, 0.3), (0.85, 0.1, 0.1)

_Vector = tuple[float, float, float]

LINKS: tuple[tuple[str, float, _Vector, _Vector, _Vector], ...] = (
    ("base", 1.0, (0.05, 0.05, 0.03), (0, 0, 0.03), _DARK),
    ("shoulder", 0.2, (0.035, 0.035, 0.03), (0, 0, 0.03), _ORANGE),
    ("upper_arm", 0.15, (0.02, 0.02, 0.09), (0, 0, 0.11), _GREY),
    ("forearm", 0.12, (0.018, 0.018, 0.08), (0, 0, 0.10), _ORANGE),
    ("wrist", 0.05, (0.018, 0.018, 0.02), (0, 0, 0.02), _DARK),
    ("hand", 0.06, (0.02, 0.06, 0.01), (0, 0, 0.01), _GREY),
    ("left_finger", 0.02, (0.01, 0.006, 0.03), (0, 0.008, 0.03), _DARK),
    ("right_finger", 0.02, (0.01, 0.006, 0.03), (0, -0.008, 0.03), _DARK),
)
"""Name, mass in kg, half sizes and middle of the box in the link's frame in m, colour."""

PAD = 0.004
"""Radius of the pads: four spheres at a finger's inner face, in m. Two boxes touch in one point here, and what is held
between two points turns about the line through them; spheres give four points a finger."""

CUBE_MASS = 0.05
"""In kg."""


def write(path: Path) -> Path:
    """Writes the scene to `path` (.usda), unless it is there already; the folder is made."""
    content = text()
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return path


def text() -> str:
    """The scene."""
    links = "".join(_link(*link) for link in LINKS)
    joints = "".join(_joint(joint) for joint in JOINTS)
    edge = arm.HALF_EDGE
    cube = _body("cube", CUBE_MASS, (0.25, 0, edge), _box((edge, edge, edge), (0, 0, 0), _RED))
    return f"""#usda 1.0
(
    defaultPrim = "scene"
    metersPerUnit = 1
    upAxis = "Z"
)

def Xform "scene"
{{
    def Material "grip" (prepend apiSchemas = ["PhysicsMaterialAPI"])
    {{
        float physics:staticFriction = 1
        float physics:dynamicFriction = 1
        float physics:restitution = 0
    }}
    def Xform "table"
    {{{_box((0.5, 0.5, 0.02), (0.2, 0, -0.02), _WOOD)}
    }}
    def Xform "arm" (prepend apiSchemas = ["PhysicsArticulationRootAPI"])
    {{
        def PhysicsFixedJoint "root"
        {{
            rel physics:body1 = </scene/arm/base>
        }}{links}
        def Scope "joints"
        {{{joints}
        }}
    }}{cube}
}}
"""


def _link(name: str, mass: float, half: _Vector, middle: _Vector, colour: _Vector) -> str:
    inner = _box(half, middle, colour)
    if name.endswith("finger"):
        inner += _pads(PAD if name == "left_finger" else -PAD)
    if name == "hand":
        inner += f'\n            def Xform "tip"\n            {{{_place((0, 0, arm.TIP))}\n            }}'
    return _body(name, mass, _standing(name), inner)


def _pads(side: float) -> str:
    at = [(x, side, z) for x in (-0.006, 0.006) for z in (0.036, 0.054)]
    return "".join(_sphere(f"pad_{index}", PAD, where, _GREY) for index, where in enumerate(at))


def _standing(name: str) -> _Vector:
    """Where a link's frame is with every joint at 0."""
    height, child = 0.0, name
    while above := next((joint for joint in JOINTS if joint.child == child), None):
        height, child = height + above.at[2], above.parent
    return (0, 0, height)


def _place(at: _Vector, scale: _Vector | None = None) -> str:
    order = '"xformOp:translate", "xformOp:scale"' if scale else '"xformOp:translate"'
    scaled = f"\n                double3 xformOp:scale = {scale}" if scale else ""
    return (
        f"\n                double3 xformOp:translate = {at}{scaled}"
        f"\n                uniform token[] xformOpOrder = [{order}]"
    )


def _box(half: _Vector, middle: _Vector, colour: _Vector) -> str:
    return _shape("Cube", "shape", "double size = 2", middle, half, colour)


def _sphere(name: str, radius: float, middle: _Vector, colour: _Vector) -> str:
    return _shape("Sphere", name, f"double radius = {radius}", middle, None, colour)


def _shape(kind: str, name: str, size: str, middle: _Vector, scale: _Vector | None, colour: _Vector) -> str:
    return f"""
            def {kind} "{name}" (prepend apiSchemas = ["PhysicsCollisionAPI", "MaterialBindingAPI"])
            {{
                {size}
                color3f[] primvars:displayColor = [{colour}]{_place(middle, scale)}
                rel material:binding:physics = </scene/grip>
            }}"""


def _body(name: str, mass: float, at: _Vector, inner: str) -> str:
    return f"""
        def Xform "{name}" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"])
        {{{_place(at)}
            float physics:mass = {mass}{inner}
        }}"""


def _joint(joint: Joint) -> str:
    kind, drive = ("Prismatic", "linear") if joint.slides else ("Revolute", "angular")
    scale = 1.0 if joint.slides else degrees(1)  # USD has degrees, in limits and in gains
    return f"""
            def Physics{kind}Joint "{joint.name}" (prepend apiSchemas = ["PhysicsDriveAPI:{drive}"])
            {{
                rel physics:body0 = </scene/arm/{joint.parent}>
                rel physics:body1 = </scene/arm/{joint.child}>
                uniform token physics:axis = "{joint.axis}"
                point3f physics:localPos0 = {joint.at}
                point3f physics:localPos1 = (0, 0, 0)
                quatf physics:localRot0 = (1, 0, 0, 0)
                quatf physics:localRot1 = (1, 0, 0, 0)
                custom float newton:armature = {joint.armature:g}
                custom float physxJoint:armature = {joint.armature:g}
                float physics:lowerLimit = {joint.low * scale:.9g}
                float physics:upperLimit = {joint.high * scale:.9g}
                float drive:{drive}:physics:stiffness = {joint.stiffness / scale:.9g}
                float drive:{drive}:physics:damping = {joint.damping / scale:.9g}
                float drive:{drive}:physics:maxForce = {joint.force:g}
            }}"""
