"""The options of a MetaWorld environment, and the spec that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera, EnvSpec, Feature

from .catalogue import TASKS
from .suites import SUITES, tasks_of

STEPS_A_SECOND = 80
LONGEST = 500
"""MetaWorld's own time limit, in its steps."""

ROBOT, OBJECTS, GOAL = 4, 14, 3
"""How many of the numbers of one frame are the robot's and the objects', and how many are the goal's."""

CAMERAS = ("corner2", "corner", "corner3", "corner4", "topview", "behindGripper", "gripperPOV")
"""The cameras of MetaWorld's scenes."""

METRICS = ("near_object", "grasp_success", "grasp_reward", "in_place_reward", "obj_to_target", "unscaled_reward")
"""What MetaWorld's `info` holds beside the success."""

_TYPES = ("state", "pixels_agent_pos", "pixels")
_LONGEST_STACK = 64


@dataclass(frozen=True, kw_only=True)
class Options:
    """What can be chosen of a MetaWorld environment.

    Attributes:
        observation_type: "state": robot, objects and goal. "pixels_agent_pos": the robot; "pixels": nothing; both
            for policies that look at a camera.
        goal_observable: Whether the goal's three numbers are shown, or zeros; by default shown, but hidden in ML.
        suite: The benchmark whose goals are drawn from, such as "ML10": an episode's is its seed modulo 50. None: any
            goal, drawn from the episode's seed.
        split: "train" or "test" of the suite.
        seed: What the suite's goals are drawn with; without a suite it gives every episode another goal.
        image_size: Height and width of the cameras' pictures by default.
        frame_stack: How many frames an observation holds, newest first. MetaWorld's own 39 numbers are those of 2.
        action_repeat: How many of MetaWorld's steps one step lasts; rewards are added up.
    """

    observation_type: str = "state"
    goal_observable: bool | None = None
    suite: str | None = None
    split: str = "train"
    seed: int = 0
    image_size: tuple[int, int] = (128, 128)
    frame_stack: int = 1
    action_repeat: int = 1

    @property
    def shows_goal(self) -> bool:
        """Whether the goal is in the observation."""
        if self.goal_observable is None:
            return self.suite is None or not self.suite.startswith("ML")
        return self.goal_observable


def parse(task: str, given: Mapping[str, Any]) -> Options:
    """The options of a task, checked.

    Raises:
        UnknownNameError: No such task, option or suite.
        InputError: A value that cannot be used.
    """
    if task not in TASKS:
        raise unknown_name("task of MetaWorld", task, TASKS)
    names = [field.name for field in fields(Options)]
    for name in given:
        if name not in names:
            raise unknown_name("option of MetaWorld's environments", name, names)
    values = dict(given)
    if "image_size" in values:
        values["image_size"] = _size(values["image_size"])
    options = Options(**values)
    _check_numbers(options)
    if options.observation_type not in _TYPES:
        raise unknown_name("observation_type", str(options.observation_type), _TYPES)
    if options.observation_type == "pixels" and options.frame_stack > 1:
        raise InputError(
            "frame_stack: pictures are taken when they are asked for, and are not stacked by the environment. Leave it "
            "at 1 with observation_type='pixels'; LeRobot's policies keep earlier ones themselves (n_obs_steps)."
        )
    if options.suite is not None:
        suite: Any = options.suite
        if not isinstance(suite, str):
            raise unknown_name("suite of MetaWorld", str(suite), SUITES)
        if task not in tasks_of(options.suite, options.split):
            members = ", ".join(tasks_of(options.suite, options.split))
            raise InputError(f"'{task}' is not among the {options.split} tasks of '{options.suite}': {members}.")
    elif options.split != "train":
        raise InputError(f"split='{options.split}' is of a suite: give suite= too, such as suite='ML1'.")
    return options


def _check_numbers(options: Options) -> None:
    limits = {"frame_stack": (1, _LONGEST_STACK), "action_repeat": (1, LONGEST), "seed": (0, 2**32 - 2)}
    for name, (low, high) in limits.items():
        value: Any = getattr(options, name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InputError(f"{name}: expected a whole number from {low} to {high}, {value!r} came.")
    if options.goal_observable not in (None, True, False):
        raise InputError(f"goal_observable: expected true, false or nothing, {options.goal_observable!r} came.")


def _size(given: Any) -> tuple[int, int]:
    """(height, width) of an int or of two."""
    pair = cast("Sequence[Any]", given if isinstance(given, (list, tuple)) else (given, given))
    if len(pair) != 2 or not all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in pair):
        raise InputError(f"image_size: expected pixels, one number or [height, width], {given!r} came.")
    return pair[0], pair[1]


def spec_of(task: str, options: Options) -> EnvSpec:
    """The environment's spec; nothing of the simulator is needed."""
    height, width = options.image_size
    return EnvSpec(
        id=f"metaworld/{task}",
        version=1,
        fps=STEPS_A_SECOND / options.action_repeat,
        max_steps=LONGEST // options.action_repeat,
        observation=_features(options),
        action=Feature(shape=(4,), dtype="float32", names=("x", "y", "z", "gripper"), low=-1.0, high=1.0),
        cameras={name: Camera(height=height, width=width) for name in CAMERAS},
        about=TASKS[task].instruction,
        options=_chosen(options),
    )


def _features(options: Options) -> dict[str, Feature]:
    if options.observation_type == "pixels":
        return {}
    frames = range(options.frame_stack)
    robot = [_earlier(name, frame) for frame in frames for name in _ROBOT_NAMES]
    features = {STATE: Feature(shape=(len(robot),), dtype="float32", names=tuple(robot))}
    if options.observation_type == "state":
        others = [_earlier(name, frame) for frame in frames for name in _OBJECT_NAMES] + list(_GOAL_NAMES)
        features[ENVIRONMENT_STATE] = Feature(shape=(len(others),), dtype="float32", names=tuple(others))
    return features


_ROBOT_NAMES = ("hand_x", "hand_y", "hand_z", "gripper_opening")
_OBJECT_NAMES = tuple(
    f"{which}_{part}" for which in ("object", "second") for part in ("x", "y", "z", "q1", "q2", "q3", "q4")
)
_GOAL_NAMES = ("goal_x", "goal_y", "goal_z")


def _earlier(name: str, frame: int) -> str:
    return f"{name}_{frame}_before" if frame else name


def _chosen(options: Options) -> dict[str, Any]:
    """The options that differ from the defaults, as JSON values."""
    default = Options()
    chosen = {field.name: getattr(options, field.name) for field in fields(Options)}
    return {
        name: list(value) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownArgumentType]
        for name, value in chosen.items()
        if value != getattr(default, name)
    }
