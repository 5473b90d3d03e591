"""Runs that were killed, interrupted or ended come to the numbers of an unbroken one: weights, losses, scores, best."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lerobot_sim.training.lerobot_setup import LeRobotTrainingConfig
from lerobot_sim.training.lerobot_training import train
from lerobot_sim.training.training_log import LOG, read_log

from .lerobot_dataset import ACT, DIFFUSION, VQBET, record

torch = pytest.importorskip("torch")
pytest.importorskip("lerobot")
safetensors = pytest.importorskip("safetensors.torch")

RUN = LeRobotTrainingConfig(policy="act", settings=ACT, steps=8, batch_size=4, save_every=2, log_every=3)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return record(tmp_path_factory.mktemp("exact") / "reach")


def weights(folder):
    return safetensors.load_file(folder / "model.safetensors")


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def score(step, folder):
    """A rate that hangs on the weights and on drawn numbers; it draws some, as policies that sample do."""
    total = sum(float(value.double().abs().sum()) for value in weights(folder).values())
    return (total * 1e3 + float(torch.rand(1)) + step / 7) % 1.0


def run_until(event, step, dataset, folder):
    """A process that kills itself as kill -9 does: after an update, or amid the scoring of a checkpoint."""
    code = f"""
import os, signal, sys
from pathlib import Path
from tests.training.test_lerobot_exact import RUN, score, train

def on_step(done, loss):
    if "{event}" == "update" and done == {step}:
        os.kill(os.getpid(), signal.SIGKILL)

def evaluate(done, folder):
    if "{event}" == "score" and done == {step}:
        os.kill(os.getpid(), signal.SIGKILL)
    return score(done, folder)

train(Path(sys.argv[1]), Path(sys.argv[2]), RUN, evaluate=evaluate, on_step=on_step)
"""
    arguments = [sys.executable, "-c", code, str(dataset), str(folder)]
    done = subprocess.run(
        arguments,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL; run this on Linux or macOS.")
def test_a_run_that_was_killed_twice_comes_to_the_same_numbers(dataset, tmp_path, one_thread):
    run_until("update", 3, dataset, tmp_path / "killed")
    assert (tmp_path / "killed/checkpoints/last").resolve().name == "000002"
    run_until("score", 6, dataset, tmp_path / "killed")
    assert (tmp_path / "killed/checkpoints/last").resolve().name == "000006"
    assert [line["step"] for line in read_log(tmp_path / "killed" / LOG) if "success" in line] == [2, 4]
    parts = train(dataset, tmp_path / "killed", RUN, evaluate=score)
    whole = train(dataset, tmp_path / "whole", RUN, evaluate=score)
    assert read_log(tmp_path / "killed" / LOG) == read_log(tmp_path / "whole" / LOG)
    assert [line["step"] for line in read_log(tmp_path / "whole" / LOG) if "loss" in line] == [3, 6, 8]
    assert same(weights(parts.checkpoint), weights(whole.checkpoint))
    assert same(weights(parts.best), weights(whole.best))
    assert parts.success == whole.success == max(line.get("success", 0) for line in read_log(tmp_path / "whole" / LOG))


@pytest.fixture
def one_thread():
    """The thread count of the processes that are killed: sums of floats hang on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("policy", "settings"), [("act", ACT), ("vqbet", VQBET), ("diffusion", DIFFUSION)])
def test_a_run_that_was_interrupted_comes_to_the_same_numbers(dataset, tmp_path, policy, settings):
    """VQ-BeT is interrupted in its first phase, which ends by a counter."""
    config = replace(RUN, policy=policy, settings=settings, steps=6)

    def interrupt(step, _loss):
        if step == 2:
            signal.raise_signal(signal.SIGTERM if policy == "act" else signal.SIGINT)

    whole = train(dataset, tmp_path / "whole", config)
    with pytest.raises(KeyboardInterrupt):
        train(dataset, tmp_path / "parts", config, on_step=interrupt)
    assert (tmp_path / "parts/checkpoints/last").resolve().name == "000002"
    parts = train(dataset, tmp_path / "parts", config)
    assert same(weights(parts.checkpoint), weights(whole.checkpoint))
    assert read_log(tmp_path / "parts" / LOG) == read_log(tmp_path / "whole" / LOG)


def test_ctrl_c_amid_a_score_leaves_at_once_and_the_checkpoint_is_scored_later(dataset, tmp_path):
    scored = []

    def interrupted(step, folder):
        scored.append(step)
        if step == 4:
            signal.raise_signal(signal.SIGINT)
        return 0.5

    with pytest.raises(KeyboardInterrupt):
        train(dataset, tmp_path, RUN, evaluate=interrupted)
    assert scored == [2, 4]
    again = []
    train(dataset, tmp_path, replace(RUN, steps=6), evaluate=lambda step, _folder: again.append(step) or 0.25)
    assert again == [4, 6]
    train(dataset, tmp_path, replace(RUN, steps=6), evaluate=lambda step, _folder: again.append(step) or 0.25)
    assert again == [4, 6]


def test_a_torn_line_of_the_log_is_taken_away(dataset, tmp_path):
    train(dataset, tmp_path, replace(RUN, steps=3))
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 6.0, "lo')
    train(dataset, tmp_path, replace(RUN, steps=6))
    assert [line["step"] for line in read_log(tmp_path / LOG)] == [3, 6]
