"""What a USD scene holds: robots, joints, loose bodies. Known of ours; read of others' by the simulator's own USD.

As a program, `python facts.py SCENE` prints them as JSON: so an environment that has USD tells one that has not.
"""

from __future__ import annotations

import json
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
        raise ValueError(f"{path} is not a USD scene: {str(error).strip().splitlines()[-1].strip()}") from None
    top = stage.GetDefaultPrim()
    if not top:
        raise ValueError(f'{path} has no defaultPrim: say which prim is the scene, such as (defaultPrim = "scene").')
    prims = list(Usd.PrimRange(top, Usd.TraverseInstanceProxies()))
    roots = [prim for prim in prims if prim.HasAPI(UsdPhysics.ArticulationRootAPI)]
    bodies = [prim for prim in prims if prim.HasAPI(UsdPhysics.RigidBodyAPI)]
    robots = {_robot(root, bodies).GetName(): _robot_facts(stage, _robot(root, bodies), prims) for root in roots}
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


def _robot_facts(stage: Any, robot: Any, prims: list[Any]) -> dict[str, Any]:
    from math import radians

    from pxr import UsdPhysics

    inside = [prim for prim in prims if prim.GetPath().HasPrefix(robot.GetPath())]
    joints: list[dict[str, Any]] = []
    targets: set[str] = set()
    for prim in inside:
        for kind, slides in ((UsdPhysics.RevoluteJoint, False), (UsdPhysics.PrismaticJoint, True)):
            if prim.IsA(kind):
                joint = kind(prim)
                low, high = joint.GetLowerLimitAttr().Get(), joint.GetUpperLimitAttr().Get()
                scale = (lambda value: value) if slides else radians
                joints.append({"name": prim.GetName(), "slides": slides, "low": scale(low), "high": scale(high)})
                targets |= {str(path) for path in joint.GetBody0Rel().GetTargets() + joint.GetBody1Rel().GetTargets()}
    names = [prim.GetName() for prim in inside if prim.HasAPI(UsdPhysics.RigidBodyAPI)]
    return {"path": str(robot.GetPath()), "joints": joints, "bodies": names, "targets": targets}


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
