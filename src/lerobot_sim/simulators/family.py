"""What is known of a family of environments, those of one simulator, before it is imported or installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Family:
    """The environments of one simulator, and what its process needs.

    Attributes:
        name: The part of the ids before the slash, such as "metaworld".
        packages: Import names; the simulator runs in this process where all of them can be imported here.
        lock: Name of its lock, `requirements/simulators/<lock>.lock`, and of its environment.
        about: One line for people.
        python: The version of Python that the lock is for.
        environment: Variables that are set in its process.
        cameras: What a dataset of it records where nothing was said: those that LeRobot's own of it have.
        start_s: Time limit of its process's start, until the environment stands.
        reset_s: Time limit of a lane's reset.
        step_s: Time limit of a lane's step, its pictures included.
    """

    name: str
    packages: tuple[str, ...]
    lock: str
    about: str
    python: str = "3.12"
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    cameras: tuple[str, ...] = ()
    start_s: float = 120.0
    reset_s: float = 60.0
    step_s: float = 30.0
