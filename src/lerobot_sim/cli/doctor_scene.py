"""A USD scene: what it holds and which of its files are missing, read where a reader of USD is."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lerobot_sim import registry
from lerobot_sim.simulators.families import catalogue
from lerobot_sim.simulators.host.install import NotSetUpError, python_of

from .doctor_findings import ChildError, Finding, ask, counted, listed

SCENES = (".usd", ".usda", ".usdc", ".usdz")
_READER = "isaac-lab"


def look(path: Path) -> list[Finding]:
    """What is in the scene."""
    if not path.is_file():
        return [Finding("broken", "file", f"there is no file {path.absolute()}", f"ls {path.parent}")]
    if path.suffix.lower() not in SCENES:
        return [
            Finding(
                "broken", "file", f"a scene is {', '.join(SCENES)}; '{path.suffix}' came (--model takes MJCF and URDF)"
            )
        ]
    mend = f"lerobot-sim setup {_READER}"
    try:
        said = ask([_python(), "-I", Path(__file__).with_name("doctor_usd.py"), path.absolute()])
    except NotSetUpError:
        return [Finding("broken", "reader", "no reader of USD (pxr) is here", mend)]
    except ChildError as error:
        return [Finding("broken", "reader", f"could not look at it: {error}", f"{mend} --reinstall")]
    return _said(said, path)


def _python() -> Path:
    """A Python that reads USD: this one, or that of the simulator that brings a reader."""
    if find_spec("pxr") is not None:
        return Path(sys.executable)
    return python_of(catalogue(registry.FAMILIES[_READER]).FAMILY)


def _said(said: dict[str, Any], path: Path) -> list[Finding]:
    if "error" in said:
        return [Finding("broken", "USD", f"cannot be read: {said['error']}", f"mend it in {path}")]
    found = [Finding("broken", "file", f"missing: {name}", f"put it at {name}") for name in said["missing"]]
    units = f"{said['up']} is up, {said['metres']:g} m a unit"
    found.append(Finding("ok", "USD", f"{said['usd']} reads it: {counted(said['prims'], 'prim')}, {units}"))
    if said["metres"] != 1:
        found.append(
            Finding(
                "note",
                "units",
                f"a unit is {said['metres']:g} m; simulators expect 1",
                "metersPerUnit = 1 and the scene scaled to it",
            )
        )
    if not said["default"]:
        found.append(
            Finding("note", "default prim", "none: the scene cannot be referred to as a whole", "set defaultPrim")
        )
    for kind, names in said["kinds"].items():
        found.append(Finding("ok", kind, f"{len(names)}{': ' if names else ''}{listed(names)}"))
    if not said["kinds"]["rigid bodies"]:
        found.append(
            Finding("note", "physics", "no prim is a rigid body: nothing in it moves", "apply UsdPhysics.RigidBodyAPI")
        )
    return found
