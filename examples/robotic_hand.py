"""Closes a hand of 15 joints around a ball, and shows what comes of it in a picture.

python examples/robotic_hand.py hand.png
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import lerobot_sim
from lerobot_sim import Camera, Decision, EnvSpec
from lerobot_sim.policy import LaneClock

CONFIG = Path(__file__).with_name("robotic_hand.toml")
CLOSED = {"spread": 0.0, "proximal": 1.2, "middle": 1.2, "thumb_swing": 1.0, "thumb_proximal": 1.0, "thumb_distal": 1.0}
"""A joint's target in rad, by its name or by what its name ends in."""
SECONDS = 1.0  # that closing takes


class Closing:
    """Moves all joints from straight to closed within a second."""

    cameras: Mapping[str, Camera] = {}
    batch_invariant = True

    def __init__(self, spec: EnvSpec) -> None:
        self.clock = LaneClock()
        self.fps = spec.fps
        self.target = np.array([CLOSED.get(name, CLOSED.get(name.split("_")[1])) for name in spec.action.names])

    def reset(self, lanes: NDArray[np.int64], seeds: NDArray[np.int64]) -> None:
        """Begins again in some lanes."""
        self.clock.reset(lanes, seeds)

    def act(self, observation: dict[str, NDArray[np.float32]], active: NDArray[np.bool_]) -> Decision:
        """Targets of the joints, (n, 15)."""
        _, acts = self.clock.of(len(active))
        self.clock.tick(active)
        share = np.minimum(1.0, (acts + 1) / (SECONDS * self.fps))
        return Decision((share[:, None] * self.target).astype(np.float32))


def main(picture: Path | None = None, num_envs: int = 4) -> list[bool]:
    """Closes the hand in some lanes; whether each holds the ball at the end."""
    env = lerobot_sim.make(str(CONFIG), num_envs=num_envs)
    policy = Closing(env.spec)
    lanes = np.arange(num_envs)
    policy.reset(lanes, lanes)
    observation = env.reset(lanes, lanes)
    active = np.ones(num_envs, np.bool_)
    held = np.zeros(num_envs, np.int64)
    while active.any():
        step = env.step(policy.act(observation, active).action, active)
        observation, active = step.observation, step.end == lerobot_sim.End.RUNNING
        held = np.where(step.success, held + 1, 0)
    print(f"Held for {(held / env.spec.fps).tolist()} s. {env.explain(0)}")
    if picture is not None:
        save(env.render(env.spec.cameras, np.array([0]))["front"][0], picture)
    env.close()
    return (held >= env.spec.fps / 2).tolist()


def save(image: NDArray[np.uint8], path: Path) -> None:
    """Writes a picture as PNG, by PyAV."""
    import av

    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "rgb24"
        for packet in (*stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")), *stream.encode()):
            container.mux(packet)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
