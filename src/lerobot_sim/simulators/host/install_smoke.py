"""A smoke run: does the simulator start in its environment, reset, step and draw?"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import TypeVar

import numpy as np

from lerobot_sim.env import End, Env
from lerobot_sim.errors import BrokenPromiseError
from lerobot_sim.simulators.families import catalogue, make

from . import install_record
from .install import state_of
from .install_record import SmokeRun

Made = TypeVar("Made")


def smoke_run(module: str, task: str | None = None) -> SmokeRun:
    """Starts a process of the family's environment, resets, steps and draws one lane; the record there keeps it.

    Args:
        module: The family's package.
        task: Its bare name; by default the catalogue's first.

    Raises:
        NotSetUpError: There is no environment.
    """
    package = catalogue(module)
    task = task or package.tasks()[0]
    seconds: dict[str, float] = {}
    said = ""
    state = state_of(package.FAMILY)
    try:
        began = time.monotonic()
        with closing(make(module, task, 1, host="own")) as env:
            seconds["start"] = time.monotonic() - began
            _run(env, seconds)
    except Exception as error:  # whatever a simulator may do is what is asked here
        if not state.usable:
            raise
        said = f"{type(error).__name__}: {error}"
    result = SmokeRun(
        passed=not said,
        task=f"{package.FAMILY.name}/{task}",
        seconds={name: round(value, 4) for name, value in seconds.items()},
        said=said,
        made_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    if state.record is not None:
        install_record.write(state.place, replace(state.record, smoke=result))
    return result


def _run(env: Env, seconds: dict[str, float]) -> None:
    lane = np.array([0])
    observation = _timed(seconds, "reset", lambda: env.reset(lane, np.array([0])))
    for name, value in observation.items():
        if not np.isfinite(value).all():
            raise BrokenPromiseError(f"After a reset, {name} holds numbers that are not finite: {value}.")
    action = np.clip(np.zeros((1, *env.spec.action.shape)), env.spec.action.low, env.spec.action.high)
    step = _timed(seconds, "step", lambda: env.step(action.astype(env.spec.action.dtype), np.array([True])))
    if step.end[0] in (End.FAULT, End.DIVERGED):
        raise BrokenPromiseError(f"The first step ended as {End(step.end[0]).name}: {env.explain(0)}")
    for name, camera in list(env.spec.cameras.items())[:1]:
        picture = _timed(seconds, "picture", partial(env.render, {name: camera}))[name]
        if np.ptp(picture) == 0:
            raise BrokenPromiseError(f"The picture of camera '{name}' is of one colour: rendering does not work.")


def _timed(seconds: dict[str, float], what: str, call: Callable[[], Made]) -> Made:
    began = time.monotonic()
    result = call()
    seconds[what] = time.monotonic() - began
    return result
