"""Pictures of the lift scene: what the three looks cost and how near they come to `full`, and the render processes.

The scene: table, robot and a cube, no meshes; camera "front", 128x128. OpenGL is what this machine has (`MUJOCO_GL`
overrules the choice); the figures to reach are for Mesa's software rasteriser on a CPU. CPU times are the render
processes' and this one's together, per picture, the looks in turns; wall times are their median.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import mujoco
import numpy as np
from harness import Row, less_is_better, main, more_is_better

from lerobot_sim.envs.mujoco.physics import INTEGRATION
from lerobot_sim.envs.mujoco.render_pool import POOL
from lerobot_sim.envs.mujoco.rendering import Renderer
from lerobot_sim.envs.mujoco.robots.catalogue import robot
from lerobot_sim.envs.mujoco.scene import scene_with
from lerobot_sim.spec import Camera

REACH = {"draft": ">= 20x", "standard": ">= 3x", "full": ""}
SIZE = 128
IN_PROCESS = """
import json, sys, time
import mujoco
import numpy as np
from lerobot_sim.envs.mujoco.render_model import ModelPictures
from lerobot_sim.spec import Camera
model = mujoco.MjModel.from_binary_path(sys.argv[1])
states, camera = np.load(sys.argv[2]), Camera(height=128, width=128, look="draft")
context = mujoco.GLContext(64, 64)
context.make_current()
pictures, out = ModelPictures(model), np.empty((len(states), 128, 128, 3), np.uint8)
times = []
for _ in range(int(sys.argv[3])):
    since = time.process_time()
    pictures.draw(states, {}, 0, camera, out)
    times.append((time.process_time() - since) / len(states))
print(json.dumps(sorted(times)[len(times) // 2]))
"""


def lift_scene(name: str, lanes: int) -> tuple[Any, dict[str, Any]]:
    """A model of the robot `name` with a cube before it, and lanes at home with the cube at different places."""
    machine = robot(name)
    arm = machine.arms[0]
    spec = scene_with(machine)
    body = spec.worldbody.add_body(name="cube")
    body.add_freejoint(name="cube")
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=(0.02,) * 3, rgba=(0.85, 0.2, 0.15, 1), mass=0.05)
    model = spec.compile()
    data = mujoco.MjData(model)
    rows = np.empty((lanes, mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION)))
    for lane, row in enumerate(rows):
        for joint, position in zip(arm.joints, arm.home, strict=True):
            data.joint(joint).qpos = position
        side = 0.4 * sum(arm.reach) * (lane / max(1, lanes - 1) - 0.5)
        data.joint("cube").qpos = (sum(arm.reach) / 2, side, 0.02, 1, 0, 0, 0)
        mujoco.mj_getState(model, data, row, mujoco.mjtState.mjSTATE_INTEGRATION)
    return model, {INTEGRATION: rows}


def in_turns(functions: dict[str, Callable[[], object]], repeats: int) -> tuple[dict[str, float], dict[str, float]]:
    """Median CPU and wall seconds of each, in turns; CPU counts the render processes."""
    cpu: dict[str, list[float]] = {name: [] for name in functions}
    wall: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(repeats + 1):
        for name, function in functions.items():
            used, since = time.process_time() + POOL.cpu_s(), time.perf_counter()
            function()
            if turn:
                cpu[name].append(time.process_time() + POOL.cpu_s() - used)
                wall[name].append(time.perf_counter() - since)
    return ({name: statistics.median(times[name]) for name in functions} for times in (cpu, wall))  # pyright: ignore


def psnr(picture: Any, reference: Any) -> float:
    """Peak signal-to-noise ratio in dB."""
    error = np.mean((picture.astype(float) - reference.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def looks_of(name: str, repeats: int) -> list[Row]:
    model, state = lift_scene(name, 4)
    drawing = Renderer(model)
    cameras = {look: Camera(height=SIZE, width=SIZE, look=look) for look in REACH}
    cameras["depth"] = Camera(height=SIZE, width=SIZE, kind="depth")
    pictures = {look: drawing.render(state, {}, "front", camera) for look, camera in cameras.items()}
    draw = {
        look: (lambda camera=camera: drawing.render(state, {}, "front", camera)) for look, camera in cameras.items()
    }
    cpu, _wall = in_turns(draw, repeats)
    drawing.close()
    geoms = int((model.geom_group < 3).sum())
    rows = [
        less_is_better(
            f"one picture, {name} ({geoms} geoms drawn), {look}",
            "ms CPU",
            250 * cpu[look],
            250 * cpu["full"],
            "full",
            REACH.get(look, ""),
        )
        for look in cameras
    ]
    for look in ("draft", "standard"):
        value = psnr(pictures[look], pictures["full"])
        rows.append(Row(what=f"likeness to full, {name}, {look}", unit="dB PSNR", ours=value))
    return rows


def processes(repeats: int) -> list[Row]:
    """What handing pictures over costs, and what a second process brings."""
    lanes = 32
    model, state = lift_scene("so100", lanes)
    one, two = Renderer(model), Renderer(model, workers=2)
    rows: list[Row] = []
    camera = Camera(height=SIZE, width=SIZE, look="draft")
    one.render(state, {}, "front", camera)
    cpu, wall = in_turns(
        {"one": lambda: one.render(state, {}, "front", camera), "two": lambda: two.render(state, {}, "front", camera)},
        repeats,
    )
    rows.append(
        more_is_better(
            f"{lanes} lanes, draft, two render processes",
            "pictures/s wall",
            lanes / wall["two"],
            lanes / wall["one"],
            "one process",
        )
    )
    here = in_process(model, state[INTEGRATION], repeats)
    rows.append(
        less_is_better(
            "one picture, draft, by a render process", "ms CPU", 1e3 * cpu["one"] / lanes, 1e3 * here, "in process"
        )
    )
    one.close()
    two.close()
    since = time.perf_counter()
    one = Renderer(model)
    one.render({INTEGRATION: state[INTEGRATION][:1]}, {}, "front", camera)
    rows.append(
        Row(
            what="first picture, with the start of its process",
            unit="ms wall",
            ours=1e3 * (time.perf_counter() - since),
        )
    )
    one.close()
    return rows


def in_process(model: Any, states: Any, repeats: int) -> float:
    """CPU seconds of a picture without handing over, in a process of its own."""
    import json
    import tempfile
    from pathlib import Path

    from lerobot_sim.envs.mujoco.render_backend import candidates, environment

    with tempfile.TemporaryDirectory() as folder:
        mujoco.mj_saveModel(model, str(Path(folder) / "model.mjb"), None)
        np.save(Path(folder) / "states.npy", states)
        command = [sys.executable, "-c", IN_PROCESS, f"{folder}/model.mjb", f"{folder}/states.npy", str(repeats + 1)]
        said = subprocess.run(
            command, env={**os.environ, **environment(candidates()[0])}, capture_output=True, check=True
        )
    return float(json.loads(said.stdout))


def measure(full: bool) -> list[Row]:
    repeats = 20 if full else 6
    rows: list[Row] = []
    for name in ("panda", "so100"):
        rows += looks_of(name, repeats)
    return rows + processes(repeats)


if __name__ == "__main__":
    main(measure, __doc__)
