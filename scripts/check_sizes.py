"""Refuses Python files of more than 400 lines in the package: one concept a file."""

import sys
from pathlib import Path

LIMIT = 400

ROOT = Path(__file__).parent.parent
sizes = {
    path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines())
    for folder in ("src", "packages", "tests", "benchmarks", "examples")
    for path in (ROOT / folder).rglob("*.py")
}
too_long = {path: lines for path, lines in sizes.items() if lines > LIMIT}
for path, lines in sorted(too_long.items()):
    sys.stdout.write(f"{path}: {lines} lines; split it by concept ({LIMIT} at most)\n")
sys.exit(bool(too_long))
