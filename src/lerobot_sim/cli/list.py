"""`lerobot-sim list`: environments and their policies."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .options import read

ABOUT = """Environments, what they are and which policies there are for each.

An environment's bare name, such as push-t, is enough where only one family has it.
--policy takes one of the policies, or the path of a student's checkpoint."""

_PIPED_WIDTH = 200
"""So wide that each environment is one line where no person reads it."""


@dataclass(kw_only=True)
class ListOptions:
    """Options of `list`."""

    json: bool = False
    """Print the environments' whole specs as one JSON object."""

    debug: bool = False
    """Show the full traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Lists what there is."""
    options = read(ListOptions, "list", ABOUT, argv)
    from lerobot_sim import registry

    from .console import Console
    from .policy_argument import named_policies

    specs: dict[str, Any] = {}
    for env_id in registry.environments():
        specs[env_id] = {**registry.spec_of(env_id).to_dict(), "policies": named_policies(env_id)}
    if options.json:
        Console(as_json=True).result(specs)
    else:
        _print_table(specs)
    return 0


def _print_table(specs: Mapping[str, Mapping[str, Any]]) -> None:
    from rich.console import Console as RichConsole
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("environment", no_wrap=True)
    table.add_column("steps", justify="right")
    table.add_column("fps", justify="right")
    table.add_column("success", no_wrap=True)
    table.add_column("policies", no_wrap=True)
    table.add_column("task")
    for env_id, spec in specs.items():
        numbers = (str(spec["max_steps"]), f"{spec['fps']:g}")
        table.add_row(env_id, *numbers, spec["success_rule"], ", ".join(spec["policies"]), spec["about"])
    RichConsole(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False).print(table)
