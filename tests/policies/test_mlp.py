import logging

import numpy as np
import pytest

from lerobot_sim import make, make_policy, rollout
from lerobot_sim.errors import ArrayError, InputError, StorageError
from lerobot_sim.policies.mlp import MLPPolicy
from lerobot_sim.policies.network import WEIGHTS, forward, shapes, views, xavier_uniform
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE

SPEC = make("push-t").spec


def fresh(**changes):
    random = np.random.default_rng(0)
    fields = {
        "weights": views(xavier_uniform(6, 16, 2, seed=3), 6, 16, 2),
        "mean": random.normal(size=6).astype(np.float32),
        "std": random.uniform(0.5, 2, 6).astype(np.float32),
        "action_low": np.array([-1, -2], np.float32),
        "action_high": np.array([1, 4], np.float32),
        "env_id": SPEC.id,
        "env_version": SPEC.version,
        "summary": {"steps": 7},
    }
    return MLPPolicy(**{**fields, **changes})


def rows(count=5):
    return np.random.default_rng(1).random((count, 6)).astype(np.float32)


def test_forward_is_the_formula_of_the_guides():
    weights = views(xavier_uniform(6, 16, 2, seed=3), 6, 16, 2)
    x = rows(1)[0].astype(np.float64)
    w1, b1, w2, b2, w3, b3 = (array.astype(np.float64) for array in weights)
    h1 = np.maximum(x @ w1 + b1, 0)
    h2 = np.maximum(h1 @ w2 + b2, 0)
    np.testing.assert_allclose(forward(weights, x[None].astype(np.float32))[0], np.tanh(h2 @ w3 + b3), rtol=1e-5)


def test_actions_are_of_the_normalised_observation_and_lie_between_the_bounds():
    policy = fresh()
    raw = forward(policy.weights, (rows() - policy.mean) / policy.std)
    np.testing.assert_allclose(policy.actions(rows())[:, 0], raw[:, 0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(policy.actions(rows())[:, 1], 1 + 3 * raw[:, 1], rtol=1e-5, atol=1e-6)
    extreme = policy.actions(1e6 * rows())
    assert (extreme >= policy.action_low).all()
    assert (extreme <= policy.action_high).all()


def test_xavier_fills_its_interval_and_nothing_else():
    weights = views(xavier_uniform(6, 256, 2, seed=0), 6, 256, 2)
    for name, array in weights._asdict().items():
        if array.ndim == 1:
            assert not array.any(), name
        else:
            bound = np.sqrt(6 / sum(array.shape))
            assert 0.97 * bound < np.abs(array).max() <= bound, name
            assert array.std() == pytest.approx(bound / np.sqrt(3), rel=0.06), name
    assert (xavier_uniform(6, 256, 2, seed=1) != xavier_uniform(6, 256, 2, seed=0)).any()


def test_save_and_load_give_the_same_policy(tmp_path):
    policy = fresh()
    policy.save(tmp_path / "deep" / "policy.npz")
    loaded = MLPPolicy.load(tmp_path / "deep" / "policy.npz")
    assert loaded.actions(rows()).tobytes() == policy.actions(rows()).tobytes()
    assert (loaded.env_id, loaded.env_version, loaded.summary) == (SPEC.id, SPEC.version, {"steps": 7})
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["policy.npz"]


def test_the_file_holds_the_tutorials_eight_names(tmp_path):
    fresh().save(tmp_path / "policy.npz")
    with np.load(tmp_path / "policy.npz", allow_pickle=False) as stored:
        assert {*WEIGHTS, "state_dim", "action_dim"} <= set(stored.files)
        assert (int(stored["state_dim"]), int(stored["action_dim"])) == (6, 2)
        assert [stored[name].shape for name in WEIGHTS] == list(shapes(6, 16, 2))


def test_a_file_with_only_the_eight_loads(tmp_path):
    weights = views(xavier_uniform(6, 16, 2, seed=3), 6, 16, 2)
    eight = {name: array.astype(np.float64) for name, array in weights._asdict().items()}
    np.savez(tmp_path / "old.npz", **eight, state_dim=6, action_dim=2)
    policy = make_policy("mlp", SPEC, checkpoint=tmp_path / "old.npz")
    np.testing.assert_allclose(policy.actions(rows()), forward(weights, rows()), rtol=1e-6, atol=1e-7)


def test_select_action_takes_a_vector_and_both_keys():
    policy = fresh()
    expected = policy.actions(rows(1))[0]
    policy.reset()
    for observation in (rows(1)[0], {"agent_pos": rows(1)[0]}, {STATE: rows(1)}):
        assert policy.select_action(observation).tobytes() == expected.tobytes()
    with pytest.raises(InputError, match="agent_pos"):
        policy.select_action({"pixels": rows(1)})


def test_acts_for_lanes_and_appends_the_environment_state():
    policy = fresh()
    whole = policy.act({STATE: rows()}, np.ones(5, bool)).action
    parts = policy.act({STATE: rows()[:, :2], ENVIRONMENT_STATE: rows()[:, 2:]}, np.ones(5, bool)).action
    assert whole.dtype == np.float32
    assert whole.shape == (5, 2)
    assert whole.tobytes() == parts.tobytes()


def test_idle_lanes_change_nothing_for_the_others():
    policy, observation = fresh(), rows(64)
    before = policy.act({STATE: observation}, np.ones(64, bool)).action
    observation[::2] = np.nan
    after = policy.act({STATE: observation}, np.arange(64) % 2 == 1).action
    assert before[1::2].tobytes() == after[1::2].tobytes()


def test_runs_in_the_loop():
    env = make("push-t", 4)
    policy = fresh(action_low=-np.ones(2, np.float32), action_high=np.ones(2, np.float32))
    assert len(list(rollout(env, policy, range(6)))) == 6
    assert policy.cameras == {}
    assert policy.batch_invariant is False


def stored(tmp_path, **changes):
    fresh().save(tmp_path / "policy.npz")
    with np.load(tmp_path / "policy.npz") as file:
        arrays = {name: file[name] for name in file.files}
    arrays.update(changes)
    path = tmp_path / "changed.npz"
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"w2": None}, "lacks w2"),
        ({"state_dim": None, "b3": None}, "lacks b3, state_dim"),
        ({"w2": np.zeros((16, 15))}, "w2: expected shape"),
        ({"b1": np.zeros(3)}, "b1: expected shape"),
        ({"w1": np.zeros(6)}, "w1 has two axes"),
        ({"state_dim": 7}, r"\(7, 2\)"),
        ({"w3": np.full((16, 2), np.nan)}, "w3: expected finite"),
        ({"observation_std": np.zeros(6)}, "std: expected positive"),
        ({"observation_mean": np.zeros(5)}, "mean: expected 6 numbers"),
        ({"schema": 99}, "update lerobot-sim"),
        ({"summary": "{"}, "damaged"),
        ({"w1": np.array(["a"])}, "damaged"),
    ],
)
def test_refuses_a_checkpoint_that_does_not_fit_together(tmp_path, changes, message):
    with pytest.raises(StorageError, match=message):
        MLPPolicy.load(stored(tmp_path, **changes))


def test_refuses_a_missing_checkpoint(tmp_path):
    with pytest.raises(StorageError, match="no checkpoint at"):
        MLPPolicy.load(tmp_path / "none.npz")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_refuses_a_checkpoint_that_was_cut_short(tmp_path, share):
    path = stored(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(StorageError, match="is no checkpoint or is damaged"):
        MLPPolicy.load(path)


def test_refuses_flipped_bytes_text_arrays_and_pickles(tmp_path):
    path = stored(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    flipped, text, array, pickled = (tmp_path / name for name in ("flipped", "text", "array", "pickled"))
    flipped.write_bytes(data)
    text.write_text("not a checkpoint at all")
    with array.open("wb") as file:
        np.save(file, np.zeros(3))
    with pickled.open("wb") as file:
        np.savez(file, w1=np.array([{}], object))
    for damaged in (flipped, text, array, pickled, tmp_path):
        with pytest.raises(StorageError, match="is no checkpoint or is damaged"):
            MLPPolicy.load(damaged)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "policy.npz"
    fresh().save(path)
    before = path.read_bytes()

    def full_disk(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(StorageError, match="No space left on device"):
        fresh(env_id="numpy/reach").save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["policy.npz"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        fresh().save(tmp_path / "file" / "policy.npz")


def test_refuses_another_task(tmp_path):
    fresh().save(tmp_path / "policy.npz")
    with pytest.raises(InputError, match="trained on 'numpy/push-t', the environment is 'numpy/reach'"):
        make_policy("mlp", make("numpy/reach").spec, checkpoint=tmp_path / "policy.npz")
    with pytest.raises(InputError, match="6 numbers to 2"):
        fresh(env_id="").require(make("numpy/reach").spec)
    with pytest.raises(InputError, match="needs a checkpoint"):
        make_policy("mlp", SPEC)


def test_another_version_of_the_task_is_pointed_out(caplog):
    with caplog.at_level(logging.WARNING):
        fresh(env_version=SPEC.version).require(SPEC)
        assert not caplog.messages
        fresh(env_version=SPEC.version + 1).require(SPEC)
    assert "version" in caplog.text


@pytest.mark.parametrize("shape", [(6,), (3, 5), (3, 6, 1)])
def test_refuses_observations_of_another_shape(shape):
    with pytest.raises(ArrayError, match=r"expected shape \(lanes, 6\)"):
        fresh().actions(np.zeros(shape, np.float32))
