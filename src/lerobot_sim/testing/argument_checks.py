"""What cannot be used is refused with our errors, and a refusal changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lerobot_sim.arrays import like
from lerobot_sim.env import End
from lerobot_sim.errors import SimError
from lerobot_sim.spec import Camera

from .lab import SEEDS, Actor, Lab, host


def _nothing_changed(lab: Lab, actor: Actor, calls: dict[str, Callable[[], Any]]) -> None:
    before, state = actor.look(), actor.state()
    for what, call in calls.items():
        lab.refused(what, call)
        mend = "check all arguments before anything is changed."
        lab.same(before, actor.look(), f"{what} was refused, but changed a lane", mend)
        lab.same(state, actor.state(), f"{what} was refused, but changed the state", mend)


def bad_actions_are_refused(lab: Lab) -> str | None:
    """An action or mask of a wrong shape or dtype is refused with our error, and nothing changes."""
    actor = lab.actor(3, SEEDS[:3])
    env, good, everyone = actor.env, actor.action(), actor.tensor(np.ones(3, np.bool_))
    other = np.float64 if good.dtype != np.float64 else np.float32

    def step(action: Any, active: Any = everyone) -> Callable[[], Any]:
        return lambda: env.step(action, active)

    calls = {
        "an action with a lane too many": step(actor.tensor(np.concatenate([good, good[:1]]))),
        "an action without the lane axis": step(actor.tensor(good[0])),
        "an action with a feature too many": step(actor.tensor(np.concatenate([good, good], axis=-1))),
        f"an action of {np.dtype(other)}": step(actor.tensor(good.astype(other))),
        "an action that is a list": step(good.tolist()),
        "a mask of integers": step(actor.tensor(good), actor.tensor(np.ones(3, np.int64))),
        "a mask with a lane too few": step(actor.tensor(good), actor.tensor(np.ones(2, np.bool_))),
    }
    _nothing_changed(lab, actor, calls)
    return None


def bad_lanes_and_seeds_are_refused(lab: Lab) -> str | None:
    """Lanes that are not sorted indices without repeats, and seeds that do not fit them, are refused."""
    actor = lab.actor(3, SEEDS[:3])

    def reset(lanes: Any, seeds: Any) -> Callable[[], Any]:
        return lambda: actor.env.reset(np.asarray(lanes), np.asarray(seeds))

    calls = {
        "reset of lane 3 of 3": reset([3], [1]),
        "reset of lane -1": reset([-1], [1]),
        "reset of lanes [1, 0]": reset([1, 0], [1, 2]),
        "reset of lanes [1, 1]": reset([1, 1], [1, 2]),
        "reset by a mask": reset([True, False, True], [1, 2]),
        "reset of two lanes with one seed": reset([0, 1], [1]),
        "reset with a seed of 0.5": reset([0], [0.5]),
    }
    if actor.spec.capabilities.restore != "none":
        calls["get_state of lane 3 of 3"] = lambda: actor.env.get_state(np.array([3]))
    _nothing_changed(lab, actor, calls)
    return None


def bad_states_are_refused(lab: Lab) -> str | None:
    """A state of other lanes' number, or with a part missing, is refused, and nothing changes."""
    actor = lab.actor(3, SEEDS[:3])
    if actor.spec.capabilities.restore == "none":
        return "spec.capabilities.restore is 'none'"
    actor.run(2)
    state = actor.env.get_state(np.array([0, 1]))
    calls: dict[str, Callable[[], Any]] = {
        "the state of two lanes for three": lambda: actor.env.set_state(actor.lanes, state),
        "an empty state": lambda: actor.env.set_state(np.array([0, 1]), {}),
    }
    for missing in state:
        part = {name: value for name, value in state.items() if name != missing}
        calls[f"a state without '{missing}'"] = lambda part=part: actor.env.set_state(np.array([0, 1]), part)
    _nothing_changed(lab, actor, calls)
    return None


def bad_params_are_refused(lab: Lab) -> str | None:
    """Params that are unknown, out of range, not finite or of a wrong shape are refused, and nothing changes."""
    actor = lab.actor(3, SEEDS[:3])
    env, spec = actor.env, actor.spec
    one, seed = np.array([1]), np.array([9])

    def reset(values: dict[str, Any]) -> Callable[[], Any]:
        return lambda: env.reset(one, seed, values)

    calls: dict[str, Callable[[], Any]] = {
        "an unknown Param at reset": reset({"no_such_param": np.array([1.0])}),
        "an unknown Param in set_params": lambda: env.set_params(one, {"no_such_param": np.array([1.0])}),
    }
    for name, param in spec.params.items():
        nominal = np.broadcast_to(np.asarray(param.nominal), (1, *param.shape))
        high = len(param.choices) - 1 if param.choices else param.high
        low = 0 if param.choices else param.low
        if np.isfinite(high):
            calls[f"'{name}' above its high"] = reset({name: np.full_like(nominal, high + 1)})
        if np.isfinite(low):
            calls[f"'{name}' below its low"] = reset({name: np.full_like(nominal, low - 1)})
        calls[f"'{name}' as NaN"] = reset({name: np.full(nominal.shape, np.nan)})
        calls[f"'{name}' with a lane too many"] = reset({name: np.concatenate([nominal, nominal])})
        if param.when == "reset":
            calls[f"'{name}', fixed for an episode, in set_params"] = lambda name=name, nominal=nominal: env.set_params(
                one, {name: nominal}
            )
    _nothing_changed(lab, actor, calls)
    return None


def unknown_cameras_are_refused(lab: Lab) -> str | None:
    """A camera that the spec does not have is refused."""
    actor = lab.actor(2, SEEDS[:2])
    camera = Camera(height=8, width=8)
    _nothing_changed(lab, actor, {"camera 'no_such_camera'": lambda: actor.env.render({"no_such_camera": camera})})
    return None


def nothing_runs_before_a_reset(lab: Lab) -> str | None:
    """Before its first reset a lane counts as ended: a step is refused with our error, or leaves it where it is."""
    actor = Actor(lab.make(2))
    used = lab.actor(1, SEEDS[:1])
    actor.reference = like(np.zeros(1), used.reference)
    mend = "count lanes that were never reset as ended, or raise an InputError that says so."
    try:
        step = actor.env.step(actor.tensor(actor.action()), actor.tensor(np.ones(2, np.bool_)))
    except SimError:
        pass
    else:
        if (host(step.end) == End.RUNNING).any():
            raise lab.broken("a lane that was never reset took a step.", mend)
    actor.reset([1], [5])
    row = actor.step()
    if row["end"][0] == End.RUNNING:
        raise lab.broken("lane 0, never reset beside lane 1, took a step.", mend)
    return None
