"""`lerobot-sim list`: environments and their policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .options import read


@dataclass(kw_only=True)
class ListOptions:
    """Options of `list`."""

    json: bool = False
    """Print the environments' whole specs as one JSON object."""

    debug: bool = False
    """Show the full traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Lists what there is."""
    options = read(ListOptions, "list", "Environments, what they are and which policies there are for each.", argv)
    from lerobot_sim import registry

    from .console import Console

    console = Console(options.json)
    specs: dict[str, Any] = {}
    for env_id in registry.environments():
        env = registry.make(env_id)
        specs[env_id] = {**env.spec.to_dict(), "policies": registry.policies(env_id)}
        env.close()
    if options.json:
        console.result(specs)
        return 0
    console.say(f"{'environment':<22}{'steps':>6}{'fps':>5}  {'success':<8} {'policies':<20} task")
    for env_id, spec in specs.items():
        console.say(
            f"{env_id:<22}{spec['max_steps']:>6}{spec['fps']:>5g}  {spec['success_rule']:<8} "
            f"{', '.join(spec['policies']):<20} {spec['about']}"
        )
    return 0
