"""Which code and which packages made a figure."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lerobot_sim import __version__, registry

PACKAGES = ("numpy", "mujoco", "gymnasium", "torch", "lerobot", "av")


def versions() -> dict[str, str]:
    """Versions of what an evaluation may depend on; nothing is imported."""
    return dict(_versions())


@cache
def _versions() -> dict[str, str]:
    found = {"lerobot-sim": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def simulator_versions(env_ids: Iterable[str]) -> dict[str, str]:
    """Of other people's simulators among these environments: "family/distribution" -> version.

    Raises:
        NotSetUpError: One of them has no environment.
    """
    families = sorted({env_id.partition("/")[0] for env_id in env_ids} & set(registry.FAMILIES))
    if not families:
        return {}
    from lerobot_sim.simulators.families import catalogue, is_here
    from lerobot_sim.simulators.host.install_versions import versions_of

    found: dict[str, str] = {}
    for name in families:
        family = catalogue(registry.FAMILIES[name]).FAMILY
        own = versions_of(family, here=is_here(family))
        found |= {f"{name}/{distribution}": version for distribution, version in own.items()}
    return found


def code_version() -> str:
    """The commit of the source tree that runs, "" where it is no checkout of git."""
    folder = Path(__file__).parents[3] / ".git"
    try:
        head = (folder / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        if (folder / name).exists():
            return (folder / name).read_text(encoding="utf-8").strip()
        packed = (folder / "packed-refs").read_text(encoding="utf-8")
    except OSError:
        return ""
    return next((line.split()[0] for line in packed.splitlines() if line.endswith(f" {name}")), "")
