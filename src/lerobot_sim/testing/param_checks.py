"""Params: they reach the episode that they were given for, that one only, and are gone with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.spec import EnvSpec, Param

from .lab import SEEDS, STEPS, Actor, Lab, Row, difference, expert_action, lane_of

_NONE = "the spec has no Params"
_UNSEEDED = "spec.capabilities.seeding is False: there is nothing to compare with"


def bounds_of(param: Param) -> tuple[NDArray[Any], NDArray[Any]]:
    """The least and the greatest value that a Param accepts; a good step from nominal where there is none."""
    if param.choices is not None:
        return np.zeros(param.shape, np.int64), np.full(param.shape, len(param.choices) - 1)
    nominal = np.broadcast_to(np.asarray(param.nominal, np.float64), param.shape)
    step = np.maximum(0.5, np.abs(nominal) / 2)
    low = np.where(np.isfinite(param.low), param.low, np.minimum(nominal - step, param.high))
    high = np.where(np.isfinite(param.high), param.high, np.maximum(nominal + step, param.low))
    return low, high


def far_value(param: Param) -> NDArray[Any]:
    """A value that the Param accepts, as far from its nominal as its bounds allow."""
    low, high = bounds_of(param)
    nominal = np.asarray(param.nominal)
    return np.where(high - nominal > nominal - low, high, low)


def far_params(spec: EnvSpec, count: int, *, when: str | None = None) -> dict[str, NDArray[Any]]:
    """Every Param (that may be changed at a time) far from nominal, (count, *shape)."""
    return {
        name: np.broadcast_to(far_value(param), (count, *param.shape)).copy()
        for name, param in spec.params.items()
        if when is None or param.when == when
    }


def nominals(spec: EnvSpec, count: int) -> dict[str, NDArray[Any]]:
    """Every Param at its nominal value, (count, *shape)."""
    return {
        name: np.broadcast_to(
            np.asarray(param.nominal, np.int64 if param.choices else np.float64), (count, *param.shape)
        ).copy()
        for name, param in spec.params.items()
    }


def _applies(spec: EnvSpec) -> str | None:
    if not spec.params:
        return _NONE
    return None if spec.capabilities.seeding else _UNSEEDED


def _evidence(lab: Lab, actor: Actor, params: dict[str, NDArray[Any]] | None) -> list[Row]:
    """All that can be seen of an episode with some Params: pictures, words, random steps, then the expert's."""
    seen = [actor.reset([0], SEEDS[:1], params), actor.pictures(), *actor.run(STEPS), actor.pictures()]
    seen.append({"instruction": np.array(actor.env.instructions)})
    if lab.expert is not None:
        policy = lab.expert(actor.spec)
        actor.reset([0], SEEDS[:1], params)
        policy.reset(np.array([0]), SEEDS[:1])
        everyone = np.ones(1, np.bool_)
        seen += [
            actor.step(None, expert_action(actor, policy, everyone)) for _ in range(min(100, actor.spec.max_steps))
        ]
    return seen


def params_reach_the_episode(lab: Lab) -> str | None:
    """Each Param is accepted from its low to its high and changes something; giving its nominal is giving nothing."""
    actor = lab.actor(1)
    reason = _applies(actor.spec)
    if reason:
        return reason
    plain = _evidence(lab, actor, None)
    stated = _evidence(lab, actor, nominals(actor.spec, 1))
    lab.same(plain, stated, "with every Param given as nominal", "use the spec's nominal where nothing is given.")
    hidden: list[str] = []
    for name, param in actor.spec.params.items():
        seen = [_evidence(lab, actor, {name: bound[None]}) for bound in bounds_of(param)]
        if not any(difference(plain, one) for one in seen):
            hidden.append(name)
    if hidden and lab.expert is not None:
        what = "neither in pictures nor in words nor in random steps nor in the expert's"
        raise lab.broken(f"Params {hidden} change nothing, {what}.", "use them, or take them out of the spec.")
    return f"no effect of {hidden} was seen; give check_env an expert" if hidden else None


def params_do_not_linger(lab: Lab) -> str | None:
    """What a reset does not give is nominal again, whatever the last episode had."""
    actor = lab.actor(2)
    reason = _applies(actor.spec)
    if reason:
        return reason
    mend = "begin every reset from the nominal Params: {**nominal_params(spec, n), **given}."

    def episode(who: Actor, params: dict[str, NDArray[Any]] | None) -> list[Row]:
        first = who.reset([0, 1], SEEDS[:2], params)
        return [first, who.state(), who.pictures(), *who.run(STEPS), who.state()]

    name = next(iter(actor.spec.params))
    only = {name: far_params(actor.spec, 2)[name]}
    expected, expected_only = episode(actor, None), episode(lab.actor(2), only)
    used = lab.actor(2)
    for params, wanted in ((None, expected), (only, expected_only)):
        used.reset([0, 1], SEEDS[2:4], far_params(used.spec, 2))
        used.run(2)
        used.env.set_params(np.array([0, 1]), far_params(used.spec, 2, when="step"))
        used.run(2)
        what = f"after an episode with other Params, a reset with {sorted(params or {}) or 'none'} given"
        lab.same(wanted, episode(used, params), what, mend)
    return None


def params_stay_in_their_lane(lab: Lab) -> str | None:
    """A Param given for one lane changes no other lane, at reset and in set_params."""
    plain = lab.actor(3, SEEDS[:3])
    reason = _applies(plain.spec)
    if reason:
        return reason
    mend = "keep Params by lane, arrays that lead with num_envs."
    spec = plain.spec
    expected = [plain.state(), *plain.run(STEPS), plain.state()]
    alone = lab.actor(1)
    alone.reset([0], SEEDS[1:2], far_params(spec, 1))
    changed = [alone.state(), *alone.run(STEPS), alone.state()]

    beside = lab.actor(3, SEEDS[:3])
    beside.reset([1], SEEDS[1:2], far_params(spec, 1))
    mixed = lab.actor(3)
    both = {name: np.stack([value, far_value(spec.params[name]), value]) for name, value in _rows(spec)}
    mixed.reset([0, 1, 2], SEEDS[:3], both)
    for what, actor in (("reset of lane 1 alone with Params", beside), ("reset with Params for all", mixed)):
        seen = [actor.state(), *actor.run(STEPS), actor.state()]
        for lane in (0, 2):
            lab.same(lane_of(expected, lane), lane_of(seen, lane), f"{what}: nominal lane {lane}", mend)
        lab.same(lane_of(changed, 0), lane_of(seen, 1), f"{what}: lane 1 and the same alone", mend)

    later = lab.actor(3, SEEDS[:3])
    later.env.set_params(np.array([1]), far_params(spec, 1, when="step"))
    seen = [later.state(), *later.run(STEPS), later.state()]
    for lane in (0, 2):
        lab.same(lane_of(expected, lane), lane_of(seen, lane), f"set_params of lane 1: lane {lane}", mend)
    return None


def _rows(spec: EnvSpec) -> list[tuple[str, NDArray[Any]]]:
    return [(name, value[0]) for name, value in nominals(spec, 1).items()]
