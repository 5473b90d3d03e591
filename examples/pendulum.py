"""Swings a pendulum up: a model and a TOML file make the environment, a few lines of Python the policy.

Energy pumping, Astrom and Furuta, "Swinging up a pendulum by energy control" (Automatica 36, 2000): the motor pushes
the way the pendulum swings until its energy is that of standing upright.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import lerobot_sim
from lerobot_sim import Camera, Decision

CONFIG = Path(__file__).with_name("pendulum.toml")
SQUARED_FREQUENCY = 9.81 / 0.5  # (rad/s)^2, of small swings


class EnergyPumping:
    """Pushes with the swing while there is too little energy, against it while there is too much."""

    cameras: Mapping[str, Camera] = {}
    batch_invariant = True

    def reset(self, lanes: NDArray[np.int64], seeds: NDArray[np.int64]) -> None:
        """It remembers nothing."""

    def act(self, observation: dict[str, NDArray[np.float32]], active: NDArray[np.bool_]) -> Decision:
        """Full torque, or none: (n, 1)."""
        angle, speed = observation["observation.state"].T
        missing = SQUARED_FREQUENCY * (1 + np.cos(angle)) - speed**2 / 2
        push = np.sign(np.where(speed == 0, 1.0, speed) * missing)
        return Decision(push[:, None].astype(np.float32))


def main(num_envs: int = 8) -> list[dict[str, Any]]:
    """One episode a lane; how each ended."""
    env = lerobot_sim.make(str(CONFIG), num_envs=num_envs)
    results: list[dict[str, Any]] = []
    for episode in lerobot_sim.rollout(env, EnergyPumping(), range(num_envs)):
        results.append({"seed": episode.seed, "end": episode.end.name, "seconds": len(episode.reward) / env.spec.fps})
        print(results[-1])
    env.close()
    return results


if __name__ == "__main__":
    main()
