"""Depth that we record, as LeRobot reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lerobot_sim import registry
from lerobot_sim.datasets.codecs import VideoSettings
from lerobot_sim.datasets.frames import FrameReader
from lerobot_sim.spec import IMAGES, Camera

from .conftest import LeRobot
from .test_recorder_faults import ROWS, record

DEPTH = {"front": Camera(height=64, width=80, kind="depth")}


def pattern(t: int) -> np.ndarray:
    """Depths in m from 0.05 to 8 that change with every step."""
    return np.roll(np.geomspace(0.05, 8, 64 * 80).astype(np.float32), 997 * t).reshape(64, 80, 1)


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "within_mm"), [("h264", 2.8), ("png", 0.501)])
def test_lerobot_reads_our_depth(tmp_path: Path, lerobot: LeRobot, codec: str, within_mm: float) -> None:
    """A code is (8 + 3.5) m * ln(13.5 / 3.51) / 4095 = 3.8 mm at 8 m, half of it and LeRobot's rounding are lost."""
    root, env = tmp_path / "data", registry.make("numpy/push-t", 1)

    def render(cameras: Mapping[str, Camera], lanes: Any = None) -> dict[str, Any]:
        (t,) = env.get_state(np.array([0]))["t"]
        return {name: pattern(int(t))[None] for name in cameras}

    env.render = render  # type: ignore[method-assign]
    record(root, 2, env, cameras=DEPTH, video=VideoSettings(codec=codec))
    rows = list(range(2 * ROWS))
    lerobot.ask("save_rows", root=root, rows=rows, file=str(tmp_path / "rows.npz"))
    with FrameReader(root) as reader:
        own = reader.frames("front", rows)
    with np.load(tmp_path / "rows.npz", allow_pickle=False) as stored:
        for row in rows:
            theirs = np.moveaxis(stored[f"{row}/{IMAGES}front"], 0, -1).astype(np.float64)
            assert np.abs(theirs - 1000 * pattern(row % ROWS)).max() <= within_mm, row
            assert np.abs(theirs - 1000 * own[row]).max() <= 0.501
