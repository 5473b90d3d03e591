"""Sets simulators up and runs their tests: those that are named, or those that the last commits touched.

python scripts/ci_simulators.py metaworld libero     these
python scripts/ci_simulators.py --changed            those whose adapter, tests or lock the last 20 commits changed;
                                                     all light ones if the host changed, or the history is not there
python scripts/ci_simulators.py --changed --list     print which, and do nothing
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from lerobot_sim import registry
from lerobot_sim.errors import unknown_name

LIGHT = ("aloha", "gym-hil", "gymnasium", "metaworld", "pusht")
COMMITS = 20

ROOT = Path(__file__).resolve().parents[1]
_HOST = re.compile(
    r"src/lerobot_sim/simulators/(host/|[a-z_]+\.py$)|tests/simulators/(host/|[a-z_]+\.py$)|scripts/ci_simulators\.py$"
)


def touched(paths: Iterable[str], families: Iterable[str]) -> list[str]:
    """The families to run after a change of those files; every light one where the host is among them."""
    known, changed = sorted(families), list(paths)
    found = {family for family in known if any(_is_of(family, path) for path in changed)}
    if any(_HOST.match(path) for path in changed):
        found.update(family for family in known if family in LIGHT)
    return sorted(found)


def _is_of(family: str, path: str) -> bool:
    """Whether a file belongs to a family: its folder or module anywhere in the package and the tests, or its lock."""
    parts = Path(path).parts
    if parts[:2] == ("requirements", "simulators"):
        return Path(path).stem == family
    module = family.replace("-", "_")
    names = {*parts[:-1], Path(path).stem.removeprefix("test_")}
    return parts[0] in ("src", "tests") and bool({module, f"{module}_family"} & names)


def changed_files(root: Path, commits: int = COMMITS) -> list[str] | None:
    """The files that the last commits changed; None where the history is not there."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603, S607

    try:
        shallow = git("rev-parse", "--is-shallow-repository") == "true"
        if shallow and int(git("rev-list", "--count", "HEAD")) <= commits:
            return None
        return sorted(set(git("log", f"-{commits}", "-m", "--name-only", "--format=", "HEAD").splitlines()) - {""})
    except (OSError, subprocess.CalledProcessError):
        return None


def chosen(root: Path, families: Iterable[str]) -> list[str]:
    """The families that the last commits make worth a run."""
    paths = changed_files(root)
    return sorted(set(families) & set(LIGHT)) if paths is None else touched(paths, families)


def tests_of(family: str) -> list[str]:
    """The family's tests: its folder, and modules of its name."""
    module = family.replace("-", "_")
    patterns = (f"tests/**/{module}/", f"tests/**/{module}_family/", f"tests/**/test_{module}.py")
    found = [path for pattern in patterns for path in ROOT.glob(pattern)]
    outer = [path for path in found if not any(parent in found for parent in path.parents)]
    return sorted(
        {str(path.relative_to(ROOT)) for path in outer if path.suffix == ".py" or any(path.glob("test_*.py"))}
    )


def run(families: Iterable[str]) -> int:
    """Sets each up and runs its tests; goes on after a failure. Gives the exit code."""
    outcomes: dict[str, str] = {}
    for family in families:
        began = time.monotonic()
        sys.stdout.write(f"== {family}\n")
        sys.stdout.flush()
        tests = tests_of(family)
        if _python("lerobot_sim", "setup", family):
            outcomes[family] = "its setup failed"
        elif not tests:
            outcomes[family] = "it has no tests"
        elif _python("pytest", *tests, require=family):
            outcomes[family] = "its tests failed"
        else:
            outcomes[family] = f"passed in {time.monotonic() - began:.0f} s"
    for family, outcome in outcomes.items():
        sys.stdout.write(f"{family}: {outcome}\n")
    return int(any(not outcome.startswith("passed") for outcome in outcomes.values()))


def _python(module: str, *arguments: str, require: str = "") -> int:
    """Runs a module in a process of its own; gives its exit code."""
    environment = {**os.environ, "LEROBOT_SIM_REQUIRE": require, "LEROBOT_SIM_LONG": require}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603


def main() -> int:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a family, such as metaworld")
    parser.add_argument("--changed", action="store_true", help=f"those that the last {COMMITS} commits touched")
    parser.add_argument("--list", action="store_true", help="print which, and do nothing")
    options = parser.parse_args()
    for name in options.names:
        if name not in registry.FAMILIES:
            sys.stderr.write(f"{unknown_name('simulator', name, registry.FAMILIES)}\n")
            return 2
    if not options.names and not options.changed:
        parser.error("name a simulator, or give --changed")
    names = list(dict.fromkeys([*options.names, *(chosen(ROOT, registry.FAMILIES) if options.changed else [])]))
    if options.list:
        sys.stdout.write(" ".join(names) + "\n")
        return 0
    return run(names)


if __name__ == "__main__":
    sys.exit(main())
