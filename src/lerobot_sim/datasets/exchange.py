"""What exporting and importing share: a dataset as episodes of plain arrays, and such episodes as a dataset."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.env import End
from lerobot_sim.episode import Episode
from lerobot_sim.errors import ArrayError, InputError, StorageError
from lerobot_sim.spec import ACTION, IMAGES, Camera, EnvSpec, Feature

from . import sidecar, states
from .codecs import VideoSettings
from .encoding import Stream
from .files import PART, read_json
from .frames import FrameReader
from .layout import INDEX_COLUMNS, INFO, NEXT_DONE, NEXT_REWARD, NEXT_SUCCESS, read_info
from .pictures import picture_features
from .recorder import Recording
from .swap import new_beside
from .writer import DatasetWriter

SCHEMA = 1
"""Raised when the meaning of an exported header changes."""

Show = Callable[[float], None]
"""Takes how many episodes are done by now."""

_MEND = "Restore it from a copy."
_NO_LIMIT = 1_000_000
"""Steps of an environment whose time limit is not known."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What is the same for all episodes.

    Attributes:
        fps: Rows a second.
        robot_type: What was recorded, or None.
        features: Name -> {"dtype", "shape", "names"} of every column but LeRobot's index columns; cameras too.
        environment: The environment's spec as plain data, None in datasets of others.
        settings: Of the recording.
    """

    fps: float
    robot_type: str | None
    features: Mapping[str, Mapping[str, Any]]
    environment: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def cameras(self) -> list[str]:
        """The columns that are pictures."""
        return [name for name, feature in self.features.items() if feature["dtype"] in ("video", "image")]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"schema": SCHEMA, **vars(self)}


@dataclass(frozen=True, kw_only=True)
class Item:
    """One episode of T rows.

    Attributes:
        columns: Name -> (T, *shape); pictures are uint8 (T, h, w, 3) or float32 (T, h, w, 1) m.
        task: The instruction.
        record: Our line of `sim/episodes.jsonl` as plain data, None in datasets of others.
        states: Simulation states (T + 1, …) by name, None where there are none.
    """

    columns: Mapping[str, NDArray[Any]]
    task: str
    record: Mapping[str, Any] | None = None
    states: Mapping[str, NDArray[Any]] | None = None


def header_from(content: Any, where: object) -> Header:
    """A header that `to_dict` made.

    Raises:
        StorageError: It is damaged, or of another schema.
    """
    try:
        values = dict(content)
        schema = values.pop("schema")
        if schema != SCHEMA:
            raise StorageError(f"{where} is of schema {schema}; this version of lerobot-sim reads {SCHEMA}.")
        return Header(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{where} is damaged: {type(error).__name__} {error}. Export it again.") from error


def header_of(root: Path | str) -> Header:
    """The header of a LeRobotDataset v3.

    Raises:
        StorageError: There is none, it is damaged, or holds no episode.
    """
    folder = Path(root)
    info = read_info(folder)
    if info.total_episodes == 0:
        raise StorageError(f"{folder} holds no episode: there is nothing to export.")
    features: dict[str, Mapping[str, Any]] = {}
    pictures = picture_features(folder, info)
    for name, column in info.columns.items():
        if name in pictures:
            shape, names = list(pictures[name].shape), ["height", "width", "channels"]
            features[name] = {"dtype": column.dtype, "shape": shape, "names": names}
        elif name not in INDEX_COLUMNS and column.in_table:
            names = None if column.names is None else list(column.names)
            features[name] = {"dtype": column.dtype, "shape": list(column.shape), "names": names}
    run: dict[str, Any] = read_json(folder / sidecar.RUN, _MEND) if (folder / sidecar.RUN).exists() else {}
    return Header(
        fps=info.fps,
        robot_type=info.robot_type,
        features=features,
        environment=run.get("environment"),
        settings=run.get("settings", {}),
    )


def items_of(root: Path | str, header: Header) -> Iterator[Item]:
    """Every episode, one at a time."""
    folder = Path(root)
    records: Sequence[sidecar.EpisodeRecord] = ()
    if (folder / sidecar.RUN).exists():
        records = sidecar.read_lines(folder, read_info(folder).total_episodes)[0]
    with FrameReader(folder, header.cameras) as reader:
        for number, episode in enumerate(reader.episodes()):
            record = {**vars(records[number]), "end": records[number].end.name} if records else None
            stored = states.read_states(folder, number) if states.path_of(folder, number).exists() else None
            columns = {name: episode.columns[name] for name in header.features}
            yield Item(columns=columns, task=episode.entry.tasks[0], record=record, states=stored)


def spec_of(header: Header, name: str) -> EnvSpec:
    """The environment's spec: as it was, or, for datasets of others, what the columns say.

    Args:
        header: The header.
        name: What the environment is named where it is not known: "imported/NAME".

    Raises:
        StorageError: The stored spec is damaged.
    """
    if header.environment is not None:
        try:
            return EnvSpec.from_dict(header.environment)
        except InputError as error:
            raise StorageError(f"The stored environment is damaged: {error}") from error
    observation: dict[str, Feature] = {}
    for key, feature in header.features.items():
        if key.startswith("observation.") and key not in header.cameras:
            observation[key] = _feature(feature)
    if ACTION not in header.features:
        raise InputError(f"A dataset needs an action; there are {sorted(header.features)}.")
    cameras = {key.removeprefix(IMAGES): _camera(key, header.features[key]) for key in header.cameras}
    return EnvSpec(
        id=f"imported/{re.sub(r'[^A-Za-z0-9._-]+', '-', name) or 'dataset'}",
        version=1,
        fps=header.fps,
        max_steps=_NO_LIMIT,
        observation=observation,
        action=_feature(header.features[ACTION]),
        cameras=cameras,
        success_rule="any" if NEXT_SUCCESS in header.features else "none",
    )


def episode_of(item: Item, spec: EnvSpec, number: int) -> Episode:
    """An Item as an Episode; what is not known of it is nominal, and the final observation empty.

    Raises:
        ArrayError: Columns of different lengths.
        StorageError: The record is damaged.
    """
    columns = item.columns
    count = len(columns[ACTION])
    for name, values in columns.items():
        if len(values) != count:
            raise ArrayError(f"Episode {number}: '{name}' has {len(values)} rows, the action {count}.")
    success = columns.get(NEXT_SUCCESS, np.zeros(count, np.bool_))
    own = {*spec.observation, ACTION, NEXT_REWARD, NEXT_DONE, NEXT_SUCCESS}
    record = dict(item.record or {})
    try:
        return Episode(
            env_id=record.get("env_id", spec.id),
            env_version=record.get("env_version", spec.version),
            index=record.get("index", number),
            seed=record.get("seed", number),
            attempt=record.get("attempt", 0),
            instruction=item.task,
            params={name: np.asarray(value) for name, value in record.get("params", {}).items()},
            observation={name: columns[name] for name in spec.observation},
            action=columns[ACTION],
            reward=columns.get(NEXT_REWARD, np.zeros(count, np.float32)),
            success=success,
            metrics={},
            columns={n: v for n, v in columns.items() if n not in own and not n.startswith(IMAGES)},
            end=End[record["end"]] if record else (End.TERMINATED if success[-1:].any() else End.TIME_LIMIT),
            final_observation={
                name: np.asarray(value, spec.observation[name].dtype)
                for name, value in record.get("final_observation", {}).items()
            },
            explanation=record.get("explanation", ""),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(f"Episode {number} is damaged: {type(error).__name__} {error}. Export it again.") from error


def write_dataset(
    root: Path | str,
    header: Header,
    spec: EnvSpec,
    items: Iterable[Item],
    *,
    video: VideoSettings,
    overwrite: bool = False,
    show: Show = lambda _: None,
) -> tuple[int, int]:
    """Writes episodes to a new dataset, which appears when it is whole; (episodes, frames).

    Raises:
        StorageError: The folder holds something (unless `overwrite`), or cannot be written.
        InputError: There is no episode.
        ArrayError: An episode's arrays are not as the header says.
    """
    cameras = {key.removeprefix(IMAGES): _camera(key, header.features[key]) for key in header.cameras}
    folder = Path(root)
    if overwrite and folder.is_dir() and any(folder.iterdir()) and not (folder / INFO).exists():
        raise StorageError(f"{folder} holds something else than a dataset; it is not replaced. Give another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    robot = header.robot_type if header.robot_type is not None else spec.id
    with new_beside(folder, replace=overwrite) as new:
        with DatasetWriter(
            new, spec, settings=header.settings, robot_type=robot, cameras=cameras, video=video, sync=False
        ) as writer:
            for number, item in enumerate(items):
                episode = episode_of(item, spec, number)
                files = {
                    name: _encoded(new / f"sim/recording/{name}{PART}", item, name, camera, header.fps, video)
                    for name, camera in cameras.items()
                }
                recording = Recording(index=episode.index, cameras=files, states=item.states)
                writer.add(episode, recording, policy=str((item.record or {}).get("policy", "")))
                show(number + 1)
            if writer.num_episodes == 0:
                raise InputError("There is no episode to import.")
            counts = writer.num_episodes, writer.num_frames
        with contextlib.suppress(OSError):
            (new / "sim/recording").rmdir()
    return counts


@contextlib.contextmanager
def whole_file(path: Path, *, overwrite: bool) -> Generator[Path]:
    """Yields a temporary name beside `path`, which becomes `path` when the block ends without an error.

    Raises:
        StorageError: `path` exists and `overwrite` is False.
    """
    if path.exists() and not overwrite:
        raise StorageError(f"{path} exists. Give another --output, or --overwrite.")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _encoded(path: Path, item: Item, name: str, camera: Camera, fps: float, video: VideoSettings) -> Any:
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = Stream(path, video, camera, fps, sync=False)
    depth = camera.kind == "depth"
    expected, dtype = (camera.height, camera.width, 1 if depth else 3), np.dtype("float32" if depth else "uint8")
    pictures = item.columns[IMAGES + name]
    if pictures.shape[1:] != expected or pictures.dtype != dtype:
        raise ArrayError(f"'{IMAGES}{name}': expected {dtype} {expected}, {pictures.dtype} {pictures.shape[1:]} came.")
    for picture in pictures:
        stream.write(np.ascontiguousarray(picture))
    stream.close()
    if stream.error is not None:
        raise stream.error
    return stream.result


def _camera(key: str, feature: Mapping[str, Any]) -> Camera:
    height, width, channels = feature["shape"]
    if not key.startswith(IMAGES):
        raise InputError(f"Pictures are named '{IMAGES}NAME', '{key}' came. Use --map to rename it.")
    return Camera(height=int(height), width=int(width), kind="depth" if channels == 1 else "rgb")


def _feature(feature: Mapping[str, Any]) -> Feature:
    names = feature.get("names")
    flat = tuple(map(str, names)) if isinstance(names, list | tuple) else ()  # pyright: ignore[reportUnknownArgumentType]
    shape = tuple(int(size) for size in feature["shape"])
    return Feature(shape=shape, dtype=str(feature["dtype"]), names=flat if len(flat) == math.prod(shape) else ())
