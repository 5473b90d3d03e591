"""One LIBERO scene that many lanes act on in turn, each bringing all that is its own.

A scene takes seconds to build and, with its pictures, a gigabyte to hold; what a lane has of its own is some
kilobytes. LIBERO observes in the midst of a step (its sensors sample once in 50 ms, some 2 ms before a step's end, and
on what MuJoCo derived before the last substep), and its pictures belong to that moment, too. Here one sensor of ours
with LIBERO's own clock keeps what was seen then, and pictures are drawn from it when they are asked for.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUntypedFunctionDecorator=false
# pyright: reportPrivateUsage=false, reportAttributeAccessIssue=false, reportUnknownLambdaType=false
# LIBERO, robosuite and their mujoco are not among our own packages

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera

from .catalogue import Task
from .goals import goal_distance
from .options import CAMERAS
from .scene import Scene

_HAND = 9  # position, quaternion (w, x, y, z), two fingers


class Stage:
    """A task's scene, what is seen in it, and its pictures."""

    def __init__(self, task: Task) -> None:
        self._task, self._scene = task, Scene(task.suite, task.name)
        import mujoco

        from lerobot_sim.simulators.mujoco_pictures import Pictures

        self._mujoco: Any = mujoco
        self._whole = mujoco.mjtState.mjSTATE_INTEGRATION
        model = self._scene.model
        self.initial_states = self._scene.initial_states(task.suite, task.name)
        shown = mujoco.MjvOption()
        shown.geomgroup[0] = 0  # collision shapes, which LIBERO hides
        self._pictures, self._drawn = Pictures(model, shown), mujoco.MjData(model)
        world = self._scene.world
        self._bodies = [world.obj_body_id[name] for name in (*task.objects, *task.fixtures)]
        self._joints = [int(model.joint(name).qposadr[0]) for name in task.joints]
        self._robot = world.robots[0]
        self._before: NDArray[np.float64] | None = None
        self._watch()

    def begin(self, seed: int, state: NDArray[np.float64] | None) -> None:
        """Begins an episode; see `Scene.begin`."""
        self._before = None
        self._scene.begin(seed, state)

    def act(self, action: NDArray[np.float64]) -> tuple[float, bool, Sequence[str], float]:
        """LIBERO's reward and success, the predicates of the goal that do not hold yet, and how far they are away."""
        _, reward, success, _ = self._scene.control.step(action)
        world = self._scene.world
        missing = [goal for goal in self._task.goal if not world._eval_predicate(list(goal))]
        distance = goal_distance(world, missing, len(self._task.goal))
        return float(reward), bool(success), [" ".join(goal) for goal in missing], distance

    def solved(self) -> bool:
        """Whether the goal is reached."""
        return bool(self._scene.control.check_success())

    def diverged(self) -> bool:
        """Whether MuJoCo has met numbers that are not finite; it starts over from the model's first pose, silently."""
        kinds = self._mujoco.mjtWarning
        numbers = self._scene.data.warning.number
        return any(numbers[int(kind)] for kind in (kinds.mjWARN_BADQPOS, kinds.mjWARN_BADQVEL, kinds.mjWARN_BADQACC))

    def observation(self) -> dict[str, NDArray[Any]]:
        """What LIBERO's sensors saw last, in our keys."""
        seen = self._seen()[self._scene.model.nq :]
        hand = np.concatenate([seen[:3], turn_of(seen[3:7]), seen[7:_HAND]])
        return {STATE: hand.astype(np.float32), ENVIRONMENT_STATE: seen[_HAND:].astype(np.float32)}

    def draw(self, name: str, camera: Camera) -> NDArray[np.uint8]:
        """A picture of what LIBERO's cameras would have seen last, right side up."""
        mujoco, model, data = self._mujoco, self._scene.model, self._drawn
        data.qpos[:] = self._seen()[: model.nq]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_camlight(model, data)
        return self._pictures.draw(data, CAMERAS[name], camera)

    def take(self) -> dict[str, NDArray[Any]]:
        """All that is needed to go on exactly, copied."""
        model, controller, sensor = self._scene.model, self._robot.controller, self._sensor
        physics = np.zeros(self._mujoco.mj_stateSize(model, self._whole))
        self._mujoco.mj_getState(model, self._scene.data, physics, self._whole)
        return {
            "physics": physics,
            "body_pos": model.body_pos.copy(),
            "body_quat": model.body_quat.copy(),
            "goal_pos": np.array(controller.goal_pos),
            "goal_ori": np.array(controller.goal_ori),
            "gripper": np.broadcast_to(self._robot.gripper.current_action, (2,)).copy(),
            "seen": self._seen().copy(),
            "clock": np.array(sensor._time_since_last_sample),
            "sampled": np.array(sensor._sampled),
        }

    def put(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Puts everything where `take` found it."""
        model, data, sensor = self._scene.model, self._scene.data, self._sensor
        model.body_pos[:], model.body_quat[:] = state["body_pos"], state["body_quat"]
        self._mujoco.mj_setState(model, data, state["physics"], self._whole)
        controller = self._robot.controller
        controller.goal_pos, controller.goal_ori = state["goal_pos"].copy(), state["goal_ori"].copy()
        controller.new_update = True
        self._robot.gripper.current_action = state["gripper"].copy()
        sensor._current_observed_value = state["seen"].copy()
        sensor._time_since_last_sample, sensor._sampled = float(state["clock"]), bool(state["sampled"])
        data.warning.number[:] = 0
        self._scene.control._post_process()  # such as the light of a stove that is on

    def close(self) -> None:
        """Frees the simulation; a second call does nothing."""
        self._pictures.close()
        self._scene.close()

    def _watch(self) -> None:
        """Puts our sensor in the place of all of LIBERO's, and keeps the positions before each substep."""
        from robosuite.utils.observables import Observable, sensor

        world = self._scene.world
        act = world._pre_action

        def remembering(action: Any, policy_step: bool = False) -> None:
            self._before = self._scene.data.qpos.copy()
            act(action, policy_step)

        world._pre_action = remembering
        for observable in world._observables.values():
            observable.set_enabled(False)
        look = sensor(modality="lerobot_sim")(lambda _: self._look())
        self._sensor: Any = Observable(name="lerobot_sim", sensor=look, sampling_rate=world.control_freq)
        world.add_observable(self._sensor)

    def _look(self) -> NDArray[np.float64]:
        """Positions that the bodies' poses were derived from, then all that is observed."""
        data, robot = self._scene.data, self._robot
        site = data.site_xpos[robot.eef_site_id]
        turn = self._scene.world.sim.data.get_body_xquat(robot.robot_model.eef_name)
        fingers = data.qpos[robot._ref_gripper_joint_pos_indexes]
        poses = np.concatenate([data.xpos[self._bodies], data.xquat[self._bodies]], axis=1).ravel()
        positions = data.qpos if self._before is None else self._before
        return np.concatenate([positions, site, turn, fingers, poses, data.qpos[self._joints]])

    def _seen(self) -> NDArray[np.float64]:
        return self._sensor._current_observed_value


def turn_of(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axis times angle (rad, 0 to 2 pi) of a quaternion (w, x, y, z), as LeRobot's LIBERO processor computes it."""
    w = float(np.clip(quaternion[0], -1.0, 1.0))
    sine = np.sqrt(max(1.0 - w * w, 0.0))
    return quaternion[1:] / sine * (2.0 * np.arccos(w)) if sine > 1e-10 else np.zeros(3)
