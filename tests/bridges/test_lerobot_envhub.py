"""LeRobot's own loader of EnvHub repositories with the `env.py` of this one, from a hub on this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.datasets.hub_server import Hub, Repository

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
NAME = "someone/lerobot-sim"

LOAD = """
import json, sys
from dataclasses import dataclass, field
import numpy as np
from lerobot.envs.configs import EnvConfig, HubEnvConfig
from lerobot.envs.factory import make_env
from lerobot.envs.utils import close_envs, preprocess_observation

@EnvConfig.register_subclass("ours")
@dataclass
class Ours(HubEnvConfig):
    task: str = "mujoco/lift"
    robot: str = "so100"
    cameras: list = field(default_factory=lambda: ["front"])
    observation_height: int = 32
    observation_width: int = 48

name, result = sys.argv[1], {}
try:
    make_env(name, n_envs=2)
except RuntimeError as error:
    result["refused"] = str(error)
for key, config in (("name", name), ("config", Ours(hub_path=name))):
    envs = make_env(config, n_envs=2, trust_remote_code=True)
    (suite, tasks), = envs.items()
    lanes = tasks[0]
    observation, _ = lanes.reset(seed=[3, 4])
    action = np.zeros((2, *lanes.single_action_space.shape), np.float32)
    rewards = [lanes.step(action)[1].tolist() for _ in range(3)]
    batch = {k: list(v.shape) for k, v in preprocess_observation(observation).items()}
    result[key] = {"suite": suite, "batch": batch, "rewards": rewards, "steps": lanes.call("_max_episode_steps")[0],
        "task": lanes.call("task_description")[0], "state": observation["agent_pos"].tolist()}
    close_envs(envs)
print(json.dumps(result))
"""


def test_lerobot_loads_this_repository_as_an_envhub(tmp_path):
    import numpy as np

    import lerobot_sim

    with Hub() as hub:
        commit = hub.repositories.setdefault(NAME, Repository()).commit(
            "main", {"env.py": (ROOT / "env.py").read_bytes()}
        )
        own = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
        whole = [sys.executable, "-c", LOAD, f"{NAME}@{commit}"]
        done = subprocess.run(whole, env={**os.environ, **own}, capture_output=True, text=True)
        hub.shutdown()
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert "trust_remote_code" in result["refused"]
    assert result["name"]["suite"] == "numpy/push-t"
    assert result["name"]["batch"] == {"observation.state": [2, 6]}
    assert result["config"]["suite"] == "mujoco/lift"
    assert result["config"]["batch"]["observation.images.front"] == [2, 3, 32, 48]
    assert result["config"]["task"] == "Pick up the cube."
    env = lerobot_sim.make("numpy/push-t", 2)
    state = env.reset(np.arange(2), np.array([3, 4]))["observation.state"]
    np.testing.assert_allclose(result["name"]["state"], state)
    rewards = [env.step(np.zeros((2, 2), np.float32), np.ones(2, bool)).reward.tolist() for _ in range(3)]
    np.testing.assert_allclose(result["name"]["rewards"], rewards, rtol=1e-6)
    assert result["name"]["steps"] == env.spec.max_steps


def test_without_lerobot_sim_env_py_says_what_to_install(tmp_path):
    """In an interpreter that finds neither it nor LeRobot."""
    code = f"import runpy; runpy.run_path({str(ROOT / 'env.py')!r})['make_env']()"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert "pip install 'lerobot-sim[lerobot]'" in done.stderr.splitlines()[-1]
