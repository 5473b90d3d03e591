"""Records in processes that are killed: `recording_process.py EPISODES`, then a line of JSON a process.

Each line {"root", "until", "kill_after_s" or "kill_at"} forks a process that opens a writer on `root` and adds
episodes up to number `until`. It is killed (SIGKILL) after a time, or before its `kill_at`-th step: a rename or
an append; with "half", after half of what an append would write. Answered by {"saved": episodes that were
reported as saved, "steps": number of steps where it came to the end, "killed"}.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from lerobot_sim.datasets import resume, writer
from lerobot_sim.envs.push_t import make
from lerobot_sim.loop import rollout
from lerobot_sim.policies.random import RandomPolicy
from lerobot_sim.spec import Camera


def record(request: dict[str, Any], report: int, spec: Any, episodes: list[Any]) -> None:
    steps = 0

    def watched(function: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            nonlocal steps
            if steps == request.get("kill_at"):
                if request.get("half") and function.__name__ == "append_at":
                    path, offset, line = arguments
                    function(path, offset, line[: len(line) // 2], **keywords)
                os.kill(os.getpid(), signal.SIGKILL)
            steps += 1
            return function(*arguments, **keywords)

        return call

    os.replace, writer.append_at = watched(os.replace), watched(writer.append_at)
    os.write(report, bytes([0]))
    if request.get("cameras"):
        record_pictures(request, report)
    else:
        record_columns(request, report, spec, episodes)
    os.write(report, bytes([255, steps]))


def record_pictures(request: dict[str, Any], report: int) -> None:
    env = make(2)
    cameras = {"front": Camera(height=32, width=48)}
    with writer.DatasetWriter(request["root"], env.spec, cameras=cameras) as dataset, dataset.recorder() as recorder:
        seeds = range(dataset.num_episodes, request["until"])
        for episode in rollout(env, RandomPolicy(env.spec), seeds, sinks=[recorder]):
            recording = replace(recorder.take(episode), index=episode.seed)
            dataset.add(replace(episode, index=episode.seed), recording)
            os.write(report, bytes([dataset.num_episodes]))


def record_columns(request: dict[str, Any], report: int, spec: Any, episodes: list[Any]) -> None:
    with writer.DatasetWriter(request["root"], spec) as dataset:
        while dataset.num_episodes < request["until"]:
            dataset.add(episodes[dataset.num_episodes])
            os.write(report, bytes([dataset.num_episodes]))


def supervise(request: dict[str, Any], spec: Any, episodes: list[Any]) -> dict[str, Any]:
    reader, report = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            record(request, report, spec, episodes)
        finally:
            os._exit(0)
    os.close(report)
    told = os.read(reader, 1)  # all is imported
    deadline = time.monotonic() + request.get("kill_after_s", 60.0)
    while True:
        ready, _, _ = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            os.kill(child, signal.SIGKILL)
        part = os.read(reader, 4096)
        if not part:
            break
        told += part
    os.close(reader)
    _, status = os.waitpid(child, 0)
    end = told.find(b"\xff")
    saved = max(told if end < 0 else told[:end])
    return {"saved": saved, "steps": None if end < 0 else told[end + 1], "killed": os.WIFSIGNALED(status)}


def main() -> None:
    count = int(sys.argv[1])
    resume._DATA_EPISODES = 3  # so that new files begin within a few episodes
    resume._EPISODES_BYTES = 5000
    pa.array([0.0])  # imports pandas, which would cost every process seconds
    warnings.simplefilter("ignore", DeprecationWarning)  # pyarrow's one thread is idle while we fork
    env = make(4)
    episodes = list(rollout(env, RandomPolicy(env.spec), range(count)))
    for line in sys.stdin:
        request = json.loads(line)
        Path(request["root"]).parent.mkdir(parents=True, exist_ok=True)
        print(json.dumps(supervise(request, env.spec, episodes)), flush=True)


main()
