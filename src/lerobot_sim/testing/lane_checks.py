"""Lanes that idle, that have ended, that begin anew, and the clock of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.env import End

from .lab import SEEDS, STEPS, Actor, Lab, Row, is_float, lane_of, still_action, without

_OUTCOME = ("reward", "success", "end")


def idle_lanes_stay_put(lab: Lab) -> str | None:
    """Lanes that are not active stay as they are, with reward 0, and go on later as if nothing had been."""
    mend = "keep the old value where the mask is False: where(active, moved, old), the step counter included."
    actor = lab.actor(3, SEEDS[:3])
    before, state = actor.run(2)[-1], actor.state([0, 2])
    for t in range(3):
        action = actor.action()
        if t == 1 and is_float(actor.spec.action):
            action[0] = np.nan  # rows of idle lanes are ignored
        row = actor.step([False, True, False], action)
        for lane in (0, 2):
            was, now = lane_of(without(before, "reward"), lane), lane_of(without(row, "reward"), lane)
            lab.same(was, now, f"idle lane {lane} changed", mend)
            if row["reward"][lane] != 0:
                raise lab.broken(f"idle lane {lane} got reward {row['reward'][lane]}.", "where(active, reward, 0).")
    lab.same(state, actor.state([0, 2]), "the state of idle lanes changed", mend)
    if not actor.spec.capabilities.seeding:
        return None
    twin = lab.actor(3, SEEDS[:3])
    twin.run(2)
    expected, seen = twin.run(STEPS), actor.run(STEPS)
    for lane in (0, 2):
        lab.same(lane_of(expected, lane), lane_of(seen, lane), f"lane {lane} after a pause, beside one without", mend)
    return None


def ended_lanes_stay_put(lab: Lab) -> str | None:
    """A lane that has ended stays as it is and keeps its end until reset names it; nothing resets by itself."""
    actor = lab.actor(3, SEEDS[:3])
    if not is_float(actor.spec.action):
        return "actions are not floating-point, so none can end a lane at once (the time limit's check looks, too)"
    actor.run(2)
    action = actor.action()
    action[1] = np.nan
    ended = actor.step(None, action)
    _stays(lab, actor, ended, np.array([1]), actor.action)
    row = actor.reset([1], [77])
    after = actor.look()
    if after["end"][1] != End.RUNNING:
        raise lab.broken(
            f"a reset lane has the end {End(int(after['end'][1])).name}.", "reset sets the end to RUNNING."
        )
    lab.same(
        lane_of(row, 1),
        lane_of(without_outcome(after), 1),
        "the observation after reset, and of an idle step",
        "show the state.",
    )
    return None


def without_outcome(row: Row) -> Row:
    """Only the observation of a row."""
    return {name: value for name, value in row.items() if name not in _OUTCOME and not name.startswith("metrics.")}


def _stays(lab: Lab, actor: Actor, ended: Row, lanes: NDArray[np.int64], action: Callable[[], NDArray[Any]]) -> None:
    """Steps on with every lane active: `lanes`, which have ended, must not notice."""
    mend = "act only on lanes that are active and RUNNING; begin anew in reset alone."
    state = actor.state(lanes)
    for t in range(4):
        row = actor.step(None, action())
        for lane in lanes.tolist():
            what = f"lane {lane}, which had ended, {t + 1} steps later"
            lab.same(lane_of(without(ended, "reward"), lane), lane_of(without(row, "reward"), lane), what, mend)
            if row["reward"][lane] != 0:
                raise lab.broken(f"{what} got reward {row['reward'][lane]}.", mend)
    lab.same(state, actor.state(lanes), "the state of lanes that had ended changed", mend)


def reset_leaves_other_lanes_alone(lab: Lab) -> str | None:
    """A reset of some lanes leaves all others exactly as they are, their step counters included."""
    mend = "write only the rows that reset names; counters, ends and Params, too."
    actor = lab.actor(3, SEEDS[:3])
    limit = actor.spec.max_steps
    still = still_action(actor.spec.action, 3)
    for _ in range(min(5, limit - 1)):
        before = actor.step(None, still)
    before, state = actor.look(), actor.state([0, 2])
    row = actor.reset([1], [88])
    for lane in (0, 2):
        lab.same(lane_of(without_outcome(before), lane), lane_of(row, lane), f"lane {lane} when lane 1 was reset", mend)
    lab.same(state, actor.state([0, 2]), "the state of lanes 0 and 2 when lane 1 was reset", mend)
    after = actor.look()
    for lane in (0, 2):
        lab.same(lane_of(before, lane), lane_of(after, lane), f"lane {lane} after lane 1 was reset", mend)
    taken = int(actor.t[0])
    while taken < limit and after["end"][0] == End.RUNNING:
        after, taken = actor.step(None, still), taken + 1
    end = End(int(after["end"][0]))
    if end is End.RUNNING:
        raise lab.broken(
            f"lane 0 runs on after {taken} steps of {limit}: the reset of lane 1 set its counter back.", mend
        )
    if end is not End.TIME_LIMIT:
        return f"the others' counters: lane 0 ended as {end.name} before the time limit"
    if taken != limit:
        raise lab.broken(f"lane 0 met its TIME_LIMIT after {taken} steps, not {limit}, once lane 1 was reset.", mend)
    again = actor.reset([1], [89])
    lab.same(lane_of(without_outcome(after), 0), lane_of(again, 0), "ended lane 0 when lane 1 was reset", mend)
    if actor.look()["end"][0] != End.TIME_LIMIT:
        raise lab.broken("lane 0 lost its end when lane 1 was reset.", mend)
    return None


def time_limit_is_exact(lab: Lab) -> str | None:
    """TIME_LIMIT comes at each lane's own step max_steps, neither sooner nor later; the lane then stays as it is."""
    reason = _time_limit(lab, moving=False)
    return reason and _time_limit(lab, moving=True)


def _time_limit(lab: Lab, *, moving: bool) -> str | None:
    actor = lab.actor(3, SEEDS[:3])
    limit = actor.spec.max_steps
    mend = "count active steps by lane from reset; end at count >= max_steps."
    still = still_action(actor.spec.action, 3)

    def action() -> NDArray[Any]:
        return actor.action() if moving else still

    late = min(4, limit - 1)
    for _ in range(late):
        actor.step([True, True, False], action())
    actor.reset([1], [44])
    ends: dict[int, tuple[End, int]] = {}
    row: Row = {}
    for _ in range(limit + 2):
        row = actor.step(None, action())
        for lane in range(3):
            if row["end"][lane] != End.RUNNING and lane not in ends:
                ends[lane] = End(int(row["end"][lane])), int(actor.t[lane])
        if len(ends) == 3:
            break
    for lane in range(3):
        end, taken = ends.get(lane, (End.RUNNING, int(actor.t[lane])))
        if end is End.RUNNING:
            raise lab.broken(f"lane {lane} still runs after {taken} steps; max_steps is {limit}.", mend)
        if end is End.TIME_LIMIT and taken != limit:
            raise lab.broken(f"lane {lane} met its TIME_LIMIT after {taken} steps; max_steps is {limit}.", mend)
    _stays(lab, actor, row, np.arange(3), action)
    early = [end.name for end, _ in ends.values() if end is not End.TIME_LIMIT]
    return f"lanes ended sooner, as {early[0]}" if len(early) == 3 else None
