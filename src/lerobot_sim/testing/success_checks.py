"""Success is the predicate on the state just reached: not late, not latched, and not there from the start."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import namespace, to_numpy
from lerobot_sim.env import End, State
from lerobot_sim.errors import SimError

from .lab import SEEDS, STEPS, Actor, Lab, bounds, difference, expert_action, lane_of, still_action, without
from .lane_checks import without_outcome


def no_reset_starts_in_success(lab: Lab) -> str | None:
    """No reset starts in success; such a start is drawn again."""
    actor = lab.actor(8)
    if actor.spec.capabilities.resets_in_success:
        return "spec.capabilities.resets_in_success is declared"
    still = still_action(actor.spec.action, 8)
    mend = "draw starts that succeed again, with the next counter of the stream."
    for block in range(32):
        seeds = np.arange(8 * block, 8 * block + 8)
        first = actor.reset(actor.lanes, seeds)
        if actor.look()["success"].any():
            lane = int(np.flatnonzero(actor.look()["success"])[0])
            raise lab.broken(f"seed {seeds[lane]} starts in success.", mend)
        after = actor.step(None, still)
        for lane in np.flatnonzero(after["success"]).tolist():
            if not difference(lane_of(first, lane), lane_of(without_outcome(after), lane)):
                raise lab.broken(
                    f"seed {seeds[lane]} starts in success, hidden until its first step: nothing moved.", mend
                )
    return None


def success_is_of_the_state_reached(lab: Lab) -> str | None:
    """Success, metrics and observation of a step are those of the state just reached, not of the one before."""
    mend = "evaluate the predicate after the physics, on what it led to."
    actor = lab.actor(2, SEEDS[:2])
    policy = lab.expert(actor.spec) if lab.expert else None
    if policy is not None:
        policy.reset(actor.lanes, SEEDS[:2])
    changes = 0
    was = actor.look()
    for _ in range(min(actor.spec.max_steps, 400)):
        active = was["end"] == End.RUNNING
        row = actor.step(None, expert_action(actor, policy, active) if policy else None)
        now = actor.look()
        expected, seen = without(row, "reward"), without(now, "reward")
        lab.same(expected, seen, "a step, and a look at the same state with nobody active", mend)
        changes += int((row["success"] != was["success"]).sum())
        was = row
        if (row["end"] != End.RUNNING).all() or changes >= 4:
            break
    if changes:
        return None
    return "success was never reached" + ("" if policy else "; give check_env an expert")


def success_is_not_latched(lab: Lab) -> str | None:
    """Success goes away again with the state that it is the predicate of: it is never latched."""
    actor = lab.actor(2, SEEDS[:2])
    if lab.expert is None:
        return "success was never reached: give check_env an expert"
    before = actor.env.get_state(np.array([0])) if actor.spec.capabilities.restore == "exact" else None
    row, last = _to_success(lab, actor)
    if not row:
        return "the expert did not reach success in lane 0"
    mend = "compute success from the state at every step; what 'ever' or 'hold' means is success_rule's to say."
    after = actor.env.get_state(np.array([0])) if before is not None else None
    actor.reset([1], [3])
    if actor.look()["success"][1] and not actor.spec.capabilities.resets_in_success:
        raise lab.broken("a lane is in success after its reset.", mend)
    if before is not None and after is not None:
        actor.env.set_state(np.array([0]), before)
        if actor.look()["success"][0]:
            raise lab.broken("the start of the episode, restored after its success, is in success.", mend)
        for key in after:
            _no_memory(lab, actor, before, after, key, mend)
    if row["end"][0] != End.RUNNING:
        return None  # success ends the episode: nothing comes after it
    return _leave(actor, before, after, last)


def _to_success(lab: Lab, actor: Actor) -> tuple[dict[str, NDArray[np.bool_]], NDArray[np.float32]]:
    """Drives lane 0 to success: the row that reached it and the action that did, or nothing."""
    assert lab.expert is not None
    policy = lab.expert(actor.spec)
    policy.reset(actor.lanes, actor.seeds)
    active = np.array([True, False])
    for _ in range(min(actor.spec.max_steps - 1, 400)):
        action = expert_action(actor, policy, active)
        row = actor.step(active, action)
        if row["success"][0]:
            return row, action
        if row["end"][0] != End.RUNNING:
            break
    return {}, np.zeros(0, np.float32)


def _no_memory(lab: Lab, actor: Actor, before: State, after: State, key: str, mend: str) -> None:
    """One part of the state that only makes success true, and moves nothing, is a latch.

    The start of the episode gets that part from after the success. Where all that can be seen stays the same
    for STEPS steps, but success is true throughout, success is no predicate of what is there.
    """
    if to_numpy(before[key]).tobytes() == to_numpy(after[key]).tobytes():
        return
    both = {name: _twice(before[name], after[name] if name == key else before[name]) for name in before}
    try:
        actor.env.set_state(np.array([0, 1]), both)
    except SimError:
        return  # parts of two states do not go together
    actor.seeds[:], actor.t[:] = 71, 0
    for index in range(STEPS):
        pictures = actor.pictures()
        row = actor.look() if index == 0 else actor.step()
        unlike = difference(_visible(row, 0), _visible(row, 1)) or difference(
            lane_of(pictures, 0), lane_of(pictures, 1)
        )
        if unlike or row["success"][0] or not row["success"][1]:
            return
    raise lab.broken(
        f"with '{key}' of the state as it was after success, success is true at states where it was not.", mend
    )


def _twice(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return namespace(first).concat([first, second], axis=0)


def _visible(row: dict[str, NDArray[np.float64]], lane: int) -> dict[str, NDArray[np.float64]]:
    return lane_of(without(row, "success", "reward", "end"), lane)


def _leave(actor: Actor, before: State | None, after: State | None, last: NDArray[np.float32]) -> str | None:
    """Tries to leave success by every simple way; the reason where none does."""
    if before is None or after is None:
        return "success cannot be restored, so only its reset was looked at"
    low, high = bounds(actor.spec.action)
    away = low + high - last[0]
    for action in (last[0], away, None, low, high):
        actor.env.set_state(np.array([0]), after)
        for _ in range(40):
            given = actor.action() if action is None else np.stack([action, action]).astype(actor.spec.action.dtype)
            if not actor.step([True, False], given)["success"][0]:
                return None
    return "no simple way led out of success again; its restored start was not in success"
