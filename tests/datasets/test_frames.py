"""FrameReader gives what LeRobot gives, whatever is asked in whatever order, within its memory limit."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lerobot_sim import registry
from lerobot_sim.datasets import video_decoder
from lerobot_sim.datasets.ahead import read_ahead
from lerobot_sim.datasets.codecs import VideoSettings
from lerobot_sim.datasets.frames import FrameReader
from lerobot_sim.datasets.open_encoder import open_encoder
from lerobot_sim.datasets.video_decoder import VideoDecoder
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.errors import InputError, StorageError, UnknownNameError
from lerobot_sim.loop import rollout
from lerobot_sim.policies.random import RandomPolicy
from lerobot_sim.spec import Camera

from .conftest import LeRobot

FRONT, WRIST = "observation.images.front", "observation.images.wrist"
LENGTHS = [7, 12, 9]
Recorded = Callable[[str], Path]


@pytest.fixture(scope="module")
def recorded(lerobot: LeRobot, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """LeRobot's datasets of three episodes in one file a camera, each recorded once."""
    folder = tmp_path_factory.mktemp("frames")
    codecs = {"av1": ("libsvtav1", 2), "h264": ("h264", 2), "long gop": ("h264", 12), "images": ("", 2)}

    def record(kind: str) -> Path:
        root = folder / kind.replace(" ", "-")
        if not root.exists():
            codec, gop = codecs[kind]
            lerobot.ask(
                "record_cameras",
                root=root,
                lengths=LENGTHS,
                size=[48, 64],
                use_videos=kind != "images",
                cameras=["front", "wrist"],
                codec=codec,
                gop=gop,
            )
        return root

    return record


def rows_of_lerobot(
    lerobot: LeRobot, root: Path, rows: list[int], tmp_path: Path, **options: object
) -> dict[str, list]:
    """Name -> what LeRobot gives of each row; images as uint8 with channels last."""
    file = tmp_path / "rows.npz"
    lerobot.ask("save_rows", root=root, rows=rows, file=file, **options)
    with np.load(file, allow_pickle=False) as stored:
        names = {name.split("/", 1)[1] for name in stored}
        found = {name: [stored[f"{row}/{name}"] for row in rows] for name in names}
    for name in (FRONT, WRIST):
        if found[name][0].dtype != np.uint8:  # images in the table come as shares of 255
            found[name] = [np.rint(image * 255).astype(np.uint8) for image in found[name]]
        found[name] = [np.moveaxis(image, -3, -1) for image in found[name]]
    return found


@pytest.mark.parametrize("kind", ["av1", "h264", "long gop", "images"])
def test_random_rows_are_lerobots(kind: str, recorded: Recorded, lerobot: LeRobot, tmp_path: Path) -> None:
    root = recorded(kind)
    rows = np.random.default_rng(3).permutation(sum(LENGTHS)).tolist()
    expected = rows_of_lerobot(lerobot, root, rows, tmp_path)
    with FrameReader(root) as reader:
        together = reader.rows(rows)
        assert set(together) == set(expected)
        for number, row in enumerate(rows):
            alone = FrameReader.rows(reader, [row])
            for name, values in expected.items():
                assert np.array_equal(together[name][number], values[number].reshape(together[name][number].shape)), (
                    name
                )
                assert np.array_equal(alone[name][0], together[name][number]), name
    with FrameReader(root, cache_bytes=0, threads=1) as reader:  # one at a time, nothing kept
        for number, row in enumerate(rows):
            assert np.array_equal(reader.frames("front", [row])[0], expected[FRONT][number])


@pytest.mark.parametrize("kind", ["long gop", "images"])
@pytest.mark.parametrize("ahead", [0, 1, 5])
def test_episodes_in_sequence_are_the_same_rows(kind: str, ahead: int, recorded: Recorded) -> None:
    with FrameReader(recorded(kind)) as reader:
        every = reader.rows(range(len(reader)))
        found = list(reader.episodes(ahead=ahead))
        assert [episode.entry.length for episode in found] == LENGTHS
        for name in (FRONT, WRIST, "action", "index"):
            assert np.array_equal(np.concatenate([episode.columns[name] for episode in found]), every[name])
        assert [e.entry.episode_index for e in reader.episodes([2, 0], columns=["action"], ahead=ahead)] == [2, 0]
        with pytest.raises(InputError, match="0 to 2"):
            reader.episodes([3])


def test_windows_are_lerobots(recorded: Recorded, lerobot: LeRobot, tmp_path: Path) -> None:
    root = recorded("long gop")
    rows, windows = [0, 6, 7, 27], {FRONT: [-0.2, 0.0], "action": [-0.1, 0.0, 0.1, 0.2]}
    expected = rows_of_lerobot(lerobot, root, rows, tmp_path, delta_timestamps=windows)
    with FrameReader(root) as reader:
        found = reader.rows(rows, windows={"front": windows[FRONT], "action": windows["action"]})
        assert found[FRONT].shape == (4, 2, 48, 64, 3)
        for name in (FRONT, WRIST, "action", f"{FRONT}_is_pad", "action_is_pad"):
            assert np.array_equal(found[name], np.stack(expected[name])), name
        with pytest.raises(InputError, match="multiples of 1/10 s"):
            reader.rows([0], windows={"action": [0.05]})


@pytest.mark.parametrize("codec", ["h264", "ffv1", "png"])
def test_our_own_videos_and_depth(codec: str, lerobot: LeRobot, tmp_path: Path) -> None:
    root, top = tmp_path / "ours", WRIST
    cameras = {"front": Camera(height=48, width=64), "wrist": Camera(height=64, width=80, kind="depth")}
    with closing(registry.make("lift", 2)) as env, ExitStack() as stack:
        video = VideoSettings(codec=codec)
        writer = stack.enter_context(DatasetWriter(root, env.spec, cameras=cameras, video=video))
        recorder = stack.enter_context(writer.recorder())
        policy = Brief(env.spec)
        for episode in rollout(env, policy, range(3), sinks=[recorder]):
            writer.add(episode, recorder.take(episode))
    with FrameReader(root) as reader:
        rows = [0, 3, 4, 11, 8, 7]
        assert len(reader) == 12
        found = reader.rows(rows)
        assert found[top].shape == (6, 64, 80, 1)
        assert found[top].dtype == np.float32
        file = tmp_path / "rows.npz"
        lerobot.ask("save_rows", root=root, rows=rows, file=file)
        with np.load(file, allow_pickle=False) as stored:
            for number, row in enumerate(rows):
                theirs = np.moveaxis(stored[f"{row}/{FRONT}"], 0, -1)
                if theirs.dtype != np.uint8:
                    theirs = np.rint(theirs * 255).astype(np.uint8)
                assert np.array_equal(found[FRONT][number], theirs)
                millimetres = np.moveaxis(stored[f"{row}/{top}"], 0, -1)
                assert np.abs(found[top][number] * 1000 - millimetres).max() <= 0.501  # LeRobot rounds to mm
                assert np.ptp(millimetres) > 100


class Brief(RandomPolicy):
    """Ends every episode with its fourth row."""

    def reset(self, lanes, seeds) -> None:
        super().reset(lanes, seeds)
        self._left = {**getattr(self, "_left", {}), **{int(lane): 4 for lane in lanes}}

    def act(self, observation, active):
        ended = np.zeros(len(active), np.bool_)
        for lane in np.flatnonzero(active):
            self._left[int(lane)] -= 1
            ended[lane] = self._left[int(lane)] == 0
        return replace(super().act(observation, active), events={"terminate_episode": ended})


def test_cache_keeps_to_its_limit_and_saves_decoding(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = 48 * 64 * 3
    decoded: list[int] = []
    decode = VideoDecoder.decode

    def counted(self: VideoDecoder, path: Path, packets: list[int], kind: str):
        decoded.extend(packets)
        return decode(self, path, packets, kind)

    monkeypatch.setattr(VideoDecoder, "decode", counted)
    with FrameReader(recorded("h264"), ["front"], cache_bytes=5 * frame + 1) as reader:
        first = reader.frames("front", [3, 3, 1])
        first[:] = 0  # what was given is the caller's
        assert sorted(decoded) == [1, 3]
        assert reader.cached_bytes == 2 * frame
        again = reader.frames("front", [1, 3])
        assert len(decoded) == 2
        assert again.any()
        reader.frames("front", range(20))
        assert reader.cached_bytes == 5 * frame
        decoded.clear()
        reader.frames("front", [19, 0])
        assert decoded == [0]


def test_threads_share_a_reader(recorded: Recorded) -> None:
    with FrameReader(recorded("long gop"), cache_bytes=10 * 48 * 64 * 3) as reader:
        every = reader.frames("front", range(len(reader)))
        wrong: list[int] = []

        def read(seed: int) -> None:
            rows = np.random.default_rng(seed).integers(0, len(reader), 60).tolist()
            wrong.extend(row for row in rows if not np.array_equal(reader.frames("front", [row])[0], every[row]))

        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


def encode(path: Path, codec: str, pix_fmt: str, count: int, **options: str) -> None:
    """A video whose frames all differ."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(10), options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        open_encoder(stream)
        blocks = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        for number in range(count):
            image = np.roll(blocks, number * 3, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "options"),
    [
        ("bframes.mp4", "libx264", "yuv420p", {"bf": "3", "g": "20"}),
        ("opengop.mp4", "libx265", "yuv420p", {"x265-params": "log-level=none:open-gop=1:keyint=10:bframes=4"}),
        ("av1.mp4", "libsvtav1", "yuv420p", {"g": "20", "preset": "12"}),
        ("odd.mkv", "ffv1", "bgr0", {}),
        ("lossless.nut", "ffv1", "bgr0", {"g": "4"}),
    ],
)
def test_every_order_of_frames(name: str, codec: str, pix_fmt: str, options: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / name
    encode(path, codec, pix_fmt, 40, **options)
    with av.open(str(path)) as container:
        every = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    decoder = VideoDecoder()
    index = decoder.index(path)
    assert len(index) == len(every) == 40
    order = [*np.random.default_rng(1).permutation(40), *range(40), *range(0, 40, 7), 39, 38, 39]
    for number in order:
        packets = index.packets_at(np.array([number / 10]), 1e-3).tolist()
        ((_, pixels),) = decoder.decode(path, packets)
        assert np.array_equal(pixels, every[number]), number
    some = [31, 2, 17, 18, 2]
    packets = index.packets_at(np.array(some) / 10, 1e-3).tolist()
    found = {packet: pixels.copy() for packet, pixels in decoder.decode(path, packets)}
    assert all(np.array_equal(found[packet], every[number]) for packet, number in zip(packets, some, strict=True))


def test_files_of_the_same_settings_share_a_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        encode(tmp_path / f"{number}.mp4", "libx264", "yuv420p", 4 + number)
    decoder = VideoDecoder()
    for number in range(3):
        decoder.index(tmp_path / f"{number}.mp4")
    monkeypatch.setattr(av, "open", None)  # nothing is opened any more
    for number in (2, 0, 1, 2):
        assert len(list(decoder.decode(tmp_path / f"{number}.mp4", [0, 3]))) == 2


def test_continues_instead_of_seeking(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    encode(path, "libx264", "yuv420p", 60, g="60", bf="2")
    decoder = VideoDecoder()
    index = decoder.index(path)
    fed: list[int] = []
    packet = video_decoder._packet
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(video_decoder, "_packet", lambda index, n, file: fed.append(n) or packet(index, n, file))
        for number in range(60):
            list(decoder.decode(path, [int(index.shown[number])]))
    assert len(fed) <= 61  # each once, and the end


def test_bad_requests(recorded: Recorded) -> None:
    with FrameReader(recorded("h264")) as reader:
        with pytest.raises(UnknownNameError, match="front"):
            reader.frames("fornt", [0])
        for rows in ([-1], [28], [0.5], [[0]]):
            with pytest.raises(InputError):
                reader.frames("front", rows)  # pyright: ignore[reportArgumentType]
        with pytest.raises(UnknownNameError):
            reader.column("acton")
        assert reader.frames("front", []).shape == (0, 48, 64, 3)
    with pytest.raises(UnknownNameError):
        FrameReader(recorded("h264"), ["top"])


def test_damaged_files_are_named(recorded: Recorded, tmp_path: Path) -> None:
    root = tmp_path / "damaged"
    shutil.copytree(recorded("h264"), root)
    video = root / f"videos/{FRONT}/chunk-000/file-000.mp4"
    whole = video.read_bytes()
    video.write_bytes(whole[: len(whole) // 2])
    with FrameReader(root) as reader, pytest.raises(StorageError, match=r"file-000\.mp4"):
        reader.frames("front", [27])
    video.unlink()
    with FrameReader(root) as reader, pytest.raises(StorageError, match="missing"):
        reader.frames("front", [0])
    video.write_bytes(whole)
    with FrameReader(root, cache_bytes=0) as reader:
        assert reader.frames("front", [0]).any()
        os.utime(video, ns=(0, 0))
        with pytest.raises(StorageError, match="changed while it was read"):
            reader.frames("front", [1])


def test_read_ahead_gives_errors_in_their_place() -> None:
    def call(number: int) -> int:
        if number == 2:
            raise ValueError("third")
        return number

    results = read_ahead((lambda n=n: call(n) for n in range(4)), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="third"):
        next(results)
