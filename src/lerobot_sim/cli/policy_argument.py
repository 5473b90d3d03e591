"""`--policy`: a policy's name, a checkpoint's path or name on the hub, or the address of a policy server."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lerobot_sim import registry
from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.policies import bc_config
from lerobot_sim.policies.lerobot_files import WEIGHTS, checkpoint_folder, folder_of, is_of_hub, said_settings
from lerobot_sim.policy import Policy
from lerobot_sim.spec import EnvSpec

TOKEN = "LEROBOT_SIM_POLICY_TOKEN"  # noqa: S105  a name
"""The variable that holds a policy server's token."""

SERVERS = ("ws://", "wss://")
"""How the address of a policy server begins."""

_OF_CHECKPOINTS = ("bc", "lerobot", "mlp")


def named_policies(env_id: str) -> list[str]:
    """Policies that are given by their name alone; networks are given by their checkpoint's path."""
    return [name for name in registry.policy_names(env_id) if name not in _OF_CHECKPOINTS]


def policy_for(argument: str, spec: EnvSpec, settings: Mapping[str, Any] | None = None) -> tuple[Policy, str]:
    """The policy, and a word that says which: its name, or the checkpoint's digest with the settings that were changed.

    Args:
        argument: As --policy takes it.
        spec: The environment's.
        settings: In the place of a checkpoint's own, such as {"n_action_steps": 1}.

    Raises:
        InputError: Neither a policy's name nor an existing file, or settings that it cannot have.
        SimError: The hub cannot be reached, or has no such checkpoint.
    """
    if not settings:
        return _policy_for(argument, spec, {})
    policy, identity = _policy_for(argument, spec, settings)
    return policy, f"{identity},{said_settings(settings)}"


def _policy_for(argument: str, spec: EnvSpec, settings: Mapping[str, Any]) -> tuple[Policy, str]:
    path = folder_of(argument, None) if is_of_hub(argument) else Path(argument)
    folder = bc_config.bc_folder(path)
    student = path if path.is_file() else path / "best_policy.npz"
    checkpoint = None if folder or student.is_file() else checkpoint_folder(path)
    if settings and (argument in named_policies(spec.id) or not (folder or checkpoint)):
        raise InputError(
            f"--policy.{next(iter(settings))}: '{argument}' has no settings. Checkpoints of LeRobot's policies and of "
            "'bc' have."
        )
    if argument.startswith(SERVERS):
        return _served(argument, spec)
    if argument == "expert" and str(spec.options.get("controller", "")).startswith("lerobot_"):
        raise InputError(
            "--policy expert moves the hand, not the joints: leave --units out, or record it (lerobot-sim collect "
            "--units), which makes joint targets of what it does."
        )
    if argument in named_policies(spec.id):
        return registry.make_policy(argument, spec), argument
    if folder:
        from lerobot_sim.policies import bc

        policy = bc.make(spec, folder, settings=settings)
        return policy, f"bc:{_digest(folder / bc_config.WEIGHTS)}"
    if student.is_file():
        policy = registry.make_policy("mlp", spec, checkpoint=student)
        return policy, f"mlp:{_digest(student)}"
    if checkpoint:
        policy = registry.make_policy("lerobot", spec, checkpoint=checkpoint, settings=settings)
        weights = checkpoint / WEIGHTS  # there, or making it would have been refused
        return policy, f"lerobot:{_digest(weights)}"
    if path.suffix == ".npz" or "/" in argument or path.exists():
        raise InputError(
            f"--policy: there is no checkpoint {path}. Train one (lerobot-sim train), or give --policy expert."
        )
    raise unknown_name(
        f"policy for '{spec.id}'",
        argument,
        named_policies(spec.id),
        "A checkpoint's path is one, too, and so is the address of a policy server.",
    )


def _served(uri: str, spec: EnvSpec) -> tuple[Policy, str]:
    """The policy of a server."""
    from lerobot_sim.simulators.host.remote_policy import RemotePolicy  # only where one is asked

    token = os.environ.get(TOKEN)
    if not token:
        raise InputError(f"--policy {uri}: put the token that its server printed into the variable {TOKEN}.")
    policy = RemotePolicy(uri, token)
    if policy.env not in (None, (spec.id, spec.version)):
        policy.close()
        theirs, version = policy.env or ("", 0)
        raise InputError(
            f"--policy: the server at {uri} decides for version {version} of '{theirs}', this is version "
            f"{spec.version} of '{spec.id}'. Start one with: lerobot-sim policy-server {spec.id}"
        )
    return policy, policy.identity or "served"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
