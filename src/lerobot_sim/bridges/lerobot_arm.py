"""A simulated arm that is driven as LeRobot drives a real one: observations out, joint targets in, no episodes.

LeRobot's robots know no episode, no reward and no time limit. So the scene goes on when the task's time limit has
passed, and begins anew only where `begin` is called.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import registry
from lerobot_sim.arrays import to_numpy
from lerobot_sim.env import End, Env
from lerobot_sim.envs.mujoco.robot_units import UNITS, USUAL, controller_name
from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.spec import STATE, Camera

from .gymnasium_layout import sized_cameras

Clock = Literal["action", "wall"]
CLOCKS: Mapping[str, str] = {
    "action": "time passes with each action, 1/fps s",
    "wall": "time passes as it does outside; the last target is held",
}

_FAMILY = "mujoco/"
_LANE = np.array([0])
_ACTIVE = np.ones(1, np.bool_)
_logger = logging.getLogger(__name__)


class SimArm:
    """One lane of a task, as a robot.

    Args:
        task: Name of an environment at a table, such as "mujoco/lift".
        model: Which arm, where the task has several: "so100", "so101", "panda", "aloha".
        unit: Of the joints, see `robot_units.UNITS`.
        cameras: Names of its cameras, or name -> (height, width); all by default.
        size: (height, width) of the pictures; each camera's default where it is None.
        seed: Of the first scene; each next one has the next.
        clock: One of `CLOCKS`.
        options: Further keywords of the task.
    """

    def __init__(
        self,
        task: str,
        model: str = "",
        *,
        unit: str = USUAL,
        cameras: Sequence[str] | Mapping[str, Sequence[int]] | None = None,
        size: Sequence[int] | None = None,
        seed: int = 0,
        clock: str = "action",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if clock not in CLOCKS:
            raise unknown_name("clock", clock, CLOCKS)
        self._env: Env = registry.make(task_of_arm(task), 1, **{**arm_options(model, unit), **(options or {})})
        spec = self._env.spec
        self.names: tuple[str, ...] = spec.action.names
        """The joints, LeRobot's names with ".pos"."""
        sizes: Mapping[str, Sequence[int]] = cameras if isinstance(cameras, Mapping) else {}
        self.cameras: dict[str, Camera] = {
            name: sized_cameras(spec, (name,), sizes.get(name, size))[name]
            for name in (spec.cameras if cameras is None else cameras)
        }
        self.fps = spec.fps
        self.scenes = 0
        """How many scenes have begun."""
        self._seed, self._clock = seed, clock
        self._observation: Mapping[str, Any] = {}
        self._target = np.zeros((1, *spec.action.shape), np.float32)
        self._since, self._done = 0.0, 0

    @property
    def instruction(self) -> str:
        """The task of the present scene, in words."""
        return self._env.instructions[0]

    def begin(self) -> None:
        """Begins the next scene; the arm holds where it stands in it."""
        seed = self._seed + self.scenes
        self._observation = self._env.reset(_LANE, np.array([seed]))
        self.scenes += 1
        self._target = self._within(to_numpy(self._observation[STATE]))
        self._since, self._done = time.perf_counter(), 0
        _logger.info("Scene %d begins with seed %d: %s", self.scenes, seed, self.instruction)

    def observe(self) -> dict[str, Any]:
        """Joint's name -> number, camera's name -> uint8 (h, w, 3), at this moment."""
        joints = self.joints()
        images = self._env.render(self.cameras) if self.cameras else {}
        return {**joints, **{name: to_numpy(image)[0] for name, image in images.items()}}

    def joints(self) -> dict[str, float]:
        """Joint's name -> number, at this moment."""
        self._require_scene()
        self._catch_up()
        return dict(zip(self.names, to_numpy(self._observation[STATE])[0].tolist(), strict=True))

    def act(self, wanted: Mapping[str, float]) -> dict[str, float]:
        """Sets the targets, and returns those within the joints' ranges; with the clock "action" a step passes."""
        self._require_scene()
        self._catch_up()
        action = self._checked(wanted)
        self._target = self._within(action)
        if self._clock == "action":
            self._pass(1)
        given = np.array([float(wanted[name]) for name in self.names])
        sent = np.where(self._target[0] == action[0], given, self._target[0])
        return dict(zip(self.names, sent.tolist(), strict=True))

    def close(self) -> None:
        """Frees the simulation."""
        self._env.close()

    def _checked(self, wanted: Mapping[str, float]) -> NDArray[np.float32]:
        """The action (1, n) for joints by name.

        Raises:
            InputError: A joint is missing, there is one more, or a number is not finite.
        """
        if set(wanted) != set(self.names):
            raise InputError(f"action: expected {list(self.names)}, {sorted(wanted)} came.")
        given = np.array([[float(wanted[name]) for name in self.names]], np.float32)
        if not np.isfinite(given).all():
            raise InputError(f"action: expected finite numbers, {dict(wanted)} came.")
        return given

    def _within(self, action: NDArray[Any]) -> NDArray[np.float32]:
        """The targets that are held: within the joints' ranges."""
        return np.clip(action, self._env.spec.action.low, self._env.spec.action.high).astype(np.float32)

    def _catch_up(self) -> None:
        """With the clock "wall": the steps that have passed outside since the last call."""
        if self._clock == "wall":
            due = int((time.perf_counter() - self._since) * self.fps) - self._done
            self._done += due
            self._pass(due)

    def _pass(self, steps: int) -> None:
        for _ in range(steps):
            step = self._env.step(self._target, _ACTIVE)
            self._observation = step.observation
            end = End(int(to_numpy(step.end)[0]))
            if end in (End.TIME_LIMIT, End.TERMINATED):
                state = self._env.get_state(_LANE)
                state["t"][:], state["end"][:] = 0, End.RUNNING
                self._env.set_state(_LANE, state)
            elif end is not End.RUNNING:
                _logger.warning("The scene broke off, the next one begins: %s", self._env.explain(0))
                self.begin()
                return

    def _require_scene(self) -> None:
        if not self.scenes:
            raise InputError("No scene has begun: connect() first.")


def arm_options(model: str, unit: str) -> dict[str, Any]:
    """Keywords of a task with an arm of LeRobot's: which one, and the controller in its units.

    Raises:
        UnknownNameError: There is no such unit.
    """
    return {**({"robot": model} if model else {}), "controller": controller_name(unit)}


def task_of_arm(task: str) -> str:
    """A task's full name.

    Raises:
        InputError: It has no arm that is driven by its joints.
    """
    env_id = registry.resolve(task)
    if not env_id.startswith(_FAMILY) or env_id not in registry.ENVIRONMENTS:
        arms = ", ".join(name for name in registry.ENVIRONMENTS if name.startswith(_FAMILY))
        raise InputError(f"'{env_id}' has no arm of LeRobot's, driven by its joints in {'/'.join(UNITS)}: take {arms}.")
    return env_id
