"""`--policy`: a policy's name, or the path of a checkpoint."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lerobot_sim import registry
from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.policies.lerobot_files import WEIGHTS, checkpoint_folder
from lerobot_sim.policy import Policy
from lerobot_sim.spec import EnvSpec

_OF_CHECKPOINTS = ("lerobot", "mlp")


def named_policies(env_id: str) -> list[str]:
    """Policies that are given by their name alone; networks are given by their checkpoint's path."""
    return [name for name in registry.policy_names(env_id) if name not in _OF_CHECKPOINTS]


def policy_for(argument: str, spec: EnvSpec) -> tuple[Policy, str]:
    """The policy, and a word that says which: its name, or the checkpoint's digest.

    Raises:
        InputError: Neither a policy's name nor an existing file.
    """
    path = Path(argument)
    if argument == "expert" and str(spec.options.get("controller", "")).startswith("lerobot_"):
        raise InputError(
            "--policy expert moves the hand, not the joints: leave --units out, or record it (lerobot-sim collect "
            "--units), which makes joint targets of what it does."
        )
    if argument in named_policies(spec.id):
        return registry.make_policy(argument, spec), argument
    if path.is_dir() and (path / "best_policy.npz").exists():
        path = path / "best_policy.npz"
    if path.is_file():
        policy = registry.make_policy("mlp", spec, checkpoint=path)
        return policy, f"mlp:{_digest(path)}"
    if folder := checkpoint_folder(path):
        policy = registry.make_policy("lerobot", spec, checkpoint=folder)
        weights = folder / WEIGHTS  # there, or making it would have been refused
        return policy, f"lerobot:{_digest(weights)}"
    if path.suffix == ".npz" or "/" in argument or path.exists():
        raise InputError(
            f"--policy: there is no checkpoint {path}. Train one (lerobot-sim train), or give --policy expert."
        )
    raise unknown_name(f"policy for '{spec.id}'", argument, named_policies(spec.id), "A checkpoint's path is one, too.")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
