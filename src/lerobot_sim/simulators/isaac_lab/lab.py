"""Isaac Lab's configurations of our scenes; imported once Isaac Lab, and Kit where it is wanted, are up."""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false, reportMissingTypeStubs=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isaaclab.actuators import ImplicitActuatorCfg
from isaaclab.assets import ArticulationCfg, AssetBaseCfg, RigidObjectCfg
from isaaclab.scene import InteractiveSceneCfg
from isaaclab.sim import SimulationCfg, UsdFileCfg

from .task import Floats

if TYPE_CHECKING:
    from .config import Gains
    from .scene import Joint
    from .world import Blueprint

_SCENE = "{ENV_REGEX_NS}/Scene"


def simulation_cfg(blueprint: Blueprint, fps: float, substeps: int) -> SimulationCfg:
    """The simulation's: Newton takes its substeps inside one step, PhysX one a call."""
    if blueprint.physics == "physx":
        from isaaclab_physx.physics import PhysxCfg

        physics, step = PhysxCfg(), 1 / (fps * substeps)
    else:
        from isaaclab_newton.physics import MJWarpSolverCfg, NewtonCfg

        solver = MJWarpSolverCfg(integrator="implicitfast", cone="elliptic", impratio=10.0, njmax=300, nconmax=100)
        physics, step = NewtonCfg(num_substeps=substeps, solver_cfg=solver, load_visual_shapes=True), 1 / fps
    return SimulationCfg(device=blueprint.device, dt=step, physics=physics, save_logs_to_file=False)


def scene_cfg(blueprint: Blueprint, lanes: int, spacing: float, home: Floats) -> InteractiveSceneCfg:
    """The scene's: the USD file once a lane, its robot, its loose bodies, and PhysX's cameras."""
    scene = blueprint.scene
    cfg: Any = InteractiveSceneCfg(num_envs=lanes, env_spacing=spacing)
    cfg.world = AssetBaseCfg(prim_path=_SCENE, spawn=UsdFileCfg(usd_path=str(scene.file())))
    cfg.robot = ArticulationCfg(
        prim_path=f"{_SCENE}{scene.robot}",
        spawn=None,
        init_state=ArticulationCfg.InitialStateCfg(
            joint_pos={joint.name: float(at) for joint, at in zip(scene.joints, home, strict=True)}
        ),
        actuators=_actuators(scene.joints, blueprint.controllers),
    )
    for name, where in scene.objects:
        setattr(cfg, f"object_{name}", RigidObjectCfg(prim_path=f"{_SCENE}{where}", spawn=None))
    if blueprint.physics == "physx":
        from .kit import camera_cfg

        for view in blueprint.views:
            setattr(cfg, f"camera_{view.name}", camera_cfg(view, f"{_SCENE}{scene.robot}"))
    return cfg


def _actuators(joints: tuple[Joint, ...], controllers: tuple[Gains, ...]) -> dict[str, ImplicitActuatorCfg]:
    """One implicit actuator a controller, of the joints that no earlier one drives; the rest keep the scene's gains."""
    left = list(joints)
    found: dict[str, ImplicitActuatorCfg] = {}
    for index, gains in enumerate(controllers):
        own = [joint for joint in left if gains.drives(joint.name, joint.slides)]
        left = [joint for joint in left if joint not in own]
        if own:
            found[f"controller_{index}"] = _actuator([joint.name for joint in own], gains.kp, gains.kd)
    if left:
        found["as_in_the_scene"] = _actuator([joint.name for joint in left], None, None)
    return found


def _actuator(names: list[str], kp: float | None, kd: float | None) -> ImplicitActuatorCfg:
    return ImplicitActuatorCfg(joint_names_expr=names, stiffness=kp, damping=kd)
