"""Runs in EnvPool's environment: four lanes of its native MetaWorld task, stepped whenever a line asks.

Each line "state STEPS" is answered by the seconds that so many steps of all lanes took, and by the CPU seconds.
"""

from __future__ import annotations

import sys
import time

import envpool
import numpy as np

LANES = 4


def main() -> None:
    name = "".join(part.capitalize() for part in sys.argv[1].split("-")[:-1])
    pool = envpool.make_gymnasium(
        f"MetaWorld/{name}-v3", num_envs=LANES, num_threads=LANES, seed=0, partially_observable=False
    )
    random = np.random.default_rng(0)
    for line in sys.stdin:
        steps = int(line.split()[1])
        pool.reset()
        actions = random.uniform(-1, 1, (steps + 1, LANES, 4)).astype(np.float32)
        pool.step(actions[-1])
        since, spent = time.perf_counter(), time.process_time()
        for action in actions[:-1]:
            pool.step(action)
        print(time.perf_counter() - since, time.process_time() - spent, flush=True)


if __name__ == "__main__":
    main()
