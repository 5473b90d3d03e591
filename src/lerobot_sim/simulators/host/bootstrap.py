"""The first thing that runs in a worker: `python -I bootstrap.py JSON`. Standard library only, before NumPy is there.

It lets this one package be imported, and whatever else is named, without the folder around it; makes `input()` an
error; makes crashes in C leave their Python stack in the log; and hands over to `worker`.
"""

from __future__ import annotations

import builtins
import faulthandler
import importlib
import importlib.util
import json
import os
import signal
import sys
from importlib.machinery import ModuleSpec
from typing import NoReturn


class Finder:
    """Finds the packages and modules of a table, by their top-level names, and nothing beside them."""

    def __init__(self, places: dict[str, str]) -> None:
        self.places = places

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        place = self.places.get(name)
        if place is None:
            return None
        if place.endswith(".py"):
            return importlib.util.spec_from_file_location(name, place)
        first = os.path.join(place, "__init__.py")  # noqa: PTH118  nothing heavy is imported here
        return importlib.util.spec_from_file_location(name, first, submodule_search_locations=[place])


def refuse_input(prompt: object = "") -> NoReturn:
    """Stands for `input`: nobody is there to answer."""
    raise EOFError(f"input({str(prompt)!r}) was asked, and in a worker process nobody can answer")


def main() -> None:
    """Prepares the process and serves until the other side is gone."""
    arguments = json.loads(sys.argv[1])
    for fd in arguments["fds"]:
        os.set_inheritable(fd, False)  # what a simulator starts must not hold our pipes open
    faulthandler.enable()
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, all_threads=True)
    builtins.input = refuse_input
    sys.argv = [arguments["factory"]]
    sys.meta_path.insert(0, Finder(arguments["modules"]))
    importlib.import_module(arguments["serve"]).main(arguments)


if __name__ == "__main__":
    main()
