"""`lerobot-sim eval protocols`: what protocols and metrics there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from .options import CommonOptions, read

ABOUT = """List protocols and metrics, or show one protocol as it stands.

examples:
  lerobot-sim eval protocols
  lerobot-sim eval protocols libero-90"""


@dataclass(kw_only=True)
class ProtocolsOptions(CommonOptions):
    """Options of `eval protocols`."""

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="[NAME]")] = ""
    """Show this one; all by default."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and lists."""
    options = read(ProtocolsOptions, "eval protocols", ABOUT, argv)
    from lerobot_sim.evaluation.metrics import METRICS
    from lerobot_sim.evaluation.protocol import find, names

    from .console import Console

    console = Console(options.json)
    if options.name:
        values = find(options.name).to_dict()
        for key, value in values.items():
            if value not in (None, "", {}, ()):
                console.say(f"{key}: {_shown(value)}")
        console.result(values)
        return 0
    found = {name: find(name) for name in names()}
    console.say("Protocols (every task is one as well, of 200 held-out episodes):")
    for name, protocol in found.items():
        mark = f", pass mark {protocol.success_threshold:.0%}" if protocol.success_threshold else ""
        console.say(f"  {name:<20}{protocol.about} {protocol.episodes} episodes a task{mark}.")
    console.say("Metrics:")
    for name, metric in METRICS.items():
        console.say(f"  {name:<24}{metric.about}")
    metrics = {name: metric.about for name, metric in METRICS.items()}
    console.result({"protocols": {name: one.to_dict() for name, one in found.items()}, "metrics": metrics})
    return 0


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(one) for one in value)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {one}" for key, one in value.items() if one not in (None, "", {}, ())) + "}"  # pyright: ignore[reportUnknownVariableType]
    return str(value)
