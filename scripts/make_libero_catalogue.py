"""Writes the catalogue of LIBERO's five suites; runs in LIBERO's own environment.

    MUJOCO_GL=egl <simulators>/libero/bin/python scripts/make_libero_catalogue.py

Every scene is built once (some minutes in all), because only LIBERO itself knows which bodies and joints it holds.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1] / "src" / "lerobot_sim" / "simulators" / "libero"
SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")


def entry(suite: Any, index: int) -> dict[str, Any]:
    """What is known of one task."""
    from libero.libero import get_libero_path
    from libero.libero.envs.env_wrapper import ControlEnv

    task = suite.get_task(index)
    states = suite.get_task_init_states(index)
    file = Path(get_libero_path("bddl_files")) / task.problem_folder / task.bddl_file
    control = ControlEnv(bddl_file_name=str(file), use_camera_obs=False, has_offscreen_renderer=False)
    scene = control.env
    solved = []
    for number, state in enumerate(states):
        control.set_state(state)
        scene.sim.forward()
        scene._post_process()
        if control.check_success():
            solved.append(number)
    bodies = [*scene.objects_dict.values(), *scene.fixtures_dict.values()]
    model = scene.sim.model
    joints = [name for body in bodies for name in body.joints or [] if model.jnt_type[model.joint_name2id(name)] > 1]
    found = {
        "name": task.name,
        "instruction": task.language,
        "initial_states": len(states),
        "objects": list(scene.objects_dict),
        "fixtures": list(scene.fixtures_dict),
        "joints": joints,
        "goal": scene.parsed_problem["goal_state"],
    }
    control.close()
    return {**found, "solved": solved} if solved else found


def main(argv: list[str]) -> int:
    """Reads the command line and writes the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--suite", nargs="*", default=SUITES, help="only these, for a check")
    parser.add_argument("--tasks", type=int, help="only so many of each, for a check")
    parser.add_argument("--out", type=Path, default=PACKAGE / "catalogue.json")
    given = parser.parse_args(argv)
    os.environ["LIBERO_CONFIG_PATH"] = str(PACKAGE / "paths")
    from libero.libero import benchmark

    catalogue: dict[str, list[dict[str, Any]]] = {}
    for name in given.suite:
        with contextlib.redirect_stdout(io.StringIO()):
            suite = benchmark.get_benchmark_dict()[name]()
        catalogue[name] = []
        for index in range(suite.n_tasks if given.tasks is None else given.tasks):
            catalogue[name].append(entry(suite, index))
            sys.stderr.write(f"\r{name} {index + 1}/{suite.n_tasks}   ")
    lines = [
        f' "{name}": [\n' + ",\n".join(f"  {json.dumps(item)}" for item in items) + "\n ]"
        for name, items in catalogue.items()
    ]
    given.out.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
