"""Training of `bc`: it learns, goes on exactly, keeps the best checkpoint, and refuses what does not fit."""

import os
import signal

import numpy as np
import pytest

from lerobot_sim import make, make_policy, rollout
from lerobot_sim.datasets.frames import FrameReader
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.errors import InputError, SimError, StorageError, UnknownNameError
from lerobot_sim.policies import bc
from lerobot_sim.policies.bc_config import BCSettings
from lerobot_sim.training import bc_data
from lerobot_sim.training.bc_training import BCTrainingConfig, learning_rate_at, train
from lerobot_sim.training.training_log import LOG, add_line, read_log

torch = pytest.importorskip("torch")

SMALL = {"hidden_dim": 16, "blocks": 1}
QUICK = BCTrainingConfig(settings=SMALL, steps=9, batch_size=8, save_every=3, log_every=2)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Three episodes of pick-color with instructions of their own."""
    folder = tmp_path_factory.mktemp("data") / "color"
    env = make("mujoco/pick-color", 3, show_target=False)
    with DatasetWriter(folder, env.spec) as writer:
        for episode in rollout(env, make_policy("expert", env.spec), range(3)):
            writer.add(episode)
    env.close()
    return folder


def same(one, other):
    for name in ("last/model.safetensors", "last/config.json", LOG, "training_state.safetensors"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def with_changes(**changes):
    return BCTrainingConfig(**{**vars(QUICK), **changes})


def test_it_learns(dataset, tmp_path):
    config = with_changes(settings={"hidden_dim": 64}, steps=150, batch_size=32, save_every=150, log_every=10)
    train(dataset, tmp_path, config)
    losses = [line["loss"] for line in read_log(tmp_path / LOG)]
    assert losses[-1] < 0.6 * losses[0]
    found = bc.read_config(tmp_path / "last")
    assert "cube" in found.words or "block" in found.words
    with FrameReader(dataset, []) as reader:
        states = np.concatenate([reader.column(key) for key in found.states], axis=1)
        np.testing.assert_allclose(found.state_mean, states.mean(axis=0, dtype=np.float64))
        assert min(found.state_std) >= 1e-3


@pytest.mark.parametrize("workers", [0, 3])
def test_the_number_of_workers_changes_nothing(dataset, tmp_path, workers):
    train(dataset, tmp_path / "one", QUICK)
    train(dataset, tmp_path / "other", with_changes(workers=workers, prefetch=5))
    same(tmp_path / "one", tmp_path / "other")


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_interrupted_run_goes_on_exactly(dataset, tmp_path, accumulate):
    config = with_changes(accumulate=accumulate)
    train(dataset, tmp_path / "whole", config)

    def interrupt(step, _loss):
        if step == 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(dataset, tmp_path / "parts", config, on_step=interrupt)
    done = []
    train(dataset, tmp_path / "parts", config, on_step=lambda step, _loss: done.append(step))
    assert done == [6, 7, 8, 9]
    same(tmp_path / "whole", tmp_path / "parts")


def test_a_run_that_died_goes_on_exactly_from_its_last_state(dataset, tmp_path):
    train(dataset, tmp_path / "whole", QUICK)

    def die(step, _loss):
        if step == 8:
            raise RuntimeError("died")

    with pytest.raises(RuntimeError):
        train(dataset, tmp_path / "parts", QUICK, on_step=die)
    with (tmp_path / "parts" / LOG).open("a") as log:
        log.write('{"step": 9.0, "lo')  # torn by a kill
    done = []
    train(dataset, tmp_path / "parts", QUICK, on_step=lambda step, _loss: done.append(step))
    assert done == [7, 8, 9]
    same(tmp_path / "whole", tmp_path / "parts")


def test_the_checkpoint_with_the_most_successes_is_kept(dataset, tmp_path):
    rates, weights = {3: 0.5, 6: 0.5, 9: 0.25}, {}

    def evaluate(step, folder):
        weights[step] = (folder / "model.safetensors").read_bytes()
        return rates[step]

    result = train(dataset, tmp_path, QUICK, evaluate=evaluate)
    assert (result.success, result.step, result.best) == (0.5, 6, tmp_path / "best")
    assert (tmp_path / "best/model.safetensors").read_bytes() == weights[6]
    assert (tmp_path / "last/model.safetensors").read_bytes() == weights[9]
    assert len(set(weights.values())) == 3
    assert train(dataset, tmp_path / "plain", QUICK).best == tmp_path / "plain/last"


def test_a_score_that_was_broken_off_is_asked_for_again(dataset, tmp_path):
    asked = []

    def evaluate(step, _folder):
        asked.append(step)
        if asked == [3, 6]:
            raise KeyboardInterrupt
        return 0.0

    with pytest.raises(KeyboardInterrupt):
        train(dataset, tmp_path, QUICK, evaluate=evaluate)
    result = train(dataset, tmp_path, QUICK, evaluate=evaluate)
    assert asked == [3, 6, 6, 9]
    assert (result.success, result.step) == (0.0, 9)


def test_a_state_of_another_run_is_refused(dataset, tmp_path):
    train(dataset, tmp_path, QUICK)
    for changes in ({"seed": 1}, {"steps": 10}, {"learning_rate": 0.1}):
        with pytest.raises(StorageError, match="other settings"):
            train(dataset, tmp_path, with_changes(**changes))
    (tmp_path / "training_state.safetensors").write_bytes(b"damaged")
    with pytest.raises(StorageError, match="Remove it to begin anew"):
        train(dataset, tmp_path, QUICK)


def test_fine_tuning_begins_from_a_policy_and_leaves_frozen_parts(dataset, tmp_path):
    train(dataset, tmp_path / "first", QUICK)
    config = with_changes(settings={}, pretrained=str(tmp_path / "first"), freeze=("into.*", "reader.*"), seed=4)
    train(dataset, tmp_path / "second", config)
    before, after = (bc.load(tmp_path / name / "last")[1].state_dict() for name in ("first", "second"))
    for name in before:
        frozen = name.startswith(("into.", "reader."))
        assert torch.equal(before[name], after[name]) == frozen, name
    with pytest.raises(InputError, match="chunk_size"):
        train(dataset, tmp_path / "third", with_changes(settings={"chunk_size": 9}, pretrained=str(tmp_path / "first")))
    with pytest.raises(InputError, match="holds no 'bc' policy"):
        train(dataset, tmp_path / "third", with_changes(pretrained=str(dataset)))
    with pytest.raises(UnknownNameError, match="into"):
        train(dataset, tmp_path / "third", with_changes(freeze=("intro.*",)))


def test_bad_input_is_told_before_anything_is_made(dataset, tmp_path):
    for changes, words in (
        ({"device": "cuda:9"}, "--device cpu"),
        ({"settings": {"state": False}}, "--cameras"),
        ({"cameras": ["front"]}, "camera of the dataset"),
        ({"settings": {"chunk": 3}}, "chunk_size"),
    ):
        with pytest.raises(InputError, match=words):
            train(dataset, tmp_path / "run", with_changes(**changes))
        assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match="learning_rate"):
        with_changes(learning_rate=0)
    with pytest.raises(SimError, match="--learning-rate"):
        train(dataset, tmp_path / "run", with_changes(learning_rate=1e30))


def test_whether_it_reads_is_the_datasets_to_say(dataset):
    with FrameReader(dataset, []) as reader:
        given = {"cameras": None, "env_id": "", "env_version": 0}
        assert bc_data.config_of(reader, BCSettings(), **given).words
        assert not bc_data.config_of(reader, BCSettings(language=False), **given).words


def test_batches_are_the_demonstrations_normalised(dataset):
    with FrameReader(dataset, []) as reader:
        config = bc_data.config_of(reader, BCSettings(chunk_size=3), cameras=None, env_id="", env_version=0)
        source = bc_data.training_batches(reader, config, 40, 0, 7)
        batch = next(source)
        source.close()
        again = bc_data.training_batches(reader, config, 40, 0, 6)
        next(again)
        np.testing.assert_array_equal(next(again)["action"], batch["action"])
        again.close()
        actions = reader.column("action")
    shown = batch["action"] * np.array(config.action_std, np.float32) + np.array(config.action_mean, np.float32)
    nearest = np.abs(actions[None] - shown[:, :1]).max(axis=2).min(axis=1)
    assert nearest.max() < 1e-5
    assert batch["weight"].shape == (40, 3)
    assert (batch["weight"][:, 0] == 1).all()
    assert (batch["words"].max(axis=1) > 0).all()


def test_pictures_are_shifted_whole():
    pictures = np.arange(2 * 9 * 9 * 3).reshape(2, 9, 9, 3).astype(np.uint8)
    assert bc_data.shifted(pictures, 0, 0, 0) is pictures
    seen = set()
    for number in range(30):
        moved = bc_data.shifted(pictures, 2, 0, number)
        (dy, dx) = next(
            (dy, dx)
            for dy in range(-2, 3)
            for dx in range(-2, 3)
            if np.array_equal(moved[0, 2:7, 2:7], pictures[0, 2 + dy : 7 + dy, 2 + dx : 7 + dx])
        )
        seen.add((dy, dx))
    assert len(seen) > 12
    assert np.array_equal(bc_data.shifted(pictures, 2, 0, 5), bc_data.shifted(pictures, 2, 0, 5))


def test_the_learning_rate_rises_and_falls():
    rates = [learning_rate_at(BCTrainingConfig(steps=100, learning_rate=1.0), step) for step in range(100)]
    assert rates[0] == 0.5
    assert max(rates) == rates[1] > 0.99
    assert rates[50] == pytest.approx(0.5)
    assert rates[-1] < 0.001


def test_a_log_forgets_a_torn_line_and_no_other(tmp_path):
    path = tmp_path / LOG
    for step in (1, 2, 3):
        add_line(path, {"step": step})
    path.write_text(path.read_text()[:-4])
    assert [line["step"] for line in read_log(path)] == [1, 2]
    assert read_log(path, until=1) == [{"step": 1}]
    path.write_text("{\n" + path.read_text())
    with pytest.raises(StorageError, match="line 1"):
        read_log(path)
