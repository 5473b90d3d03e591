"""LeRobot's policies on our batches: the rows that LeRobot's own loader gives, runs that go on exactly."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim import make, make_policy, rollout
from lerobot_sim.datasets.frames import FrameReader
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.errors import InputError
from lerobot_sim.training.batches import Windows, batches, usable_rows
from lerobot_sim.training.lerobot_setup import LeRobotTrainingConfig
from lerobot_sim.training.lerobot_training import train
from lerobot_sim.training.training_log import LOG, read_log

torch = pytest.importorskip("torch")
pytest.importorskip("lerobot")
safetensors = pytest.importorskip("safetensors.torch")

SMALL = {"chunk_size": 4, "n_action_steps": 4, "dim_model": 16, "n_heads": 2, "dim_feedforward": 16}
ACT = LeRobotTrainingConfig(
    settings={**SMALL, "n_encoder_layers": 1, "pretrained_backbone_weights": None}, steps=6, save_every=3, log_every=2
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "reach"
    env = make("mujoco/reach", 3, robot="so100")
    with DatasetWriter(folder, env.spec) as writer:
        for episode in rollout(env, make_policy("expert", env.spec), range(3)):
            writer.add(episode)
    env.close()
    return folder


@pytest.mark.parametrize(
    "windows",
    [Windows(action=(0, 1, 2, 3)), Windows(observation=(-1, 0), action=(-1, 0, 1)), Windows()],
    ids=["act", "diffusion", "alone"],
)
def test_rows_are_those_of_lerobots_loader(dataset, windows):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    keys = ("observation.state", "observation.environment_state")
    windows = Windows(observation=windows.observation, action=windows.action, observations=keys)
    fps = 25
    times = {key: [step / fps for step in windows.observation] for key in keys} if windows.observation else {}
    times |= {"action": [step / fps for step in windows.action]} if windows.action else {}
    theirs = LeRobotDataset("me/reach", root=dataset, delta_timestamps=times or None)
    with FrameReader(dataset, []) as reader:
        (source := batches(reader, windows, 16, seed=3)).__iter__()
        batch = next(source)
        source.close()
        order = np.random.default_rng(0).permutation(len(reader))[:16]
        found = reader.rows(order, columns=[*keys, "action"], windows=times)
    for row, index in enumerate(order.tolist()):
        item = theirs[index]
        for key, value in found.items():
            np.testing.assert_allclose(value[row], item[key].numpy(), rtol=1e-6)
    assert set(batch) == {*found, "task"}
    assert batch["task"] == [theirs[0]["task"]] * 16


def test_an_epoch_has_every_row_once_and_batches_go_on_where_they_were(dataset):
    windows = Windows(observations=("observation.state",), last_rows_dropped=5)
    with FrameReader(dataset, []) as reader:
        rows = usable_rows(reader, windows)
        assert len(rows) == len(reader) - 5 * len(reader.entries)
        states = reader.column("observation.state")
        source = batches(reader, windows, 7, seed=1)
        count = 2 * len(rows) // 7
        seen = [next(source)["observation.state"] for _ in range(count)]
        source.close()
        first = np.concatenate(seen)[: len(rows)]
        assert sorted(map(bytes, first)) == sorted(map(bytes, states[rows]))
        later = batches(reader, windows, 7, seed=1, first=count - 2)
        np.testing.assert_array_equal(next(later)["observation.state"], seen[-2])
        np.testing.assert_array_equal(next(later)["observation.state"], seen[-1])
        later.close()
        other = batches(reader, windows, 7, seed=2)
        assert (next(other)["observation.state"] != seen[0]).any()
        other.close()
        with pytest.raises(InputError, match="not longer"):
            batches(reader, Windows(observations=("observation.state",), last_rows_dropped=1000), 7, seed=1)


def weights(folder):
    return safetensors.load_file(folder / "model.safetensors")


def same(one, two):
    return all(torch.equal(one[name], two[name]) for name in one)


def test_a_run_that_was_interrupted_comes_to_the_same_weights(dataset, tmp_path):
    whole = train(dataset, tmp_path / "whole", ACT)

    def interrupt(step, _loss):
        if step == 4:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(dataset, tmp_path / "parts", ACT, on_step=interrupt)
    assert (tmp_path / "parts/checkpoints/000004/pretrained_model/model.safetensors").exists()
    begun = []
    parts = train(dataset, tmp_path / "parts", ACT, on_step=lambda step, _loss: begun.append(step))
    assert begun == [5, 6]
    assert same(weights(whole.checkpoint), weights(parts.checkpoint))
    assert not same(weights(whole.checkpoint), weights(tmp_path / "whole/checkpoints/000003/pretrained_model"))
    assert read_log(tmp_path / "whole" / LOG)[-1]["step"] == 6


def test_a_run_that_was_killed_goes_on(dataset, tmp_path):
    code = (
        "import sys; from pathlib import Path; from dataclasses import replace\n"
        "from tests.training.test_lerobot_training import ACT, train\n"
        "train(Path(sys.argv[1]), Path(sys.argv[2]), replace(ACT, steps=100_000))"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(dataset), str(tmp_path / "run")],
        cwd=Path(__file__).parents[2],
        env=environment,
    )
    deadline = time.monotonic() + 240
    while not (tmp_path / "run/checkpoints/000006").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait()
    last = (tmp_path / "run/checkpoints/last").resolve()
    done = int(last.name)
    begun = []
    config = LeRobotTrainingConfig(**{**vars(ACT), "steps": done + 2})
    train(dataset, tmp_path / "run", config, on_step=lambda step, _loss: begun.append(step))
    assert begun == [done + 1, done + 2]


def test_the_best_checkpoint_is_the_one_with_the_most_successes(dataset, tmp_path):
    rates = {2: 0.25, 4: 0.75, 6: 0.5}
    config = LeRobotTrainingConfig(**{**vars(ACT), "save_every": 2})
    asked = {}

    def evaluate(step, folder):
        asked[step] = weights(folder)
        return rates[step]

    result = train(dataset, tmp_path, config, evaluate=evaluate)
    assert result.success == 0.75
    assert result.best == tmp_path / "best"
    assert same(weights(result.best), asked[4])
    assert not same(weights(result.best), asked[6])


def test_fine_tuning_begins_from_the_checkpoint_and_freezes_parts(dataset, tmp_path):
    first = train(dataset, tmp_path / "first", ACT)
    config = LeRobotTrainingConfig(
        **{**vars(ACT), "pretrained": str(first.checkpoint), "freeze": ("model.encoder.*",), "learning_rate": 1e-3}
    )
    second = train(dataset, tmp_path / "second", config)
    old, new = weights(first.checkpoint), weights(second.checkpoint)
    frozen = [name for name in old if name.startswith("model.encoder.")]
    assert frozen
    assert all(torch.equal(old[name], new[name]) for name in frozen)
    assert any(not torch.equal(old[name], new[name]) for name in old if name not in frozen)
    line = read_log(tmp_path / "second" / LOG)[-1]
    assert line["learning_rate"] == pytest.approx(1e-3)


def test_accumulating_two_batches_is_a_batch_of_twice_the_size(dataset, tmp_path):
    # chunks of one action, for ACT's loss is a mean over those that are no padding
    still = {**ACT.settings, "dropout": 0.0, "use_vae": False, "chunk_size": 1, "n_action_steps": 1}
    one = LeRobotTrainingConfig(settings=still, steps=3, batch_size=8, log_every=1)
    two = LeRobotTrainingConfig(settings=still, steps=3, batch_size=4, accumulate=2, log_every=1)
    train(dataset, tmp_path / "one", one)
    train(dataset, tmp_path / "two", two)
    whole, halves = ([line["loss"] for line in read_log(tmp_path / name / LOG)] for name in ("one", "two"))
    assert halves == pytest.approx(whole, rel=1e-4)
    assert len(set(whole)) == 3


def test_what_does_not_fit_is_told_before_the_first_update(dataset, tmp_path):
    def refused(match, **changes):
        with pytest.raises(InputError, match=match):
            train(dataset, tmp_path / str(len(changes)), LeRobotTrainingConfig(**{**vars(ACT), **changes}))

    refused("act", policy="akt")
    refused("chunk_size", settings={"chunksize": 3})
    refused("precision", precision="float8")
    refused(r"model\.", freeze=("mode.*",))
    refused("camera", cameras=("front",))
    refused("no checkpoint", pretrained=str(tmp_path))


def test_no_thread_stays_behind(dataset, tmp_path):
    before = set(threading.enumerate())
    train(dataset, tmp_path, ACT)
    assert set(threading.enumerate()) <= before
