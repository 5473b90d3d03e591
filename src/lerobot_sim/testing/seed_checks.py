"""An episode is a function of its seed, its Params and its actions, and of nothing else."""

from __future__ import annotations

import numpy as np

from .lab import SEEDS, STEPS, Actor, Lab, Row, difference, is_float, lane_of

_UNSEEDED = "spec.capabilities.seeding is False"
_MEND = (
    "draw from lerobot_sim.rng with the lane's own seed; no generator object, global or shared; "
    "no memory of the last episode."
)


def _episode(actor: Actor, lane: int, seed: int, steps: int = STEPS) -> list[Row]:
    """One episode in a lane with all lanes active: the reset's row and every step's."""
    first = actor.reset([lane], [seed])
    return [lane_of(first, lane), *(lane_of(row, lane) for row in actor.run(steps))]


def seed_decides_the_episode(lab: Lab) -> str | None:
    """The same seed and actions give the same episode, whatever ran before and in every instance."""
    actor = lab.actor(2, SEEDS[:2])
    if not actor.spec.capabilities.seeding:
        return _UNSEEDED
    first = _episode(actor, 0, 21)
    _episode(actor, 0, 22, steps=STEPS + 3)
    lab.same(first, _episode(actor, 0, 21), "seed 21 after another episode is not what it was at first", _MEND)
    fresh = lab.actor(2, SEEDS[2:4])
    lab.same(first, _episode(fresh, 0, 21), "seed 21 in a new instance is not what it was in the first", _MEND)
    return None


def seeds_differ(lab: Lab) -> str | None:
    """Different seeds give different resets, each lane by its own seed."""
    seeds = np.array([*range(16), 2**32 + 3, -3, 2**62 + 5], np.int64)
    actor = lab.actor(len(seeds))
    capabilities = actor.spec.capabilities
    if not capabilities.seeding:
        return _UNSEEDED
    row = {**actor.reset(actor.lanes, seeds), **{f"state.{key}": value for key, value in actor.state().items()}}
    looks = [_bytes(lane_of(row, lane)) for lane in range(len(seeds))]
    if capabilities.fixed_start:
        if len(set(looks)) > 1:
            raise lab.broken(
                "resets differ although capabilities.fixed_start is declared.", "declare fixed_start=False."
            )
        return None
    if len(set(looks)) == 1:
        raise lab.broken(
            f"{len(seeds)} seeds gave one and the same reset: the seed is ignored, or shared by the lanes.",
            f"{_MEND} Where nothing is random, declare capabilities.fixed_start.",
        )
    if len(set(looks[:16])) == 16 and len(set(looks)) < len(seeds):
        raise lab.broken(
            "seeds that differ above 32 bits, or in sign, gave the same reset.", "use all 64 bits of a seed."
        )
    same = lab.actor(3, [7, 7, 7])
    again = same.reset([0, 2], [7, 7])
    for lane in (1, 2):
        lab.same(lane_of(again, 0), lane_of(again, lane), "one seed in two lanes of one reset", _MEND)
    return None


def _bytes(row: Row) -> bytes:
    return b"".join(np.asarray(value).tobytes() for value in row.values())


def lanes_are_independent(lab: Lab) -> str | None:
    """An episode is the same bytes in whichever lane, beside whatever neighbours, at whatever lane count."""
    seeds = [31, 32, 33]
    single = lab.actor(1)
    if not single.spec.capabilities.seeding:
        return _UNSEEDED
    alone = [_episode(single, 0, seed) for seed in seeds]
    for count, order in ((3, [0, 1, 2]), (3, [2, 0, 1]), (8, [1, 4, 7]), (8, [6, 5, 0])):
        actor = lab.actor(count, 1000 + np.arange(count))
        lanes = np.array(sorted(order))
        ranks = np.argsort(np.argsort(order))
        first = actor.reset(lanes, [seeds[order.index(lane)] for lane in lanes])
        trace = [first, *actor.run(STEPS)]
        for index in range(3):
            lane = int(lanes[ranks[index]])
            what = f"seed {seeds[index]} in lane {lane} of {count} is not what it is in a single lane"
            lab.same(alone[index], lane_of(trace, lane), what, "nothing of a lane may depend on the batch around it.")
    return None


def neighbours_do_not_matter(lab: Lab) -> str | None:
    """What neighbours do (idle, end, begin anew, act wildly) changes nothing in a lane."""
    quiet = lab.actor(3, SEEDS[:3])
    if not quiet.spec.capabilities.seeding:
        return _UNSEEDED
    expected = lane_of(quiet.run(STEPS), 1)
    actor = lab.actor(3, SEEDS[:3])
    seen: list[Row] = []
    for t in range(STEPS):
        action = actor.action()
        action[0] = -action[0] if np.dtype(actor.spec.action.dtype).kind == "f" else action[2]
        if t == 3 and is_float(actor.spec.action):
            action[2] = np.nan
        if t == 6:
            actor.reset([0, 2], [5, 6])
        seen.append(lane_of(actor.step([t % 2 == 0, True, True], action), 1))
    lab.same(expected, seen, "lane 1 is not what it is beside quiet neighbours", "keep what a lane has by lane.")
    return None


def instances_are_separate(lab: Lab) -> str | None:
    """Two instances side by side do not touch each other."""
    single = lab.actor(2, SEEDS[:2])
    if not single.spec.capabilities.seeding:
        return _UNSEEDED
    expected = single.run(STEPS)
    first, second = lab.actor(2, SEEDS[:2]), lab.actor(2, SEEDS[2:4])
    seen: list[Row] = []
    for _ in range(STEPS):
        second.step()
        seen.append(first.step())
    second.reset([0, 1], SEEDS[4:6])
    found = difference(expected, seen)
    if found:
        raise lab.broken(f"beside a second instance, {found}.", "keep nothing in the module or the class.")
    return None
