"""gym-hil by its own interface; nothing of ours is imported. See tests/simulators/peers.py."""

import json
import sys
import warnings

import gym_hil  # noqa: F401  registers
import gymnasium
import numpy as np

warnings.simplefilter("ignore")
IDS = {"panda-pick-cube": "gym_hil/PandaPickCube-v0", "panda-arrange-boxes": "gym_hil/PandaArrangeBoxes-v0"}
RANDOM = {"panda-pick-cube": {"random_block_position": True}, "panda-arrange-boxes": {}}


def catalogue():
    found = {"ids": [name for name in gymnasium.registry if name.startswith("gym_hil/")], "tasks": {}}
    for task, name in IDS.items():
        env = gymnasium.make(name, reset_delay_seconds=0)
        base = env.unwrapped
        penalty = [env.env]
        while not hasattr(penalty[-1], "penalty"):
            penalty.append(penalty[-1].env)
        found["tasks"][task] = {
            "state": env.observation_space["agent_pos"].shape[0],
            "environment": env.observation_space["environment_state"].shape[0],
            "low": env.action_space.low.tolist(),
            "high": env.action_space.high.tolist(),
            "fps": base.metadata["render_fps"],
            "max_steps": env.spec.max_episode_steps,
            "bounds": base._cartesian_bounds.tolist(),
            "penalty": penalty[-1].penalty,
            "joints": [base.model.joint(int(i)).name for i in base._panda_dof_ids],
            "cameras": [base.model.camera(i).name for i in base.camera_id],
        }
    print(json.dumps(found))


def episode(given, out):
    with np.load(given, allow_pickle=False) as arrays:
        task, seed, actions = str(arrays["task"]), int(arrays["seed"]), arrays["actions"]
    env = gymnasium.make(IDS[task], reset_delay_seconds=0, disable_env_checker=True, **RANDOM[task])
    np.random.seed(seed)  # noqa: NPY002  the only seed that it takes
    observation, _ = env.reset()
    rows = {"state": [observation["agent_pos"]], "environment": [observation["environment_state"]]}
    rows |= {"reward": [], "success": [], "terminated": [], "penalty": []}
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(action)
        rows["state"].append(observation["agent_pos"])
        rows["environment"].append(observation["environment_state"])
        rows["reward"].append(reward)
        rows["success"].append(info["succeed"])
        rows["terminated"].append(terminated)
        rows["penalty"].append(info["discrete_penalty"])
        if terminated or truncated:
            break
    front, wrist = env.render()
    np.savez(out, front=front, wrist=wrist, **rows)


{"catalogue": catalogue, "episode": episode}[sys.argv[1]](*sys.argv[2:])
