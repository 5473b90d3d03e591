"""Runs a simulator's own side, and the contract suite, by the Python of the simulator's environment."""

import json
import os
import subprocess
from importlib import import_module
from pathlib import Path

import numpy as np

from lerobot_sim.simulators import families
from lerobot_sim.simulators.host.install import python_of

CONTRACT = Path(__file__).with_name("contract_there.py")


def ours(module, task, num_envs=1, **options):
    """Our environment in its own process, whatever can be imported here."""
    return families.make(module, task, num_envs, host="own", **options)


def run_there(module, script, *words):
    """What a script prints."""
    family = import_module(module).FAMILY
    command = [python_of(family), "-I", script, *map(str, words)]
    environment = {**os.environ, **family.environment, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def catalogue_there(module, script):
    """What the simulator says of itself."""
    return json.loads(run_there(module, script, "catalogue").splitlines()[-1])


def episodes_there(module, script, tmp_path, **arrays):
    """What the simulator's own interface makes of the seeds and actions in `arrays`."""
    given, out = tmp_path / "given.npz", tmp_path / "out.npz"
    np.savez(given, **arrays)
    run_there(module, script, "episode", given, out)
    with np.load(out, allow_pickle=False) as found:
        return dict(found)


def episode_here(env, seed, actions):
    """Our side: rows of one lane until its end."""
    rows = {key: [value[0]] for key, value in env.reset([0], [seed]).items()}
    rows |= {"reward": [], "success": [], "end": []}
    for action in actions:
        step = env.step(action[None], np.ones(1, bool))
        for key, value in {**step.observation, **step.metrics}.items():
            rows.setdefault(key, []).append(value[0])
        for key in ("reward", "success", "end"):
            rows[key].append(getattr(step, key)[0])
        if step.end[0]:
            break
    return {key: np.array(value) for key, value in rows.items()}


def random_actions(spec, count, seed, scale=1.0):
    """Uniform within a part of the action's bounds around their middle."""
    low, high = (np.broadcast_to(np.asarray(bound), spec.action.shape) for bound in (spec.action.low, spec.action.high))
    middle, half = (low + high) / 2, scale * (high - low) / 2
    return np.random.default_rng(seed).uniform(middle - half, middle + half, (count, *spec.action.shape)).astype("f4")


def contract_there(module, task, *names, expert="", **options):
    """Promises that are not kept, in words, of environments that are made there in one process."""
    said = run_there(module, CONTRACT, module, task, expert, json.dumps(options), *names)
    return json.loads(said.splitlines()[-1])
