"""Recording and reading state-only datasets of `numpy/push-t`, beside LeRobot's own writer and reader.

An episode is 300 rows of 6 + 2 numbers and next.reward, next.done, next.success. Ours commits every episode, synced
to the disk, so that it survives a kill and a power cut; LeRobot's are readable once `finalize` has run, which is
counted here. Both begin with an empty folder in every round.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from harness import Row, interleaved, less_is_better, main

from lerobot_sim.datasets.reader import read_columns
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.envs.push_t import make
from lerobot_sim.episode import Episode
from lerobot_sim.loop import rollout
from lerobot_sim.policies.random import RandomPolicy


def measure(full: bool) -> list[Row]:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with tempfile.TemporaryDirectory(prefix="benchmark-dataset-", ignore_cleanup_errors=True) as folder:
        os.environ["HF_HOME"] = f"{folder}/hub"  # LeRobot is imported later
        return _measure(full, Path(folder))


def _measure(full: bool, folder: Path) -> list[Row]:
    episodes_a_round, repeats = (200, 5) if full else (50, 3)
    env = make(8)
    episodes = list(rollout(env, RandomPolicy(env.spec), range(episodes_a_round)))
    numbers = count()

    def ours(sync: bool) -> Callable[[], None]:
        def write() -> None:
            with DatasetWriter(folder / f"ours{next(numbers)}", env.spec, sync=sync) as writer:
                for episode in episodes:
                    writer.add(episode)

        return write

    from lerobot import __version__ as version

    peer = f"LeRobot {version}"
    functions = {
        "synced": ours(True),
        "ours": ours(False),
        "peer": lambda: _lerobot(folder / f"{next(numbers)}", episodes),
    }
    seconds = interleaved(functions, repeats)
    each = {name: 1e3 * value / episodes_a_round for name, value in seconds.items()}
    root = folder / "whole"
    with DatasetWriter(root, env.spec) as writer:
        for episode in episodes:
            writer.add(episode)
    reading = interleaved({"ours": lambda: read_columns(root), "peer": lambda: _read_with_lerobot(root)}, repeats)
    what = f"recording an episode of 300 state rows, {episodes_a_round} in a row"
    return [
        less_is_better(f"{what}, synced to the disk", "ms CPU", each["synced"], each["peer"], peer, ">= 10x"),
        less_is_better(f"{what}, safe from a kill only", "ms CPU", each["ours"], each["peer"], peer, ">= 10x"),
        less_is_better(
            f"opening and reading every column of {episodes_a_round} episodes as arrays",
            "ms CPU",
            1e3 * reading["ours"],
            1e3 * reading["peer"],
            peer,
        ),
    ]


def _lerobot(root: Path, episodes: Sequence[Episode]) -> None:
    from datasets.utils.logging import disable_progress_bar
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    disable_progress_bar()
    scalars = {"next.reward": "float32", "next.done": "bool", "next.success": "bool"}
    features: dict[str, Any] = {
        "observation.state": {"dtype": "float32", "shape": (6,), "names": None},
        "action": {"dtype": "float32", "shape": (2,), "names": None},
        **{name: {"dtype": dtype, "shape": (1,), "names": None} for name, dtype in scalars.items()},
    }
    dataset = LeRobotDataset.create("benchmark/push-t", fps=10, features=features, root=root, use_videos=False)
    for episode in episodes:
        state, last = episode.observation["observation.state"], len(episode) - 1
        for t in range(len(episode)):
            frame = {
                "observation.state": state[t],
                "action": episode.action[t],
                "next.reward": episode.reward[t : t + 1],
                "next.done": np.array([t == last]),
                "next.success": episode.success[t : t + 1],
                "task": episode.instruction,
            }
            dataset.add_frame(frame)
        dataset.save_episode()
    dataset.finalize()


def _read_with_lerobot(root: Path) -> dict[str, Any]:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    rows = LeRobotDataset("benchmark/push-t", root=root).hf_dataset.with_format("numpy")
    return {name: np.asarray(rows[name][:]) for name in rows.column_names}


if __name__ == "__main__":
    main(measure, __doc__)
