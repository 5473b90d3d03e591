"""The dataset writer: each episode is committed when it is added, whatever happens next.

**A commit** moves the videos to their place and writes the states, the data table, the tasks, the statistics, the
table of episodes, our record of the episode and, last, `info.json`; each under a temporary name that no reader takes
for a table, then renamed. The last data and episodes files are written anew with the new episode in them until they
are full (2 MiB or 32 episodes; 1 MiB); then the next begins. Each episode's video is a file of its own. Files are
never merged across names, for LeRobot reads all of them.

**What is promised.** When `add` returns, LeRobot 0.6.1 loads the folder as it is, with that episode in it.
A kill of the process at any moment (also `kill -9`) loses none that was added, and leaves no torn one: at most
one whole episode more in the tables than `info.json` counts, which resuming overwrites. With `sync=True` (the
default) files and folders are synced before `info.json` is renamed, and after: the same then holds for a power
cut, as far as the disk keeps its word. With `sync=False` it holds for a kill, not for a power cut. A full
disk raises StorageError from `add`; the writer, and the dataset, go on once there is space.

**What is not stored**: `metrics`. The final observation of an episode has no place in
LeRobot's format: it lies in `sim/episodes.jsonl` (`EpisodeRecord.final_observation`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.env import check_cameras
from lerobot_sim.episode import Episode
from lerobot_sim.errors import ArrayError, StorageError
from lerobot_sim.spec import ACTION, Camera, EnvSpec

from . import layout, sidecar
from .codecs import VideoSettings, check_cameras_can_be_stored
from .episode_checks import added_columns, check_episode, check_recording, columns_differ
from .files import FolderLock, append_at, remove_empty, remove_parts, sync_folder, write_whole
from .layout import Column, Info
from .placing import Placed, picture_columns, put_in_place
from .recorder import FOLDER, EpisodeRecorder, Recording
from .resume import Progress, load_progress, new_progress
from .sidecar import EpisodeRecord
from .statistics import Statistics, column_statistics, join_all, to_json
from .tables import data_table, episodes_row, tasks_file


class DatasetWriter:
    """Writes Episodes of one environment to a LeRobotDataset v3; a context manager.

    The first episode decides which `columns` of the policy are recorded; all others must bring the same.

    Args:
        root: The dataset's folder. It is made, or what is in it is gone on with.
        spec: The environment's.
        cameras: Whose pictures belong to the dataset, by name, and their sizes.
        video: How pictures are encoded; all of a dataset in the same way.
        settings: What else must be the same to go on: plain JSON values.
        robot_type: What `info.json` names as the robot; the environment's id by default.
        sync: Whether a commit also survives a power cut (about 2 ms an episode on an SSD).

    Raises:
        StorageError: The folder holds another dataset or something else, is in use by a living process,
            is damaged, or cannot be written. Nothing in it is changed.
        InputError: The settings are no JSON, a feature's name cannot be one of LeRobot's, or there is no such camera.
        EncoderError: The codec is missing here or refuses.
    """

    def __init__(
        self,
        root: Path | str,
        spec: EnvSpec,
        *,
        cameras: Mapping[str, Camera] | None = None,
        video: VideoSettings | None = None,
        settings: Mapping[str, Any] | None = None,
        robot_type: str | None = None,
        sync: bool = True,
    ) -> None:
        self._root = Path(root)
        self._spec = spec
        self._robot_type = spec.id if robot_type is None else robot_type
        self._sync = sync
        self._progress: Progress | None = None
        self._cameras, self._video = dict(cameras or {}), video or VideoSettings()
        check_cameras(spec, self._cameras)
        check_cameras_can_be_stored(self._video, self._cameras)
        self._pictures = picture_columns(spec, self._cameras, self._video)
        layout.columns_of(spec, {}, self._pictures)  # refuses names before anything is made
        run = sidecar.run_content(spec, settings, sidecar.recording_content(self._cameras, self._video))
        sidecar.begins_new(self._root)
        self._lock: FolderLock | None = FolderLock(self._root / sidecar.LOCK)
        try:
            self._open(run)
        except BaseException:
            self.close()
            raise

    @property
    def root(self) -> Path:
        """The dataset's folder."""
        return self._root

    @property
    def num_episodes(self) -> int:
        """Episodes that are committed."""
        return self._progress.info.total_episodes if self._progress else 0

    @property
    def num_frames(self) -> int:
        """Rows that are committed."""
        return self._progress.info.total_frames if self._progress else 0

    @property
    def records(self) -> Sequence[EpisodeRecord]:
        """What is known of every committed episode, in their order."""
        return tuple(self._progress.records) if self._progress else ()

    def recorder(self, *, threads: int | None = None, states: bool | None = None, name: str = "own") -> EpisodeRecorder:
        """A sink that records this dataset's cameras, and the simulation's states.

        Args:
            threads: How many encode; one a processor, but at most eight, by default.
            states: Whether states are recorded; by default where the environment can restore them.
            name: Of the folder for unfinished files; each recorder of a writer needs another.
        """
        folder = self._root / FOLDER / name
        return EpisodeRecorder(
            folder,
            self._spec,
            cameras=self._cameras,
            video=self._video,
            threads=threads,
            states=states,
            sync=self._sync,
        )

    def add(self, episode: Episode, recording: Recording | None = None, *, policy: str = "") -> EpisodeRecord:
        """Commits an episode; when it returns, the episode is safe.

        Args:
            episode: Its columns.
            recording: What a recorder has of it; needed where the dataset has cameras.
            policy: Who acted, for the record.

        Raises:
            InputError: It is of another environment, has no rows, or the recording is not of it.
            ArrayError: An array is missing, of another shape or dtype, or not finite; nothing was written.
            StorageError: It could not be written, such as on a full disk; those before it are whole, and
                it may be added again.
        """
        if self._lock is None:
            raise StorageError(f"The writer of {self._root} is closed. Open the dataset with a new DatasetWriter.")
        check_episode(self._root, self._spec, episode)
        check_recording(self._cameras, episode, recording)
        columns = layout.columns_of(self._spec, added_columns(episode), self._pictures)
        progress = self._progress
        if progress is None:
            progress = new_progress(self._root, self._new_info(columns))
        elif dict(progress.info.columns) != columns:
            raise ArrayError(columns_differ(progress.info.columns, columns))
        record = sidecar.record_of(episode, progress.info.total_episodes, self._spec.success_rule, policy)
        try:
            self._commit(progress, episode, record, recording)
        except StorageError:  # what is in memory is as it was
            raise
        except BaseException:
            self.close()
            raise
        self._progress = progress
        if recording is not None:
            recording.discard()  # of images, that are in the table now
        return record

    def close(self) -> None:
        """Lets others write to the folder; a second call does nothing. All is on disk before it."""
        if self._lock is not None:
            remove_empty(self._root / FOLDER)
            self._lock.release()
            self._lock = None

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, run: Mapping[str, Any]) -> None:
        if sidecar.begins_new(self._root):  # again, now that no one else writes
            content = json.dumps(run, indent=2, ensure_ascii=False).encode()
            write_whole(self._root / sidecar.RUN, content, sync=self._sync)
            return
        sidecar.check_run(self._root, run)
        if (self._root / layout.INFO).exists():
            self._progress = load_progress(self._root)
        elif (self._root / layout.STATISTICS).exists() and (self._root / sidecar.EPISODES).exists():
            self._refuse_lost_info()
        remove_parts(self._root)

    def _refuse_lost_info(self) -> None:
        """A first commit that was interrupted leaves one record; more mean that `info.json` was deleted."""
        if (self._root / sidecar.EPISODES).read_bytes().count(b"\n") > 1:
            layout.read_info(self._root)  # raises

    def _new_info(self, columns: Mapping[str, Column]) -> Info:
        videos = any(column.dtype == "video" for column in columns.values())
        path = layout.VIDEOS if videos else None
        return Info(fps=self._spec.fps, columns=columns, robot_type=self._robot_type, video_path=path)

    def _commit(self, progress: Progress, episode: Episode, record: EpisodeRecord, recording: Recording | None) -> None:
        """The order matters: see the module's docstring."""
        placed = Placed()
        try:
            if recording is not None:
                put_in_place(placed, self._root, progress.info, recording, progress.videos, sync=self._sync)
            change = self._write_tables(progress, episode, record, placed)
        except StorageError:
            placed.back()
            raise
        change()
        if self._sync:
            sync_folder(self._root / "meta")

    def _write_tables(
        self, progress: Progress, episode: Episode, record: EpisodeRecord, placed: Placed
    ) -> Callable[[], None]:
        """Writes all that is not yet in its place, `info.json` last; returns what changes the memory accordingly."""
        root, info, sync = self._root, progress.info, self._sync
        tasks = progress.tasks if episode.instruction in progress.tasks else [*progress.tasks, episode.instruction]
        arrays = self._arrays(episode, info, tasks.index(episode.instruction))
        own = _own_statistics(info, arrays, placed.statistics)
        rows = data_table(progress.data.schema, info.columns, {**arrays, **placed.images})
        statistics = join_all(progress.statistics, own)
        row = episodes_row(progress.episodes.schema, {**_place(progress, record), **placed.place}, own)
        grown = info.grown(len(episode), len(tasks))
        line = record.to_line()

        written = [progress.data.write(rows, sync=sync)]
        if tasks != progress.tasks_on_disk:
            write_whole(root / layout.TASKS, tasks_file(tasks), sync=sync)
            progress.tasks_on_disk = tasks
        write_whole(root / layout.STATISTICS, to_json(statistics), sync=sync)
        written.append(progress.episodes.write(row, sync=sync))
        append_at(root / sidecar.EPISODES, progress.record_bytes, line, sync=sync)
        if sync:
            for folder in {path.parent for path in written} | {root / "meta", root / "sim"} | placed.folders:
                sync_folder(folder)
        write_whole(root / layout.INFO, grown.to_json(), sync=sync)

        def change() -> None:
            progress.data.accept(rows)
            progress.episodes.accept(row)
            progress.info, progress.tasks, progress.statistics = grown, tasks, statistics
            progress.records.append(record)
            progress.record_bytes += len(line)
            progress.videos = {name: number + 1 for name, number in progress.videos.items()}

        return change

    def _arrays(self, episode: Episode, info: Info, task_index: int) -> dict[str, NDArray[Any]]:
        """The columns of the data table; `timestamp` in float64, of which the statistics are taken."""
        count = len(episode)
        frame_index = np.arange(count)
        done = np.zeros(count, np.bool_)
        done[-1] = True
        return {
            **{name: episode.observation[name] for name in self._spec.observation},
            ACTION: episode.action,
            layout.NEXT_REWARD: episode.reward,
            layout.NEXT_DONE: done,
            layout.NEXT_SUCCESS: episode.success,
            **episode.columns,
            "timestamp": frame_index / self._spec.fps,
            "frame_index": frame_index,
            "episode_index": np.full(count, info.total_episodes),
            "index": info.total_frames + frame_index,
            "task_index": np.full(count, task_index),
        }


def _own_statistics(info: Info, arrays: Mapping[str, NDArray[Any]], pictures: Statistics) -> Statistics:
    return {
        name: pictures[name] if column.is_picture else column_statistics(arrays[name].reshape(-1, *column.shape))
        for name, column in info.columns.items()
    }


def _place(progress: Progress, record: EpisodeRecord) -> dict[str, Any]:
    data, episodes = progress.data.place(), progress.episodes.place()
    start = progress.info.total_frames
    return {
        "episode_index": record.episode_index,
        "tasks": [record.instruction],
        "length": record.length,
        "data/chunk_index": data[0],
        "data/file_index": data[1],
        "dataset_from_index": start,
        "dataset_to_index": start + record.length,
        "meta/episodes/chunk_index": episodes[0],
        "meta/episodes/file_index": episodes[1],
    }
