"""Batches by workers: the same whatever their number, within the memory that was allowed."""

import itertools
import threading

import numpy as np
import pytest

from lerobot_sim.datasets.frames import FrameReader
from lerobot_sim.training.batches import Windows, batches, tensors_of

from .lerobot_dataset import SIDE, record

IMAGE = "observation.images.front"
WINDOWS = Windows(action=(0, 1, 2), observations=("observation.state", IMAGE))
FRAME_BYTES = SIDE * SIDE * 3


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return record(tmp_path_factory.mktemp("batches") / "reach")


def taken(reader, count, **options):
    source = batches(reader, WINDOWS, 8, seed=3, **options)
    try:
        return list(itertools.islice(source, count))
    finally:
        source.close()


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_are_the_same_whatever_the_number_of_workers(dataset, workers):
    before = set(threading.enumerate())
    with FrameReader(dataset, threads=1) as alone, FrameReader(dataset, threads=1, evict=False) as reader:
        expected = taken(alone, 6, ahead=0)
        found = taken(reader, 6, workers=workers)
    for one, other in zip(expected, found, strict=True):
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])
    assert len({found[0]["task"][0], ""}) == 2
    assert set(threading.enumerate()) <= before


def test_decoded_frames_stay_within_the_limit_and_are_found_again(dataset):
    with FrameReader(dataset, threads=1) as reader:
        rows = len(reader)
    limit = rows * FRAME_BYTES // 2
    decoded = []
    with FrameReader(dataset, threads=1, evict=False, cache_bytes=limit) as reader:
        decode = reader._decode
        reader._decode = lambda *job: (decoded.append(len(job[3])), decode(*job))[1]
        epoch = -(-rows // 8)
        taken(reader, epoch, workers=2)
        assert limit - FRAME_BYTES < reader.cached_bytes <= limit
        first, decoded[:] = sum(decoded), []
        taken(reader, epoch, workers=2)
        assert reader.cached_bytes <= limit
    assert first >= rows
    assert rows / 2 - 9 <= sum(decoded) <= rows / 2 + 9


def test_tensors_are_those_of_lerobots_loader(dataset):
    torch = pytest.importorskip("torch")
    pytest.importorskip("lerobot")
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    theirs = LeRobotDataset("me/reach", root=dataset, delta_timestamps={"action": [0, 0.1, 0.2]}, video_backend="pyav")
    with FrameReader(dataset) as reader:
        rows = [0, 17, len(reader) - 1]
        times = {"action": [0, 0.1, 0.2]}
        found = tensors_of(reader.rows(rows, columns=["observation.state", "action"], windows=times))
    assert found[IMAGE].dtype == torch.float32
    for number, row in enumerate(rows):
        item = theirs[row]
        for key, value in found.items():
            assert torch.equal(value[number], item[key]), key
    assert found["action_is_pad"][-1].tolist() == [False, True, True]
