"""`lerobot-sim COMMAND`: finds the command, and turns every failure into one clear line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from lerobot_sim.errors import SimError

COMMANDS = {
    "list": "environments and their policies",
    "collect": "record demonstrations into a LeRobot dataset",
    "train": "train the student on a dataset",
    "eval": "score a policy under a protocol: intervals, metrics, videos, a report",
    "compare": "which policy is better, and could it have been luck?",
    "report": "one page about an evaluation: plots, videos, every episode",
    "power": "how many episodes an evaluation needs",
    "policy-server": "a policy here decides for environments elsewhere",
    "run": "all three: demonstrations, training, score",
    "replay": "run stored episodes again and compare",
    "dataset": "look at, check, mend and rearrange datasets: `lerobot-sim dataset --help`",
    "rerender": "draw a dataset's episodes again: other cameras, sizes, looks, visual Params",
    "gallery": "a picture of every task with every robot",
    "setup": "another's simulator, in an environment of its own: `lerobot-sim setup --list`",
    "doctor": "what works here, what is missing, and the command that mends it",
}

HELP = """usage: lerobot-sim COMMAND [options]

Robot simulators behind one interface: LeRobot datasets, trained policies, scores that can be trusted.

commands:
{commands}

start here:
  lerobot-sim run push-t            demonstrations, training and score in one go
  lerobot-sim list                  what there is
  lerobot-sim COMMAND --help        what a command takes

Every command takes --json (one JSON object on standard output) and --debug (full tracebacks); those that
step an environment take --seed and --output-dir; --trust-remote-code lets a program from an EnvHub run
(lerobot-sim list). A command that was interrupted goes on when it is called again."""


def usage() -> str:
    """The root help, made without importing anything heavy."""
    return HELP.format(commands="\n".join(f"  {name:<15}{about}" for name, about in COMMANDS.items()))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if arguments[0] in ("-V", "--version"):
        from lerobot_sim import __version__

        print(f"lerobot-sim {__version__}")
        return 0
    from .failures import explained, no_such_command
    from .trust import taken

    if arguments[0] not in COMMANDS:
        return no_such_command(arguments[0], COMMANDS)
    with explained("--debug" in arguments) as outcome:
        outcome.exit_code = _run(arguments[0], taken(arguments[1:]))
    return outcome.exit_code


def _run(name: str, arguments: Sequence[str]) -> int:
    """Runs a command; where it misses a simulator that is then set up, it runs again."""
    mended: set[str] = set()
    while True:
        try:
            return import_module(f"{__package__}.{name.replace('-', '_')}").main(arguments)
        except SimError as error:
            from .setup import offered

            if str(error) in mended or not offered(error, arguments):
                raise
            mended.add(str(error))


if __name__ == "__main__":
    sys.exit(main())
