"""gym-pusht by its own interface; nothing of ours is imported. See tests/simulators/peers.py."""

import json
import sys

import gym_pusht  # noqa: F401  registers
import gymnasium
import numpy as np

ID = "gym_pusht/PushT-v0"


def catalogue():
    env = gymnasium.make(ID, obs_type="environment_state_agent_pos")
    found = {
        "ids": [name for name in gymnasium.registry if name.startswith("gym_pusht/")],
        "low": env.action_space.low.tolist(),
        "high": env.action_space.high.tolist(),
        "fps": env.metadata["render_fps"],
        "max_steps": env.spec.max_episode_steps,
        "state": list(gymnasium.make(ID).observation_space.shape),
        "agent": list(env.observation_space["agent_pos"].shape),
        "environment": list(env.observation_space["environment_state"].shape),
        "pixels": list(gymnasium.make(ID, obs_type="pixels").observation_space.shape),
        "threshold": env.unwrapped.success_threshold,
    }
    print(json.dumps(found))


def episode(given, out):
    with np.load(given, allow_pickle=False) as arrays:
        kind, seed, actions = str(arrays["kind"]), int(arrays["seed"]), arrays["actions"]
    env = gymnasium.make(ID, obs_type=kind, disable_env_checker=True)
    observation, _ = env.reset(seed=seed)
    rows = {key: [value] for key, value in named(observation).items()}
    rows |= {"reward": [], "success": [], "terminated": [], "coverage": []}
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(action)
        for key, value in named(observation).items():
            rows[key].append(value)
        rows["reward"].append(reward)
        rows["success"].append(info["is_success"])
        rows["terminated"].append(terminated)
        rows["coverage"].append(info["coverage"])
        if terminated or truncated:
            break
    np.savez(out, picture=env.unwrapped._render(), **rows)


def named(observation):
    return observation if isinstance(observation, dict) else {"agent_pos": observation}


{"catalogue": catalogue, "episode": episode}[sys.argv[1]](*sys.argv[2:])
