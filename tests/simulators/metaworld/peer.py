"""MetaWorld by its own interface, run by the Python of its own environment; nothing of ours is imported.

`python -I peer.py catalogue`                      tasks, suites, goals' bounds, cameras, metrics, as JSON
`python -I peer.py goals SUITE SEED [TASK]`        a benchmark's goals, as JSON: split -> task -> 50 goals
`python -I peer.py episodes SEED OUT TASK …`       an episode of 100 steps of each task, as npz
`python -I peer.py picture SEED OUT TASK CAMERA`   its own picture after three steps, as npz
"""

import json
import pickle
import sys
import warnings

import metaworld
import numpy as np
from metaworld import env_dict
from metaworld.policies import ENV_POLICY_MAP

METRICS = ("near_object", "grasp_success", "grasp_reward", "in_place_reward", "obj_to_target", "unscaled_reward")
warnings.simplefilter("ignore")


def catalogue():
    tasks = {}
    for name, kind in env_dict.ALL_V3_ENVIRONMENTS.items():
        env = kind()
        space = env._random_reset_space
        env._set_task_called, env._freeze_rand_vec, env._last_rand_vec = True, True, env._random_reset_space.low
        env._freeze_rand_vec = False
        env.reset()
        info = env.step(np.zeros(4, np.float32))[4]
        quaternion = env._get_quat_objects()[:4]
        tasks[name] = {
            "low": space.low.tolist(),
            "high": space.high.tolist(),
            "quaternion": quaternion.tolist(),
            "fps": round(1 / env.dt, 6),
            "max_steps": env.max_path_length,
            "cameras": [env.model.camera(i).name for i in range(env.model.ncam)],
            "metrics": sorted(set(info) - {"success"}),
        }
    suites = {"MT10": {"train": list(env_dict.MT10_V3)}, "MT25": {"train": list(env_dict.MT25_V3)}}
    suites["MT50"] = {"train": list(env_dict.MT50_V3)}
    for name in ("ML10", "ML25", "ML45"):
        split = getattr(env_dict, f"{name}_V3")
        suites[name] = {key: list(split[key]) for key in ("train", "test")}
    return {"tasks": tasks, "suites": suites}


def goals(name, seed, task=None):
    benchmark = getattr(metaworld, name)(*([task] if task else []), seed=int(seed))
    splits = {"train": benchmark.train_tasks, "test": benchmark.test_tasks}
    found = {}
    for split, tasks in splits.items():
        for one in tasks:
            found.setdefault(split, {}).setdefault(one.env_name, []).append(pickle.loads(one.data)["rand_vec"].tolist())
    hidden = {pickle.loads(one.data)["partially_observable"] for one in benchmark.train_tasks}
    return {"goals": found, "hidden": sorted(hidden)}


def episode(task, seed):
    """60 steps by MetaWorld's script, then 40 at random."""
    env = env_dict.ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE[f"{task}-goal-observable"](seed=seed)
    script, random = ENV_POLICY_MAP[task](), np.random.RandomState(seed)
    seen, _ = env.reset()
    rows = {"observation": [seen.copy()], "action": [], "reward": [], "success": [], "metrics": []}
    for step in range(100):
        action = script.get_action(seen.copy()) if step < 60 else random.uniform(-1, 1, 4)
        action = np.clip(action, -1, 1).astype(np.float32)
        seen, reward, _, _, info = env.step(action)
        for name, value in (("observation", seen.copy()), ("action", action), ("reward", float(reward))):
            rows[name].append(value)
        rows["success"].append(bool(info["success"]))
        rows["metrics"].append([float(info[name]) for name in METRICS])
    return {f"{task}.{name}": np.array(values) for name, values in rows.items()}


def picture(task, seed, camera):
    from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer

    env = env_dict.ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE[f"{task}-goal-observable"](seed=seed)
    env.reset()
    for _ in range(3):
        env.step(np.zeros(4, np.float32))
    renderer = MujocoRenderer(env.model, env.data, None, 96, 80, 1000, None, camera)
    image = renderer.render("rgb_array")
    renderer.close()
    return {"image": image}


def main(what, *words):
    if what == "catalogue":
        print(json.dumps(catalogue()))
    elif what == "goals":
        print(json.dumps(goals(*words)))
    elif what == "episodes":
        seed, out, *tasks = words
        found = {}
        for task in tasks:
            found.update(episode(task, int(seed)))
        np.savez(out, **found)
    else:
        seed, out, task, camera = words
        np.savez(out, **picture(task, int(seed), camera))


if __name__ == "__main__":
    main(*sys.argv[1:])
