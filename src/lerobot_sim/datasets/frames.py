"""A reader for trainers, without torch: rows, frames and windows of any LeRobotDataset v3, at random or in sequence.

    with FrameReader("outputs/lift/dataset") as reader:
        images = reader.frames("observation.images.front", [3, 4, 90])    # uint8 (3, h, w, 3)
        batch = reader.rows([3, 4, 90], windows={"action": [0, 0.1, 0.2]})  # arrays (3, …), (3, 3, …) and masks
        for episode in reader.episodes():                                 # one after the other, read ahead
            ...

Frames are those that LeRobot's PyAV reader gives, byte for byte. Decoded frames are kept up to `cache_bytes`; columns
are read when they are first asked for, and then held.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError, unknown_name

from .ahead import read_ahead
from .frame_cache import FrameCache
from .layout import Info, read_info
from .pictures import PictureFeature, picture_features, video_places
from .reader import EpisodeEntry, read_columns, read_episodes
from .stored_images import StoredImages, decode_image
from .video_decoder import VideoDecoder

TOLERANCE_S = 1e-4
"""How far a frame's time may be from its row's: LeRobot's."""

Rows = Sequence[int] | NDArray[Any]


@dataclass(frozen=True)
class EpisodeRows:
    """One episode, as `FrameReader.episodes` yields it.

    Attributes:
        entry: Where it lies.
        columns: Name -> (T, *shape), the asked cameras among them.
    """

    entry: EpisodeEntry
    columns: Mapping[str, NDArray[Any]]


class FrameReader:
    """Reads a LeRobotDataset v3, ours or another's; a context manager, usable by several threads at once.

    Args:
        root: The dataset's folder, as it is now: episodes that are added later are not seen.
        cameras: Which cameras `rows` and `episodes` give, by key or by name; all by default.
        cache_bytes: How much memory decoded frames may take after they were given.
        evict: Once that is full, let go what was not asked for longest; see `FrameCache`.
        threads: How many files are decoded at once.
        tolerance_s: How far a frame's time may be from its row's.

    Raises:
        StorageError: A file is missing or damaged.
        UnknownNameError: There is no such camera.
    """

    def __init__(
        self,
        root: Path | str,
        cameras: Iterable[str] | None = None,
        *,
        cache_bytes: int = 256 << 20,
        evict: bool = True,
        threads: int | None = None,
        tolerance_s: float = TOLERANCE_S,
    ) -> None:
        self._root = Path(root)
        self.info: Info = read_info(self._root)
        self.entries: Sequence[EpisodeEntry] = tuple(read_episodes(self._root))
        self._features = picture_features(self._root, self.info)
        self.cameras: tuple[str, ...] = tuple(map(self._camera, self._features if cameras is None else cameras))
        self._places = video_places(self._root, self.info, self._features)
        self._stops = np.array([entry.stop for entry in self.entries], np.int64)
        self._starts = np.array([entry.start for entry in self.entries], np.int64)
        self._tolerance_s = tolerance_s
        self._columns: dict[str, NDArray[Any]] = {}
        self._lock = threading.Lock()
        self._cache = FrameCache(cache_bytes, evict)
        self._videos = VideoDecoder()
        self._images: StoredImages | None = None
        if any(not feature.is_video for feature in self._features.values()):
            self._images = StoredImages(self._root, sorted((self._root / "data").glob("*/*.parquet")))
        count = min(4, os.cpu_count() or 1) if threads is None else threads
        self._pool = ThreadPoolExecutor(count, "decode") if count > 1 else None

    def __len__(self) -> int:
        return self.info.total_frames

    @property
    def cached_bytes(self) -> int:
        """Memory that decoded frames take now."""
        return self._cache.bytes

    def column(self, name: str) -> NDArray[Any]:
        """A column with numbers, (rows, *shape); read at its first use.

        Raises:
            UnknownNameError: There is none of this name.
            StorageError: A file is missing or damaged.
        """
        with self._lock:
            if name not in self._columns:
                self._columns[name] = read_columns(self._root, [name])[name]
            return self._columns[name]

    def frames(self, key: str, rows: Rows) -> NDArray[Any]:
        """Pictures of some rows, in any order and number: uint8 (n, h, w, 3), or float32 (n, h, w, 1) m of depth.

        Raises:
            UnknownNameError: There is no such camera.
            InputError: A row is not in the dataset.
            StorageError: A file is missing or damaged, or has no frame at a row's time.
        """
        key = self._camera(key)
        return self._all_frames([(key, self._checked(rows))])[0]

    def rows(
        self,
        rows: Rows,
        *,
        columns: Iterable[str] | None = None,
        windows: Mapping[str, Sequence[float]] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Some rows with their pictures: name -> (n, *shape).

        Args:
            rows: Which, in any order.
            columns: Which columns with numbers; all by default.
            windows: Column or camera -> times in s from the row, such as [-0.1, 0]: it becomes (n, times, *shape),
                and "<name>_is_pad", bool (n, times), says where the episode's first or last row stands in.

        Raises:
            UnknownNameError: There is no such column or camera.
            InputError: A row is not in the dataset, or a time is no multiple of 1 / fps.
        """
        at = self._checked(rows)
        names = [name for name, column in self.info.columns.items() if column.in_table] if columns is None else columns
        result: dict[str, NDArray[Any]] = {}
        wanted = dict.fromkeys([*dict.fromkeys(names), *self.cameras], at)
        for name, times in (windows or {}).items():
            target = self._camera(name) if name not in self.info.columns or name in self._features else name
            wanted[target], result[f"{target}_is_pad"] = self.window(at, times)
        pictures = [(name, where) for name, where in wanted.items() if name in self._features]
        images = self._all_frames([(name, where.ravel()) for name, where in pictures])
        for (name, where), image in zip(pictures, images, strict=True):
            result[name] = image.reshape(*where.shape, *image.shape[1:])
        return {name: self.column(name)[where] for name, where in wanted.items() if name not in self._features} | result

    def window(self, rows: Rows, times: Sequence[float]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The rows (n, times) at some times in s from others in the same episode, and where the ends stand in.

        Raises:
            InputError: A row is not in the dataset, or a time is no multiple of 1 / fps.
        """
        at = self._checked(rows)
        steps = np.asarray(times, np.float64) * self.info.fps
        offsets = np.rint(steps).astype(np.int64)
        if steps.ndim != 1 or (np.abs(steps - offsets) > self._tolerance_s * self.info.fps).any():
            raise InputError(f"A window's times are multiples of 1/{self.info.fps:g} s, {list(times)} came.")
        episode = np.searchsorted(self._stops, at, side="right")
        start, stop = self._starts[episode, None], self._stops[episode, None]
        wanted = at[:, None] + offsets
        return wanted.clip(start, stop - 1), (wanted < start) | (wanted >= stop)

    def episodes(
        self, episodes: Iterable[int] | None = None, *, columns: Iterable[str] | None = None, ahead: int = 1
    ) -> Generator[EpisodeRows]:
        """Whole episodes, one after the other; the next `ahead` are read meanwhile. Frames go past the cache.

        Raises:
            InputError: There is no such episode.
        """
        numbers = list(range(len(self.entries)) if episodes is None else episodes)
        for number in numbers:
            if not 0 <= number < len(self.entries):
                raise InputError(f"Episode {number} is not in {self._root}: it holds 0 to {len(self.entries) - 1}.")
        names = None if columns is None else list(columns)
        return read_ahead((lambda n=number: self._episode(n, names) for number in numbers), ahead)

    def close(self) -> None:
        """Frees decoders, cache and threads; a second call does nothing."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        self._videos.close()
        self._cache.clear()
        if self._images is not None:
            self._images.close()

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _camera(self, name: str) -> str:
        for key in (name, f"observation.images.{name}"):
            if key in self._features:
                return key
        raise unknown_name("camera in this dataset", name, self._features)

    def _checked(self, rows: Rows) -> NDArray[np.int64]:
        given = np.asarray(rows)
        if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
            raise InputError(f"Rows are a vector of indices, {given.dtype} of shape {given.shape} came.")
        at = given.astype(np.int64)
        if at.size and (at.min() < 0 or at.max() >= len(self)):
            raise InputError(f"Rows of {self._root} go from 0 to {len(self) - 1}; {at.min()} to {at.max()} came.")
        return at

    def _episode(self, number: int, columns: Iterable[str] | None) -> EpisodeRows:
        entry = self.entries[number]
        names = [name for name, column in self.info.columns.items() if column.in_table] if columns is None else columns
        values = {name: self.column(name)[entry.start : entry.stop] for name in names}
        at = np.arange(entry.start, entry.stop)
        images = self._all_frames([(key, at) for key in self.cameras], keep=False)
        return EpisodeRows(entry, values | dict(zip(self.cameras, images, strict=True)))

    def _all_frames(self, wanted: Sequence[tuple[str, NDArray[np.int64]]], keep: bool = True) -> list[NDArray[Any]]:
        """Pictures of several cameras: what is not in the cache is decoded, a job a file."""
        results: list[NDArray[Any]] = []
        jobs: list[tuple[Any, ...]] = []
        for key, rows in wanted:
            feature = self._features[key]
            images = np.empty((len(rows), *feature.shape), feature.dtype)
            missing: dict[int, list[int]] = {}
            for number, row in enumerate(map(int, rows)):
                if (found := self._cache.get((key, row))) is not None:
                    images[number] = found
                else:
                    missing.setdefault(row, []).append(number)
            jobs += self._jobs(feature, missing, images, keep)
            results.append(images)
        if self._pool is None or len(jobs) == 1:
            for job in jobs:
                job[0](*job[1:])
        else:
            for future in [self._pool.submit(*job) for job in jobs]:
                future.result()
        return results

    def _jobs(
        self, feature: PictureFeature, missing: dict[int, list[int]], images: NDArray[Any], keep: bool
    ) -> list[tuple[Any, ...]]:
        if not missing:
            return []
        if not feature.is_video:
            return [(self._read_images, feature, missing, images, keep)]
        rows = np.fromiter(missing, np.int64)
        episodes = np.searchsorted(self._stops, rows, side="right")
        places = self._places[feature.key]
        seconds = self.column("timestamp")[rows].astype(np.float64) + places.start_s[episodes]
        files: dict[Path, list[int]] = {}
        for number, episode in enumerate(int(index) for index in episodes):
            files.setdefault(places.paths[episode], []).append(number)
        return [
            (
                self._decode,
                feature,
                path,
                seconds[own],
                [(int(rows[n]), missing[int(rows[n])]) for n in own],
                images,
                keep,
            )
            for path, own in files.items()
        ]

    def _decode(
        self,
        feature: PictureFeature,
        path: Path,
        seconds: NDArray[np.float64],
        targets: list[tuple[int, list[int]]],
        images: NDArray[Any],
        keep: bool,
    ) -> None:
        packets = self._videos.index(path).packets_at(seconds, self._tolerance_s).tolist()
        of_packet: dict[int, list[tuple[int, list[int]]]] = {}
        for packet, target in zip(packets, targets, strict=True):
            of_packet.setdefault(packet, []).append(target)
        for packet, pixels in self._videos.decode(path, packets, feature.pixels):
            for row, numbers in of_packet[packet]:
                self._put(feature, row, numbers, pixels, images, keep)

    def _read_images(
        self, feature: PictureFeature, missing: dict[int, list[int]], images: NDArray[Any], keep: bool
    ) -> None:
        assert self._images is not None  # a feature of images is there
        for row, numbers in missing.items():
            pixels = decode_image(self._images.read(feature.key, row), feature.pixels)
            self._put(feature, row, numbers, pixels, images, keep)

    def _put(
        self,
        feature: PictureFeature,
        row: int,
        numbers: list[int],
        pixels: NDArray[Any],
        images: NDArray[Any],
        keep: bool,
    ) -> None:
        values = feature.values(pixels)
        for number in numbers:
            images[number] = values
        if keep:
            self._cache.put((feature.key, row), images[numbers[0]])
