"""Records pictures and simulation states while episodes run: a sink of `steps`.

    with DatasetWriter(root, env.spec, cameras=cameras) as writer, writer.recorder() as recorder:
        for episode in rollout(env, policy, seeds, sinks=[recorder]):
            writer.add(episode, recorder.take(episode))

Pictures are encoded in threads while the simulation goes on; what belongs to an episode is handed over by `take`,
or dropped by `discard`. Files lie under `sim/recording/` until `DatasetWriter.add` moves them to their place.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import to_numpy
from lerobot_sim.env import End
from lerobot_sim.episode import Episode
from lerobot_sim.errors import ArrayError, InputError, StorageError
from lerobot_sim.loop import Frames
from lerobot_sim.spec import IMAGES, Camera, EnvSpec

from .codecs import VideoSettings, check_cameras_can_be_stored, probe
from .encoding import CameraFile, EncoderThreads, Stream
from .files import PART, make_folder, storage_error
from .states import lane_state, stacked

FOLDER = "sim/recording"
"""Where unfinished files lie, in the dataset's folder."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What was recorded of an episode besides its columns; plain data, which may come from another process.

    Attributes:
        index: Position of the episode's seed among those given.
        cameras: Camera -> its pictures.
        states: Simulation states (T + 1, …) by name: one before every action, and the final one. None where they
            were not recorded, or the episode ended in a FAULT.
    """

    index: int
    cameras: Mapping[str, CameraFile]
    states: Mapping[str, NDArray[Any]] | None

    def discard(self) -> None:
        """Removes its files."""
        for file in self.cameras.values():
            file.path.unlink(missing_ok=True)


@dataclass
class _Episode:
    streams: dict[str, Stream]
    threads: dict[str, int]
    states: list[Mapping[str, NDArray[Any]]] = field(default_factory=list[Mapping[str, NDArray[Any]]])
    ended: bool = False


class EpisodeRecorder:
    """A sink that records cameras and states of every episode it sees; a context manager.

    Args:
        folder: Where files are written until they are taken; made where it is missing. No two recorders share one.
        spec: The environment's.
        cameras: Which pictures, and their sizes.
        video: How they are encoded.
        threads: How many encode; one a processor, but at most eight, by default.
        states: Whether to record the simulation's states; by default where the environment can restore them.
        sync: Whether finished files are synced to the disk.

    Raises:
        EncoderError: The codec is missing here or refuses the cameras' pictures.
        InputError: The environment has no such camera, or it cannot be stored.
    """

    def __init__(
        self,
        folder: Path | str,
        spec: EnvSpec,
        *,
        cameras: Mapping[str, Camera] | None = None,
        video: VideoSettings | None = None,
        threads: int | None = None,
        states: bool | None = None,
        sync: bool = True,
    ) -> None:
        self._folder, self._spec, self._sync = Path(folder), spec, sync
        self._cameras, self._video = dict(cameras or {}), video or VideoSettings()
        self.wants_states = spec.capabilities.restore != "none" if states is None else states
        check_cameras_can_be_stored(self._video, self._cameras)
        for camera in set(self._cameras.values()):
            probe(self._video, camera, spec.fps)
        self._episodes: dict[int, _Episode] = {}
        self._files = 0
        self._threads: EncoderThreads | None = None
        if self._cameras:
            self._make_folder()
            number = min(os.cpu_count() or 1, 8) if threads is None else threads
            largest = max(camera.height * camera.width * 4 for camera in self._cameras.values())
            self._threads = EncoderThreads(max(1, number), largest)

    @property
    def cameras(self) -> Mapping[str, Camera]:
        """What `steps` renders for it."""
        return self._cameras

    def write(self, frames: Frames) -> None:
        """Takes one tick; waits while the encoders are behind.

        Raises:
            ArrayError: A picture of another shape or dtype than its camera's.
            StorageError: An earlier picture could not be written.
        """
        images = {name: self._checked(name, frames.observation) for name in self._cameras}
        lanes = np.flatnonzero(frames.active)
        for row, lane in enumerate(map(int, lanes)):
            start = frames.starts[lane]
            assert start is not None  # an active lane has a start
            if frames.t[lane] == 0:
                self.discard(start.index)
                self._episodes[start.index] = self._begin()
            episode = self._episodes.get(start.index)
            if episode is None:  # discarded while it ran
                continue
            for name, stream in episode.streams.items():
                if stream.error is not None:
                    raise stream.error
                self._put(episode, name, _call(stream.write, images[name][lane].copy()))
            if self.wants_states and frames.states is not None:
                episode.states.append(lane_state(frames.states, row))
            if frames.end[lane] != End.RUNNING:
                self._end(episode, frames, lane, start.index)

    def take(self, episode: Episode) -> Recording:
        """What belongs to an episode that has ended; waits until its last picture is encoded.

        Raises:
            InputError: It was not recorded here, was taken before, or runs still.
            StorageError: A picture could not be written.
        """
        found = self._episodes.get(episode.index)
        if found is None or not found.ended:
            raise InputError(
                f"The episode of seed {episode.seed} (number {episode.index}) has no recording here. Give the recorder "
                "to `steps` or `rollout` as a sink, and take every episode once."
            )
        del self._episodes[episode.index]
        for stream in found.streams.values():
            stream.done.wait()
        errors = [stream.error for stream in found.streams.values() if stream.error is not None]
        if errors:
            for stream in found.streams.values():
                if stream.result is not None:
                    stream.result.path.unlink(missing_ok=True)
            raise errors[0]
        cameras = {name: stream.result for name, stream in found.streams.items() if stream.result is not None}
        states = stacked(found.states) if len(found.states) == len(episode) + 1 else None
        return Recording(index=episode.index, cameras=cameras, states=states)

    def discard(self, index: int) -> None:
        """Drops what was recorded of the episode of this number, if anything."""
        episode = self._episodes.pop(index, None)
        if episode is not None:
            for name, stream in episode.streams.items():
                self._put(episode, name, stream.discard)

    def close(self) -> None:
        """Drops whatever was not taken, ends the threads, removes its folder; a second call does nothing."""
        for index in list(self._episodes):
            self.discard(index)
        if self._threads is not None:
            self._threads.close()
            self._threads = None
            with contextlib.suppress(OSError):  # what was taken lies in it still: the writer removes it
                self._folder.rmdir()

    def __enter__(self) -> EpisodeRecorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self) -> _Episode:
        streams: dict[str, Stream] = {}
        threads: dict[str, int] = {}
        for name, camera in self._cameras.items():
            assert self._threads is not None
            path = self._folder / f"{self._files:08d}{PART}"
            streams[name] = Stream(path, self._video, camera, self._spec.fps, sync=self._sync)
            threads[name] = self._files % self._threads.count
            self._files += 1
        return _Episode(streams, threads)

    def _end(self, episode: _Episode, frames: Frames, lane: int, index: int) -> None:
        if frames.retry[lane]:
            self.discard(index)
            return
        if self.wants_states and frames.final_states is not None:
            row = np.searchsorted(frames.lanes_with_final_state, lane)
            if frames.end[lane] != End.FAULT:
                episode.states.append(lane_state(frames.final_states, int(row)))
        for name, stream in episode.streams.items():
            self._put(episode, name, stream.close)
        episode.ended = True

    def _put(self, episode: _Episode, name: str, task: Any) -> None:
        if self._threads is None:
            raise StorageError("The recorder is closed. Make a new one.")
        self._threads.put(episode.threads[name], task)

    def _make_folder(self) -> None:
        try:
            make_folder(self._folder, sync=False)
        except OSError as error:
            raise storage_error(self._folder, error) from error

    def _checked(self, name: str, observation: Mapping[str, Any]) -> NDArray[Any]:
        camera = self._cameras[name]
        if IMAGES + name not in observation:
            raise ArrayError(f"Camera '{name}': '{IMAGES + name}' is missing; there are {sorted(observation)}.")
        batch = to_numpy(observation[IMAGES + name])
        depth = camera.kind == "depth"
        expected, dtype = (camera.height, camera.width, 1 if depth else 3), np.dtype("float32" if depth else "uint8")
        if batch.shape[1:] != expected or batch.dtype != dtype:
            raise ArrayError(f"Camera '{name}': expected {dtype} {expected}, {batch.dtype} {batch.shape[1:]} came.")
        return batch


def _call(function: Any, image: NDArray[Any]) -> Any:
    return lambda: function(image)
