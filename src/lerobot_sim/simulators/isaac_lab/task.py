"""The tasks, as functions of numbers: what is seen, when it is done, where an episode begins. No simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.errors import InputError
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE

from . import arm
from .scene import FINGERS, Scene

Floats = NDArray[np.float64]

LIFTED = 0.08
"""Above where the cube lay, in m."""
HELD = 10
"""Steps on end that success must last; the episode ends with them."""
SLOW = 0.2
"""In m/s."""
NEAR_GOAL = 0.02
"""Of the tip in `reach`, in m."""
PLACED = 0.025
"""Of the cube's middle from the goal in the table's plane, in m."""
LOST = -0.1
"""Height of a cube that has fallen off the table, which ends the episode, in m."""
RELEASED = 0.028
"""Opening of each finger from which the cube is let go, in m."""


@dataclass(frozen=True)
class Task:
    """What a task asks of its scene, and says.

    Attributes:
        name: Its name.
        instruction: The task in words.
        about: One line for people.
        max_steps: Time limit.
        cube: Whether the scene needs a loose body named "cube".
        goal: Whether the seed draws a goal.
        seeded: Whether anything of a reset is drawn.
    """

    name: str
    instruction: str
    about: str
    max_steps: int
    cube: bool = True
    goal: bool = False

    @property
    def seeded(self) -> bool:
        """Whether a reset depends on its seed."""
        return self.cube or self.goal

    @property
    def success_rule(self) -> str:
        """The spec's."""
        return f"hold({HELD})" if self.seeded else "none"

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return {"lift-cube": ("lift",), "pick-place": ("cube_to_goal",), "reach": ("tip_to_goal",)}.get(self.name, ())


CATALOGUE: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task("lift-cube", "Pick up the cube.", "an arm lifts a cube by 8 cm and holds it", 150),
        Task("pick-place", "Put the cube on the goal.", "an arm sets a cube down where it is told", 300, goal=True),
        Task("reach", "Move the tip to the goal.", "an arm's tip goes to a point", 100, cube=False, goal=True),
        Task("scene", "Move the robot.", "any USD scene with a robot; no success is defined", 200, cube=False),
    )
}


@dataclass(frozen=True)
class Seen:
    """Numbers of some lanes, in the lane's own world; SI units.

    Attributes:
        joints: Positions (n, J) of all joints, in the scene's order.
        speeds: Velocities (n, J).
        tip: (n, 3).
        objects: Name -> place and orientation (x, y, z, qw, qx, qy, qz) (n, 7).
        object_speeds: Name -> velocity of the middle (n, 3).
    """

    joints: Floats
    speeds: Floats
    tip: Floats
    objects: Mapping[str, Floats]
    object_speeds: Mapping[str, Floats]


@dataclass(frozen=True)
class Start:
    """Where lanes begin: joints (n, J), the cube (n, 7) or None, the goal (n, 3)."""

    joints: Floats
    cube: Floats | None
    goal: Floats


def check(task: Task, scene: Scene) -> None:
    """Refuses a scene that has not what the task needs."""
    names = [name for name, _ in scene.objects]
    if task.cube and "cube" not in names:
        there = ", ".join(names) or "none"
        raise InputError(
            f"'isaac-lab/{task.name}' needs a rigid body named 'cube' in {scene.path}; loose bodies there: {there}. "
            "Name one so, or take 'isaac-lab/scene'."
        )
    if task.name in ("lift-cube", "pick-place") and not scene.has_gripper:
        raise InputError(
            f"'isaac-lab/{task.name}' needs a gripper in {scene.path}: sliding joints named {' and '.join(FINGERS)}. "
            "Take 'isaac-lab/scene' to move the robot without a task."
        )


def home(scene: Scene) -> Floats:
    """Where the joints begin (J,): ours by name, 0 otherwise, within the limits."""
    own = [arm.HOME.get(joint.name, 0.0) for joint in scene.joints]
    return np.clip(own, [joint.low for joint in scene.joints], [joint.high for joint in scene.joints])


def start(task: Task, scene: Scene, seeds: NDArray[np.int64]) -> Start:
    """Where episodes of these seeds begin: a pure function of each."""
    joints = np.repeat(home(scene)[None], len(seeds), axis=0)
    cube = _on_table(seeds, "cube") if task.cube else None
    goal = np.zeros((len(seeds), 3))
    if task.name == "pick-place" and cube is not None:
        goal = _away(seeds, cube[:, :3])
    elif task.name == "reach":
        place = _on_table(seeds, "goal")[:, :3]
        place[:, 2] = rng.uniform(seeds, "isaac-lab/height", low=0.05, high=0.20)
        goal = place
    return Start(joints, cube, goal)


def _on_table(seeds: NDArray[np.int64], what: str, attempt: int = 0) -> Floats:
    """Places (n, 7) on the table before the arm, turned about the vertical."""
    far = rng.uniform(seeds, f"isaac-lab/{what}/far", attempt, low=0.20, high=0.32)
    side = rng.uniform(seeds, f"isaac-lab/{what}/side", attempt, low=-0.7, high=0.7)
    turn = rng.uniform(seeds, f"isaac-lab/{what}/turn", attempt, low=-np.pi / 4, high=np.pi / 4)
    place = np.zeros((len(seeds), 7))
    place[:, 0], place[:, 1], place[:, 2] = far * np.cos(side), far * np.sin(side), arm.HALF_EDGE
    place[:, 3], place[:, 6] = np.cos(turn / 2), np.sin(turn / 2)
    return place


def _away(seeds: NDArray[np.int64], cube: Floats) -> Floats:
    """A goal (n, 3) at least 12 cm from the cube: the first such of 16 draws, else the opposite side."""
    goal = _on_table(seeds, "goal")[:, :3]
    goal[:, :2] = cube[:, :2] * [1.0, -1.0] + np.where(np.abs(cube[:, 1:2]) < 0.06, [[0.0, 0.15]], 0.0)
    found = np.zeros(len(seeds), np.bool_)
    for attempt in range(16):
        drawn = _on_table(seeds, "goal", attempt)[:, :3]
        take = ~found & (np.linalg.norm(drawn - cube, axis=1) > 0.12)
        goal = np.where(take[:, None], drawn, goal)
        found |= take
    return goal


def observe(task: Task, scene: Scene, seen: Seen, goal: Floats) -> dict[str, NDArray[np.float32]]:
    """The observation of some lanes."""
    columns = [seen.joints, seen.speeds]
    if scene.has_gripper:
        columns = [_gripped(scene, values) for values in columns]
    state = np.concatenate([*columns, seen.tip], axis=1)
    around = [seen.objects["cube"]] if task.cube else []
    if task.name == "scene":
        around = [seen.objects[name] for name, _ in scene.objects]
    if task.goal:
        around.append(goal)
    found = {STATE: state.astype(np.float32)}
    if around:
        found[ENVIRONMENT_STATE] = np.concatenate(around, axis=1).astype(np.float32)
    return found


def _gripped(scene: Scene, values: Floats) -> Floats:
    """All joints' values (n, J) as the controls' (n, A): the left finger stands for the gripper."""
    names = [joint.name for joint in scene.joints]
    return values[:, [names.index(FINGERS[0] if c.name == "gripper" else c.name) for c in scene.controls]]


def targets(scene: Scene, action: Floats) -> Floats:
    """The action (n, A) as targets of all joints (n, J)."""
    if not scene.has_gripper:
        return action
    names = [control.name for control in scene.controls]
    columns = [action[:, names.index("gripper" if j.name in FINGERS else j.name)] for j in scene.joints]
    signs = [-1.0 if joint.name == FINGERS[1] else 1.0 for joint in scene.joints]
    return np.stack(columns, axis=1) * signs


def lost(task: Task, seen: Seen) -> NDArray[np.bool_]:
    """Whether the cube has fallen off the table (n,)."""
    return seen.objects["cube"][:, 2] < LOST if task.cube else np.zeros(len(seen.tip), np.bool_)


def judge(task: Task, scene: Scene, seen: Seen, goal: Floats) -> tuple[Floats, NDArray[np.bool_], dict[str, Floats]]:
    """Reward (n,), success of the state just reached (n,), metrics."""
    count = len(seen.tip)
    if not task.seeded:
        return np.zeros(count), np.zeros(count, np.bool_), {}
    if task.name == "reach":
        far = np.linalg.norm(seen.tip - goal, axis=1)
        still = np.abs(seen.speeds).max(axis=1) < SLOW
        return 1 - np.tanh(5 * far), (far < NEAR_GOAL) & still, {"tip_to_goal": far}
    cube, speed = seen.objects["cube"][:, :3], np.linalg.norm(seen.object_speeds["cube"], axis=1)
    near = np.linalg.norm(seen.tip - cube, axis=1)
    lift = cube[:, 2] - arm.HALF_EDGE
    if task.name == "lift-cube":
        reward = 0.2 * (1 - np.tanh(5 * near)) + 0.8 * np.clip(lift / LIFTED, 0, 1) * (near < 0.1)
        return reward, (lift >= LIFTED) & (near < 0.03) & (speed < SLOW), {"lift": lift}
    far = np.linalg.norm((cube - goal)[:, :2], axis=1)
    opening = _gripped(scene, seen.joints)[:, -1]
    done = (far < PLACED) & (lift < 0.01) & (speed < SLOW) & (opening > RELEASED)
    return 0.3 * (1 - np.tanh(5 * near)) + 0.7 * (1 - np.tanh(5 * far)), done, {"cube_to_goal": far}
