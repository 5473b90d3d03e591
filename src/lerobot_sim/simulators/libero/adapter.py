"""LIBERO's tasks as Simulations.

LIBERO observes in the midst of a step (its sensors sample once in 50 ms, some 2 ms before a step's end, and on what
MuJoCo derived before the last substep), and its pictures belong to that moment, too. Here one sensor of ours with
LIBERO's own clock keeps what was seen then, and pictures are drawn from it when they are asked for.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUntypedFunctionDecorator=false
# pyright: reportPrivateUsage=false
# LIBERO, robosuite and their mujoco are not among our own packages

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.env import End
from lerobot_sim.simulators.seeding import word
from lerobot_sim.simulators.simulation import Outcome, SimulationEnv
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera, EnvSpec

from . import BY_SEED
from .catalogue import Task
from .options import CAMERAS, Options
from .scene import Scene

_SENSOR = "lerobot_sim"
_HAND = 9  # position, quaternion (w, x, y, z), two fingers
_METRICS = ("goals_met",)


class LiberoSimulation:
    """One lane; see `lerobot_sim.simulators.simulation.Simulation`."""

    def __init__(self, task: Task, options: Options) -> None:
        self.instruction = task.instruction
        self._task, self._options = task, options
        self._scene = Scene(task.suite, task.name)
        import mujoco

        from lerobot_sim.simulators.mujoco_pictures import Pictures

        self._mujoco: Any = mujoco
        model = self._scene.model
        self._states = self._scene.initial_states(task.suite, task.name) if options.init_states else None
        self._size = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION)
        shown = mujoco.MjvOption()
        shown.geomgroup[0] = 0  # collision shapes, which LIBERO hides
        self._pictures, self._drawn = Pictures(model, shown), mujoco.MjData(model)
        world = self._scene.world
        self._bodies = [world.obj_body_id[name] for name in (*task.objects, *task.fixtures)]
        self._joints = [int(model.joint(name).qposadr[0]) for name in task.joints]
        self._robot = world.robots[0]
        self._before: NDArray[np.float64] | None = None
        self._watch()
        self._seed, self._initial = 0, BY_SEED

    def reset(self, seed: int, params: Mapping[str, NDArray[Any]]) -> tuple[Mapping[str, NDArray[Any]], bool]:
        self._seed, self._initial = seed, BY_SEED
        self._before = None
        if self._states is None:
            self._scene.begin(word(seed), None)
        else:
            asked = round(float(params["init_state"]))
            self._initial = seed % len(self._states) if asked == BY_SEED else asked
            self._scene.begin(self._initial, self._states[self._initial])
        self._before = None
        return self._observation(), bool(self._scene.control.check_success())

    def step(self, action: NDArray[Any]) -> Outcome:
        _, reward, success, _ = self._scene.control.step(action.astype(np.float64))
        missing = [" ".join(goal) for goal in self._task.goal if not self._scene.world._eval_predicate(list(goal))]
        start = "" if self._initial == BY_SEED else f"Initial state {self._initial}. "
        note = f"{start}{'Not yet: ' + ', '.join(missing) + '.' if missing else 'The goal is reached.'}"
        met = 1.0 - len(missing) / len(self._task.goal)
        end = End.TERMINATED if success else End.RUNNING
        if self._diverged():
            return Outcome({key: np.full_like(value, np.nan) for key, value in self._observation().items()}, 0.0, False)
        return Outcome(self._observation(), float(reward), bool(success), end, {"goals_met": met}, note)

    def render(self, name: str, camera: Camera) -> NDArray[Any]:
        mujoco, model, data = self._mujoco, self._scene.model, self._drawn
        data.qpos[:] = self._seen()[: model.nq]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_camlight(model, data)
        picture = self._pictures.draw(data, CAMERAS[name], camera)
        return picture[:, ::-1].copy() if self._options.mirrored else picture

    def get_state(self) -> dict[str, NDArray[Any]]:
        model, controller, sensor = self._scene.model, self._robot.controller, self._sensor
        physics = np.zeros(self._size)
        self._mujoco.mj_getState(model, self._scene.data, physics, self._mujoco.mjtState.mjSTATE_INTEGRATION)
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
            "seed": np.array(self._seed, np.int64),
            "initial": np.array(self._initial, np.int64),
        }

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        model, controller, sensor = self._scene.model, self._robot.controller, self._sensor
        model.body_pos[:], model.body_quat[:] = state["body_pos"], state["body_quat"]
        self._mujoco.mj_setState(
            model, self._scene.data, state["physics"], self._mujoco.mjtState.mjSTATE_INTEGRATION
        )
        controller.goal_pos, controller.goal_ori = state["goal_pos"].copy(), state["goal_ori"].copy()
        controller.new_update = True
        self._robot.gripper.current_action = state["gripper"].copy()
        sensor._current_observed_value = state["seen"].copy()
        sensor._time_since_last_sample, sensor._sampled = float(state["clock"]), bool(state["sampled"])
        self._scene.data.warning.number[:] = 0
        self._seed, self._initial = int(state["seed"]), int(state["initial"])
        self._scene.control._post_process()  # such as the light of a stove that is on

    def close(self) -> None:
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
        look = sensor(modality=_SENSOR)(lambda _: self._look())
        self._sensor: Any = Observable(name=_SENSOR, sensor=look, sampling_rate=world.control_freq)
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

    def _observation(self) -> dict[str, NDArray[Any]]:
        seen = self._seen()[self._scene.model.nq :]
        hand = np.concatenate([seen[:3], turn_of(seen[3:7]), seen[7:_HAND]])
        return {STATE: hand.astype(np.float32), ENVIRONMENT_STATE: seen[_HAND:].astype(np.float32)}

    def _diverged(self) -> bool:
        """Whether MuJoCo has met numbers that are not finite; it starts over from the model's first pose, silently."""
        kinds = self._mujoco.mjtWarning
        numbers = self._scene.data.warning.number
        return any(numbers[kind] for kind in (kinds.mjWARN_BADQPOS, kinds.mjWARN_BADQVEL, kinds.mjWARN_BADQACC))


def turn_of(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axis times angle (rad, 0 to 2 pi) of a quaternion (w, x, y, z), as LeRobot's LIBERO processor computes it."""
    w = float(np.clip(quaternion[0], -1.0, 1.0))
    sine = np.sqrt(max(1.0 - w * w, 0.0))
    return quaternion[1:] / sine * (2.0 * np.arccos(w)) if sine > 1e-10 else np.zeros(3)


def make_env(spec: EnvSpec, task: Task, options: Options, num_envs: int) -> SimulationEnv:
    """`num_envs` lanes of a task."""
    return SimulationEnv(spec, lambda: LiberoSimulation(task, options), num_envs, metrics=_METRICS)
