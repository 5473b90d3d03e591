"""Makes, resets and steps our lane with a renderer that must not be used; prints what was touched, as JSON."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "src"))
import mujoco
import numpy as np
from gym_hil import mujoco_gym_env

from lerobot_sim.simulators import gym_hil

made = []
true = mujoco.Renderer
mujoco.Renderer = lambda *_, **__: made.append(1)
found = {}
for task in gym_hil.tasks():
    np.random.seed(1)  # noqa: NPY002  what is to be left alone
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    env = gym_hil.make(task, 2)
    env.reset([0, 1], [3, 4])
    env.step(np.zeros((2, 4), np.float32), np.ones(2, bool))
    found[task] = bool((np.random.get_state()[1] == before).all())  # noqa: NPY002
    env.close()
mujoco.Renderer = true
print(json.dumps({"drawn": len(made), "left_alone": found, "theirs": mujoco_gym_env.mujoco is mujoco}))
