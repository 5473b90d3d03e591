"""Small EnvHub folders that the tests write, and a hub that serves them."""

import textwrap

import pytest

from tests.datasets.hub_server import Hub, Repository

BODY = '''
import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import TimeLimit

print("a program may print")


class Point(gymnasium.Env):
    """A point that is to reach the middle."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}
    render_mode = "rgb_array"
    task_description = "Go to the middle."

    def __init__(self, gain=0.1):
        self.gain = gain
        self.observation_space = spaces.Dict({
            "agent_pos": spaces.Box(-2, 2, (2,), np.float32),
            "pixels": spaces.Dict({"top": spaces.Box(0, 255, (12, 16, 3), np.uint8)}),
        })
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)

    def look(self):
        return {"agent_pos": self.at.astype(np.float32), "pixels": {"top": self.render()}}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = self.np_random.uniform(-1, 1, 2)
        return self.look(), {"is_success": False}

    def step(self, action):
        self.at = np.clip(self.at + self.gain * action, -2, 2)
        far = float(np.abs(self.at).max())
        return self.look(), -far, far < 0.05, False, {"is_success": far < 0.05, "far": far}

    def render(self):
        image = np.zeros((12, 16, 3), np.uint8)
        row, column = (np.clip((self.at + 2) / 4, 0, 0.99) * (12, 16)).astype(int)
        image[row, column] = 255
        return image
'''

VECTOR = """
def make_env(n_envs=1, use_async_envs=False, cfg=None):
    gain = getattr(cfg, "gain", 0.1)
    lanes = [lambda: TimeLimit(Point(gain), 30) for _ in range(n_envs)]
    return gymnasium.vector.SyncVectorEnv(lanes, autoreset_mode={mode!r})
"""
USUAL = VECTOR.format(mode="NextStep")
SINGLE = """
def make_env(n_envs=1, use_async_envs=False):
    return TimeLimit(Point(), 30)
"""
SUITES = """
def make_env(n_envs=1, use_async_envs=False):
    def lanes(gain):
        return gymnasium.vector.SyncVectorEnv([lambda: TimeLimit(Point(gain), 30)] * n_envs)
    return {"slow": {0: lanes(0.02), 1: lanes(0.05)}, "fast": {0: lanes(0.3)}}
"""


@pytest.fixture
def write(tmp_path):
    """Writes an EnvHub folder and returns its path."""

    def written(make_env=USUAL, body=BODY, name="point-world"):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "env.py").write_text(textwrap.dedent(body) + textwrap.dedent(make_env))
        return folder

    return written


@pytest.fixture
def server(monkeypatch, tmp_path):
    from huggingface_hub import constants

    with Hub() as running:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "ENDPOINT", running.address)
        template = running.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
        yield running
        running.shutdown()


@pytest.fixture
def publish(server):
    """Puts files on the hub and returns the commit."""

    def published(repo_id, files):
        return server.repositories.setdefault(repo_id, Repository()).commit("main", files)

    return published
