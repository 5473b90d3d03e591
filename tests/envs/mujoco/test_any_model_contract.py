"""The contract suite over a robot that comes as a file of its own, with a fixed start and with a random one."""

import mujoco
import pytest

from lerobot_sim.envs.mujoco.any_model import from_mjcf
from lerobot_sim.envs.mujoco.robots.catalogue import robot
from lerobot_sim.envs.mujoco.scene import new_scene
from lerobot_sim.testing import CHECKS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_contract_over_a_robot_from_its_own_file(check, noise, tmp_path):
    spec = new_scene()
    robot("so100").add(spec)
    mujoco.mj_saveModel(spec.compile(), str(tmp_path / "so100.mjb"), None)
    reason = CHECKS[check](
        lambda num_envs: from_mjcf(
            tmp_path / "so100.mjb",
            num_envs,
            action_scale="unit",
            joint_noise=noise,
            observation=["joint_positions", "end_effector_pose", "sites"],
            cameras=[{"name": "front", "height": 48, "width": 64}],
        )
    )
    if reason:
        pytest.skip(reason)
