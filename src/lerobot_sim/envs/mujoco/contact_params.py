r"""Params of bodies and contacts: mass, friction, restitution.

A contact takes its friction, condim and solref from the geom of higher priority. At equal priority friction is the
*larger* of the two, standard solref the mean, direct (negative) solref the smaller. So an object's friction may do
nothing: either its geoms have the higher priority (`geom.priority = 1`), or the Param names both sides, or its values
stay above the other's. `friction` and `restitution` say so where it is not the case.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError
from lerobot_sim.spec import Param

from .model_params import Fields, ModelParam, ids, names_of

Floats = NDArray[np.float64]

MOST_DAMPING = 0.8
"""Of a contact, times the time step: with more the damper throws the body back (measured: 0.8 is right, 1.3 is not)."""

_KINDS = {"sliding": 0, "torsional": 1, "rolling": 2}
_NEEDS = {"sliding": 3, "torsional": 4, "rolling": 6}
_UNITS = {"sliding": "", "torsional": "m", "rolling": "m"}


def body_mass(model: Any, body: str, low: float, high: float) -> ModelParam:
    """A body's mass in kg; its inertia grows in proportion, as if it were denser, and the constants follow.

    Gains that the compiler chose by `dampratio` stay as the nominal model has them.
    """
    (index,) = ids(model, "body", [body])
    mass = float(model.body_mass[index])
    if mass <= 0:
        raise InputError(
            f"The body '{body}' has no mass that could be varied. Give it one, or name the body that has it."
        )

    def write(fields: Fields, values: NDArray[Any]) -> None:
        fields["body_mass"][:, index] = values
        fields["body_inertia"][:, index] *= (values / mass)[:, None]

    return ModelParam(
        param=Param(nominal=mass, low=low, high=high, unit="kg", about=f"mass of {body}"),
        fields=("body_mass", "body_inertia"),
        write=write,
        constants=True,
    )


def friction(
    model: Any,
    geoms: list[str],
    low: float,
    high: float,
    kind: Literal["sliding", "torsional", "rolling"] = "sliding",
) -> ModelParam:
    """A coefficient of friction that some geoms share.

    Args:
        model: The compiled model.
        geoms: An object's geoms, by name, and those of the other side where both are to change.
        low: Least coefficient; above 0.
        high: Greatest.
        kind: "sliding" has no unit; "torsional" and "rolling" are in m and need geoms of condim 4 and 6.

    Raises:
        InputError: A static geom that these can touch would decide instead: see the module.
    """
    indices, column = ids(model, "geom", geoms), _KINDS[kind]
    nominal = float(model.geom_friction[indices[0], column])
    short = [name for name, i in zip(geoms, indices, strict=True) if model.geom_condim[i] < _NEEDS[kind]]
    if short:
        raise InputError(
            f"{kind} friction needs condim {_NEEDS[kind]} or more, which {names_of(short)} lacks. "
            f"Build it with `geom.condim = {_NEEDS[kind]}`."
        )
    for geom, other in _meetings(model, indices):
        larger = model.geom_friction[other, column] > low
        _require_decision(model, geom, other, f"{kind} friction", "takes the larger one" if larger else "")

    def write(fields: Fields, values: NDArray[Any]) -> None:
        fields["geom_friction"][:, indices, column] = values[:, None]

    about = f"{kind} friction of {names_of(geoms)}"
    return ModelParam(
        param=Param(nominal=nominal, low=low, high=high, unit=_UNITS[kind], about=about),
        fields=("geom_friction",),
        write=write,
    )


def restitution(model: Any, geoms: list[str], low: float, high: float) -> ModelParam:
    """How much of its speed a body keeps in a bounce, for contacts of some geoms.

    MuJoCo has no such field. The contact is a spring and a damper: the geoms keep the nominal stiffness k and get the
    damping that gives the coefficient (`damping_ratio`), in the direct form solref = (-k, -2 zeta sqrt(k)). At the
    nominal value the model stays as it is. A stop lasts about pi/sqrt(k) s, which should be ten time steps or more.

    Args:
        model: The compiled model.
        geoms: The geoms of both sides, by name, which share one solref; geoms of higher priority suffice alone.
        low: Least coefficient; with the default solref and time steps of 4 ms from 0.05.
        high: Greatest, below 1.

    Raises:
        InputError: The geoms' solref differ, a static geom that these can touch would decide or mix in, or the time
            steps are too long for so little bounce.
    """
    indices = ids(model, "geom", geoms)
    solref = np.array(model.geom_solref[indices[0]])
    if not 0.0 < low <= high < 1.0:
        raise InputError(f"A coefficient of restitution lies between 0 and 1, bounds {low} to {high} came.")
    if not (model.geom_solref[indices] == solref).all():
        raise InputError(f"{names_of(geoms)} must share one solref; they have {model.geom_solref[indices].tolist()}.")
    for geom, other in _meetings(model, indices):
        _require_decision(model, geom, other, "restitution", "mixes in the other's solref")
    stiffness, ratio = _spring(solref)
    least = float(_restitution_of(np.array([MOST_DAMPING / (2 * np.sqrt(stiffness) * model.opt.timestep)]))[0])
    if low < least:
        raise InputError(
            f"Time steps of {model.opt.timestep:g} s follow no contact of {names_of(geoms)} that bounces by less than "
            f"{least:.3f}; {low:g} came. Raise `low`, or build a softer contact: `geom.solref = (0.04, 1)`."
        )
    nominal = float(_restitution_of(np.array([ratio]))[0])

    def write(fields: Fields, values: NDArray[Any]) -> None:
        damping = 2 * damping_ratio(values) * np.sqrt(stiffness)
        direct = np.stack([np.full_like(damping, -stiffness), -damping], axis=1)
        changed = np.abs(values - nominal) > 1e-6
        fields["geom_solref"][:, indices] = np.where(changed[:, None], direct, solref)[:, None]

    return ModelParam(
        param=Param(nominal=nominal, low=low, high=high, about=f"restitution of {names_of(geoms)}"),
        fields=("geom_solref",),
        write=write,
    )


def damping_ratio(coefficient: NDArray[Any]) -> Floats:
    r"""The damping ratio zeta of a spring and damper that push but do not pull, for coefficients of restitution (n,).

    Inverts Schwager and Poeschel (Granular Matter 9, 2007), who let the contact end when the force does, not when the
    overlap does. With zeta = cos(psi) their cases become e = exp(-2 psi cot(psi)), and beyond critical damping, with
    zeta = cosh(psi), e = exp(-2 psi coth(psi)).
    """
    low, high = np.full(np.shape(coefficient), np.log(1e-6)), np.full(np.shape(coefficient), np.log(1e4))
    for _ in range(80):  # e falls with zeta
        middle = (low + high) / 2
        bounces = _restitution_of(np.exp(middle)) > coefficient
        low, high = np.where(bounces, middle, low), np.where(bounces, high, middle)
    return np.exp((low + high) / 2)


def _restitution_of(ratio: Floats) -> Floats:
    under, over = np.minimum(ratio, 1 - 1e-9), np.maximum(ratio, 1 + 1e-9)
    below = np.arccos(under) * under / np.sqrt(1 - under**2)
    above = np.arccosh(over) * over / np.sqrt(over**2 - 1)
    return np.exp(-2 * np.where(ratio < 1, below, above))


def _spring(solref: Floats) -> tuple[float, float]:
    """Stiffness in 1/s^2 and damping ratio of a solref, standard (time constant, ratio) or direct."""
    first, second = float(solref[0]), float(solref[1])
    if first > 0:
        return 1 / (first * second) ** 2, second
    return -first, -second / (2 * np.sqrt(-first))


def _meetings(model: Any, geoms: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Pairs of one of `geoms` and a geom of the static world, not among them, that can touch."""
    static = [i for i in range(model.ngeom) if model.body_weldid[model.geom_bodyid[i]] == 0 and i not in geoms]
    moving = [int(i) for i in geoms if model.body_weldid[model.geom_bodyid[i]] != 0]
    kind, affinity = model.geom_contype, model.geom_conaffinity
    return [(i, j) for i in moving for j in static if kind[i] & affinity[j] or kind[j] & affinity[i]]


def _require_decision(model: Any, geom: int, other: int, what: str, at_equal: str) -> None:
    mine, its = model.geom_priority[geom], model.geom_priority[other]
    name, rival = model.geom(geom).name, model.geom(other).name or f"geom {other}"
    if its > mine:
        rule = f"'{rival}' has the higher priority ({its} over {mine})"
    elif its == mine and at_equal:
        rule = f"at equal priority ({mine}) a contact {at_equal}"
    else:
        return
    raise InputError(
        f"The {what} of '{name}' would not decide its contact with '{rival}': {rule}. Build it with "
        f"`geom.priority = {its + 1}`, or name '{rival}' in `geoms`, too."
    )
