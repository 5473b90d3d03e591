"""Reads a USD scene and prints what is in it as JSON; runs in a Python that has `pxr`, with nothing of ours."""

# pyright: basic, reportMissingImports=false

import json
import sys


def facts(path):
    """What the scene holds, as plain values."""
    from pxr import Tf, Usd, UsdGeom, UsdPhysics, UsdUtils

    try:
        stage = Usd.Stage.Open(path)
    except Tf.ErrorException as error:
        return {"error": " ".join(str(error).split())}
    prims = list(stage.Traverse(Usd.TraverseInstanceProxies()))
    has = lambda api: [prim.GetName() for prim in prims if prim.HasAPI(api)]  # noqa: E731
    a = lambda kind: [prim.GetName() for prim in prims if prim.IsA(kind)]  # noqa: E731
    _, _, unresolved = UsdUtils.ComputeAllDependencies(path)
    default = stage.GetDefaultPrim()
    return {
        "usd": "OpenUSD " + ".".join(str(part) for part in Usd.GetVersion()[1:]),
        "prims": len(prims),
        "up": UsdGeom.GetStageUpAxis(stage),
        "metres": UsdGeom.GetStageMetersPerUnit(stage),
        "default": default.GetName() if default else "",
        "missing": sorted({str(name) for name in unresolved}),
        "kinds": {
            "meshes": a(UsdGeom.Mesh),
            "cameras": a(UsdGeom.Camera),
            "articulations": has(UsdPhysics.ArticulationRootAPI),
            "rigid bodies": has(UsdPhysics.RigidBodyAPI),
            "colliders": has(UsdPhysics.CollisionAPI),
            "joints": a(UsdPhysics.Joint),
        },
    }


if __name__ == "__main__":
    print(json.dumps(facts(sys.argv[1])))
