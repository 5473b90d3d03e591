"""Which simulator, and which libraries under it, an environment of a family would run on now."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path

from lerobot_sim.simulators.family import Family

from .install import python_of, state_of

LIBRARIES = (
    *("dm-control", "gymnasium", "isaaclab", "isaacsim", "mujoco", "mujoco-warp", "newton", "numpy", "pymunk"),
    *("robosuite", "scipy", "torch", "warp-lang"),
)
"""Distributions by which a simulator's figures may change, besides its own."""


def versions_of(family: Family, *, here: bool) -> dict[str, str]:
    """Versions by distribution: the simulator's own and those of `LIBRARIES`. Nothing is imported or started.

    Args:
        family: Whose environments.
        here: Whether they run in this process, else in their own environment.

    Raises:
        NotSetUpError: It has no environment that can run.
    """
    state = state_of(family)
    if not here:
        python_of(family)
    if not here and state.record is not None:
        simulator, versions = state.record.simulator, state.record.versions
    else:
        found = list(distributions() if here else distributions(path=[str(site_packages(state.place))]))
        simulator, versions = simulator_of(family, found), {each.metadata["Name"]: each.version for each in found}
    wanted = {*LIBRARIES, _plain(simulator.partition(" ")[0])}
    return {name: versions[name] for name in sorted(versions) if _plain(name) in wanted}


def simulator_of(family: Family, found: Iterable[Distribution]) -> str:
    """The distribution that holds the family's first package, with its version; "" where none of these does."""
    first = family.packages[0].replace(".", "/") if family.packages else ""
    for each in found:
        listed = each.read_text("RECORD") or ""
        if first and re.search(rf"^{re.escape(first)}(/|\.)", listed, re.MULTILINE):
            return f"{each.metadata['Name']} {each.version}"
    return ""


def site_packages(environment: Path) -> Path:
    """Where a virtual environment's packages are."""
    if sys.platform == "win32":
        return environment / "Lib" / "site-packages"
    return next((environment / "lib").glob("python3.*/site-packages"), environment / "lib")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
