"""LeRobot's commands as processes, which discover the waving teleoperator."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
TELEOPERATOR = Path(__file__).parent / "lerobot_plug_in/lerobot_teleoperator_wave.py"


@pytest.fixture(scope="session")
def plug_in(tmp_path_factory):
    """A folder with the teleoperator, and the metadata by which LeRobot discovers it."""
    folder = tmp_path_factory.mktemp("plug_in")
    shutil.copy(TELEOPERATOR, folder)
    info = folder / "lerobot_teleoperator_wave-0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lerobot_teleoperator_wave\nVersion: 0.0\n")
    return folder


@pytest.fixture(scope="session")
def run(plug_in):
    """Runs a command of the environment's, offline, and returns what became of it."""

    def ran(command, *arguments, cwd, code=0):
        own = {"HF_HUB_OFFLINE": "1", "HF_LEROBOT_HOME": str(cwd / "lerobot"), "PYTHONPATH": str(plug_in)}
        own |= {"OMP_NUM_THREADS": "1", "MUJOCO_GL": os.environ.get("MUJOCO_GL", "egl")}
        whole = [str(BIN / command), *arguments]
        done = subprocess.run(whole, cwd=cwd, env={**os.environ, **own}, capture_output=True, text=True, timeout=1700)
        assert done.returncode == code, done.stdout[-2000:] + done.stderr[-4000:]
        return done

    return ran
