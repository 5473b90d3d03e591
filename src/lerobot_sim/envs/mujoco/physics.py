"""Steps lanes by `mujoco.batch`: from a lane's whole state to the next one, on the CPU's threads.

A lane's state holds MuJoCo's integration state (positions, velocities, actuators, warm start, Params' user data)
and all that follows from it, so that nothing is left in the batch that a later step depends on.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .library import batch, mj
from .model_params import SEEN_ONLY, ModelParam, fields_of
from .world import FIELDS, to_state

INTEGRATION = "integration"
"""Key of MuJoCo's integration state, (n, size)."""

_STAGE = mj.mjtStage.mjSTAGE_ACC  # contact sensors belong to it
_BAD = [
    int(kind) for kind in (mj.mjtWarning.mjWARN_BADQPOS, mj.mjtWarning.mjWARN_BADQVEL, mj.mjtWarning.mjWARN_BADQACC)
]


_logger = logging.getLogger(__name__)

PERSISTENT_LANES = 256
"""Up to so many lanes each keeps an MjData of its own, 0.2 MB a Panda: 4% faster, and the same bytes."""


class Physics:
    """`num_envs` simulations of one model.

    Args:
        model: The compiled model; `prepared` has been called on its spec.
        num_envs: Number of lanes.
        params: Params that are fields of the model.
        threads: Threads that step them; 0 takes as many as there are processors.
        forces: Where in `sensordata` forces (three numbers each) begin of which `advance` gives the longest of all its
            steps, not the last one; they cost a tenth of the time.
    """

    def __init__(
        self,
        model: Any,
        num_envs: int,
        params: Mapping[str, ModelParam] | None = None,
        threads: int = 0,
        forces: Sequence[int] = (),
    ) -> None:
        threads = min(num_envs, threads or _processors())
        if mj.get_mju_user_warning() is None:  # MuJoCo would write a file into the working directory
            mj.set_mju_user_warning(_logger.debug)
        self.model = model
        self._params = {name: param for name, param in (params or {}).items() if set(param.fields) - SEEN_ONLY}
        self.batch = batch.Batch(model, num_envs, threads, persistent=num_envs <= PERSISTENT_LANES)
        self._state = self.batch.state
        self._fields = {name: self.batch.bind(name) for name in FIELDS}
        self._forces = np.array([[start, start + 1, start + 2] for start in forces], np.int64).reshape(-1, 3)
        self._warnings = self.batch.warning
        names = {name for param in self._params.values() for name in param.fields} - SEEN_ONLY
        self._expanded = {name: self.batch.expand(name) for name in sorted(names)}

    def apply(self, lanes: NDArray[np.int64], params: Mapping[str, NDArray[Any]]) -> None:
        """Makes the Params that are fields of the model hold in some lanes, from nominal."""
        fields = fields_of(self.model, self._params, params)
        for name, expanded in self._expanded.items():
            expanded[lanes] = fields[name]
        if any(param.constants for param in self._params.values()):
            self.batch.set_const(ids=lanes)

    def settle(
        self, lanes: NDArray[np.int64], qpos: NDArray[np.float64], ctrl: NDArray[np.float64], keyframe: int = -1
    ) -> dict[str, NDArray[Any]]:
        """State of lanes that begin at `qpos` with the command `ctrl`; all else is a keyframe's, or at rest for -1."""
        self.batch.reset(ids=lanes, keyframe=keyframe, stage=mj.mjtStage.mjSTAGE_NONE)
        self._fields["qpos"][lanes] = qpos
        self._fields["ctrl"][lanes] = ctrl
        self.batch.forward(ids=lanes, stage=int(_STAGE))
        return self._collect(lanes)

    def advance(
        self, state: Mapping[str, NDArray[Any]], ctrl: NDArray[np.float64], live: NDArray[np.bool_], substeps: int
    ) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
        """State after `substeps` under a command, and which lanes diverged; rows of idle lanes are meaningless."""
        lanes = np.flatnonzero(live)
        if not len(lanes):
            return {INTEGRATION: state[INTEGRATION], **to_state({n: state[f"world.{n}"] for n in FIELDS})}, ~live
        self._state[:] = state[INTEGRATION]
        self._fields["ctrl"][:] = ctrl
        before = self._warnings[:, _BAD, 1].sum(axis=1)
        longest = self._step(None if live.all() else lanes, substeps)
        diverged = self._warnings[:, _BAD, 1].sum(axis=1) > before
        moved = self._collect(slice(None))
        if longest is not None:
            moved["world.sensordata"][:, self._forces] = longest
        return moved, diverged

    def _step(self, lanes: NDArray[np.int64] | None, substeps: int) -> NDArray[np.float64] | None:
        """Steps, and gives the longest of each force (n, forces, 3) where they are asked for."""
        if not len(self._forces):
            self.batch.step(ids=lanes, nstep=substeps, stage=int(_STAGE))
            return None
        felt = self._fields["sensordata"]
        longest = np.zeros((len(felt), *self._forces.shape))
        for number in range(substeps + 1):
            if number < substeps:
                self.batch.step(ids=lanes, nstep=1, stage=int(mj.mjtStage.mjSTAGE_NONE))  # feels what was before it
            else:
                self.batch.forward(ids=lanes, stage=int(_STAGE))
            if number:
                force = felt[:, self._forces]
                longer = np.square(force).sum(-1) > np.square(longest).sum(-1)
                longest = np.where(longer[..., None], force, longest)
        return longest

    def _collect(self, lanes: NDArray[np.int64] | slice) -> dict[str, NDArray[Any]]:
        fields = {name: np.array(value[lanes]) for name, value in self._fields.items()}
        return {INTEGRATION: np.array(self._state[lanes]), **to_state(fields)}


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepared(spec: Any) -> Any:
    """An mjSpec with the one physics setting of our tasks.

    Time step 4 ms, implicitfast integrator, Newton solver with at most 20 iterations, elliptic cones; MuJoCo's own
    reset of a diverged simulation is switched off, because it would hide it.
    """
    option = spec.option
    option.timestep = TIMESTEP
    option.integrator = mj.mjtIntegrator.mjINT_IMPLICITFAST
    option.solver = mj.mjtSolver.mjSOL_NEWTON
    option.iterations = 20
    option.cone = mj.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10.0
    option.disableflags |= mj.mjtDisableBit.mjDSBL_AUTORESET
    return spec


TIMESTEP = 0.004
"""Seconds of a physics step."""

CONTROL_HZ = 25
"""Control steps a second; each is ten physics steps."""

SUBSTEPS = round(1 / (TIMESTEP * CONTROL_HZ))
