"""`lerobot-sim dataset push | pull | export | import`."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.envs.push_t import make
from lerobot_sim.loop import rollout
from lerobot_sim.policies.random import RandomPolicy
from tests.datasets.conftest import tree
from tests.datasets.hub_server import TOKEN, Hub
from tests.datasets.test_hdf5 import libero_file


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("made") / "dataset"
    env = make(2)
    with DatasetWriter(root, env.spec, settings={"policy": "random", "seed": 0}) as writer:
        for episode in rollout(env, RandomPolicy(env.spec), range(3)):
            writer.add(episode)
    return root


@pytest.fixture
def server():
    with Hub() as running:
        yield running
        running.shutdown()


def lerobot_sim(server, *arguments, **variables):
    """In a process of its own: the hub's library reads its variables when it is imported."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
    own = {"HF_ENDPOINT": server.address, "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": TOKEN}
    return subprocess.run(
        [sys.executable, "-m", "lerobot_sim", "dataset", *map(str, arguments)],
        env={**kept, **own, "HF_HOME": "/nonexistent", **variables},
        capture_output=True,
        text=True,
        timeout=250,
    )


def test_push_and_pull(server, dataset, tmp_path):
    done = lerobot_sim(server, "push", dataset, "someone/push-t", "--private", "--json")
    assert done.returncode == 0, done.stderr
    pushed = json.loads(done.stdout)
    assert pushed["changed"]
    assert server.repositories["someone/push-t"].private
    assert server.repositories["someone/push-t"].tags == {"v3.0": pushed["commit"]}
    assert b"95% interval" in server.files("someone/push-t")["README.md"]
    assert TOKEN not in done.stdout + done.stderr

    root = tmp_path / "pulled"
    done = lerobot_sim(server, "pull", "someone/push-t", "--output-dir", root)
    assert done.returncode == 0, done.stderr
    assert pushed["commit"] in done.stdout
    came = tree(root)
    del came["README.md"], came["sim/pulled.json"]
    assert came == tree(dataset)
    again = lerobot_sim(server, "pull", "someone/push-t", "--output-dir", root, "--json")
    assert json.loads(again.stdout)["fetched"] is False


def test_offline_is_said_at_once_and_the_folder_is_offered(server, dataset):
    done = lerobot_sim(server, "push", dataset, "someone/push-t", HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert "HF_HUB_OFFLINE" in done.stderr
    assert str(dataset) in done.stderr
    assert "Traceback" not in done.stderr
    assert server.requests == []


def test_bad_names_are_refused(command, dataset, tmp_path):
    for arguments in (("push", dataset, "my push-t"), ("pull", "a/b/c", "--output-dir", tmp_path / "x")):
        said = command("dataset", *arguments)
        assert said.code == 2
        assert "OWNER/NAME" in said.err
    assert not (tmp_path / "x").exists()


def test_push_of_nothing(command, tmp_path):
    said = command("dataset", "push", tmp_path, "someone/push-t")
    assert said.code == 1
    assert "info.json is missing" in said.err


@pytest.mark.parametrize("form", ["hdf5", "numpy"])
def test_export_and_import_give_the_same_dataset(command, dataset, tmp_path, form):
    output = tmp_path / f"out.{form}"
    said = command("dataset", "export", dataset, "--format", form, "--output", output, "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["episodes"] == 3
    said = command("dataset", "import", output, "--format", form, "--output-dir", tmp_path / "back")
    assert said.code == 0, said.err
    assert tree(tmp_path / "back") == tree(dataset)
    said = command("dataset", "export", dataset, "--format", form, "--output", output)
    assert said.code == 1
    assert "exists" in said.err
    said = command("dataset", "import", output, "--format", form, "--output-dir", tmp_path / "b2", "--fps", "5")
    assert said.code == 2
    assert "--fps" in said.err


def test_import_of_libero_with_own_names(command, tmp_path):
    path = libero_file(tmp_path / "demo.hdf5")
    arguments = ("--map", "joint_states=observation.state", "--map", "ee_states=", "--map", "gripper_states=")
    said = command(
        "dataset", "import", path, "--format", "hdf5", "--output-dir", tmp_path / "out", *arguments, "--json"
    )
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert result["features"]["observation.state"] == ["float32", [7]]
    assert result["features"]["observation.images.image"] == ["video", [8, 6, 3]]
    assert result["fps"] == 20
    assert "pictures turned over (rows)" in result["notes"]
    assert list((tmp_path / "out" / "videos").rglob("*.mp4"))


@pytest.mark.parametrize("bad", ["joint_states", "=observation.state", "nothing=observation.state"])
def test_a_bad_map_leaves_nothing(command, tmp_path, bad):
    path = libero_file(tmp_path / "demo.hdf5", pictures=False)
    said = command("dataset", "import", path, "--format", "hdf5", "--output-dir", tmp_path / "out", "--map", bad)
    assert said.code == 2
    assert not (tmp_path / "out").exists()


def test_import_of_something_else(command, tmp_path):
    np.savez(tmp_path / "some.npz", a=np.zeros(3))
    said = command("dataset", "import", tmp_path / "some.npz", "--format", "hdf5", "--output-dir", tmp_path / "out")
    assert said.code == 1
    assert "no HDF5 file" in said.err
    said = command("dataset", "import", tmp_path, "--format", "numpy", "--output-dir", tmp_path / "out")
    assert said.code == 1
    assert "dataset.json is missing" in said.err


@pytest.mark.parametrize("verb", ["push", "pull", "export", "import"])
def test_help_teaches_by_examples(command, verb):
    said = command("dataset", verb, "--help")
    assert said.code == 0
    assert f"lerobot-sim dataset {verb} " in said.out.replace("│", "")
    assert "examples:" in said.out
