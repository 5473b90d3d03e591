"""A simulator that counts, as a family: its catalogue and its adapter; `tiny_engine` stands for the simulator."""

import os

import numpy as np

from lerobot_sim.errors import unknown_name
from lerobot_sim.simulators.family import Family
from lerobot_sim.spec import STATE, Camera, Capabilities, EnvSpec, Feature

FAMILY = Family(
    name="tiny",
    packages=("tiny_engine",),
    lock=os.environ.get("TINY_LOCK", "tiny"),
    about="counts",
    python="{}.{}".format(*__import__("sys").version_info[:2]),
    start_s=30.0,
)


def tasks():
    return ["count"]


def spec(task):
    if task not in tasks():
        raise unknown_name("task", task, tasks())
    return EnvSpec(
        id="tiny/count",
        version=1,
        fps=10,
        max_steps=5,
        observation={STATE: Feature(shape=(2,), dtype="float32")},
        action=Feature(shape=(1,), dtype="float32", low=-1.0, high=1.0),
        cameras={"front": Camera(height=16, width=16)},
        capabilities=Capabilities(restore="none"),
    )


def make(task, num_envs=1):
    import tiny_engine  # noqa: F401

    from lerobot_sim.simulators.simulation import Outcome, SimulationEnv

    class Count:
        instruction = "Count."

        def reset(self, seed, params):
            if os.environ.get("TINY_BREAKS") == "reset":
                raise RuntimeError("the tiny engine cannot be reset")
            self.value = np.array([seed % 7, 0], np.float32)
            return {STATE: self.value.copy()}, False

        def step(self, action):
            self.value += [float(action[0]), 1]
            return Outcome({STATE: self.value.copy()}, 0.0, bool(self.value[1] > 3))

        def render(self, name, camera):
            picture = np.zeros((camera.height, camera.width, 3), np.uint8)
            if os.environ.get("TINY_BREAKS") != "picture":
                picture[: int(self.value[1]) + 1] = 200
            return picture

        def close(self):
            pass

    return SimulationEnv(spec(task), Count, num_envs)
