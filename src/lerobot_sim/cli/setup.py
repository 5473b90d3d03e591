"""`lerobot-sim setup NAME`: an environment of its own for another's simulator; first use offers to make it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from lerobot_sim.errors import InputError, SimError, unknown_name

from .options import read

if TYPE_CHECKING:
    from lerobot_sim.simulators.family import Family

ABOUT = """Set other people's simulators up, each in a virtual environment of its own.

The packages are those of the lock that comes with lerobot-sim: pinned, and held to their
hashes. They come from the package index that pip or uv is set to, and stay in uv's cache.
A smoke run then starts the simulator, resets, steps and draws. Environments are in
$LEROBOT_SIM_HOME/simulators, by default in your data folder (Linux: ~/.local/share/lerobot-sim).
A setup that was killed leaves nothing half-usable; the same command goes on.

examples:
  lerobot-sim setup --list
  lerobot-sim setup metaworld
  lerobot-sim setup metaworld aloha pusht
  lerobot-sim setup all --offline          from the package cache alone
  lerobot-sim setup metaworld --remove"""

ALL = "all"


@dataclass(kw_only=True)
class SetupOptions:
    """Options of `setup`."""

    names: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="NAME")] = ()
    """Simulators, such as metaworld, or all."""

    list: bool = False
    """Show which simulators there are, and how each stands here."""

    remove: bool = False
    """Remove their environments. What others use of the package cache stays."""

    reinstall: bool = False
    """Build them anew, even if they are up to date."""

    offline: bool = False
    """Take packages from uv's cache alone."""

    smoke_run: bool = True
    """Leave the smoke run out."""

    json: bool = False
    """Print one JSON object on standard output, and all else on standard error."""

    debug: bool = False
    """Show the full traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Sets up, lists or removes."""
    options = read(SetupOptions, "setup", ABOUT, argv)
    if options.list + options.remove + options.reinstall > 1:
        raise InputError("--list, --remove and --reinstall exclude one another: give one of them.")
    modules = chosen(options.names)
    from .console import Console

    console = Console(options.json)
    if options.list or not options.names:
        if options.remove or options.reinstall:
            raise InputError("Which simulator? Name one, or all; `lerobot-sim setup --list` shows them.")
        from .setup_list import show

        show(console, modules, options.json)
        return 0
    from .setup_run import remove_all, set_up_all

    if options.remove:
        return remove_all(console, modules)
    wanted = {"offline": options.offline, "reinstall": options.reinstall, "smoke": options.smoke_run}
    return set_up_all(console, modules, **wanted)


def chosen(names: Sequence[str]) -> dict[str, str]:
    """Family -> its package, of the families that were named; of all where none was.

    Raises:
        UnknownNameError: No such family; the nearest is named.
    """
    from lerobot_sim import registry

    found: dict[str, str] = {}
    for name in names or (ALL,):
        family = name.partition("/")[0].replace("_", "-").lower()
        if family == ALL:
            found.update(registry.FAMILIES)
        elif family in registry.FAMILIES:
            found[family] = registry.FAMILIES[family]
        else:
            raise unknown_name("simulator", name, [*registry.FAMILIES, ALL], "`lerobot-sim setup --list` shows all.")
    return found


def offered(error: SimError, argv: Sequence[str]) -> bool:
    """Offers to set up the simulator that a command missed; whether it now stands.

    `--yes` among the command's arguments or LEROBOT_SIM_SETUP=yes answers before it is asked, LEROBOT_SIM_SETUP=no as
    well; without a terminal nobody is asked, and the answer is no.

    Args:
        error: What the command raised; only a NotSetUpError can be mended so.
        argv: The command's arguments.

    Raises:
        SimError: It was wanted, and went wrong.
    """
    from lerobot_sim.simulators.host.install import NotSetUpError

    if not isinstance(error, NotSetUpError):
        return False
    from lerobot_sim import registry

    module = registry.FAMILIES.get(error.family.name)
    answer = "yes" if "--yes" in argv else os.environ.get("LEROBOT_SIM_SETUP", "").lower()
    if module is None or answer == "no" or (answer != "yes" and not _agreed(error.family)):
        return False
    from .console import Console
    from .setup_run import set_up

    outcome: dict[str, Any] = set_up(Console("--json" in argv), module)
    if not outcome["works"]:
        raise SimError(
            f"'{error.family.name}' is set up now, but its smoke run failed: {outcome['smoke']['said']}"
        ) from error
    return True


def _agreed(family: Family) -> bool:
    if not sys.stdin.isatty():
        return False
    from .setup_list import expected

    print(f"The simulator '{family.name}' is not set up here. {expected(family)}", file=sys.stderr)
    print("Set it up now? [Y/n] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    return answer.endswith("\n") and answer.strip().lower() in ("", "y", "yes")
