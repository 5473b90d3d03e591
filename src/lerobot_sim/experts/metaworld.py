"""The experts of `metaworld/…`: MetaWorld's own scripted policies, here or in a process of MetaWorld's environment.

Its scripts read its 39 numbers, of which they need the newest frame and the goal. They reach 248 of 250 episodes of
the 50 tasks, seeds 0 to 4.
"""

from __future__ import annotations

import numpy as np

from lerobot_sim.errors import InputError
from lerobot_sim.policy import Policy
from lerobot_sim.simulators import metaworld
from lerobot_sim.simulators.families import is_here
from lerobot_sim.simulators.metaworld.options import GOAL, OBJECTS, ROBOT, parse
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, EnvSpec

from .scripted import Floats, ScriptedExpert

_ACT_S = 30.0


def make(spec: EnvSpec, noise: float = 0.0) -> Policy:
    """The expert of a task of MetaWorld; `noise` is the standard deviation of Gaussian noise on its actions.

    Raises:
        InputError: The environment does not show what the scripts read: the objects and the goal.
        NotSetUpError: MetaWorld is neither here nor set up.
    """
    options = parse(spec.id.partition("/")[2], spec.options)
    if options.observation_type != "state" or not options.shows_goal:
        raise InputError(
            f"MetaWorld's scripts read the objects and the goal: for them '{spec.id}' must be made with "
            "observation_type='state' and goal_observable=True."
        )
    if is_here(metaworld.FAMILY):
        return here(spec, noise)
    from lerobot_sim.simulators.host.hosted_policy import HostedPolicy
    from lerobot_sim.simulators.host.install import python_of
    from lerobot_sim.simulators.host.process import Program
    from lerobot_sim.simulators.host.workers import limits_of

    factory = "lerobot_sim.experts.metaworld:here"
    program = Program(python=python_of(metaworld.FAMILY), factory=factory, keywords={"noise": noise})
    return HostedPolicy(program, spec, start_s=limits_of(metaworld.FAMILY).start_s, act_s=_ACT_S)


def here(spec: EnvSpec, noise: float) -> ScriptedExpert:
    """The expert in a process that can import MetaWorld."""
    from lerobot_sim.simulators.metaworld.policy import Script

    script = Script(spec.id.partition("/")[2])
    return ScriptedExpert(spec, lambda named: script(published(named)), noise)


def published(named: dict[str, Floats]) -> Floats:
    """MetaWorld's 39 numbers (n, 39) of an observation: its newest frame stands for the one before, too."""
    others = named[ENVIRONMENT_STATE]
    frame = np.concatenate([named[STATE][:, :ROBOT], others[:, :OBJECTS]], axis=1)
    return np.concatenate([frame, frame, others[:, -GOAL:]], axis=1)
