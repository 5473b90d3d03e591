"""The simulation itself: Isaac Lab's scene with one copy of the USD scene a lane, by Newton or PhysX.

The only module that imports Isaac Lab. Lanes are worlds of one simulation, and all are stepped together; who calls
puts back those that should have stayed. Isaac Lab holds one simulation a process: see `pool`.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUntypedFunctionDecorator=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError, SimError
from lerobot_sim.spec import Camera

from . import FAMILY
from .config import Gains, View
from .scene import Scene
from .task import Floats, Seen, home
from .views import carried, facing, turned

FPS = 20
SUBSTEPS = 10
"""Physics steps a control step, of 5 ms: with 10 ms a cube is squeezed out of the fingers."""
_SPACING_M = 4.0
"""Between lanes, where pictures of one would show the others."""


@dataclass(frozen=True)
class Blueprint:
    """All that a simulation is made of, but its number of lanes."""

    scene: Scene
    controllers: tuple[Gains, ...]
    views: tuple[View, ...]
    physics: str
    device: str


class World:
    """A simulation of `lanes` copies of a scene.

    Args:
        blueprint: What is in it.
        lanes: How many.

    Raises:
        InputError: The physics or the device is not there.
    """

    def __init__(self, blueprint: Blueprint, lanes: int) -> None:
        for name, value in FAMILY.environment.items():
            os.environ.setdefault(name, value)
        self.blueprint, self.lanes = blueprint, lanes
        self._newton = blueprint.physics == "newton"
        if not self._newton:
            from .kit import start

            start(blueprint.device, cameras=bool(blueprint.views))
        with _quiet():
            import torch
            import warp

            if blueprint.device != "cpu" and not torch.cuda.is_available():
                raise InputError(f"device '{blueprint.device}': torch finds no GPU here. Take device='cpu'.")
            self._torch, self._warp = torch, warp
            with contextlib.redirect_stdout(io.StringIO()):  # Isaac Lab prints how long each part took
                self._build()
        self._pictures: Any = None

    def _build(self) -> None:
        from isaaclab.scene import InteractiveScene
        from isaaclab.sim import SimulationContext

        from .lab import scene_cfg, simulation_cfg

        self._sim: Any = SimulationContext(simulation_cfg(self.blueprint, FPS, SUBSTEPS))
        self._scene: Any = InteractiveScene(
            scene_cfg(self.blueprint, self.lanes, 0.0 if self._newton else _SPACING_M, home(self.blueprint.scene))
        )
        self._sim.reset()
        self._robot: Any = self._scene["robot"]
        order = list(self._robot.joint_names)
        self._order = [order.index(joint.name) for joint in self.blueprint.scene.joints]
        self._tip_body = list(self._robot.body_names).index(self.blueprint.scene.tip_body)
        self._origins: Floats = self._host(self._scene.env_origins)
        self._initial = {name: self._host(self._object(name).data.root_link_pose_w) for name, _ in self._objects()}
        self._targets = np.repeat(home(self.blueprint.scene)[None], self.lanes, axis=0)
        self._state_views = self._raw() if self._newton else {}
        start = self.save(np.arange(self.lanes)) if self._newton else {}
        self._advance()  # compiles what is left to compile
        if self._newton:
            self.load(np.arange(self.lanes), start)

    def begin(self, rows: NDArray[np.int64], joints: Floats, cube: Floats | None) -> None:
        """Puts lanes at the beginning of an episode: joints (n, J), the cube (n, 7) with (qw, qx, qy, qz), at rest."""
        with _quiet():
            ids = self._torch.as_tensor(rows.astype(np.int32), device=self.blueprint.device)
            position = self._tensor(self._in_order(joints))
            self._robot.reset(env_ids=ids)
            self._robot.write_joint_state_to_sim_index(
                position=position, velocity=self._torch.zeros_like(position), env_ids=ids
            )
            for name, _ in self._objects():
                pose = self._initial[name][rows].copy()
                if name == "cube" and cube is not None:
                    pose = cube[:, [0, 1, 2, 4, 5, 6, 3]].copy()
                    pose[:, :3] += self._origins[rows]
                loose = self._object(name)
                loose.reset(env_ids=ids)
                loose.write_root_pose_to_sim_index(root_pose=self._tensor(pose), env_ids=ids)
                loose.write_root_velocity_to_sim_index(
                    root_velocity=self._tensor(np.zeros((len(rows), 6))), env_ids=ids
                )
            self._targets[rows] = joints
            self._sim.physics_manager.forward()
            self._scene.update(0.0)

    def step(self, rows: NDArray[np.int64], targets: Floats) -> None:
        """Advances all lanes by 1/FPS s, those of `rows` towards new targets (n, J)."""
        self._targets[rows] = targets
        with _quiet():
            self._advance()

    def _advance(self) -> None:
        self._robot.actuators.target_command.set_position_index(value=self._tensor(self._in_order(self._targets)))
        self._scene.write_data_to_sim()
        for _ in range(1 if self._newton else SUBSTEPS):
            self._sim.step(render=False)
        self._scene.update(1 / FPS)

    def see(self, rows: NDArray[np.int64]) -> Seen:
        """Numbers of lanes, after `step` or `begin`."""
        data, origin = self._robot.data, self._origins[rows]
        body = self._host(data.body_link_pose_w)[rows, self._tip_body]
        at = np.repeat(np.asarray(self.blueprint.scene.tip_at)[None], len(rows), axis=0)
        objects: dict[str, Floats] = {}
        speeds: dict[str, Floats] = {}
        for name, _ in self._objects():
            pose = self._host(self._object(name).data.root_link_pose_w)[rows]
            pose[:, :3] -= origin
            objects[name] = pose[:, [0, 1, 2, 6, 3, 4, 5]]
            speeds[name] = self._host(self._object(name).data.root_com_vel_w)[rows, :3]
        return Seen(
            joints=self._host(data.joint_pos)[rows][:, self._order],
            speeds=self._host(data.joint_vel)[rows][:, self._order],
            tip=body[:, :3] - origin + turned(body[:, 3:], at),
            objects=objects,
            object_speeds=speeds,
        )

    def save(self, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """All that lanes need to go on bit for bit (Newton only)."""
        if not self._newton:
            raise SimError("PhysX's state cannot be taken out and put back bit for bit.")
        found = {name: view.cpu().numpy()[rows] for name, view in self._state_views.items()}
        return {**found, "targets": self._targets[rows].copy()}

    def load(self, rows: NDArray[np.int64], state: Mapping[str, NDArray[Any]]) -> None:
        """Puts lanes where `save` was; the arrays stay the caller's."""
        ids = self._torch.as_tensor(rows)
        for name, view in self._state_views.items():
            value = self._torch.as_tensor(np.array(state[name]), dtype=view.dtype, device=view.device)
            view[ids.to(view.device)] = value
        self._targets[rows] = state["targets"]

    def hold(self, rows: NDArray[np.int64], seen: Seen) -> None:
        """Puts lanes back to what was seen before a step: PhysX's nearest to standing still."""
        with _quiet():
            ids = self._torch.as_tensor(rows.astype(np.int32), device=self.blueprint.device)
            self._robot.write_joint_state_to_sim_index(
                position=self._tensor(self._in_order(seen.joints)),
                velocity=self._tensor(self._in_order(seen.speeds)),
                env_ids=ids,
            )
            for name, _ in self._objects():
                pose = seen.objects[name][:, [0, 1, 2, 4, 5, 6, 3]].copy()
                pose[:, :3] += self._origins[rows]
                speed = np.concatenate([seen.object_speeds[name], np.zeros((len(rows), 3))], axis=1)
                self._object(name).write_root_pose_to_sim_index(root_pose=self._tensor(pose), env_ids=ids)
                self._object(name).write_root_velocity_to_sim_index(root_velocity=self._tensor(speed), env_ids=ids)

    def draw(self, view: View, camera: Camera, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Pictures (n, h, w, 3) of lanes."""
        with _quiet():
            if not self._newton:
                from .kit import picture

                return picture(self._sim, self._scene, view, camera)[rows]
            if self._pictures is None:
                from .pictures import Pictures

                self._pictures = Pictures(self._sim.physics_manager)
            return self._pictures.draw(self._poses(view), view.fov_deg, camera)[rows]

    def _poses(self, view: View) -> Floats:
        """The camera's poses (lanes, 7) with (qx, qy, qz, qw), for Newton."""
        position, rotation = np.asarray(view.position), facing(np.asarray(view.position), np.asarray(view.target))
        if not view.link:
            pose = np.concatenate([position, rotation])
            return np.repeat(pose[None], self.lanes, axis=0)
        bodies = list(self._sim.physics_manager.get_model().body_label)
        index = next(i for i, label in enumerate(bodies) if label.rpartition("/")[2] == view.link)
        links = self._state_views["body_q"].cpu().numpy().reshape(self.lanes, -1, 7)[:, index].astype(np.float64)
        return carried(links, position, rotation)

    def close(self) -> None:
        """Takes the simulation down, so that the process can make another."""
        from isaaclab.sim import SimulationContext

        with _quiet():
            SimulationContext.clear_instance()

    def _raw(self) -> dict[str, Any]:
        """Views (lanes, …) of what Newton and its solver carry from step to step."""
        manager = self._sim.physics_manager
        state, solver = manager.get_state_0(), manager._solver
        arrays = {name: getattr(state, name) for name in ("joint_q", "joint_qd", "body_q", "body_qd")}
        arrays["warmstart"] = solver.mjw_data.qacc_warmstart
        worlds = manager.get_model().body_world.numpy()
        if not (np.diff(worlds) >= 0).all() or len(set(np.bincount(worlds))) != 1:
            raise SimError(
                "Newton has laid the lanes' bodies out otherwise than lane by lane: they cannot be told apart."
            )
        return {name: self._warp.to_torch(array).reshape(self.lanes, -1) for name, array in arrays.items()}

    def _objects(self) -> tuple[tuple[str, str], ...]:
        return self.blueprint.scene.objects

    def _object(self, name: str) -> Any:
        return self._scene[f"object_{name}"]

    def _in_order(self, joints: Floats) -> Floats:
        """Columns in the scene's order as columns in the simulator's."""
        out = np.zeros_like(joints)
        out[:, self._order] = joints
        return out

    def _tensor(self, values: Floats) -> Any:
        return self._torch.as_tensor(values.astype(np.float32), device=self.blueprint.device)

    def _host(self, value: Any) -> Floats:
        tensor = value.torch if hasattr(value, "torch") else value
        return tensor.detach().cpu().numpy().astype(np.float64)


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Keeps Isaac Lab's warnings about itself and Warp's progress out of the user's terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield
