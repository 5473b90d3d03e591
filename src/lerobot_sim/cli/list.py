"""`lerobot-sim list`: environments and their policies."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from .options import read

ABOUT = """Environments, what they are and which policies there are for each.

An environment's bare name, such as push-t, is enough where only one family has it.
--policy takes one of the policies, or the path of a student's checkpoint. The tasks of
another simulator are listed by its family's name, before it is set up, too.

examples:
  lerobot-sim list
  lerobot-sim list metaworld"""

_PIPED_WIDTH = 200
"""So wide that each environment is one line where no person reads it."""


@dataclass(kw_only=True)
class ListOptions:
    """Options of `list`."""

    family: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="FAMILY")] = ""
    """Show the tasks of this family alone, such as mujoco or metaworld."""

    json: bool = False
    """Print the environments' whole specs as one JSON object."""

    debug: bool = False
    """Show the full traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Lists what there is."""
    options = read(ListOptions, "list", ABOUT, argv)
    from lerobot_sim import registry
    from lerobot_sim.errors import unknown_name

    from .console import Console
    from .policy_argument import named_policies

    ours = sorted({env_id.partition("/")[0] for env_id in registry.environments()})
    family = options.family.replace("_", "-")
    if family and family not in (*ours, *registry.FAMILIES):
        raise unknown_name("family of environments", options.family, [*ours, *registry.FAMILIES])
    ids = registry.family_tasks(family) if family in registry.FAMILIES else registry.environments()
    specs: dict[str, Any] = {}
    for env_id in ids:
        if not family or env_id.startswith(f"{family}/"):
            specs[env_id] = {**registry.spec_of(env_id).to_dict(), "policies": named_policies(env_id)}
    if options.json:
        Console(as_json=True).result(specs)
        return 0
    _print_table(specs)
    if not family and registry.FAMILIES:
        _print_families()
    return 0


def _print_families() -> None:
    """Other people's simulators: how many tasks, and how each stands here."""
    from rich.console import Console as RichConsole
    from rich.table import Table

    from lerobot_sim import registry
    from lerobot_sim.simulators.families import catalogue, is_here
    from lerobot_sim.simulators.host.install import setup_command, state_of

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (("simulator", "left"), ("tasks", "right"), ("here", "left"), ("what", "left")):
        table.add_column(name, justify=justify, no_wrap=name != "what")  # pyright: ignore[reportArgumentType]
    for name, module in registry.FAMILIES.items():
        package = catalogue(module)
        state = "in this process" if is_here(package.FAMILY) else "set up" if state_of(package.FAMILY).usable else ""
        table.add_row(name, str(len(package.tasks())), state or setup_command(package.FAMILY), package.FAMILY.about)
    console = RichConsole(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False)
    console.print(
        "\nOther people's simulators, each in an environment of its own (lerobot-sim list NAME shows its tasks):\n"
    )
    console.print(table)


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
