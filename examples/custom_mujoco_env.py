"""The custom environments of LeRobot's simulation guide, `CustomSimulationEnv` and `CustomMuJoCoEnv`, on lerobot-sim.

The guide's hooks are here under their own names, to be overridden as there. Simulator, robot, task and cameras are
those of one configuration, and what the guide writes by hand (reward, success, time limit, spaces, pictures) is the
configuration's default, so that a class like this is only needed where hooks of your own are:

    env = lerobot_sim.make("examples/arm.json", num_envs=64)              # an Env of 64 lanes
    env = SimEnv("examples/arm.json")                                     # a gymnasium.Env

    python examples/custom_mujoco_env.py [front.png]
"""

import sys
from abc import ABC, abstractmethod
from copy import deepcopy
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lerobot_sim import Camera, End, Step
from lerobot_sim.envs.mujoco.any_model import from_mjcf

CONFIG = Path(__file__).with_name("arm.json")
ONE = np.array([True])
LANE = np.array([0])


class CustomSimulationEnv(gym.Env[dict[str, Any], NDArray[np.float32]], ABC):
    """The guide's framework: the parts of an environment as hooks, and one order in which they are called."""

    metadata: dict[str, Any] = {"render_modes": ["human", "rgb_array"]}

    def __init__(self, config: dict[str, Any] | str | Path) -> None:
        self.config = config
        self.simulator = self._initialize_simulator()
        self.robot = self._initialize_robot()
        self.task = self._initialize_task()
        self.cameras = self._initialize_cameras()
        self.action_space = self._define_action_space()
        self.observation_space = self._define_observation_space()

    @abstractmethod
    def _initialize_simulator(self) -> Any: ...
    @abstractmethod
    def _initialize_robot(self) -> dict[str, Any]: ...
    @abstractmethod
    def _initialize_task(self) -> dict[str, Any]: ...
    @abstractmethod
    def _initialize_cameras(self) -> dict[str, Camera]: ...
    @abstractmethod
    def _define_action_space(self) -> gym.spaces.Box: ...
    @abstractmethod
    def _define_observation_space(self) -> gym.spaces.Dict: ...
    @abstractmethod
    def _reset_simulator(self, seed: int) -> None: ...
    @abstractmethod
    def _apply_action(self, action: NDArray[np.float32]) -> None: ...
    @abstractmethod
    def _get_observation(self) -> dict[str, Any]: ...
    @abstractmethod
    def _get_info(self) -> dict[str, Any]: ...
    @abstractmethod
    def _calculate_reward(self) -> float: ...
    @abstractmethod
    def _check_termination(self) -> bool: ...
    @abstractmethod
    def _check_truncation(self) -> bool: ...

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """A new episode; without a seed, one is drawn."""
        super().reset(seed=seed)
        self._reset_simulator(int(self.np_random.integers(2**31)) if seed is None else seed)
        return self._get_observation(), self._get_info()

    def step(self, action: NDArray[np.float32]) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """One control step."""
        self._apply_action(action)
        observation, info = self._get_observation(), self._get_info()
        return observation, self._calculate_reward(), self._check_termination(), self._check_truncation(), info


class CustomMuJoCoEnv(CustomSimulationEnv):
    """The guide's MuJoCo environment: joint positions and velocities and pictures, ctrl as the action.

    One step is a control step of the configuration's `fps`, 50 Hz where it names none; the guide's is a single
    physics step, which is `fps` = 1 / time step. `data.ctrl`'s range bounds the action.

    Args:
        config: Path of a configuration, or its keys: `model_path`, `cameras` = [{"name": ...}, ...] and the others.
    """

    def _initialize_simulator(self) -> Any:
        return from_mjcf(self.config, observation=["joint_positions", "joint_velocities", "end_effector_pose"])

    def _initialize_robot(self) -> dict[str, Any]:
        names = self.simulator.spec.observation["observation.state"].names
        return {
            "joint_names": [name.removesuffix(".pos") for name in names if name.endswith(".pos")],
            "actuator_names": list(self.simulator.spec.action.names),
        }

    def _initialize_task(self) -> dict[str, Any]:
        given = self.simulator.spec.options["config"]
        return {
            "target_position": np.array(given.get("target_position", [0.5, 0.0, 0.1])),
            "success_threshold": given.get("success_threshold", 0.05),
        }

    def _initialize_cameras(self) -> dict[str, Camera]:
        return dict(self.simulator.spec.cameras)

    def _define_action_space(self) -> gym.spaces.Box:
        action = self.simulator.spec.action
        low, high = (np.broadcast_to(bound, action.shape).astype(np.float32) for bound in (action.low, action.high))
        return gym.spaces.Box(low, high, dtype=np.float32)

    def _define_observation_space(self) -> gym.spaces.Dict:
        sizes = {name: len(rows) for name, rows in self._places().items()}
        vectors = {name: gym.spaces.Box(-np.inf, np.inf, (size,), np.float32) for name, size in sizes.items()}
        pictures = {
            name: gym.spaces.Box(0, 255, (camera.height, camera.width, 3), np.uint8)
            for name, camera in self.cameras.items()
        }
        return gym.spaces.Dict({**vectors, "images": gym.spaces.Dict(pictures)})

    def _reset_simulator(self, seed: int) -> None:
        observation = self.simulator.reset(LANE, np.array([seed]))
        none = np.zeros(1, np.bool_)
        self.last = Step(observation, np.zeros(1, np.float32), none, np.array([End.RUNNING]), {})
        self.steps = 0

    def _apply_action(self, action: NDArray[np.float32]) -> None:
        self.last = self.simulator.step(np.asarray(action, np.float32)[None], ONE)
        self.steps += 1

    def _get_observation(self) -> dict[str, Any]:
        state = self.last.observation["observation.state"][0]
        images = self.simulator.render(self.cameras) if self.cameras else {}
        vectors = {name: state[rows] for name, rows in self._places().items()}
        return {**vectors, "images": {name: image[0] for name, image in images.items()}}

    def _get_info(self) -> dict[str, Any]:
        return {
            "task_info": {
                **deepcopy(self.task),
                "is_success": bool(self.last.success[0]),
                "end": End(int(self.last.end[0])).name,
                **{name: float(value[0]) for name, value in self.last.metrics.items()},
            },
            "robot_info": deepcopy(self.robot),
            "simulation_time": self.steps / self.simulator.spec.fps,
        }

    def _calculate_reward(self) -> float:
        return float(self.last.reward[0])

    def _check_termination(self) -> bool:
        return self.last.end[0] in (End.TERMINATED, End.DIVERGED)

    def _check_truncation(self) -> bool:
        return bool(self.last.end[0] == End.TIME_LIMIT)

    def render(self, mode: str = "rgb_array") -> NDArray[np.uint8] | None:
        """The first camera's picture, (h, w, 3); in a window for "human"."""
        if mode not in self.metadata["render_modes"]:
            raise ValueError(f"Unsupported render mode: {mode}. There are: rgb_array, human.")
        name, camera = next(iter(self.cameras.items()))
        image = self.simulator.render({name: camera})[name][0]
        if mode == "rgb_array":
            return image
        from lerobot_sim.bridges.window import Window

        if not hasattr(self, "window"):
            self.window = Window(self.simulator.spec.id, self.simulator.spec.fps)
        self.window.show(image)
        return None

    def close(self) -> None:
        """Ends the render process, and closes the window."""
        if hasattr(self, "window"):
            self.window.close()
        self.simulator.close()

    def _places(self) -> dict[str, list[int]]:
        """Where the parts of the observation lie in `observation.state`."""
        names = self.simulator.spec.observation["observation.state"].names
        pose = len(names) - 7
        return {
            "joint_positions": [index for index in range(pose) if not names[index].endswith(".vel")],
            "joint_velocities": [index for index in range(pose) if names[index].endswith(".vel")],
            "end_effector_pose": list(range(pose, len(names))),
        }


def main(picture: Path | None = None) -> dict[str, Any]:
    """Reaches for the target with a constant command; the last step's info."""
    env = CustomMuJoCoEnv(CONFIG)
    env.reset(seed=0)
    done, info, total = False, {}, 0.0
    while not done:
        _, reward, terminated, truncated, info = env.step(np.array([0.0, 1.18, 1.16], np.float32))
        done, total = terminated or truncated, total + reward
    print(f"{info['task_info']['end']} after {info['simulation_time']:.2f} s, return {total:.2f}.")
    if picture is not None:
        from robotic_hand import save

        save(env.render("rgb_array"), picture)
    env.close()
    return info


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
