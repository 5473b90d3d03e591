"""The scripted expert of libero_object and libero_spatial: successes of each task from the benchmark's initial states.

    python benchmarks/libero_expert.py [--states 5] [--tasks libero_object-0 …]

Runs LIBERO in its own environment (`lerobot-sim setup libero`) and prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from lerobot_sim import make, make_policy, rollout
from lerobot_sim.simulators import libero

SUITES = ("libero_object", "libero_spatial")


def row(name: str, states: int) -> tuple[str, int]:
    """A task's line of the table, and its successes."""
    env = make(name, min(states, 5))
    began = time.perf_counter()
    try:
        episodes = list(rollout(env, make_policy("expert", env.spec), range(states)))  # seed k: initial state k
    finally:
        env.close()
    solved = [episode for episode in episodes if episode.success[-1]]
    steps = sorted(len(episode) for episode in solved)
    middle = str(steps[len(steps) // 2]) if steps else "-"
    took = time.perf_counter() - began
    return f"| {name} | {env.spec.about} | {len(solved)}/{states} | {middle} | {took:.0f} |", len(solved)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--states", type=int, default=5, help="initial states a task, from the first on")
    parser.add_argument("--tasks", nargs="*", help="bare names; both suites by default")
    given = parser.parse_args(argv)
    names = [f"libero/{task}" for task in given.tasks or ()]
    names = names or [name for suite in SUITES for name in libero.suite(suite)]
    sys.stdout.write("| task | instruction | solved | steps, median | time / s |\n|---|---|---|---|---|\n")
    total = 0
    for name in names:
        line, solved = row(name, given.states)
        total += solved
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    sys.stdout.write(f"\n{total} of {len(names) * given.states} solved.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
