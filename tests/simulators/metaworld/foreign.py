"""Runs MetaWorld's own side, and ours in a worker of its own."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np

from lerobot_sim.simulators import families
from lerobot_sim.simulators.host.install import python_of
from lerobot_sim.simulators.metaworld import FAMILY

MODULE = "lerobot_sim.simulators.metaworld"
PEER = Path(__file__).with_name("peer.py")


def peer(*words):
    """What MetaWorld's own interface prints."""
    command = [python_of(FAMILY), "-I", PEER, *map(str, words)]
    environment = {**os.environ, **FAMILY.environment}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout


def peer_json(*words):
    return json.loads(peer(*words))


def peer_arrays(tmp_path, what, seed, *words):
    out = tmp_path / "peer.npz"
    peer(what, seed, out, *words)
    with np.load(out, allow_pickle=False) as found:
        return dict(found)


def ours(task, num_envs=1, **options):
    """Our environment, in MetaWorld's own virtual environment whatever is installed here."""
    return families.make(MODULE, task, num_envs, host="own", **options)
