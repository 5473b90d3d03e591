"""Isaac Lab by its own interface; nothing of ours is imported. See tests/simulators/peers.py."""

import json
import sys

import isaaclab.sim as sim_utils
import newton
import numpy as np
import torch
from isaaclab.actuators import ImplicitActuatorCfg
from isaaclab.assets import ArticulationCfg, AssetBaseCfg, RigidObjectCfg
from isaaclab.scene import InteractiveScene, InteractiveSceneCfg
from isaaclab_newton.physics import MJWarpSolverCfg, NewtonCfg, NewtonManager

STEP, SUBSTEPS = 1 / 20, 10


def made(path):
    """The simulation of one lane, and its scene."""
    solver = MJWarpSolverCfg(integrator="implicitfast", cone="elliptic", impratio=10.0, njmax=300, nconmax=100)
    physics = NewtonCfg(num_substeps=SUBSTEPS, solver_cfg=solver)
    sim = sim_utils.SimulationContext(sim_utils.SimulationCfg(device="cpu", dt=STEP, physics=physics))
    cfg = InteractiveSceneCfg(num_envs=1, env_spacing=0.0)
    cfg.everything = AssetBaseCfg(prim_path="{ENV_REGEX_NS}/Scene", spawn=sim_utils.UsdFileCfg(usd_path=path))
    cfg.robot = ArticulationCfg(
        prim_path="{ENV_REGEX_NS}/Scene/arm",
        spawn=None,
        actuators={"all": ImplicitActuatorCfg(joint_names_expr=[".*"], stiffness=None, damping=None)},
    )
    cfg.cube = RigidObjectCfg(prim_path="{ENV_REGEX_NS}/Scene/cube", spawn=None)
    scene = InteractiveScene(cfg)
    sim.reset()
    return sim, scene


def catalogue(path):
    _, scene = made(path)
    data = scene["robot"].data
    print(
        json.dumps(
            {
                "joints": list(scene["robot"].joint_names),
                "bodies": list(scene["robot"].body_names),
                "limits": data.joint_pos_limits.torch[0].tolist(),
                "stiffness": data.joint_stiffness.torch[0].tolist(),
                "damping": data.joint_damping.torch[0].tolist(),
                "armature": data.joint_armature.torch[0].tolist(),
                "masses": data.body_mass.torch[0].tolist(),
                "cube": float(scene["cube"].data.body_mass.torch[0, 0]),
                "version": newton.__version__,
            }
        )
    )


def episode(given, out):
    with np.load(given, allow_pickle=False) as arrays:
        path, joints, cube, targets = str(arrays["path"]), arrays["joints"], arrays["cube"], arrays["targets"]
    sim, scene = made(path)
    robot, box = scene["robot"], scene["cube"]
    tensor = lambda value: torch.tensor(np.asarray(value, np.float32)[None])  # noqa: E731
    robot.write_joint_state_to_sim_index(position=tensor(joints), velocity=tensor(0 * joints))
    box.write_root_pose_to_sim_index(root_pose=tensor(cube))
    box.write_root_velocity_to_sim_index(root_velocity=tensor(np.zeros(6)))
    NewtonManager.forward()
    scene.update(0.0)
    rows = {"joints": [], "speeds": [], "cube": []}

    def look():
        rows["joints"].append(robot.data.joint_pos.torch[0].numpy().copy())
        rows["speeds"].append(robot.data.joint_vel.torch[0].numpy().copy())
        rows["cube"].append(box.data.root_link_pose_w.torch[0].numpy().copy())

    look()
    for target in targets:
        robot.actuators.target_command.set_position_index(value=tensor(target))
        scene.write_data_to_sim()
        sim.step(render=False)
        scene.update(STEP)
        look()
    np.savez(out, **{name: np.array(value) for name, value in rows.items()})


{"catalogue": catalogue, "episode": episode}[sys.argv[1]](*sys.argv[2:])
