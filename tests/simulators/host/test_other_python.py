"""A worker, the adapters and what they import of the ground floor in Python 3.10, with NumPy and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lerobot_sim import registry
from lerobot_sim.simulators.host.install_build import _python_for
from lerobot_sim.simulators.host.install_uv import find_uv
from lerobot_sim.testing import CHECKS

from .conftest import act

SOURCE = Path(__file__).parents[3] / "src"
LOOK = """
import importlib, json, pkgutil, sys
sys.path.insert(0, sys.argv[1])
missing, specs = {}, {}
for room in ("lerobot_sim.simulators", "lerobot_sim.experts"):
    for module in pkgutil.walk_packages(importlib.import_module(room).__path__, room + "."):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            missing[module.name] = error.name
for family, module in json.loads(sys.argv[2]).items():
    package = importlib.import_module(module)
    specs[family] = package.spec(package.tasks()[0]).id
print(json.dumps({"version": sys.version_info[:2], "missing": missing, "specs": specs}))
"""


@pytest.fixture(scope="session")
def python310(tmp_path_factory):
    """Python 3.10 with NumPy alone, of what is on this machine already."""
    folder = tmp_path_factory.mktemp("python310") / "venv"
    python = folder / "bin" / "python"
    steps = [["venv", "--python", _python_for("3.10"), folder], ["pip", "install", "--python", python, "numpy"]]
    for step in steps:
        done = subprocess.run([find_uv(), *step, "--offline", "--no-config"], capture_output=True, text=True)
        if done.returncode:
            pytest.skip("no Python 3.10 with NumPy here: `uv run --no-project -p 3.10 --with numpy true` gets it")
    return python


def test_whatever_runs_beside_a_simulator_is_python_310_and_numpy(python310):
    # those that have no catalogue without their library: it is asked
    families = {name: module for name, module in registry.FAMILIES.items() if name not in ("gymnasium", "hub")}
    command = [python310, "-I", "-c", LOOK, str(SOURCE), json.dumps(families)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["version"] == [3, 10]
    assert set(found["specs"]) == set(families)
    foreign = {
        "gymnasium",
        "mujoco",
        "metaworld",
        "gym_pusht",
        "gym_aloha",
        "isaaclab",
        "newton",
        "libero",
        "robosuite",
    }
    assert set(found["missing"].values()) <= foreign, found["missing"]
    assert not [name for name in found["missing"] if name.startswith("lerobot_sim.simulators.host")]


@pytest.mark.parametrize("name", ["arrays_match_the_spec", "restore_goes_on_exactly", "pictures_show_the_state"])
def test_a_worker_in_python_310_keeps_the_contract(name, hosted, python310):
    CHECKS[name](lambda num_envs: hosted(num_envs, python=python310))


def test_a_worker_in_python_310_goes_another_way_than_ours_in_nothing(hosted, python310):
    assert sys.version_info[:2] != (3, 10)
    env = hosted(1, factory="toy:nosy", python=python310)
    assert [path for path in json.loads(env.instructions[0])["path"] if "python3.10" in path]
    steps = []
    for python in (sys.executable, python310):
        env = hosted(1, python=python)
        env.reset([0], [7])
        steps.append([act(env) for _ in range(20)])
    for one, other in zip(*steps, strict=True):
        assert one.observation["observation.state"].tobytes() == other.observation["observation.state"].tobytes()
        assert one.reward.tobytes() == other.reward.tobytes()
        assert one.end.tolist() == other.end.tolist()
