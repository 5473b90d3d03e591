"""Stepping `mujoco/lift` (Panda): against bare `mj_step`, on two threads, against gym-hil, and its memory.

Ours and the bare loop apply the same commands to the same 64 starts, of a grasp by the expert. gym-hil runs in an
environment of its own, made from requirements/peers/gym-hil.lock.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from harness import Row, interleaved, less_is_better, main, peer_python

from lerobot_sim import make_policy
from lerobot_sim.envs.mujoco.physics import CONTROL_HZ, SUBSTEPS, TIMESTEP
from lerobot_sim.envs.mujoco.tasks import lift

LANES, STEPS = 64, 50
HERE = Path(__file__)


@dataclass(frozen=True)
class Recorded:
    """A grasp in every lane: the start and, for each step, the actions of both controllers and the command."""

    start: dict[str, Any]
    delta: list[Any]
    joint: list[Any]
    ctrl: list[Any]


def record() -> Recorded:
    """The expert's commands."""
    env = lift.make(LANES)
    expert = make_policy("expert", env.spec)
    lanes, active = np.arange(LANES), np.ones(LANES, bool)
    observation = env.reset(lanes, lanes)
    expert.reset(lanes, lanes)
    recorded = Recorded(env.get_state(lanes), [], [], [])
    for _ in range(STEPS):
        recorded.delta.append(expert.act(observation, active).action)
        observation = env.step(recorded.delta[-1], active).observation
        ctrl = env.get_state(lanes)["state.world.ctrl"]
        recorded.ctrl.append(ctrl)
        recorded.joint.append(np.concatenate([ctrl[:, :7], 2 * ctrl[:, 7:] / 0.04 - 1], axis=1).astype(np.float32))
    env.close()
    return recorded


def bare(model: Any, datas: list[Any], recorded: Recorded) -> None:
    """The same steps by `mj_step` alone."""
    for data, state in zip(datas, recorded.start["state.integration"], strict=True):
        mujoco.mj_setState(model, data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
    for ctrl in recorded.ctrl:
        for data, row in zip(datas, ctrl, strict=True):
            data.ctrl[:] = row
            mujoco.mj_step(model, data, SUBSTEPS)


class Ours:
    """The steps through the contract.

    Args:
        controller: What the actions mean.
        recorded: The grasp.
        threads: Physics threads.
        actions: What to do instead of the grasp.
    """

    def __init__(self, controller: str, recorded: Recorded, threads: int = 1, actions: list[Any] | None = None) -> None:
        self._env = lift.make(LANES, controller=controller, threads=threads)
        self._actions = actions or (recorded.delta if controller == lift.CONTROLLER else recorded.joint)
        self._lanes, self._active = np.arange(LANES), np.ones(LANES, bool)
        self._env.reset(self._lanes, self._lanes)
        own = self._env.get_state(self._lanes)
        self._start = {name: recorded.start.get(name, value) for name, value in own.items()}

    def __call__(self) -> None:
        self._env.set_state(self._lanes, self._start)
        for action in self._actions:
            self._env.step(action, self._active)


def wall(function: Any) -> float:
    """Seconds on the clock of one call."""
    since = time.perf_counter()
    function()
    return time.perf_counter() - since


def bare_process(rounds: int) -> subprocess.Popen[str]:
    """A process that makes the bare steps when it is told to."""
    return subprocess.Popen(
        [sys.executable, str(HERE), "bare", str(rounds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def told(processes: list[subprocess.Popen[str]]) -> float:
    """Seconds on the clock until all have made one round."""
    since = time.perf_counter()
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout
        process.stdout.readline()
    return time.perf_counter() - since


def scaling(recorded: Recorded, repeats: int) -> tuple[float, float]:
    """How many times faster two threads of ours are than one, and two bare processes than one."""
    one, two = Ours("joint_position", recorded, 1), Ours("joint_position", recorded, 2)
    processes = [bare_process(repeats * 2 + 2) for _ in range(2)]
    for process in processes:
        assert process.stdout
        process.stdout.readline()  # it is ready
    ours, bares = [], []
    for _ in range(repeats):
        ours.append(wall(one) / wall(two))
        bares.append(2 * told(processes[:1]) / told(processes))
    for process in processes:
        process.kill()
        process.communicate()
    return statistics.median(ours), statistics.median(bares)


def memory(lanes: int) -> float:
    """Resident MB of a process that steps so many lanes."""
    code = f"""
import numpy as np
from lerobot_sim.envs.mujoco.tasks import lift
env = lift.make({lanes}, threads=1)
lanes = np.arange({lanes})
env.reset(lanes, lanes)
for _ in range(3):
    env.step(np.zeros(({lanes}, 5), np.float32), np.ones({lanes}, bool))
import resource
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def geoms(model: Any) -> str:
    """How much there is to collide and to see."""
    colliding = int(((model.geom_contype | model.geom_conaffinity) > 0).sum())
    return f"{model.ngeom} geoms, {colliding} of them collide, {1000 * TIMESTEP:g} ms"


def measure(full: bool) -> list[Row]:
    recorded = record()
    model = lift.task().model
    datas = [mujoco.MjData(model) for _ in range(LANES)]
    joint, delta = Ours("joint_position", recorded), Ours(lift.CONTROLLER, recorded)
    random = np.random.default_rng(0).uniform(-1, 1, (STEPS, LANES, 5)).astype(np.float32)
    anyhow = Ours(lift.CONTROLLER, recorded, actions=list(random))
    seconds = interleaved(
        {"bare": lambda: bare(model, datas, recorded), "joint": joint, "delta": delta, "random": anyhow},
        20 if full else 6,
    )
    us = {name: 1e6 * value / (LANES * STEPS) for name, value in seconds.items()}
    threads, processes = scaling(recorded, 10)
    peer = json.loads(
        subprocess.run(
            [peer_python("gym-hil"), str(HERE.parent / "peers/panda_pick_cube.py"), "500" if full else "150"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": ""},
        ).stdout.splitlines()[-1]
    )
    scene = f"{peer['geoms']} geoms, {1000 * peer['timestep']:g} ms, {peer['control_hz']:g} Hz"
    second = us["random"] * CONTROL_HZ / 1e6
    rows = [
        less_is_better(
            f"lift, Panda ({geoms(model)}), {LANES} lanes, one thread, joint targets",
            "us/lane-step",
            us["joint"],
            us["bare"],
            "bare mj_step, same substeps",
            ">= 0.9",
        ),
        less_is_better(
            "the same by end-effector steps",
            "us/lane-step",
            us["delta"],
            us["joint"],
            "joint targets",
            "<= 1.1x the cost (>= 0.91)",
        ),
        Row(
            what="the same on two threads over one, on the clock",
            unit="x",
            ours=threads,
            peer=processes,
            peer_name="two bare processes over one",
            ratio=threads / processes,
            reach=">= 0.9",
        ),
    ]
    rows += [
        less_is_better(
            f"a simulated second of lift, random actions, {LANES} lanes",
            "CPU s",
            second,
            peer[kind],
            f"gym-hil 0.1.14, {kind} ({scene})",
            ">= 15x",
        )
        for kind in ("single", "sync", "async")
    ]
    return [*rows, Row(what="memory of 1,000 lanes", unit="MB RSS", ours=memory(1000), reach="<= 250")]


def bare_worker(rounds: int) -> None:
    """Makes one round of bare steps for every line on standard input."""
    recorded, model = record(), lift.task().model
    datas = [mujoco.MjData(model) for _ in range(LANES)]
    print("ready", flush=True)
    for _ in range(rounds):
        if not sys.stdin.readline():
            return
        bare(model, datas, recorded)
        print("done", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["bare"]:
        bare_worker(int(sys.argv[2]))
    else:
        main(measure, __doc__)
