"""Params of actuators and joints: gain, delay, damping, dry friction, armature."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError
from lerobot_sim.spec import Param

from .model_params import Fields, ModelParam, ids, names_of


def actuator_gain(model: Any, actuators: list[str], low: float, high: float) -> ModelParam:
    """What position servos' stiffness kp is multiplied by; kv grows with its root, so that the damping ratio stays.

    MuJoCo computes kv from `dampratio` when it compiles, and never again.
    """
    indices = ids(model, "actuator", actuators)
    gain, bias = model.actuator_gainprm[indices, 0], model.actuator_biasprm[indices]
    for name, kp, terms in zip(actuators, gain, bias, strict=True):
        if kp <= 0 or terms[1] != -kp:
            raise InputError(f"'{name}' is no position servo: its gain is {kp:g}, its bias {terms[:3].tolist()}.")

    def write(fields: Fields, values: NDArray[Any]) -> None:
        factor = values[:, None]
        fields["actuator_gainprm"][:, indices, 0] *= factor
        fields["actuator_biasprm"][:, indices, 1] *= factor
        fields["actuator_biasprm"][:, indices, 2] *= np.sqrt(factor)

    return ModelParam(
        param=Param(nominal=1.0, low=low, high=high, about=f"stiffness of {names_of(actuators)}, times nominal"),
        fields=("actuator_gainprm", "actuator_biasprm"),
        write=write,
    )


def actuator_delay(model: Any, actuators: list[str], high: float) -> ModelParam:
    """After how many seconds, from 0 to `high`, a command reaches some actuators.

    Raises:
        InputError: The actuators do not remember commands for so long; MuJoCo would shorten the delay silently.
    """
    indices = ids(model, "actuator", actuators)
    needed = int(np.ceil(high / model.opt.timestep - 1e-9))
    for name, index in zip(actuators, indices, strict=True):
        samples = int(model.actuator_history[index, 0])
        if samples < needed:
            raise InputError(
                f"A delay of {high:g} s is {needed} time steps of {model.opt.timestep:g} s, but the actuator '{name}' "
                f"remembers {samples} commands. Build it with `actuator.nsample = {needed}`."
            )

    def write(fields: Fields, values: NDArray[Any]) -> None:
        fields["actuator_delay"][:, indices] = values[:, None]

    nominal = float(model.actuator_delay[indices[0]])
    return ModelParam(
        param=Param(nominal=nominal, low=0.0, high=high, unit="s", about=f"delay of {names_of(actuators)}"),
        fields=("actuator_delay",),
        write=write,
    )


def joint_damping(model: Any, joints: list[str], low: float, high: float) -> ModelParam:
    """Viscous friction of hinges and slides, one value each, in N m s/rad or N s/m."""
    return _joint_field(model, joints, "dof_damping", low, high, "N m s/rad", "damping")


def joint_frictionloss(model: Any, joints: list[str], low: float, high: float) -> ModelParam:
    """Dry friction of hinges and slides, one value each, in N m or N."""
    return _joint_field(model, joints, "dof_frictionloss", low, high, "N m", "dry friction")


def joint_armature(model: Any, joints: list[str], low: float, high: float) -> ModelParam:
    """Inertia of motors and gears seen from hinges and slides, one value each, in kg m^2 or kg; constants follow."""
    return _joint_field(model, joints, "dof_armature", low, high, "kg m^2", "armature", constants=True)


def _joint_field(
    model: Any, joints: list[str], field: str, low: float, high: float, unit: str, what: str, *, constants: bool = False
) -> ModelParam:
    indices = ids(model, "joint", joints)
    free = [name for name, index in zip(joints, indices, strict=True) if model.jnt_type[index] < 2]  # free and ball
    if free:
        raise InputError(f"The {what} of {names_of(free)} is not one number: only hinges and slides are meant.")
    dofs = model.jnt_dofadr[indices]
    nominal = tuple(getattr(model, field)[dofs].tolist())

    def write(fields: Fields, values: NDArray[Any]) -> None:
        fields[field][:, dofs] = values

    if (model.jnt_type[indices] == 2).any():
        unit = unit.replace("N m s/rad", "N s/m").replace("kg m^2", "kg").replace("N m", "N")
    return ModelParam(
        param=Param(
            nominal=nominal, low=low, high=high, unit=unit, shape=(len(joints),), about=f"{what} of {names_of(joints)}"
        ),
        fields=(field,),
        write=write,
        constants=constants,
    )
