"""gym-hil's environments as Simulations; the only module that imports gym-hil.

Three of its habits are worked around, without its code being copied: it draws a frame when it is made, it draws its
random numbers from NumPy's global generator, and its controller reads what MuJoCo derived from the state *before*
the last substep, so that a state alone does not go on exactly. The last is mended by keeping that earlier state:
one substep from it derives the same numbers again.
"""

# pyright: reportAttributeAccessIssue=false
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUntypedBaseClass=false, reportUnknownParameterType=false
# pyright: reportCallIssue=false
# gym-hil and the mujoco that it needs are not among our own packages

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Generator, Mapping
from types import SimpleNamespace
from typing import Any

import mujoco
import numpy as np
from gym_hil import mujoco_gym_env
from gym_hil.envs import PandaArrangeBoxesGymEnv, PandaPickCubeGymEnv
from gym_hil.wrappers.hil_wrappers import EEActionWrapper, GripperPenaltyWrapper
from numpy.typing import NDArray

from lerobot_sim.env import End
from lerobot_sim.simulators.mujoco_pictures import Pictures
from lerobot_sim.simulators.seeding import global_seed
from lerobot_sim.simulators.simulation import Outcome, SimulationEnv
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera, EnvSpec

from . import INSTRUCTIONS, metrics
from .options import Options
from .touch import Touch, outside

_CAMERAS = {"front": "front", "wrist": "handcam_rgb"}
_INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION
_NEAR_M = 0.03
_OUT = "What was to be moved is out of bounds, which ends gym-hil's episodes."


class _Remembering:
    """Keeps the state before the last substep, and asks for what the robot felt in those before.

    gym-hil's loop reads `_pinch_site_id` once before each substep, which is where this looks.
    """

    before: NDArray[np.float64] | None = None
    feel: Callable[[], None] | None = None
    _model: Any
    _data: Any
    _site = -1

    @property
    def _pinch_site_id(self) -> int:
        if self.before is not None:
            mujoco.mj_getState(self._model, self._data, self.before, _INTEGRATION)
        if self.feel is not None:
            self.feel()
        return self._site

    @_pinch_site_id.setter
    def _pinch_site_id(self, site: int) -> None:
        self._site = site


class _PickCube(_Remembering, PandaPickCubeGymEnv):
    pass


class _ArrangeBoxes(_Remembering, PandaArrangeBoxesGymEnv):
    pass


class GymHilSimulation:
    """One lane; see `lerobot_sim.simulators.simulation.Simulation`."""

    def __init__(self, task: str, options: Options) -> None:
        self.instruction = INSTRUCTIONS[task]
        self._base = _base(task, options)
        self._model, self._data = self._base.model, self._base.data
        env: Any = self._base
        self._grip = GripperPenaltyWrapper(env, penalty=options.gripper_penalty) if options.use_gripper else None
        params = options.ee_action_space_params
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its action space is float64 at first
            self._env = EEActionWrapper(
                self._grip or env,
                ee_action_step_size={axis: params[f"{axis}_step_size"] for axis in "xyz"},
                use_gripper=options.use_gripper,
            )
        state = np.arange(18)
        self._columns = state if options.add_joint_velocity_to_observation else np.delete(state, np.s_[7:14])
        self._task, self._metrics, self._touch = task, metrics(task, options), Touch(self._model, self._data)
        self._pictures = Pictures(self._model)
        self._base.before = np.zeros(mujoco.mj_stateSize(self._model, _INTEGRATION))
        self._seed, self._stepped = 0, False

    def reset(self, seed: int, params: Mapping[str, NDArray[Any]]) -> tuple[Mapping[str, NDArray[Any]], bool]:
        with global_seed(seed):
            observation, _ = self._env.reset()
        self._seed, self._stepped = seed, False
        return self._observation(observation), False

    def step(self, action: NDArray[Any]) -> Outcome:
        self._base.feel = self._touch.begin()
        observation, reward, terminated, _, info = self._env.step(action)
        self._base.feel, self._stepped = None, True
        success = bool(info["succeed"])
        penalty = float(info.get("discrete_penalty", 0.0))
        found = {"gripper_penalty": penalty, **self._progress(), **self._touch.found()}
        found["workspace_violation"] = outside(observation["agent_pos"][-3:], *self._base._cartesian_bounds)
        return Outcome(
            self._observation(observation),
            float(reward),
            success,
            End.TERMINATED if terminated else End.RUNNING,
            {name: found[name] for name in self._metrics},
            _OUT if terminated and not success else "",
        )

    def render(self, name: str, camera: Camera) -> NDArray[Any]:
        return self._pictures.draw(self._data, _CAMERAS[name], camera)

    def get_state(self) -> dict[str, NDArray[Any]]:
        return {
            "before": np.where(self._stepped, self._base.before, 0.0),
            "ctrl": self._data.ctrl.copy(),
            "seed": np.array(self._seed, np.int64),
            "stepped": np.array(self._stepped),
        }

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.reset(int(state["seed"]), {})
        if not state["stepped"]:
            return
        self._base.before[:] = state["before"]
        mujoco.mj_setState(self._model, self._data, self._base.before, _INTEGRATION)
        self._data.ctrl[:] = state["ctrl"]
        mujoco.mj_step(self._model, self._data)
        self._stepped = True
        if self._grip is not None:
            self._grip.last_gripper_pos = self._base.get_gripper_pose() / mujoco_gym_env.MAX_GRIPPER_COMMAND

    def close(self) -> None:
        self._pictures.close()

    def _observation(self, observation: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        return {STATE: observation["agent_pos"][self._columns], ENVIRONMENT_STATE: observation["environment_state"]}

    def _progress(self) -> dict[str, float]:
        if self._task == "panda-pick-cube":
            return {"lift": float(self._data.sensor("block_pos").data[2] - self._base._z_init)}
        apart = [
            np.linalg.norm(self._data.sensor(f"block{i}_pos").data - self._data.sensor(f"target{i}_pos").data)
            for i in range(1, 6)
        ]
        return {"boxes_placed": float(np.sum(np.array(apart) < _NEAR_M))}


def make_env(spec: EnvSpec, task: str, options: Options, num_envs: int) -> SimulationEnv:
    """`num_envs` lanes of a task."""
    return SimulationEnv(spec, lambda: GymHilSimulation(task, options), num_envs, metrics=metrics(task, options))


def _base(task: str, options: Options) -> Any:
    """gym-hil's environment beneath its wrappers, with what its constructor cannot be told."""
    with _undrawn():
        if task == "panda-pick-cube":
            made: Any = _PickCube(reward_type=options.reward_type, random_block_position=options.random_block_position)
        else:
            made = _ArrangeBoxes(reward_type=options.reward_type)
    bounds = options.ee_action_space_params["bounds"]
    made._cartesian_bounds = np.asarray([bounds["min"], bounds["max"]], np.float64)
    if options.fixed_reset_joint_positions is not None:
        made._home_position = np.asarray(options.fixed_reset_joint_positions)
    made.model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET  # else divergence is hidden
    return made


class _NoRenderer:
    """Draws nothing: nobody has asked for a picture while an environment is made."""

    def __init__(self, *_: Any, **__: Any) -> None: ...
    def render(self) -> None: ...
    def close(self) -> None: ...


@contextlib.contextmanager
def _undrawn() -> Generator[None]:
    """Within it gym-hil's own `mujoco` has a renderer that does nothing; everybody else's is as it was."""
    true = mujoco_gym_env.mujoco
    mujoco_gym_env.mujoco = SimpleNamespace(**{**vars(true), "Renderer": _NoRenderer})
    try:
        yield
    finally:
        mujoco_gym_env.mujoco = true
