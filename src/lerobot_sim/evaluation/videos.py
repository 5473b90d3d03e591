"""Videos of episodes, frame by frame as they happen."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from lerobot_sim.arrays import to_numpy
from lerobot_sim.datasets.video import VideoWriter
from lerobot_sim.loop import Frames
from lerobot_sim.spec import IMAGES, Camera


class EpisodeVideos:
    """A Sink that writes `seed_<seed>.mp4` of every episode it sees.

    Args:
        folder: Where; made where it is missing.
        name: The camera's name.
        camera: Its size and look.
        fps: Frames a second.
    """

    def __init__(self, folder: Path, name: str, camera: Camera, fps: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._name = name
        self._camera = camera
        self._fps = fps
        self._open: dict[int, VideoWriter] = {}
        self.paths: list[Path] = []

    @property
    def cameras(self) -> Mapping[str, Camera]:
        return {self._name: self._camera}

    def write(self, frames: Frames) -> None:
        """Adds each active lane's image to its episode's video."""
        images = to_numpy(frames.observation[IMAGES + self._name])
        for lane, start in enumerate(frames.starts):
            if start is None or not frames.active[lane]:
                continue
            video = self._open.get(start.index)
            if video is None:
                path = self._folder / f"seed_{start.seed}.mp4"
                video = VideoWriter(path, self._fps, self._camera.height, self._camera.width)
                self._open[start.index] = video
                if path not in self.paths:  # an episode that a fault ended is run again, into the same file
                    self.paths.append(path)
            video.write(images[lane])
            if frames.end[lane] != 0:
                self._open.pop(start.index).close()

    def __enter__(self) -> EpisodeVideos:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            for video in self._open.values():
                stack.callback(video.close)
        self._open.clear()
