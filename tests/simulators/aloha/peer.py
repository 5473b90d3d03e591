"""gym-aloha by its own interface; nothing of ours is imported. See tests/simulators/peers.py."""

import json
import sys

import gym_aloha  # noqa: F401  registers
import gymnasium
import numpy as np
from gym_aloha import constants

IDS = {"insertion": "gym_aloha/AlohaInsertion-v0", "transfer-cube": "gym_aloha/AlohaTransferCube-v0"}


def catalogue():
    found = {"ids": [name for name in gymnasium.registry if name.startswith("gym_aloha/")], "tasks": {}}
    for task, name in IDS.items():
        env = gymnasium.make(name, obs_type="pixels_agent_pos")
        env.reset(seed=1)
        physics = env.unwrapped._env.physics
        found["tasks"][task] = {
            "joints": constants.JOINTS,
            "ranges": physics.model.actuator_ctrlrange.tolist(),
            "gripper": [constants.PUPPET_GRIPPER_POSITION_CLOSE, constants.PUPPET_GRIPPER_POSITION_OPEN],
            "fps": env.metadata["render_fps"],
            "max_steps": env.spec.max_episode_steps,
            "cameras": [physics.model.camera(i).name for i in range(physics.model.ncam)],
            "environment": len(physics.data.qpos) - 16,
        }
    print(json.dumps(found))


def episode(given, out):
    with np.load(given, allow_pickle=False) as arrays:
        task, seed, actions = str(arrays["task"]), int(arrays["seed"]), arrays["actions"]
    env = gymnasium.make(IDS[task], obs_type="pixels_agent_pos", disable_env_checker=True)
    inner = env.unwrapped._env
    true = inner.physics.render
    inner.physics.render = lambda **_: np.zeros((1, 1, 3), np.uint8)  # minutes of pictures that nobody looks at
    observation, _ = env.reset(seed=seed)
    rows = {"state": [observation["agent_pos"]], "environment": [inner.task.get_env_state(inner.physics)]}
    rows |= {"reward": [], "success": [], "terminated": []}
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(action)
        rows["state"].append(observation["agent_pos"])
        rows["environment"].append(inner.task.get_env_state(inner.physics))
        rows["reward"].append(reward)
        rows["success"].append(info["is_success"])
        rows["terminated"].append(terminated)
        if terminated or truncated:
            break
    inner.physics.render = true
    np.savez(out, top=env.unwrapped._render(), **rows)


{"catalogue": catalogue, "episode": episode}[sys.argv[1]](*sys.argv[2:])
