"""A third party's environment whose simulator has a process of its own, and is killed once unless a file is there."""

import os
import sys
import uuid
from pathlib import Path

from lerobot_sim.simulators.host.hosted_env import HostedEnv, Program

FOLDER, TOY = Path(os.environ["TOY_FOLDER"]), Path(os.environ["TOY"])


class Counted(HostedEnv):
    """Leaves how many workers it had."""

    told = 0

    def tell(self):
        if self.told != self.workers:
            self.told = self.workers
            self.name = getattr(self, "name", uuid.uuid4().hex)
            (FOLDER / f"workers-{self.name}").write_text(str(self.told))

    def step(self, action, active):
        step = super().step(action, active)
        self.tell()
        return step

    def reset(self, *given, **named):
        observation = super().reset(*given, **named)
        self.tell()
        return observation


def env(num_envs=1):
    fault = {"fault": "kill", "phase": "step", "once": str(FOLDER / "killed")}
    program = Program(python=Path(sys.executable), factory="toy:make", keywords=fault, modules={"toy": TOY})
    made = Counted(program, num_envs)
    made.tell()
    return made
