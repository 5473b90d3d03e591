"""LIBERO by its own interface; nothing of ours is imported. See tests/simulators/peers.py."""

import contextlib
import io
import json
import sys
from pathlib import Path

import numpy as np
from libero.libero import benchmark, get_libero_path
from libero.libero.envs import OffScreenRenderEnv

SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")
PICTURES_EVERY = 25


def suite(name):
    with contextlib.redirect_stdout(io.StringIO()):
        return benchmark.get_benchmark_dict()[name]()


def catalogue():
    found = {}
    for name in SUITES:
        own = suite(name)
        found[name] = [
            [own.get_task(i).name, own.get_task(i).language, len(own.get_task_init_states(i))]
            for i in range(own.n_tasks)
        ]
    print(json.dumps(found))


def episode(given, out):
    with np.load(given, allow_pickle=False) as arrays:
        name, index, start, size = (arrays[key].item() for key in ("suite", "index", "start", "size"))
        seed, actions = int(arrays["seed"]), arrays["actions"]
    own = suite(name)
    task = own.get_task(index)
    file = Path(get_libero_path("bddl_files")) / task.problem_folder / task.bddl_file
    env = OffScreenRenderEnv(bddl_file_name=str(file), camera_heights=size, camera_widths=size)
    env.seed(seed)
    observation = env.reset()
    if start >= 0:
        observation = env.set_init_state(own.get_task_init_states(index)[start])
    for _ in range(10):
        observation, _, _, _ = env.step([0.0] * 6 + [-1.0])
    objects = list(env.env.objects_dict)
    rows = {key: [] for key in ("hand", "quaternion", "fingers", "objects", "reward", "success", "front", "wrist")}

    def keep(observation, step):
        rows["hand"].append(observation["robot0_eef_pos"])
        rows["quaternion"].append(np.roll(observation["robot0_eef_quat"], 1))
        rows["fingers"].append(observation["robot0_gripper_qpos"])
        poses = [(observation[f"{name}_pos"], np.roll(observation[f"{name}_quat"], 1)) for name in objects]
        rows["objects"].append(np.concatenate([part for pose in poses for part in pose]))
        if step % PICTURES_EVERY == 0:
            rows["front"].append(observation["agentview_image"][::-1])
            rows["wrist"].append(observation["robot0_eye_in_hand_image"][::-1])

    keep(observation, 0)
    for step, action in enumerate(actions, 1):
        observation, reward, done, _ = env.step(action)
        keep(observation, step)
        rows["reward"].append(reward)
        rows["success"].append(env.check_success())
        if done:
            break
    np.savez(out, **rows)


{"catalogue": catalogue, "episode": episode}[sys.argv[1]](*sys.argv[2:])
