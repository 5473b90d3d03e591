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

from lerobot_sim import registry
from lerobot_sim.arrays import to_numpy
from lerobot_sim.env import End, Env
from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.spec import STATE, Camera

from .gymnasium_layout import sized_cameras
from .lerobot_units import JointUnits, joint_units

Clock = Literal["action", "wall"]
CLOCKS: Mapping[str, str] = {
    "action": "time passes with each action, 1/fps s",
    "wall": "time passes as it does outside; the last target is held",
}

_LANE = np.array([0])
_ACTIVE = np.ones(1, np.bool_)
_logger = logging.getLogger(__name__)


class SimArm:
    """One lane of a task, as a robot.

    Args:
        task: Name of an environment whose arm is driven by joints, such as "mujoco/lift".
        model: Which arm, where the task has several: "so100", "so101", "panda", "aloha".
        unit: Of the joints, see `lerobot_units.UNITS`.
        cameras: Names of its cameras; all by default.
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
        unit: str = "degrees",
        cameras: Sequence[str] | None = None,
        size: Sequence[int] | None = None,
        seed: int = 0,
        clock: str = "action",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if clock not in CLOCKS:
            raise unknown_name("clock", clock, CLOCKS)
        own = {"robot": model} if model else {}
        self._env: Env = registry.make(task, 1, controller="joint_position", **own, **(options or {}))
        spec = self._env.spec
        if spec.capabilities.restore != "exact":
            self._env.close()
            raise InputError(f"'{spec.id}' cannot go on after its time limit: its state cannot be set back exactly.")
        self.units: JointUnits = joint_units(spec, unit)
        names = list(spec.cameras) if cameras is None else list(cameras)
        self.cameras: dict[str, Camera] = sized_cameras(spec, names, size)
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
        shown = self.units.outside(to_numpy(self._observation[STATE])[0])
        self._target = self.units.inside(shown)[None]
        self._since, self._done = time.perf_counter(), 0
        _logger.info("Scene %d begins with seed %d: %s", self.scenes, seed, self.instruction)

    def observe(self) -> dict[str, Any]:
        """Joint's name -> number, camera's name -> uint8 (h, w, 3), at this moment."""
        self._require_scene()
        self._catch_up()
        images = self._env.render(self.cameras) if self.cameras else {}
        joints = self.units.outside(to_numpy(self._observation[STATE])[0])
        return {**joints, **{name: to_numpy(image)[0] for name, image in images.items()}}

    def act(self, wanted: Mapping[str, float]) -> dict[str, float]:
        """Sets the targets, and returns those within the joints' ranges; with the clock "action" a step passes."""
        self._require_scene()
        self._catch_up()
        action = self.units.inside(wanted)[None]
        self._target = np.clip(action, self._env.spec.action.low, self._env.spec.action.high).astype(np.float32)
        if self._clock == "action":
            self._pass(1)
        return self._sent(wanted, action[0])

    def close(self) -> None:
        """Frees the simulation."""
        self._env.close()

    def _sent(self, wanted: Mapping[str, float], action: Any) -> dict[str, float]:
        within = self._target[0] == action
        limits = self.units.outside(self._as_state(self._target[0]))
        return {
            name: float(wanted[name]) if kept else limits[name]
            for name, kept in zip(self.units.names, within.tolist(), strict=True)
        }

    def _as_state(self, action: Any) -> Any:
        """An action's targets where `observation.state` has the positions."""
        state = np.zeros(self._env.spec.observation[STATE].shape)
        shares = np.where(self.units.gripper, (action + 1) / 2, action)
        state[list(self.units.state_rows)] = shares
        return state

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
