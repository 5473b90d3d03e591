"""get_state holds all that is needed to go on exactly, and is a copy."""

from __future__ import annotations

from typing import Any

import numpy as np

from lerobot_sim.arrays import to_numpy
from lerobot_sim.env import End, State
from lerobot_sim.errors import SimError

from .array_checks import overwrite
from .lab import SEEDS, STEPS, Actor, Lab, is_float, lane_of, still_action
from .param_checks import far_params

_MEND = "put everything into get_state: physics, controllers and filters, counters, ends, Params."


def _declared(lab: Lab, actor: Actor) -> str | None:
    """The reason where states cannot be compared; a restore declared impossible must be refused."""
    restore = actor.spec.capabilities.restore
    if restore == "none":
        try:
            actor.env.get_state(np.array([0]))
        except SimError:
            return "spec.capabilities.restore is 'none', and get_state refuses"
        raise lab.broken("restore is declared as 'none', but get_state works.", "raise a SimError, or declare it.")
    return None if restore == "exact" else f"spec.capabilities.restore is '{restore}'"


def _picked(state: State, rows: Any) -> State:
    return {name: value[rows] for name, value in state.items()}


def restore_goes_on_exactly(lab: Lab) -> str | None:
    """set_state goes on from get_state bit for bit, in any lane, any instance, with all memory there is."""
    source = lab.actor(3, SEEDS[:3])
    reason = _declared(lab, source)
    if reason:
        return reason
    source.reset([2], SEEDS[2:3], far_params(source.spec, 1) or None)
    source.run(STEPS // 2)
    state, look = source.env.get_state(np.array([0, 2])), source.look()
    for name, value in state.items():
        if tuple(value.shape)[:1] != (2,):
            raise lab.broken(f"'{name}' of a state of 2 lanes has shape {tuple(value.shape)}.", "lead with len(lanes).")
    state = {name: value[...] for name, value in state.items()}
    seeds, t = source.seeds.copy(), source.t.copy()
    expected = source.run(STEPS)
    final = source.state([0, 2])
    fresh = Actor(lab.make(4), source.reference)
    used = lab.actor(3, SEEDS[4:7])
    used.reset([0, 1], SEEDS[:2], far_params(used.spec, 2) or None)
    used.run(4)
    for what, actor, lanes in (
        ("a fresh instance", fresh, [1, 3]),
        ("a used one", used, [0, 1]),
        ("its own", source, [0, 2]),
    ):
        actor.env.set_state(np.array(lanes), state)
        actor.seeds[lanes], actor.t[lanes] = seeds[[0, 2]], t[[0, 2]]
        active = np.isin(actor.lanes, lanes)
        now = actor.look()
        seen = actor.run(STEPS, active)
        for lane, theirs in zip(lanes, (0, 2), strict=True):
            where = f"restored in lane {lane} of {what}"
            lab.same({**lane_of(look, theirs)}, lane_of(now, lane), f"{where}, looked at", _MEND)
            lab.same(lane_of(expected, theirs), lane_of(seen, lane), f"{where}, stepped on", _MEND)
        lab.same(final, actor.state(lanes), f"restored in {what}, the state {STEPS} steps later", _MEND)
    return None


def restore_leaves_other_lanes_alone(lab: Lab) -> str | None:
    """set_state changes only the lanes that it names, and takes some lanes of a state as well."""
    actor = lab.actor(3, SEEDS[:3])
    reason = _declared(lab, actor)
    if reason:
        return reason
    state = actor.env.get_state(actor.lanes)
    actor.run(3)
    before, others = actor.look(), actor.state([0, 2])
    actor.env.set_state(np.array([1]), _picked(state, slice(2, 3)))
    after = actor.look()
    for lane in (0, 2):
        lab.same(
            lane_of(before, lane), lane_of(after, lane), f"lane {lane} when lane 1 was restored", "write named rows."
        )
    lab.same(others, actor.state([0, 2]), "the state of lanes 0 and 2 when lane 1 was restored", "write named rows.")
    lab.same(
        lane_of({k: to_numpy(v) for k, v in state.items()}, 2), lane_of(actor.state(), 1), "lane 1 and its state", _MEND
    )
    return None


def restore_keeps_clock_and_end(lab: Lab) -> str | None:
    """A restored lane has its step counter and its end: TIME_LIMIT comes when it would have come."""
    source = lab.actor(2, SEEDS[:2])
    reason = _declared(lab, source)
    if reason:
        return reason
    limit, still = source.spec.max_steps, still_action(source.spec.action, 2)
    for _ in range(limit - min(2, limit - 1)):
        source.step(None, still)
    other = Actor(lab.make(2), source.reference)
    other.take_over([0, 1], source.env.get_state(source.lanes), source, source.lanes)
    for _ in range(min(2, limit - 1)):
        expected, seen = source.step(None, still), other.step(None, still)
        lab.same(expected, seen, f"restored {min(2, limit - 1)} steps before the time limit", _MEND)
    if is_float(source.spec.action):
        source.reset([0, 1], SEEDS[:2])
        source.step(None, np.full((2, *source.spec.action.shape), np.nan, source.spec.action.dtype))
    third = Actor(lab.make(2), source.reference)
    third.take_over([0, 1], source.env.get_state(source.lanes), source, source.lanes)
    ended, now = source.look(), third.step()
    lab.same(ended, now, "a lane restored after its end, then stepped", _MEND)
    return None if (ended["end"] != End.RUNNING).all() else "no lane could be brought to an end"


def state_is_a_copy(lab: Lab) -> str | None:
    """A state from get_state never changes later; writing into it, or into one given to set_state, changes nothing."""
    actor = lab.actor(2, SEEDS[:2])
    reason = _declared(lab, actor)
    if reason:
        return reason
    actor.run(2)
    mend = "copy on the way out (get_state) and on the way in (set_state)."
    state = actor.env.get_state(actor.lanes)
    copy = {name: to_numpy(value).copy() for name, value in state.items()}
    actor.run(3)
    actor.reset([1], [5])
    lab.same(copy, {name: to_numpy(value) for name, value in state.items()}, "a state after further steps", mend)
    actor.env.set_state(actor.lanes, state)
    before = actor.look()
    for value in state.values():
        overwrite(value)
    lab.same(before, actor.look(), "writing into a state that set_state was given changed a lane", mend)
    lab.same(copy, actor.state(), "writing into a state that set_state was given changed the state", mend)
    for value in actor.env.get_state(actor.lanes).values():
        overwrite(value)
    lab.same(copy, actor.state(), "writing into what get_state gave changed the state", mend)
    return None
