"""The table of mutants, and how one is added to it."""

import dataclasses
from dataclasses import dataclass

from lerobot_sim.envs.task_env import TaskEnv

from . import toy


@dataclass(frozen=True)
class Mutant:
    """What is broken, which check must find it, and words that its message must hold."""

    make: object
    check: str
    words: str


MUTANTS: dict[str, Mutant] = {}


def mutant(check, words, **task):
    """Adds a broken TaskEnv, or the toy's Task with some functions replaced, to the table."""

    def add(broken):
        name = broken.__name__
        if isinstance(broken, type):
            made = dataclasses.replace(toy.TASK, **task)
            MUTANTS[name] = Mutant(lambda num_envs: broken(made, num_envs), check, words)
        else:
            made = dataclasses.replace(toy.TASK, **broken())
            MUTANTS[name] = Mutant(lambda num_envs: TaskEnv(made, num_envs), check, words)
        return broken

    return add


def spec_with(**changes):
    """The toy's, with some fields changed."""
    return dataclasses.replace(toy.SPEC, **changes)
