"""What is refused before anything is written: episodes and recordings that do not fit the dataset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import dtype_name
from lerobot_sim.env import check_feature
from lerobot_sim.episode import Episode
from lerobot_sim.errors import ArrayError, InputError
from lerobot_sim.spec import ACTION, Camera, EnvSpec

from .layout import INDEX_COLUMNS, Column
from .recorder import Recording


def check_episode(root: Path, spec: EnvSpec, episode: Episode) -> None:
    """Refuses an episode that is not one of `spec`, or holds what must not be in a dataset.

    Raises:
        InputError: It is of another environment, or has no rows.
        ArrayError: An array is missing, of another shape or dtype, or not finite.
    """
    if (episode.env_id, episode.env_version) != (spec.id, spec.version):
        raise InputError(
            f"{root} holds episodes of '{spec.id}' version {spec.version}; one of '{episode.env_id}' "
            f"version {episode.env_version} came."
        )
    count = len(episode)
    if count == 0:
        raise InputError("An episode needs at least one row; one without any came.")
    missing = set(spec.observation) - set(episode.observation)
    if missing:
        raise ArrayError(f"The episode lacks {sorted(missing)}; it has {sorted(episode.observation)}.")
    for name, feature in {**spec.observation, ACTION: spec.action}.items():
        values = episode.action if name == ACTION else episode.observation[name]
        check_feature(name, feature, values, count)
    for name, values, dtype in (("reward", episode.reward, "float32"), ("success", episode.success, "bool")):
        if values.shape != (count,) or dtype_name(values) != dtype:
            raise ArrayError(f"{name}: expected {dtype} ({count},), {dtype_name(values)} {values.shape} came.")
    for name, values in episode.columns.items():
        if values.shape[:1] != (count,) or values.dtype.kind not in "biuf":
            raise ArrayError(
                f"Column '{name}': expected numbers or bool ({count}, …), {values.dtype} {values.shape} came."
            )
    _check_finite({**episode.observation, ACTION: episode.action, "reward": episode.reward, **episode.columns})
    _check_finite({f"final {name}": value for name, value in episode.final_observation.items()})
    _check_finite({f"Param '{name}'": value for name, value in episode.params.items()})


def check_recording(cameras: Mapping[str, Camera], episode: Episode, recording: Recording | None) -> None:
    """Refuses an episode without its pictures, or with more or fewer pictures than rows.

    Raises:
        InputError: Cameras are missing, or the recording is of another episode or length.
    """
    if recording is None:
        if cameras:
            raise InputError(
                f"The dataset has the cameras {sorted(cameras)}: an episode needs its recording. Give the writer's "
                "recorder() to rollout as a sink, and add(episode, recorder.take(episode))."
            )
        return
    if recording.index != episode.index:
        raise InputError(f"The recording is of episode {recording.index}, the columns are of {episode.index}.")
    if set(recording.cameras) != set(cameras):
        raise InputError(f"Expected pictures of {sorted(cameras)}, those of {sorted(recording.cameras)} came.")
    for name, file in recording.cameras.items():
        if file.count != len(episode):
            raise InputError(f"Camera '{name}': {file.count} pictures came for {len(episode)} rows.")
    if recording.states is not None:
        for name, values in recording.states.items():
            if len(values) != len(episode) + 1:
                raise InputError(
                    f"State '{name}': expected {len(episode) + 1} of {len(episode)} rows, {len(values)} came."
                )


def added_columns(episode: Episode) -> dict[str, Column]:
    """The columns that the policy added."""
    return {
        name: Column(dtype_name(values), tuple(values.shape[1:]) or (1,)) for name, values in episode.columns.items()
    }


def _check_finite(arrays: Mapping[str, NDArray[Any]]) -> None:
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            where = np.argwhere(~np.isfinite(values))[0].tolist()
            raise ArrayError(
                f"{name} is not finite at {where}, row first. Such an episode would poison the statistics: keep "
                "episodes that ended as POLICY or DIVERGED out of a dataset."
            )


def columns_differ(there: Mapping[str, Column], came: Mapping[str, Column]) -> str:
    """What to say of an episode whose columns are not the dataset's."""
    own = {name: column for name, column in there.items() if name not in INDEX_COLUMNS}
    differing = [name for name in {**own, **came} if own.get(name) != came.get(name) and name not in INDEX_COLUMNS]
    described = "; ".join(f"'{name}': {own.get(name)} there, {came.get(name)} came" for name in differing)
    return (
        f"The episode's columns are not the dataset's ({described}). "
        "All episodes of a dataset need the columns of the first."
    )
