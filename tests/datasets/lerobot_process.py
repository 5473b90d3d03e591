"""Runs LeRobot on behalf of the tests: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import traceback
from typing import Any

import numpy as np

OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever libraries print goes to the log

import torch  # noqa: E402
from lerobot.configs import RGBEncoderConfig  # noqa: E402
from lerobot.datasets.compute_stats import (  # noqa: E402
    auto_downsample_height_width,
    get_feature_stats,
    sample_indices,
)
from lerobot.datasets.lerobot_dataset import LeRobotDataset  # noqa: E402


def load(root: str) -> dict[str, Any]:
    """Loads a dataset as its users do and looks at every row."""
    dataset = LeRobotDataset("local/test", root=root)
    rows = dataset.hf_dataset.with_format("numpy")
    columns = {name: np.asarray(rows[name][:]) for name in rows.column_names}
    meta = dataset.meta
    found = []
    for number in range(dataset.num_episodes):
        entry = meta.episodes[number]
        start, stop = entry["dataset_from_index"], entry["dataset_to_index"]
        own = {name: values[start:stop] for name, values in columns.items()}
        assert (own["episode_index"] == number).all()
        assert (own["frame_index"] == np.arange(stop - start)).all()
        assert (own["index"] == np.arange(start, stop)).all()
        assert np.allclose(own["timestamp"], np.arange(stop - start) / meta.fps)
        assert own["next.done"].tolist() == [False] * (stop - start - 1) + [True]
        vectors = [own[name].reshape(stop - start, -1) for name in ("observation.state", "action")]
        both = np.concatenate(vectors, axis=1).astype(np.float64)
        weights = np.arange(1, len(both) + 1)[:, None]
        found.append([float(len(both)), float((both * weights).sum())])
    beyond = columns["episode_index"][dataset.num_frames :]
    assert len(np.unique(beyond)) <= 1, "more than one episode beyond info.json"
    last = dataset[dataset.num_frames - 1]
    return {
        "episodes": dataset.num_episodes,
        "frames": dataset.num_frames,
        "digests": found,
        "rows": len(columns["index"]),
        "last_task": last["task"],
        "stats": {name: sorted(values) for name, values in meta.stats.items()},
        "last": {name: value.tolist() for name, value in last.items() if isinstance(value, torch.Tensor)},
        "dtypes": {name: str(value.dtype) for name, value in last.items() if isinstance(value, torch.Tensor)},
        "shapes": {name: list(value.shape) for name, value in last.items() if isinstance(value, torch.Tensor)},
    }


def iterate(root: str, delta_timestamps: dict[str, list[float]], batch_size: int) -> dict[str, Any]:
    """Iterates through a DataLoader, as training does; returns all values of the asked columns."""
    dataset = LeRobotDataset("local/test", root=root, delta_timestamps=delta_timestamps)
    gathered: dict[str, list[Any]] = {}
    for batch in torch.utils.data.DataLoader(dataset, batch_size=batch_size):
        for name, value in batch.items():
            if isinstance(value, torch.Tensor):
                gathered.setdefault(name, []).append(value)
    return {name: torch.cat(values).tolist() for name, values in gathered.items()}


def record(root: str, arrays: str, features: dict[str, Any], fps: int, robot_type: str, task: str) -> None:
    """Records the episodes in an .npz with LeRobot's own writer."""
    for feature in features.values():
        feature["shape"] = tuple(feature["shape"])
    dataset = LeRobotDataset.create(
        "local/test", fps=fps, features=features, root=root, use_videos=False, robot_type=robot_type
    )
    with np.load(arrays, allow_pickle=False) as stored:
        count = max(int(name.split("/")[0]) for name in stored) + 1
        for number in range(count):
            own = {name.split("/", 1)[1]: stored[name] for name in stored if name.startswith(f"{number}/")}
            for t in range(len(own["action"])):
                dataset.add_frame({**{name: np.array(value[t]) for name, value in own.items()}, "task": task})
            dataset.save_episode()
    dataset.finalize()


def record_cameras(
    root: str, lengths: list[int], size: list[int], use_videos: bool, cameras: list[str], codec: str = "", gop: int = 2
) -> None:
    """Records made-up episodes with cameras by LeRobot's own writer; two tasks in turn, a new colour each episode."""
    height, width = size
    images = {
        f"observation.images.{name}": {
            "dtype": "video" if use_videos else "image",
            "shape": (height, width, 3),
            "names": ["height", "width", "channels"],
        }
        for name in cameras
    }
    vectors = {
        name: {"dtype": "float32", "shape": (2,), "names": ["x", "y"]} for name in ("observation.state", "action")
    }
    done = {"next.done": {"dtype": "bool", "shape": (1,), "names": None}}
    encoder = RGBEncoderConfig(vcodec=codec, g=gop) if codec else None
    features = {**vectors, **done, **images}
    dataset = LeRobotDataset.create(
        "local/test", fps=10, features=features, root=root, use_videos=use_videos, rgb_encoder=encoder
    )
    random = np.random.default_rng(0)
    for number, length in enumerate(lengths):
        colours = random.integers(40, 200, (len(cameras), 3), dtype=np.uint8)
        for t in range(length):
            frame: dict[str, Any] = {name: random.normal(size=2).astype(np.float32) for name in vectors}
            for camera, colour in zip(images, colours, strict=True):
                picture = np.empty((height, width, 3), np.uint8)
                picture[:] = colour
                at = t * (width - 8) // max(length - 1, 1)
                picture[height // 2 - 4 : height // 2 + 4, at : at + 8] = 255
                frame[camera] = picture
            frame["next.done"] = np.array([t == length - 1])
            dataset.add_frame({**frame, "task": ["push the block", "open the drawer"][number % 2]})
        dataset.save_episode()
    dataset.finalize()


def save_rows(root: str, rows: list[int], file: str, delta_timestamps: dict[str, list[float]] | None = None) -> None:
    """Writes what LeRobot gives of some rows, decoded by PyAV, to an .npz: "<row>/<name>"."""
    dataset = LeRobotDataset(
        "local/test", root=root, video_backend="pyav", return_uint8=True, delta_timestamps=delta_timestamps
    )
    found = {
        f"{row}/{name}": np.asarray(value) for row in rows for name, value in dataset[row].items() if name != "task"
    }
    np.savez(file, allow_pickle=False, **found)


def record_depth(root: str, lengths: list[int]) -> None:
    """Records made-up depth, 32x48, in mm, as LeRobot does: 12 bits, losslessly."""
    shapes = {"observation.state": (2,), "action": (2,), "observation.images.depth": (32, 48, 1)}
    features: dict[str, Any] = {
        name: {"dtype": "float32", "shape": shape, "names": None} for name, shape in shapes.items()
    }
    features["observation.images.depth"] |= {"dtype": "video", "names": ["height", "width", "channels"]}
    features["observation.images.depth"]["info"] = {"is_depth_map": True}
    dataset = LeRobotDataset.create("local/test", fps=10, features=features, root=root)
    random = np.random.default_rng(0)
    for length in lengths:
        for _ in range(length):
            frame = {name: random.normal(size=2).astype(np.float32) for name in ("observation.state", "action")}
            depth = random.integers(100, 5000, (32, 48, 1), dtype=np.uint16)
            dataset.add_frame({**frame, "observation.images.depth": depth, "task": "look"})
        dataset.save_episode()
    dataset.finalize()


def rows(root: str) -> list[dict[str, str]]:
    """Every item of the dataset as it is handed to training: name -> a digest of the value."""
    dataset = LeRobotDataset("local/test", root=root)
    assert len(dataset) == dataset.meta.total_frames == sum(dataset.meta.episodes["length"])
    found = []
    for item in (dataset[index] for index in range(len(dataset))):
        values = {name: value.numpy() if isinstance(value, torch.Tensor) else value for name, value in item.items()}
        found.append(
            {
                name: hashlib.sha1(value.tobytes()).hexdigest() if isinstance(value, np.ndarray) else str(value)
                for name, value in values.items()
            }
            | {"index": str(int(item["index"])), "episode_index": str(int(item["episode_index"]))}
        )
    return found


def resume(root: str, other: str) -> int:
    """Appends the first episode of another dataset with LeRobot's own writer; the number of episodes then."""
    source = LeRobotDataset("local/test", root=other)
    dataset = LeRobotDataset.resume("local/test", root=root)
    own = ("timestamp", "frame_index", "episode_index", "index", "task_index")
    for t in range(source.meta.episodes[0]["length"]):
        row = source[t]
        frame = {
            name: row[name].numpy().reshape(source.features[name]["shape"])
            for name in source.features
            if name not in own
        }
        dataset.add_frame({**frame, "task": row["task"]})
    dataset.save_episode()
    dataset.finalize()
    return LeRobotDataset("local/test", root=root).num_episodes


def statistics_of_images(root: str) -> dict[str, list[Any]]:
    """LeRobot's statistics of an image dataset's only episode, its sums taken in float64."""
    dataset = LeRobotDataset("local/test", root=root, return_uint8=True)
    key = dataset.meta.camera_keys[0]
    chosen = [dataset[index][key].numpy() for index in sample_indices(len(dataset))]
    pictures = [picture if picture.dtype == np.uint8 else np.rint(picture * 255) for picture in chosen]
    thinned = np.stack([auto_downsample_height_width(picture) for picture in pictures]).astype(np.float64)
    found = get_feature_stats(thinned, axis=(0, 2, 3), keepdims=True)
    return {name: (value if name == "count" else value[0] / 255).tolist() for name, value in found.items()}


def load_many(roots: list[str]) -> list[dict[str, Any]]:
    """`load` of every root; what one of them raises stands in its place."""
    return [_answer(load, {"root": root}) for root in roots]


def _answer(function: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"result": function(**arguments)}
    except Exception:  # noqa: BLE001 - the test is to see it
        return {"error": traceback.format_exc()[-3000:]}


def main() -> None:
    functions = {
        function.__name__: function
        for function in (
            load,
            iterate,
            record,
            record_cameras,
            record_depth,
            save_rows,
            rows,
            resume,
            statistics_of_images,
            load_many,
        )
    }
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(_answer(functions[request.pop("what")], request)), file=OUT, flush=True)


main()
