"""A third party's environment whose simulator has a process of its own, and is killed once unless a file is there."""

import os
import sys
from pathlib import Path

from lerobot_sim.simulators.host.hosted_env import HostedEnv, Program

FOLDER, TOY = Path(os.environ["TOY_FOLDER"]), Path(os.environ["TOY"])


class Counted(HostedEnv):
    """Leaves how many workers it had."""

    def close(self):
        if self.pid:
            (FOLDER / f"workers-{os.getpid()}-{id(self)}").write_text(str(self.workers))
        super().close()


def env(num_envs=1):
    fault = {"fault": "kill", "phase": "step", "once": str(FOLDER / "killed")}
    program = Program(python=Path(sys.executable), factory="toy:make", keywords=fault, modules={"toy": TOY})
    return Counted(program, num_envs)
