"""The arrays that come out: their names, shapes, dtypes and bounds, and whose memory they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from lerobot_sim.arrays import Array, dtype_name, namespace, to_numpy
from lerobot_sim.env import Batch, End, Env, Step
from lerobot_sim.spec import Feature

from .lab import SEEDS, STEPS, Actor, Lab, bounds, random_action, row_of

_ENDS = tuple(int(end) for end in End)


def arrays_match_the_spec(lab: Lab) -> str | None:
    """What comes out has the spec's names, shapes and dtypes, in one array namespace, finite and within bounds."""
    env = lab.make(3)
    actor = Actor(env)
    mend = "make the arrays as the spec says, or correct the spec."
    observation = env.reset(np.arange(3), SEEDS[:3])
    problems = _observation(env, observation, observation)
    actor.reference = next(iter(observation.values()), actor.reference)
    low, high = bounds(env.spec.action)
    actor.seeds[:] = SEEDS[:3]
    names: set[str] | None = None
    for t in range(min(30, env.spec.max_steps)):
        if problems:
            break
        action = random_action(env.spec.action, actor.seeds, actor.t + t)
        action[1], action[2] = low, high  # to the walls
        step = env.step(actor.tensor(action), actor.tensor(np.ones(3, np.bool_)))
        names = set(step.metrics) if names is None else names
        problems = [*_observation(env, step.observation, observation), *_outcome(env, step, observation)]
        if set(step.metrics) != names:
            problems.append(f"metrics are {sorted(step.metrics)} and were {sorted(names)}")
    if problems:
        raise lab.broken("; ".join(problems) + ".", mend)
    return None


def _observation(env: Env, observation: Batch, first: Batch) -> list[str]:
    expected = env.spec.observation
    if set(observation) != set(expected):
        return [f"the observation holds {sorted(observation)}, the spec {sorted(expected)}"]
    problems: list[str] = []
    for name, feature in expected.items():
        problems += _array(name, observation[name], (env.num_envs, *feature.shape), feature.dtype, first)
        if not problems:
            problems += _values(name, feature, observation[name])
    return problems


def _array(name: str, array: Array, shape: tuple[int, ...], dtype: str, first: Batch) -> list[str]:
    if not hasattr(array, "dtype"):
        return [f"'{name}' is a {type(array).__name__}, not an array"]
    if tuple(array.shape) != shape or dtype_name(array) != dtype:
        return [f"'{name}' is {dtype_name(array)} {tuple(array.shape)} where {dtype} {shape} is expected"]
    if first and namespace(array) is not namespace(next(iter(first.values()))):
        return [f"'{name}' is a {type(array).__name__}, other arrays are not: one namespace is expected"]
    return []


def _values(name: str, feature: Feature, array: Array) -> list[str]:
    values = to_numpy(array)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return [f"'{name}' holds {values[~np.isfinite(values)][0]}"]
    shape = feature.shape
    low = np.asarray(feature.low).astype(values.dtype) if np.isfinite(feature.low).all() else np.asarray(-np.inf)
    high = np.asarray(feature.high).astype(values.dtype) if np.isfinite(feature.high).all() else np.asarray(np.inf)
    low = low.reshape(shape) if low.size > 1 else low
    high = high.reshape(shape) if high.size > 1 else high
    outside = (values < low) | (values > high)
    return [f"'{name}' holds {values[outside][0]}, outside its declared bounds"] if outside.any() else []


def _outcome(env: Env, step: Step, first: Batch) -> list[str]:
    count = (env.num_envs,)
    problems = [
        *_array("reward", step.reward, count, "float32", first),
        *_array("success", step.success, count, "bool", first),
        *_array("end", step.end, count, "int64", first),
    ]
    for name, value in step.metrics.items():
        if not hasattr(value, "dtype") or tuple(value.shape)[:1] != count:
            problems.append(f"metric '{name}' does not lead with the {env.num_envs} lanes")
        elif namespace(value) is not namespace(step.reward):
            problems.append(f"metric '{name}' is a {type(value).__name__}: one namespace is expected")
        elif not np.isfinite(to_numpy(value)).all():
            problems.append(f"metric '{name}' is not finite")
    if problems:
        return problems
    if not np.isfinite(to_numpy(step.reward)).all():
        problems.append("a reward is not finite")
    if not np.isin(to_numpy(step.end), _ENDS).all():
        problems.append(f"end is {to_numpy(step.end).tolist()}, no values of End")
    return problems


def arrays_belong_to_the_caller(lab: Lab) -> str | None:
    """Arrays that were given out never change later, and writing into them changes nothing."""
    actor = lab.actor(3, SEEDS[:3])
    env = actor.env
    mend = "return copies (array.copy()), and keep no reference to an action."
    kept: list[tuple[str, Any, Any]] = []
    _keep(kept, "reset", actor.observation)
    everyone = actor.tensor(np.ones(3, np.bool_))
    untouched = lab.actor(3, SEEDS[:3]).env
    for t in range(STEPS):
        action = actor.tensor(actor.action())
        before = to_numpy(action).copy()
        step = env.step(action, everyone)
        actor.t += 1
        if to_numpy(action).tobytes() != before.tobytes():
            raise lab.broken("step wrote into the action that it was given.", mend)
        overwrite(action)
        _keep(
            kept, f"step {t + 1}", {**step.observation, **step.metrics, "reward": step.reward, "success": step.success}
        )
        _keep(kept, f"step {t + 1}", {"end": step.end})
    _keep(kept, "reset", env.reset(np.array([1]), np.array([99])))
    for where, array, copy in kept:
        if to_numpy(array).tobytes() != copy.tobytes():
            raise lab.broken(f"an array that {where} returned has changed since: it aliases a live buffer.", mend)
    before, state = actor.look(), actor.state()
    last = env.step(actor.tensor(actor.action()), actor.tensor(np.zeros(3, np.bool_)))
    for array in (*last.observation.values(), *last.metrics.values(), last.reward, last.success, last.end):
        overwrite(array)
    for _, array, _ in kept:
        overwrite(array)
    lab.same(before, actor.look(), "writing into returned arrays changed what the next step reported", mend)
    lab.same(state, actor.state(), "writing into returned arrays changed the state", mend)
    twin = lab.actor(3, SEEDS[:3])
    if not actor.spec.capabilities.seeding:
        return "an action that is kept was not looked for: spec.capabilities.seeding is False"
    for t in range(STEPS):
        action = actor.tensor(twin.action())
        expected, seen = twin.step(), row_of(untouched.step(action, everyone))
        overwrite(action)
        lab.same(expected, seen, f"the action of step {t} was overwritten after it, and the next step changed", mend)
    return None


def _keep(kept: list[tuple[str, Any, Any]], where: str, batch: Batch) -> None:
    kept += [(f"{where} ('{name}')", array, to_numpy(array).copy()) for name, array in batch.items()]


def overwrite(array: Array) -> None:
    """Writes nonsense into an array, where its kind can be written to."""
    try:
        array[...] = 1 if dtype_name(array) == "bool" else 77
    except (ValueError, TypeError):  # read-only, immutable
        return
