"""An encoder leaves every thread scheduled as it was, also for root, whom SVT-AV1 makes real-time."""

import os
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from lerobot_sim.datasets.codecs import VideoSettings, open_stream
from lerobot_sim.spec import Camera

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="schedulers are read in Linux's way")


def policies():
    return {os.sched_getscheduler(int(path.name)) for path in Path("/proc/self/task").iterdir()}


@pytest.mark.parametrize("codec", ["av1", "h264", "hevc"])
def test_no_thread_is_scheduled_otherwise(tmp_path, codec):
    before = policies()
    container, stream = open_stream(
        str(tmp_path / "v.mp4"), VideoSettings(codec=codec), Camera(height=64, width=64), 30
    )
    for _ in range(3):
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
        container.mux(stream.encode(picture))
    assert policies() == before
    container.mux(stream.encode(None))
    container.close()
    assert policies() == before
