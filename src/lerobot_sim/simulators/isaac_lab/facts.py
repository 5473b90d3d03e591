"""What a USD scene holds: robots, joints, loose bodies. Known of ours; read of others' by the simulator's own USD.

As a program, `python facts.py SCENE` prints them as JSON: so an environment that has USD tells one that has not.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportMissingModuleSource=false
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import json
import math
import sys
from typing import Any

Facts = dict[str, Any]
"""robots: {name: {"path", "joints": [{"name", "slides", "low", "high"}], "bodies": [name]}}, objects: [name],
tip: {"body", "at"} or None, default: path of the default prim, remote: [asset path]."""


def read(path: str) -> Facts:
    """The facts of a scene by `pxr`, which must be importable here.

    Raises:
        ValueError: It is no scene, or has no default prim.
    """
    from pxr import Tf, Usd, UsdPhysics

    try:
        stage = Usd.Stage.Open(path)
    except Tf.ErrorException as error:
        said = str(error).strip().splitlines()[0].rpartition(" : ")[2].strip("'")
        raise ValueError(f"{path} is not a USD scene: {said}") from None
    top = stage.GetDefaultPrim()
    if not top:
        raise ValueError(f'{path} has no defaultPrim: say which prim is the scene, such as (defaultPrim = "scene").')
    prims = list(Usd.PrimRange(top, Usd.TraverseInstanceProxies()))
    roots = [prim for prim in prims if prim.HasAPI(UsdPhysics.ArticulationRootAPI)]
    bodies = [prim for prim in prims if prim.HasAPI(UsdPhysics.RigidBodyAPI)]
    robots = {_robot(root, bodies).GetName(): _robot_facts(_robot(root, bodies), prims) for root in roots}
    owned = tuple(f"{robot['path']}/" for robot in robots.values())
    used = {target for robot in robots.values() for target in robot["targets"]}
    loose = [body for body in bodies if not f"{body.GetPath()}/".startswith(owned) and str(body.GetPath()) not in used]
    for robot in robots.values():
        del robot["targets"]
    remote = sorted({asset for layer in stage.GetUsedLayers() for asset in _assets(layer) if "://" in asset})
    return {
        "default": str(top.GetPath()),
        "robots": robots,
        "objects": {body.GetName(): str(body.GetPath()) for body in loose},
        "tip": _tip(prims),
        "remote": remote,
    }


def _robot(root: Any, bodies: list[Any]) -> Any:
    """The prim that holds a robot: an articulation's root may be one of its bodies or joints."""
    while root.IsA("PhysicsJoint") or root in bodies:
        root = root.GetParent()
    return root


def _robot_facts(robot: Any, prims: list[Any]) -> dict[str, Any]:
    from pxr import UsdPhysics

    inside = [prim for prim in prims if prim.GetPath().HasPrefix(robot.GetPath())]
    turning = [UsdPhysics.RevoluteJoint(prim) for prim in inside if prim.IsA(UsdPhysics.RevoluteJoint)]
    sliding = [UsdPhysics.PrismaticJoint(prim) for prim in inside if prim.IsA(UsdPhysics.PrismaticJoint)]
    joints = [*turning, *sliding]
    place = {prim.GetPath(): index for index, prim in enumerate(inside)}
    joints = [joint for _, joint in sorted((place[joint.GetPath()], joint) for joint in joints)]
    ends = [path for joint in joints for rel in (joint.GetBody0Rel(), joint.GetBody1Rel()) for path in rel.GetTargets()]
    return {
        "path": str(robot.GetPath()),
        "joints": [_joint_facts(joint, slides=joint in sliding) for joint in joints],
        "bodies": [prim.GetName() for prim in inside if prim.HasAPI(UsdPhysics.RigidBodyAPI)],
        "targets": {str(path) for path in ends},
    }


def _joint_facts(joint: Any, *, slides: bool) -> dict[str, Any]:
    limits: tuple[float, float] = (joint.GetLowerLimitAttr().Get(), joint.GetUpperLimitAttr().Get())
    low, high = limits if slides else map(math.radians, limits)
    return {"name": joint.GetPrim().GetName(), "slides": slides, "low": low, "high": high}


def _tip(prims: list[Any]) -> dict[str, Any] | None:
    from pxr import Usd, UsdGeom, UsdPhysics

    for prim in prims:
        if prim.GetName() == "tip" and prim.IsA(UsdGeom.Xformable):
            body = prim
            while body and not body.HasAPI(UsdPhysics.RigidBodyAPI):
                body = body.GetParent()
            if body:
                cache = UsdGeom.XformCache(Usd.TimeCode.Default())
                at = cache.GetLocalToWorldTransform(prim) * cache.GetLocalToWorldTransform(body).GetInverse()
                return {"body": body.GetName(), "at": [float(value) for value in at.ExtractTranslation()]}
    return None


def _assets(layer: Any) -> list[str]:
    return [layer.realPath or layer.identifier, *layer.GetCompositionAssetDependencies()]


def main() -> None:
    """Prints the facts, or what is wrong, of the scene that the command names."""
    try:
        answer: dict[str, Any] = {"facts": read(sys.argv[1])}
    except ValueError as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
