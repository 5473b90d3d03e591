"""Actions that cannot be used: not finite, or beyond the bounds; and the words for an end."""

from __future__ import annotations

import numpy as np

from lerobot_sim.env import End

from .lab import SEEDS, STEPS, Lab, bounds, is_float, lane_of, without
from .lane_checks import without_outcome


def nan_ends_its_lane_alone(lab: Lab) -> str | None:
    """An action that is not finite ends its own lane as POLICY, the last good observation stands in, others go on."""
    for value in (np.nan, np.inf, -np.inf):
        actor = lab.actor(3, SEEDS[:3])
        if not is_float(actor.spec.action):
            return "actions are not floating-point"
        mend = "find lanes with isfinite(action) False, give them End.POLICY, and step the others."
        before = actor.run(2)[-1]
        action = actor.action()
        action[1].flat[-1] = value
        row = actor.step(None, action)
        end = int(row["end"][1])
        if end != End.POLICY:
            raise lab.broken(f"an action of {value} gave the end {End(end).name}.", mend)
        was, now = lane_of(without_outcome(before), 1), lane_of(without_outcome(row), 1)
        lab.same(was, now, f"with an action of {value}, the observation is not the last good one", mend)
        if row["reward"][1] != 0:
            raise lab.broken(f"an action of {value} got reward {row['reward'][1]}.", "a step not taken earns 0.")
        if not actor.spec.capabilities.seeding:
            continue
        twin = lab.actor(3, SEEDS[:3])
        twin.run(2)
        expected, seen = [twin.step(), *twin.run(STEPS)], [row, *actor.run(STEPS)]
        for lane in (0, 2):
            lab.same(lane_of(expected, lane), lane_of(seen, lane), f"lane {lane} beside a lane with {value}", mend)
    return None


def actions_are_clipped(lab: Lab) -> str | None:
    """An action beyond the spec's bounds does what the action at the bound does."""
    actor = lab.actor(2, [51, 51])
    feature = actor.spec.action
    if not (np.isfinite(feature.low).all() and np.isfinite(feature.high).all()):
        return "the action has no bounds"
    if not actor.spec.capabilities.seeding:
        return "spec.capabilities.seeding is False: there are no two lanes to compare"
    if np.dtype(feature.dtype).kind == "u":
        return "actions are unsigned integers"
    low, high = bounds(feature)
    for t in range(STEPS):
        share = np.where(actor.action()[0].astype(np.float64) > (low + high) / 2, 1.0, 0.0)
        edge = low + share * (high - low)
        beyond = edge + (2 * share - 1) * (3.0 if t % 2 else 100.0) * (high - low)
        row = actor.step(None, np.stack([edge, beyond]).astype(feature.dtype))
        what = f"at step {t + 1}, lane 0 at the bound and lane 1 beyond it"
        lab.same(lane_of(row, 0), lane_of(row, 1), what, "clip the action to spec.action.low and high.")
    return None


def explain_gives_words(lab: Lab) -> str | None:
    """explain() gives words for a lane that runs and for one that has ended, and changes nothing."""
    actor = lab.actor(2, SEEDS[:2])
    actor.run(2)
    if is_float(actor.spec.action):
        action = actor.action()
        action[1] = np.nan
        actor.step(None, action)
    before = actor.look()
    for lane in range(2):
        words = actor.env.explain(lane)
        if not isinstance(words, str) or len(words.split()) < 2:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise lab.broken(f"explain({lane}) gave {words!r}.", "say in a sentence how the lane stands.")
    if is_float(actor.spec.action) and actor.env.explain(0) == actor.env.explain(1):
        raise lab.broken("a lane that runs and one that ended as POLICY are explained alike.", "name the end.")
    lab.same(without(before), actor.look(), "explain changed a lane", "only look.")
    return None
