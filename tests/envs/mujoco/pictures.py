"""What the tests of pictures share: a scene, states of its lanes, Params that are seen."""

import mujoco
import numpy as np

from lerobot_sim.envs.mujoco.model_params import ModelParam
from lerobot_sim.envs.mujoco.physics import INTEGRATION
from lerobot_sim.spec import Camera, Param

LOOKS = ("draft", "standard", "full")
SMALL = Camera(height=48, width=64, look="draft")
DOWN = Camera(height=96, width=96, look="draft", kind="depth")


def lanes(model, count, *, params=None, spread=0.02):
    """States of lanes whose cubes and arms differ; lane 0 has the cube under the camera "down"."""
    data = mujoco.MjData(model)
    size = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION)
    rows = np.empty((count, size))
    for lane in range(count):
        mujoco.mj_resetData(model, data)
        data.joint("cube").qpos[:2] += spread * lane
        data.joint("arm").qpos[0] = 0.3 * lane
        mujoco.mj_getState(model, data, rows[lane], mujoco.mjtState.mjSTATE_INTEGRATION)
    return {INTEGRATION: rows}


def paint(fields, value):
    """Colours the texture "patch", the last one in the model."""
    fields["tex_data"][:, -192:] = np.tile(value.astype(np.uint8), (1, 64))


PAINT = ModelParam(param=Param(nominal=(0, 160, 0), shape=(3,)), fields=("tex_data",), write=paint)


def grow(fields, value):
    fields["geom_size"][:] *= value[:, None, None]


def colour(fields, value):
    fields["geom_rgba"][:, :, :3] = value[:, None, :]
