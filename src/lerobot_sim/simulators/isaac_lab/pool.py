"""Isaac Lab holds one simulation a process: the Envs of one process share it, each with lanes of its own.

A simulation grows when lanes are wanted that it has not: it is made anew, and the lanes in use go on where they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError

from .world import Blueprint, World

_worlds: list[World] = []
_loans: list[Loan] = []


class Loan:
    """Some lanes of this process's simulation, for one Env.

    Attributes:
        rows: Which.
    """

    def __init__(self, rows: NDArray[np.int64]) -> None:
        self.rows = rows

    @property
    def world(self) -> World:
        """The simulation as it is now; another one after it has grown."""
        return _worlds[0]

    def save(self, lanes: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """States of the Env's own lanes."""
        return self.world.save(self.rows[lanes])

    def load(self, lanes: NDArray[np.int64], state: Mapping[str, NDArray[Any]]) -> None:
        """Puts the Env's own lanes where `save` was."""
        self.world.load(self.rows[lanes], state)

    def release(self) -> None:
        """Gives the lanes back; the simulation stays for the next Env of its kind."""
        if self in _loans:
            _loans.remove(self)


def borrow(blueprint: Blueprint, count: int) -> Loan:
    """`count` lanes of a simulation of this kind.

    Raises:
        InputError: An Env of another kind lives in this process.
    """
    if _worlds and _worlds[0].blueprint != blueprint:
        if _loans:
            raise InputError(
                "Isaac Lab holds one simulation a process, and an Env with another scene, camera or controller lives "
                "in this one: close it first, or make this one with host='own'."
            )
        _worlds.pop().close()
    used = {int(row) for loan in _loans for row in loan.rows}
    lanes = _worlds[0].lanes if _worlds else 0
    free = [row for row in range(lanes) if row not in used]
    if len(free) < count:
        _grow(blueprint, lanes + count - len(free), np.array(sorted(used), np.int64))
        free = [row for row in range(_worlds[0].lanes) if row not in used]
    loan = Loan(np.array(free[:count], np.int64))
    _loans.append(loan)
    return loan


def _grow(blueprint: Blueprint, lanes: int, used: NDArray[np.int64]) -> None:
    """Makes the simulation, or makes it anew with more lanes."""
    if used.size and blueprint.physics != "newton":
        raise InputError(
            "With physics='physx' a process holds the lanes of one Env: give num_envs at once, or host='own'."
        )
    state = _worlds[0].save(used) if used.size else {}
    if _worlds:
        _worlds.pop().close()
    world = World(blueprint, lanes)
    if used.size:
        world.load(used, state)
    _worlds.append(world)
