"""The experts of `metaworld/…`: MetaWorld's own scripted policies, here or in a process of MetaWorld's environment.

Its scripts read its 39 numbers, of which they need the newest frame and the goal. They reach 248 of 250 episodes of
the 50 tasks, seeds 0 to 4.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np

from lerobot_sim.errors import InputError, SimError
from lerobot_sim.simulators import metaworld
from lerobot_sim.simulators.families import is_here
from lerobot_sim.simulators.metaworld.options import GOAL, OBJECTS, ROBOT, parse
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, EnvSpec

from .scripted import Floats, ScriptedExpert

_PATIENCE_S = 30.0


class HostedScript:
    """A script in a process of MetaWorld's own environment, started when it is first asked.

    The scripts remember nothing, so where the process is lost another is started and asked again, once.

    Args:
        task: Its name.
    """

    def __init__(self, task: str) -> None:
        self._task = task
        self._ask: Callable[[Floats], Floats] | None = None
        self._end: Callable[[], None] = lambda: None

    def __call__(self, numbers: Floats) -> Floats:
        """Actions (n, 4) for rows of MetaWorld's 39 numbers (n, 39)."""
        from lerobot_sim.simulators.host.channel import LateError, LostError

        try:
            return self._asked()(numbers)
        except (LateError, LostError):
            self.close()
            return self._asked()(numbers)

    def close(self) -> None:
        """Ends the process; the next question starts another."""
        self._ask = None
        with contextlib.suppress(SimError):
            self._end()

    def _asked(self) -> Callable[[Floats], Floats]:
        """The question to a process that stands."""
        if self._ask is not None:
            return self._ask
        from lerobot_sim.simulators.host.install import python_of
        from lerobot_sim.simulators.host.process import Process, Program

        family = metaworld.FAMILY
        served = "lerobot_sim.simulators.metaworld.policy"
        process = Process(
            Program(python=python_of(family), factory=f"{served}:Script", keywords={"task": self._task}, serve=served)
        )
        self._end = process.end
        process.receive(family.start_s)

        def ask(numbers: Floats) -> Floats:
            return process.call({"call": "act"}, {"numbers": numbers}, limit_s=_PATIENCE_S)[1]["action"]

        self._ask = ask
        return ask


def make(spec: EnvSpec, noise: float = 0.0) -> ScriptedExpert:
    """The expert of a task of MetaWorld; `noise` is the standard deviation of Gaussian noise on its actions.

    Raises:
        InputError: The environment does not show what the scripts read: the objects and the goal.
    """
    task = spec.id.partition("/")[2]
    options = parse(task, spec.options)
    if options.observation_type != "state" or not options.shows_goal:
        raise InputError(
            f"MetaWorld's scripts read the objects and the goal: for them '{spec.id}' must be made with "
            "observation_type='state' and goal_observable=True."
        )
    script = _script(task)
    return ScriptedExpert(spec, lambda named: script(published(named)), noise)


def published(named: dict[str, Floats]) -> Floats:
    """MetaWorld's 39 numbers (n, 39) of an observation: its newest frame stands for the one before, too."""
    others = named[ENVIRONMENT_STATE]
    frame = np.concatenate([named[STATE][:, :ROBOT], others[:, :OBJECTS]], axis=1)
    return np.concatenate([frame, frame, others[:, -GOAL:]], axis=1)


def _script(task: str) -> Callable[[Floats], Floats]:
    if is_here(metaworld.FAMILY):
        from lerobot_sim.simulators.metaworld.policy import Script

        return Script(task)
    return HostedScript(task)
