"""lerobot-sim: every robot simulator behind one small typed interface.

Names are loaded when they are first used: importing the package itself loads not even NumPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .old_names import install

if TYPE_CHECKING:
    from .env import Batch, End, Env, State, Step
    from .episode import Episode
    from .lanes import Frames, Start
    from .loop import Profile, Sink, rollout, steps
    from .policy import Decision, Policy
    from .registry import environments, make, make_policy, policy_names
    from .spec import Camera, Capabilities, EnvSpec, Feature, Param

__version__ = "0.1.0"

__all__ = [
    "Batch",
    "Camera",
    "Capabilities",
    "Decision",
    "End",
    "Env",
    "EnvSpec",
    "Episode",
    "Feature",
    "Frames",
    "Param",
    "Policy",
    "Profile",
    "Sink",
    "Start",
    "State",
    "Step",
    "environments",
    "make",
    "make_policy",
    "policy_names",
    "rollout",
    "steps",
]

_HOMES = {
    "env": ("Batch", "End", "Env", "State", "Step"),
    "episode": ("Episode",),
    "policy": ("Decision", "Policy"),
    "registry": ("environments", "make", "make_policy", "policy_names"),
    "spec": ("Camera", "Capabilities", "EnvSpec", "Feature", "Param"),
    "lanes": ("Frames", "Start"),
    "loop": ("Profile", "Sink", "rollout", "steps"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


install()
