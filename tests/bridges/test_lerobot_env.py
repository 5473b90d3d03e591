"""Our Env as the vector environment of LeRobot's rollout."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import lerobot_sim
from lerobot_sim.bridges.lerobot_env import LeRobotVectorEnv
from lerobot_sim.errors import InputError, UnknownNameError
from tests.contract import toy


def drive(env, policy, seeds):
    """LeRobot's loop: until every lane is done, flags latched, rewards summed while a lane is not done."""
    observation, _ = env.reset(seed=seeds)
    done, total, success = np.zeros(env.num_envs, bool), np.zeros(env.num_envs), np.zeros(env.num_envs, bool)
    policy.reset(np.arange(env.num_envs), np.array(seeds))
    names = {"agent_pos": "observation.state", "environment_state": "observation.environment_state"}
    while not done.all():
        batch = {names[key]: value for key, value in observation.items()}
        action = policy.act(batch, ~done).action
        observation, reward, terminated, truncated, info = env.step(action)
        total += reward
        if "final_info" in info:
            success |= info["final_info"]["is_success"]
        done |= terminated | truncated
    return total, success


@pytest.mark.parametrize("task", ["numpy/push-t", "mujoco/lift", "numpy/reach"])
def test_returns_and_successes_are_those_of_our_own_loop(task):
    env = LeRobotVectorEnv(task, 4)
    spec = env.env.spec
    expert = lerobot_sim.make_policy("expert", spec)
    seeds = [3, 5, 8, 13]
    total, success = drive(env, expert, seeds)
    env.close()
    own = lerobot_sim.make(task, 4)
    episodes = list(lerobot_sim.rollout(own, lerobot_sim.make_policy("expert", spec), seeds))
    own.close()
    np.testing.assert_allclose(total, [episode.total_reward for episode in episodes], rtol=1e-6)
    assert success.tolist() == [episode.succeeded(spec.success_rule) for episode in episodes]
    assert success.any()


def test_a_lane_that_has_ended_waits_without_reward():
    env = LeRobotVectorEnv(toy.make(2), 2)
    env.reset(seed=[0, 1])
    low = np.broadcast_to(env.single_action_space.low, (2, *env.single_action_space.shape))
    ended = np.zeros(2, bool)
    for _ in range(env.env.spec.max_steps + 3):
        before = ended.copy()
        _, reward, terminated, truncated, info = env.step(low.astype(env.single_action_space.dtype))
        assert (reward[before] == 0).all()
        ended = terminated | truncated
        assert (ended | ~before).all()  # once ended, always ended
        assert ("final_info" in info) == bool((ended & ~before).any())
    assert ended.all()


def test_what_lerobot_asks_by_name_is_answered():
    env = LeRobotVectorEnv("mujoco/pick-color", 2, cameras=["front"], size=(40, 56))
    observation, _ = env.reset(seed=[0, 1])
    assert observation["pixels"]["front"].shape == (2, 40, 56, 3)
    assert env.call("task_description") == tuple(env.env.instructions)
    assert env.call("_max_episode_steps") == (env.env.spec.max_steps,) * 2
    assert [picture.shape for picture in env.call("render")] == [(40, 56, 3)] * 2
    with pytest.raises(AttributeError):
        env.call("nothing")
    env.close()


def test_seeds_go_on_where_none_are_given():
    env = LeRobotVectorEnv("numpy/push-t", 2)
    assert env.reset(seed=7)[1]["seed"].tolist() == [7, 8]
    assert env.reset()[1]["seed"].tolist() == [9, 10]
    with pytest.raises(InputError, match="2 lanes"):
        env.reset(seed=[1, 2, 3])
    with pytest.raises(UnknownNameError, match="lerobot_new_rollout"):
        env.reset(options={"new": True})
    env.close()


def test_the_plug_in_describes_the_environment():
    lerobot_env_sim = pytest.importorskip("lerobot_env_sim")
    config = lerobot_env_sim.SimEnvConfig(task="mujoco/lift", robot="so100", cameras=["wrist"], observation_height=32)
    assert config.type == "sim"
    assert config.fps == 25
    assert set(config.features) == set(config.features_map)
    assert config.features_map["pixels/wrist"] == "observation.images.wrist"
    assert config.features["pixels/wrist"].shape == (32, 128, 3)
    ((suite, tasks),) = config.create_envs(3, use_async_envs=True).items()
    assert suite == "mujoco/lift"
    assert tasks[0].num_envs == 3
    tasks[0].close()
    with pytest.raises(UnknownNameError, match="mujoco/lift"):
        lerobot_env_sim.SimEnvConfig(task="mujoco/lifd")


LIGHT = """
import sys
import lerobot_env_sim
print([name for name in ("lerobot_sim", "mujoco", "pyarrow", "av") if name in sys.modules])
"""
WORKERS = """
import os
from pathlib import Path
import numpy as np
import lerobot_env_sim

config = lerobot_env_sim.SimEnvConfig(task="mujoco/lift", cameras=["front"], observation_height=32)
(tasks,) = config.create_envs(3, use_async_envs=True).values()
lanes = tasks[0]
lanes.reset(seed=[1, 2, 3])
lanes.step(np.zeros((3, *lanes.single_action_space.shape), np.float32))
children = "".join(task.read_text() for task in Path(f"/proc/{os.getpid()}/task").glob("*/children")).split()
print(["torch" in Path(f"/proc/{process}/maps").read_text() for process in (os.getpid(), *children)])
lanes.close()
"""


def test_the_plug_in_imports_nothing_of_the_simulation():
    pytest.importorskip("lerobot_env_sim")
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


@pytest.mark.skipif(
    sys.platform != "linux", reason="libraries are read from /proc, which Linux alone has: run it there"
)
def test_asynchronous_evaluation_imports_lerobot_in_no_other_process():
    pytest.importorskip("lerobot_env_sim")
    done = subprocess.run([sys.executable, "-c", WORKERS], capture_output=True, text=True)
    here, *children = json.loads(done.stdout.splitlines()[-1].lower())
    assert here, done.stderr  # LeRobot's import brings torch
    assert not any(children)  # the process that draws pictures is the only one


def test_the_plug_in_gives_the_arm_in_a_robots_units():
    lerobot_env_sim = pytest.importorskip("lerobot_env_sim")
    config = lerobot_env_sim.SimEnvConfig(task="mujoco/lift", robot="so100", units="degrees")
    assert config.features["agent_pos"].shape == (6,)
    assert "environment_state" not in config.features
    with pytest.raises(InputError, match="mujoco/lift"):
        lerobot_env_sim.SimEnvConfig(task="push-t", units="degrees")


@pytest.mark.parametrize(
    ("argv", "instead"),
    [
        (["/bin/lerobot-eval", "--env.type", "hill"], "--env.type=sim --env.task=gym-hil/panda-pick-cube"),
        (["lerobot_train.py", "--training.steps=3"], "--steps=N"),
        (["lerobot-record", "--env.type=metaworld"], "--robot.type=sim"),
        (["lerobot-record", "--env.wrapper.gripper_penalty=-0.02"], "gym_manipulator"),
        (["lerobot-record", "--teleop.type=spacemouse"], "--teleop.type=gamepad"),
        (["lerobot-eval", "--render=false", "--num_episodes", "3"], "--eval.n_episodes=N"),
        (["lerobot-train", "--steps=3", "--env.type=metaworld"], None),
        (["lerobot-teleoperate", "--teleop.type=gamepad"], None),
        (["pytest", "--env.type=hill"], None),
        ([], None),
    ],
)
def test_the_guides_flags_are_answered(argv, instead):
    guides = pytest.importorskip("lerobot_env_sim.guides")
    said = guides.answer(argv)
    assert said is None if instead is None else instead in said


def test_the_envhub_file_gives_the_arm_in_a_robots_units_too():
    make_env = runpy.run_path(str(Path(__file__).parents[2] / "env.py"))["make_env"]
    shapes = {}
    for units in (None, "degrees"):
        config = SimpleNamespace(task="mujoco/lift", robot="so100", units=units)
        lanes = make_env(2, cfg=config)["mujoco/lift"][0]
        shapes[units] = lanes.single_action_space.shape
        lanes.close()
    assert shapes == {None: (5,), "degrees": (6,)}
    with pytest.raises(InputError, match="mujoco/lift"):
        make_env(2, cfg=SimpleNamespace(task="push-t", units="degrees"))
