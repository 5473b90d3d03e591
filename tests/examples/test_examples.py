"""The examples run as they stand, and do what they say."""

import runpy
import sys
from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as check_gymnasium

from lerobot_sim.env import End
from lerobot_sim.envs.mujoco.any_model import from_mjcf
from lerobot_sim.testing import CHECKS

EXAMPLES = Path(__file__).parents[2] / "examples"
TARGET = np.array([0.5, 0.0, 0.1])


def load(name, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def experts(monkeypatch):
    return {
        "pendulum.toml": lambda _spec: load("pendulum", monkeypatch)["EnergyPumping"](),
        "robotic_hand.toml": load("robotic_hand", monkeypatch)["Closing"],
        "arm.json": None,
    }


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("config", ["pendulum.toml", "arm.json", "robotic_hand.toml"])
def test_contract(config, check, monkeypatch):
    reason = CHECKS[check](lambda num_envs: from_mjcf(EXAMPLES / config, num_envs), experts(monkeypatch)[config])
    if reason:
        pytest.skip(reason)


def test_pendulum_swings_up(monkeypatch):
    results = load("pendulum", monkeypatch)["main"]()
    assert [result["end"] for result in results] == ["TERMINATED"] * 8
    assert all(1.0 < result["seconds"] < 4.0 for result in results)  # not at once: the motor is too weak


def test_hand_holds_the_ball_and_draws_it(monkeypatch, tmp_path):
    picture = tmp_path / "hand.png"
    assert load("robotic_hand", monkeypatch)["main"](picture) == [True] * 4
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size > 5_000  # more than one colour


def test_open_hand_holds_nothing():
    env = from_mjcf(EXAMPLES / "robotic_hand.toml", 2)
    env.reset(np.arange(2), np.arange(2))
    for _ in range(env.spec.max_steps):
        step = env.step(np.zeros((2, 15), np.float32), np.ones(2, np.bool_))
        assert not step.success.any()
    assert (step.end == End.TIME_LIMIT).all()


@pytest.fixture
def guide(monkeypatch):
    env = load("custom_mujoco_env", monkeypatch)["CustomMuJoCoEnv"](str(EXAMPLES / "arm.json"))
    yield env
    env.close()


def test_guide_has_its_spaces_and_info(guide):
    observation, info = guide.reset(seed=3)
    assert isinstance(guide, gymnasium.Env)
    assert guide.observation_space.contains(observation)
    assert observation["images"]["front_camera"].shape == (480, 640, 3)
    assert observation["images"]["wrist_camera"].shape == (240, 320, 3)
    assert set(info) == {"task_info", "robot_info", "simulation_time"}
    assert info["robot_info"]["joint_names"] == ["yaw", "shoulder", "elbow"]
    _, _, _, _, info = guide.step(np.zeros(3, np.float32))
    assert info["simulation_time"] == pytest.approx(0.02)
    np.testing.assert_allclose(info["task_info"]["target_position"], TARGET)


def test_guide_renders_by_mode(guide, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    guide.reset(seed=0)
    assert guide.render(mode="rgb_array").std() > 10
    with pytest.raises(ValueError, match="Unsupported render mode: ansi"):
        guide.render(mode="ansi")


def test_guide_passes_gymnasiums_own_check(guide):
    check_gymnasium(guide, skip_render_check=True)


def test_guide_is_the_guides_own_loop(guide, monkeypatch):
    """Its lines, `mj_step` at a time, on the same model: the same states, rewards and endings."""
    module = load("custom_mujoco_env", monkeypatch)
    config = {"model_path": str(EXAMPLES / "arm.xml"), "cameras": [], "fps": 500}
    env = module["CustomMuJoCoEnv"](config)
    model = mujoco.MjModel.from_xml_path(str(EXAMPLES / "arm.xml"))
    data = mujoco.MjData(model)
    env.reset(seed=0)
    for _ in range(400):
        action = np.array([0.0, 1.18, 1.16], np.float32)
        data.ctrl[:] = action
        mujoco.mj_step(model, data)
        mujoco.mj_forward(model, data)  # the guide's pictures and rewards are one step late
        distance = np.linalg.norm(data.site_xpos[0] - TARGET)
        observation, reward, terminated, truncated, _ = env.step(action)
        np.testing.assert_array_equal(observation["joint_positions"], data.qpos.astype(np.float32))
        np.testing.assert_array_equal(observation["joint_velocities"], data.qvel.astype(np.float32))
        assert reward == pytest.approx(-distance + 10 * (distance < 0.05), rel=1e-6)
        assert terminated == (distance < 0.05)
        assert not truncated
        if terminated:
            break
    assert terminated
    env.close()


def test_guide_runs_as_a_script(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr(sys, "argv", ["custom_mujoco_env.py", str(tmp_path / "front.png")])
    runpy.run_path(str(EXAMPLES / "custom_mujoco_env.py"), run_name="__main__")
    assert (tmp_path / "front.png").exists()
