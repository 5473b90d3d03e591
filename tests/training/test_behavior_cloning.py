import dataclasses
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from lerobot_sim import make
from lerobot_sim.errors import ArrayError, InputError, SimError, StorageError
from lerobot_sim.policies.mlp import MLPPolicy
from lerobot_sim.training import behavior_cloning
from lerobot_sim.training.behavior_cloning import CHECKPOINT, STATE_FILE, TrainingConfig, learning_rate_at, train

SPEC = make("push-t").spec
CONFIG = TrainingConfig(steps=300, hidden_dim=24, evaluate_every=50, seed=1, save_every_s=1e9)


def data(count=600):
    """Observations and actions that a small network can learn."""
    random = np.random.default_rng(0)
    observations = random.random((count, 6)).astype(np.float32)
    actions = np.clip(3 * (observations[:, 2:4] - observations[:, 0:2]), -1, 1)
    return observations, actions


def same(one, other):
    return all(a.tobytes() == b.tobytes() for a, b in zip(one.policy.weights, other.policy.weights, strict=True))


def test_learns(tmp_path):
    config = dataclasses.replace(CONFIG, steps=2000)
    observations, actions = data()
    seen = []
    result = train(observations, actions, config, spec=SPEC, folder=tmp_path, on_step=lambda *step: seen.append(step))
    assert result.losses[:5].mean() > 0.1
    assert result.best_loss < 0.01
    assert np.mean((result.policy.actions(observations) - actions) ** 2) == pytest.approx(result.best_loss, rel=0.01)
    assert [step for step, _ in seen] == list(range(2000))
    np.testing.assert_array_equal(result.losses, np.array([loss for _, loss in seen], np.float32))
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
    loaded = MLPPolicy.load(tmp_path / CHECKPOINT)
    assert loaded.actions(observations).tobytes() == result.policy.actions(observations).tobytes()
    assert loaded.summary["steps"] == 2000
    assert loaded.env_id == SPEC.id


def test_is_a_function_of_its_seed():
    first, again = (train(*data(), CONFIG, spec=SPEC) for _ in range(2))
    other = train(*data(), dataclasses.replace(CONFIG, seed=2), spec=SPEC)
    assert same(first, again)
    assert not same(first, other)


def test_keeps_the_weights_with_the_lowest_loss_of_the_data():
    # a rate that never falls, in few data: the loss goes up and down
    config = dataclasses.replace(CONFIG, learning_rate=0.03, final_learning_rate=0.03, evaluate_every=10)
    observations, actions = data(60)
    result = train(observations, actions, config, spec=SPEC)
    losses = {}
    for steps in range(10, 301, 10):
        weights = train(
            observations, actions, dataclasses.replace(config, steps=steps, evaluate_every=steps), spec=SPEC
        )
        losses[steps] = float(np.mean((weights.policy.actions(observations) - actions) ** 2))
    assert result.best_step == min(losses, key=losses.get) < 300
    assert result.best_loss == pytest.approx(min(losses.values()), rel=1e-3)


def test_learning_rate_falls_along_half_a_cosine():
    config = TrainingConfig(steps=100, learning_rate=1.0, final_learning_rate=0.2)
    assert learning_rate_at(config, 0) == 1.0
    assert learning_rate_at(config, 50) == pytest.approx(0.6)
    assert learning_rate_at(config, 100) == pytest.approx(0.2)


@pytest.mark.parametrize("at", [0, 49, 50, 255, 256, 298])
def test_goes_on_bit_by_bit_after_an_interrupt(tmp_path, at):
    def interrupt(step, _loss):
        if step == at:
            raise KeyboardInterrupt

    whole = train(*data(), CONFIG, spec=SPEC)
    with pytest.raises(KeyboardInterrupt):
        train(*data(), CONFIG, spec=SPEC, folder=tmp_path, on_step=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]
    seen = []
    resumed = train(*data(), CONFIG, spec=SPEC, folder=tmp_path, on_step=lambda step, _: seen.append(step))
    assert seen == list(range(at + 1, 300))
    assert same(whole, resumed)
    assert whole.losses.tobytes() == resumed.losses.tobytes()
    assert (whole.best_loss, whole.best_step) == (resumed.best_loss, resumed.best_step)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]


def test_ctrl_c_within_a_step_waits_for_its_end(tmp_path, monkeypatch):
    def press(config, step):  # called in the midst of each update
        if step == 120:
            os.kill(os.getpid(), signal.SIGINT)
        return learning_rate_at(config, step)

    whole = train(*data(), CONFIG, spec=SPEC)
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(behavior_cloning, "learning_rate_at", press)
    with pytest.raises(KeyboardInterrupt):
        train(*data(), CONFIG, spec=SPEC, folder=tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    with np.load(tmp_path / STATE_FILE) as state:
        assert int(state["step"]) == 121
    assert same(train(*data(), CONFIG, spec=SPEC, folder=tmp_path), whole)


@pytest.mark.parametrize("at", [100, 300])
def test_ctrl_c_within_a_score_ends_it_and_it_is_taken_first_the_next_time(tmp_path, at):
    config, rates, asked = dataclasses.replace(CONFIG, score_every=100), {100: 0.5, 200: 0.75, 300: 0.25}, []
    whole = train(*data(), config, spec=SPEC, folder=tmp_path / "whole", evaluate=lambda step, _: rates[step])
    finished = []

    def evaluate(step, _file):
        asked.append(step)
        if asked.count(at) == 1 and step == at:
            signal.raise_signal(signal.SIGINT)
            finished.append(step)  # were it to wait for the end
        return rates[step]

    with pytest.raises(KeyboardInterrupt):
        train(*data(), config, spec=SPEC, folder=tmp_path / "parts", evaluate=evaluate)
    assert not finished
    resumed = train(*data(), config, spec=SPEC, folder=tmp_path / "parts", evaluate=evaluate)
    assert asked == sorted([100, 200, 300, at])
    assert same(whole, resumed)
    assert (resumed.success, resumed.best_step) == (whole.success, whole.best_step) == (0.75, 200)


KILLED = """
import dataclasses, os, pathlib, signal, sys
from tests.training.test_behavior_cloning import CONFIG, SPEC, data, train

def kill(step, loss):
    if step == 170:
        os.kill(os.getpid(), signal.SIGKILL)

config = dataclasses.replace(CONFIG, save_every_s=0)
train(*data(), config, spec=SPEC, folder=pathlib.Path(sys.argv[1]), on_step=kill)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_goes_on_bit_by_bit_after_a_kill(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    seen = []
    resumed = train(*data(), CONFIG, spec=SPEC, folder=tmp_path, on_step=lambda step, _: seen.append(step))
    assert seen[0] == 170
    assert same(resumed, train(*data(), CONFIG, spec=SPEC))


def test_refuses_a_state_of_other_settings_or_data(tmp_path):
    def interrupt(_step, _loss):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(*data(), CONFIG, spec=SPEC, folder=tmp_path, on_step=interrupt)
    state = tmp_path / STATE_FILE
    with pytest.raises(StorageError, match=r"other steps, learning_rate\. Remove"):
        train(*data(), dataclasses.replace(CONFIG, steps=301, learning_rate=0.1), spec=SPEC, folder=tmp_path)
    with pytest.raises(StorageError, match="other demonstrations"):
        train(*data(599), CONFIG, spec=SPEC, folder=tmp_path)
    whole = state.read_bytes()
    state.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StorageError, match="damaged"):
        train(*data(), CONFIG, spec=SPEC, folder=tmp_path)
    np.savez(state, weights=np.zeros(3))
    with pytest.raises(StorageError, match="lacks first"):
        train(*data(), CONFIG, spec=SPEC, folder=tmp_path)


def test_a_loss_that_is_not_finite_is_an_error():
    config = dataclasses.replace(CONFIG, learning_rate=1e30, final_learning_rate=1e30)
    with np.errstate(all="ignore"), pytest.raises(SimError, match=r"loss became .* learning rate 1e\+30 is too high"):
        train(*data(), config, spec=SPEC)


OBSERVATIONS, ACTIONS = data(10)
HOLED = OBSERVATIONS.copy()
HOLED[7, 2] = np.nan


@pytest.mark.parametrize(
    ("observations", "actions", "error", "message"),
    [
        (OBSERVATIONS[:0], ACTIONS[:0], InputError, "0 rows"),
        (OBSERVATIONS[:, :5], ACTIONS, ArrayError, r"observations: expected shape \(rows, 6\)"),
        (OBSERVATIONS, ACTIONS[:, 0], ArrayError, r"actions: expected shape \(rows, 2\)"),
        (OBSERVATIONS, ACTIONS[:9], ArrayError, "each of 10 observations, 9 came"),
        (HOLED, ACTIONS, InputError, "row 7"),
    ],
)
def test_refuses_demonstrations_that_do_not_fit(observations, actions, error, message):
    with pytest.raises(error, match=message):
        train(observations, actions, CONFIG, spec=SPEC)


def test_refuses_actions_without_bounds():
    action = dataclasses.replace(SPEC.action, high=np.inf)
    with pytest.raises(InputError, match="finite bounds"):
        train(*data(10), CONFIG, spec=dataclasses.replace(SPEC, action=action))


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0},
        {"steps": -1},
        {"batch_size": 0},
        {"hidden_dim": -3},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"final_learning_rate": 1.0},
    ],
)
def test_refuses_settings_that_make_no_sense(changes):
    with pytest.raises(InputError, match="expected"):
        TrainingConfig(**changes)


def test_an_action_that_is_wider_than_one_is_learned_in_its_own_units():
    action = dataclasses.replace(SPEC.action, low=(-1.0, 10.0), high=(1.0, 30.0))
    observations, actions = data()
    scaled = actions * [1, 10] + [0, 20]
    config = dataclasses.replace(CONFIG, steps=1000)
    result = train(observations, scaled, config, spec=dataclasses.replace(SPEC, action=action))
    error = result.policy.actions(observations) - scaled
    assert np.sqrt(np.mean(error[:, 0] ** 2)) < 0.1
    assert np.sqrt(np.mean(error[:, 1] ** 2)) < 1.0
