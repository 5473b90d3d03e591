"""What a dataset of ours was begun with, and how one that was begun otherwise is replaced."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerobot_sim.errors import StorageError
from lerobot_sim.spec import EnvSpec

from . import sidecar
from .files import FolderLock, read_json

_PARTS = ("data", "meta", "videos", "sim")
_MEND = "Restore it from a copy, or collect again into another folder."


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a dataset was begun with.

    Attributes:
        env_id: The environment's id.
        env_version: Its version.
        env_options: Keywords of its factory.
        settings: Of the recording, such as the policy and the seed.
    """

    env_id: str
    env_version: int
    env_options: Mapping[str, Any]
    settings: Mapping[str, Any]


def read_origin(root: Path | str) -> Origin:
    """What the dataset was begun with.

    Raises:
        StorageError: There is no dataset of ours, or its record is damaged.
    """
    path = Path(root) / sidecar.RUN
    if not path.exists():
        raise StorageError(
            f"{root} is no dataset of lerobot-sim ({sidecar.RUN} is missing). Make one: lerobot-sim collect."
        )
    record = read_json(path, _MEND)
    try:
        environment = record["environment"]
        return Origin(
            env_id=environment["id"],
            env_version=int(environment["version"]),
            env_options=dict(environment["options"]),
            settings=dict(record["settings"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{path} is damaged ({type(error).__name__}: {error}). {_MEND}") from error


def remove_if_begun_otherwise(
    root: Path | str, spec: EnvSpec, settings: Mapping[str, Any], recording: Mapping[str, Any] | None = None
) -> None:
    """Removes a dataset of ours that was begun with another environment or settings; one that fits stays.

    Args:
        root: The dataset's folder.
        spec: The environment's.
        settings: Those of the writer that is to come.
        recording: What `sidecar.recording_content` gives of its cameras.

    Raises:
        StorageError: The folder holds something else, or a living process writes to it; nothing is removed.
    """
    folder = Path(root)
    if sidecar.begins_new(folder):
        return
    try:
        sidecar.check_run(folder, sidecar.run_content(spec, settings, recording))
    except StorageError:
        FolderLock(folder / sidecar.LOCK).release()  # refuses while somebody writes
        for part in _PARTS:
            shutil.rmtree(folder / part, ignore_errors=True)
