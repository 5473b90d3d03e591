"""`--policy owner/name`: a checkpoint from a hub, here one on this machine."""

import json
import os
import subprocess
import sys

import pytest

from lerobot_sim.policies.lerobot_files import is_of_hub
from tests.datasets.hub_server import Hub, Repository
from tests.training.lerobot_dataset import ACT, record


def test_a_name_on_the_hub_is_no_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").mkdir()
    for name in ("lerobot/act_lift", "some-one/act.v2", "lerobot/act@v1.0"):
        assert is_of_hub(name)
    for path in (
        "expert",
        "outputs/act",
        "./act/best",
        "/tmp/act",
        "~/act",
        "a/b/c",
        "runs/best_policy.npz",
        "",
        "ws://x/y",
    ):
        assert not is_of_hub(path)


def test_a_hub_that_cannot_be_reached_is_told_with_a_local_way(command, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    said = command("eval", "numpy/reach", "--policy", "nobody/nothing", "--output-dir", tmp_path / "out")
    assert said.code == 1
    assert "nobody/nothing" in said.err
    assert "path of a folder" in " ".join(said.err.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_checkpoint_of_the_hub_is_scored_as_the_one_here(command, tmp_path):
    pytest.importorskip("lerobot", reason="LeRobot is not installed: pip install 'lerobot-sim[lerobot]'")
    small = [f"--policy.{name}={json.dumps(value)}" for name, value in ACT.items()]
    few = ("--steps", "1", "--batch-size", "4", "--eval-episodes", "0", "--output-dir", tmp_path)
    told = command("train", "--dataset", record(tmp_path / "data"), "--policy", "act", *small, *few)
    assert told.code == 0, told.err
    folder = tmp_path / "act/checkpoints/last/pretrained_model"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    common = ("eval", "numpy/reach", "--episodes", "2", "--policy")
    assert command(*common, folder, "--output-dir", tmp_path / "here").code == 0
    with Hub() as hub:
        repository = hub.repositories.setdefault("someone/reaches", Repository())
        commit = repository.commit("main", {**files, "weights.bin": b"a pickle"})
        own = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "0"}
        own |= {"HF_HUB_DISABLE_XET": "1", "OMP_NUM_THREADS": "1"}
        whole = [sys.executable, "-m", "lerobot_sim", *common, f"someone/reaches@{commit}", "--output-dir", "there"]
        done = subprocess.run(whole, cwd=tmp_path, env={**os.environ, **own}, capture_output=True, text=True)
        asked = list(hub.requests)
        hub.shutdown()
    assert done.returncode == 0, done.stderr[-3000:]
    here, there = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("here", "there"))
    assert here["policy"]["identity"] == there["policy"]["identity"]
    here, there = ((tmp_path / name / "summary.json").read_text() for name in ("here", "there"))
    assert json.loads(here)["suite"]["mean_return"] == json.loads(there)["suite"]["mean_return"]
    assert not any("weights.bin" in request for request in asked)  # what could run code is not even fetched
