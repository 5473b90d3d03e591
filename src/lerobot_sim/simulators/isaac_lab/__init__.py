"""Isaac Lab 3.0.0 by Newton's physics, without Isaac Sim: the catalogue, without the simulator.

The tasks run in our own scene of an arm and a cube, or in a USD file of the user's. Options: see `config`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lerobot_sim.env import Env
from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.simulators.family import Family
from lerobot_sim.simulators.host.install_places import data_home
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera, Capabilities, EnvSpec, Feature

from .config import OWN_VIEWS, TASKS, Options, View, read, said
from .task import CATALOGUE, Task, check

if TYPE_CHECKING:
    from .scene import Scene

FPS = 20

FAMILY = Family(
    name="isaac-lab",
    packages=("isaaclab", "isaaclab_newton", "newton"),
    lock="isaac-lab",
    about="Isaac Lab 3.0.0 by Newton (MuJoCo Warp), on a CPU, in scenes of USD; Isaac Sim where it is installed",
    cameras=("front", "wrist"),
    environment={"WARP_CACHE_PATH": str(data_home() / "cache" / "warp")},
    start_s=900.0,
    reset_s=120.0,
    step_s=120.0,
)


def tasks() -> Sequence[str]:
    """The tasks' names."""
    return list(CATALOGUE)


def resolve(name: str) -> str | None:
    """The task for a configuration's word, such as "pick_and_place"."""
    return TASKS.get(name.replace("-", "_"))


def spec(task: str, **options: Any) -> EnvSpec:
    """A task's spec.

    Args:
        task: One of `tasks()`.
        options: See `lerobot_sim.simulators.isaac_lab.config`.
    """
    return _plan(task, options)[0]


def make(task: str, num_envs: int = 1, **options: Any) -> Env:
    """`num_envs` lanes in this process."""
    what, chosen, scene, views = _plan(task, options)
    from .adapter import IsaacLabEnv
    from .world import Blueprint

    blueprint = Blueprint(scene, chosen.controllers, views, chosen.physics, chosen.device)
    return IsaacLabEnv(what, CATALOGUE[task], blueprint, num_envs)


def _plan(task: str, options: dict[str, Any]) -> tuple[EnvSpec, Options, Scene, tuple[View, ...]]:
    if task not in CATALOGUE:
        raise unknown_name("task of isaac-lab", task, CATALOGUE)
    chosen = read(task, options)
    from .scene import find

    scene = find(chosen.scene_path, chosen.robot, FAMILY)
    own = CATALOGUE[task]
    check(own, scene)
    for gains in chosen.controllers:
        for pattern in gains.joints:
            if not any(replace(gains, joints=(pattern,)).drives(joint.name, joint.slides) for joint in scene.joints):
                names = [joint.name for joint in scene.joints]
                raise unknown_name("joint of robot_config.controllers", pattern, names)
    default = () if chosen.scene_path else OWN_VIEWS
    views = default if chosen.views is None else chosen.views
    for view in views:
        if view.link and view.link not in scene.bodies:
            raise unknown_name(f"link of camera '{view.name}'", view.link, scene.bodies)
    return _spec(own, scene, views, chosen, said(options)), chosen, scene, views


def _spec(task: Task, scene: Scene, views: tuple[View, ...], chosen: Options, given: dict[str, Any]) -> EnvSpec:
    controls = scene.controls
    names = tuple(control.name for control in controls)
    state = (*names, *(f"{name}.velocity" for name in names), "tip.x", "tip.y", "tip.z")
    observation = {STATE: Feature(shape=(len(state),), dtype="float32", names=state)}
    places = ["cube"] if task.cube else [name for name, _ in scene.objects] if task.name == "scene" else []
    around = [f"{name}.{part}" for name in places for part in ("x", "y", "z", "qw", "qx", "qy", "qz")]
    around += [f"goal.{axis}" for axis in "xyz"] if task.goal else []
    if around:
        observation[ENVIRONMENT_STATE] = Feature(shape=(len(around),), dtype="float32", names=tuple(around))
    if not names:
        raise InputError(f"The robot of {scene.path} has no joint that turns or slides.")
    return EnvSpec(
        id=f"isaac-lab/{task.name}",
        version=1,
        fps=FPS,
        max_steps=chosen.max_steps or task.max_steps,
        observation=observation,
        action=Feature(
            shape=(len(names),),
            dtype="float32",
            names=names,
            low=tuple(control.low for control in controls),
            high=tuple(control.high for control in controls),
        ),
        cameras={view.name: Camera(height=view.height, width=view.width) for view in views},
        success_rule=task.success_rule,
        capabilities=Capabilities(
            restore="exact" if chosen.physics == "newton" else "none", fixed_start=not task.seeded
        ),
        about=task.about,
        options=given,
    )
