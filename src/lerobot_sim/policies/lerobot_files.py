"""Folders that LeRobot's `save_pretrained` wrote, here or on the Hugging Face hub."""

# pyright: reportUnknownVariableType=false
# huggingface_hub's types are partly unknown

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from lerobot_sim.errors import InputError, SimError, unknown_name

WEIGHTS, CONFIG = "model.safetensors", "config.json"
_FIXED = {"device", "input_features", "output_features", "pretrained_path", "push_to_hub", "repo_id", "type"}
"""Settings of a config that are no settings of how a checkpoint acts."""

_OF_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]*(?<!\.npz)(@[\w.-]+)?")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def is_checkpoint(path: Path) -> bool:
    """Whether a folder is one that LeRobot's `save_pretrained` wrote."""
    try:
        content = json.loads((path / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and "type" in content


def checkpoint_folder(path: Path) -> Path | None:
    """The folder of a checkpoint in `path`: itself, or where `lerobot-train` leaves its last one."""
    places = (path, path / "pretrained_model", path / "checkpoints" / "last" / "pretrained_model")
    return next((place for place in places if is_checkpoint(place)), None)


def is_of_hub(checkpoint: str) -> bool:
    """Whether it reads as "owner/name" or "owner/name@revision", and not as a path: there is no folder "owner" here."""
    return _OF_HUB.fullmatch(checkpoint) is not None and not Path(checkpoint).parent.exists()


def folder_of(checkpoint: str, revision: str | None) -> Path:
    """The local folder of a checkpoint; one on the hub is downloaded."""
    local = Path(checkpoint)
    if found := checkpoint_folder(local):
        return found
    if local.exists() or checkpoint.count("/") != 1 or checkpoint.startswith((".", "/", "~")):
        raise InputError(
            f"{checkpoint or 'The empty path'} is no checkpoint of LeRobot's: expected a folder with {CONFIG} and "
            f"{WEIGHTS}, or 'owner/name' on the hub."
        )
    from huggingface_hub import snapshot_download

    name, _, tag = checkpoint.partition("@")
    try:
        return Path(snapshot_download(name, revision=tag or revision, allow_patterns=["*.json", "*.safetensors"]))
    except Exception as error:
        raise SimError(
            f"'{name}' could not be had from the hub ({type(error).__name__}: {str(error).splitlines()[0]}). "
            "Give the path of a folder where it was downloaded to."
        ) from error


def with_settings(configs: Any, folder: Path, settings: Mapping[str, Any]) -> Any:
    """A checkpoint's config with some of its settings changed.

    Args:
        configs: LeRobot's `PreTrainedConfig`.
        folder: The checkpoint's.
        settings: By LeRobot's names.

    Raises:
        InputError: No setting of that name, one that cannot be chosen, or a value that it cannot have.
    """
    config = configs.from_pretrained(folder)
    if not settings:
        return config
    names = {one.name for one in fields(config)} - _FIXED
    for name in settings:
        if name not in names:
            raise unknown_name(f"setting of '{config.type}'", name, names)
    words = [f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in settings.items()]
    try:
        return configs.from_pretrained(folder, cli_overrides=words)
    except Exception as error:  # its parser has errors of its own, around those of the policy
        why = str(error.__cause__ or error).splitlines()[0]
        raise InputError(f"'{config.type}' cannot have {said_settings(settings)}: {why}") from error


def said_settings(settings: Mapping[str, Any]) -> str:
    """Settings as NAME=VALUE, sorted: the same words for the same settings."""
    return ",".join(f"{name}={json.dumps(settings[name])}" for name in sorted(settings)).replace('"', "")


def check_files(folder: Path) -> None:
    """Refuses a checkpoint without safetensors."""
    if (folder / WEIGHTS).exists():
        return
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
    if pickles:
        raise InputError(
            f"{folder} holds its weights in pickle form ({', '.join(pickles)}), which can run any code: not read. "
            f"Where you trust it, convert it: safetensors.torch.save_file(torch.load('{pickles[0]}', "
            f"weights_only=True), '{WEIGHTS}')."
        )
    raise InputError(f"{folder} has no {WEIGHTS}.")
