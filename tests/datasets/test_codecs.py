"""Codecs: what is refused before the first episode, and statistics of pictures against LeRobot's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from lerobot_sim import registry
from lerobot_sim.datasets.codecs import EncoderError, VideoSettings, depth_codes, depth_of_codes
from lerobot_sim.datasets.image_statistics import DepthStatistics, RgbStatistics
from lerobot_sim.datasets.stored_images import decode_image
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.errors import InputError, UnknownNameError
from lerobot_sim.spec import IMAGES, Camera

from .conftest import LeRobot


def writer(root: Path, camera: Camera, settings: VideoSettings) -> DatasetWriter:
    return DatasetWriter(root, registry.make("numpy/push-t", 1).spec, cameras={"front": camera}, video=settings)


@pytest.mark.parametrize(
    ("codec", "complaint"),
    [("h264_videotoolbox", "no encoder 'h264_videotoolbox'"), ("hevc_videotoolbox", "no encoder")],
)
def test_a_codec_that_is_missing_is_named_before_the_first_episode(tmp_path: Path, codec: str, complaint: str) -> None:
    with pytest.raises(EncoderError, match=complaint):
        writer(tmp_path / "data", Camera(), VideoSettings(codec=codec))
    assert not (tmp_path / "data").exists()


def test_an_encoder_that_refuses_is_named_before_the_first_episode(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="'libx264' refuses"):
        writer(tmp_path / "data", Camera(), VideoSettings(preset="quickest"))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("camera", "settings", "complaint"),
    [
        (Camera(height=63, width=64), {}, "even sizes, 63x64"),
        (Camera(height=32, width=48), {"codec": "hevc"}, "64 pixels each way, 32x48"),
        (Camera(kind="segmentation"), {}, "no place for segmentation"),
    ],
)
def test_pictures_that_cannot_be_stored(tmp_path: Path, camera: Camera, settings: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        writer(tmp_path / "data", camera, VideoSettings(**settings))
    assert not (tmp_path / "data").exists()


def test_settings_out_of_range() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'h264'"):
        VideoSettings(codec="h246")
    for wrong in ({"gop": 0}, {"crf": 99}, {"depth_min": 2.0, "depth_max": 1.0}):
        with pytest.raises(InputError):
            VideoSettings(**wrong)  # type: ignore[arg-type]


def test_depth_comes_back_within_a_code() -> None:
    settings = VideoSettings()
    depth = np.geomspace(0.01, 10, 10_000).astype(np.float32)
    back = depth_of_codes(depth_codes(depth, settings), settings)
    assert np.abs(back - depth).max() < (10 + 3.5) * np.log(13.5 / 3.51) / 4095


@pytest.mark.parametrize("size", [(48, 64), (240, 320)])
def test_statistics_of_images_are_lerobots(lerobot: LeRobot, tmp_path: Path, size: tuple[int, int]) -> None:
    """LeRobot's own functions, given float64: in float32, its sums over many pixels put the std off by up to 0.07."""
    root, key = tmp_path / "theirs", f"{IMAGES}front"
    lerobot.ask("record_cameras", root=root, lengths=[130], size=list(size), use_videos=False, cameras=["front"])
    theirs = lerobot.ask("statistics_of_images", root=root)
    own = RgbStatistics()
    for image in pq.read_table(root / "data", columns=[key]).column(key).to_pylist():
        own.add(decode_image(image["bytes"], "rgb24"))
    stored = json.loads((root / "meta/stats.json").read_text())[key]
    for name, value in own.result().items():
        assert np.shape(theirs[name]) == np.shape(stored[name]) == value.shape
        within = 1 / 5000 if name.startswith("q") else 0.0  # a bin of LeRobot's
        assert np.abs(np.array(theirs[name]) - value).max() <= within + 1e-9, name
        if name not in ("mean", "std"):
            assert np.abs(np.array(stored[name]) - value).max() <= within + 1e-6, name


@pytest.mark.parametrize(("length", "step"), [(40, 1), (40, 2), (150, 1)])
def test_statistics_of_images_are_exact(length: int, step: int) -> None:
    """Against NumPy over the pictures and pixels that LeRobot's rules name."""
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (length, 150 * step, 160 * step, 3), dtype=np.uint8)
    own = RgbStatistics()
    for picture in pictures:
        own.add(picture)
    chosen = np.round(np.linspace(0, length - 1, min(length, 100))).astype(int)
    pixels = pictures[chosen, ::step, ::step].reshape(-1, 3) / 255
    found = {name: value.ravel() for name, value in own.result().items()}
    assert found["count"] == [len(chosen)]
    assert np.allclose(found["mean"], pixels.mean(axis=0), rtol=1e-12)
    assert np.allclose(found["std"], pixels.std(axis=0), rtol=1e-12)
    assert np.array_equal(found["q10"], np.quantile(pixels, 0.1, axis=0, method="inverted_cdf"))


def test_statistics_of_depth_are_lerobots(lerobot: LeRobot, tmp_path: Path) -> None:
    root, key = tmp_path / "theirs", f"{IMAGES}depth"
    lerobot.ask("record_depth", root=root, lengths=[120])
    found = json.loads((root / "meta/stats.json").read_text())[key]
    own, random = DepthStatistics(VideoSettings(), unit_m=1e-3), np.random.default_rng(0)
    for _ in range(120):
        random.normal(size=2), random.normal(size=2)
        own.add((random.integers(100, 5000, (32, 48, 1), dtype=np.uint16) / 1000).astype(np.float32))
    for name, value in own.result().items():
        within = 4.0 if name.startswith("q") else 0.02  # mm: a code, and a bin of LeRobot's
        assert np.abs(np.array(found[name]) - value).max() <= within, name
