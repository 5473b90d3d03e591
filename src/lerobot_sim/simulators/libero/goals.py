"""How far the predicates of a LIBERO goal are from holding; LIBERO itself only says whether they do."""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# LIBERO is not among our own packages

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_RANGES: Mapping[str, tuple[str, Any]] = {
    "open": ("default_open_ranges", min),
    "close": ("default_close_ranges", max),
    "turnon": ("default_turnon_ranges", min),
    "turnoff": ("default_turnoff_ranges", max),
}
"""Predicate of one thing -> where its joints should be, and which of several counts: LIBERO wants one of them open or
on, and all of them closed or off."""


def away(world: Any, predicate: Sequence[str]) -> float:
    """How far a predicate that does not hold is from holding.

    Args:
        world: LIBERO's robosuite environment.
        predicate: Such as ("on", "akita_black_bowl_1", "plate_1") or ("open", "wooden_cabinet_1_middle_region").

    Returns:
        m between the middles of the thing and of where it belongs; m of a drawer or rad of a door or knob from the
        nearest end of LIBERO's own range.
    """
    kind, *names = predicate
    if len(names) == 2:
        thing, place = (world.object_states_dict[name].get_geom_state()["pos"] for name in names)
        return float(np.linalg.norm(np.asarray(thing) - np.asarray(place)))
    ranges, which = _RANGES[kind]
    state = world.object_states_dict[names[0]]
    region = state.object_state_type == "site"
    owner = world.get_object(state.parent_name if region else names[0])
    joints = world.object_sites_dict[names[0]].joints if region else owner.joints
    wanted = owner.object_properties["articulation"][ranges]
    low, high = min(wanted), max(wanted)
    places = [float(world.sim.data.qpos[world.sim.model.get_joint_qpos_addr(joint)]) for joint in joints]
    return which(max(low - place, place - high, 0.0) for place in places)


def goal_distance(world: Any, missing: Sequence[Sequence[str]], count: int) -> float:
    """Mean over a goal's `count` predicates, of which only those that are `missing` are away; 0 at success."""
    return sum(away(world, predicate) for predicate in missing) / count
