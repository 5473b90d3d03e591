"""`bc`: files, chunks a lane, words that it knows, and what does not fit."""

import json
import logging

import numpy as np
import pytest

from lerobot_sim import make
from lerobot_sim.errors import InputError, StorageError, UnknownNameError
from lerobot_sim.policies import bc
from lerobot_sim.policies.bc_config import (
    BCConfig,
    BCSettings,
    acting_settings,
    bc_folder,
    is_bc,
    read_config,
    settings_from,
    vocabulary,
    words_of,
)
from lerobot_sim.spec import STATE

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def spec():
    env = make("push-t")
    yield env.spec
    env.close()


def config_of(**changes):
    given = {
        "settings": BCSettings(chunk_size=4, n_action_steps=3, hidden_dim=8, blocks=1, keypoints=2),
        "states": {STATE: 6},
        "cameras": {},
        "words": (),
        "state_mean": (0.5,) * 6,
        "state_std": (0.2,) * 6,
        "action_mean": (0.1, -0.1),
        "action_std": (0.5, 0.4),
        "env_id": "numpy/push-t",
        "env_version": 1,
    }
    return BCConfig(**{**given, **changes})


def network_of(config, seed=0):
    network = bc.new_network(config, seed=seed).eval()
    if network.reader is not None:
        torch.nn.init.normal_(network.reader.vectors.weight[1:])
    return network


def rows(count, seed=0):
    return np.random.default_rng(seed).random((count, 6), np.float32)


def chunk_of(config, network, states, words=None):
    batch = {"state": states, "words": np.zeros((len(states), 1), np.int64) if words is None else words}
    return bc.predict(network, config, batch, "cpu")


def test_a_folder_holds_the_policy(tmp_path, spec):
    config = config_of(words=("cube", "red"), cameras={"front": (20, 24)})
    network = network_of(config)
    bc.save(tmp_path, config, network)
    assert is_bc(tmp_path)
    assert read_config(tmp_path) == config
    again, restored = bc.load(tmp_path)
    assert again == config
    for name, value in network.state_dict().items():
        assert torch.equal(value, restored.state_dict()[name]), name
    policy = bc.make(spec, tmp_path)
    assert {name: (camera.height, camera.width) for name, camera in policy.cameras.items()} == {"front": (20, 24)}
    assert not list(tmp_path.glob("*.part"))


def test_the_best_one_of_a_run_is_taken(tmp_path):
    config = config_of()
    bc.save(tmp_path / "last", config, network_of(config))
    assert bc_folder(tmp_path) == tmp_path / "last"
    bc.save(tmp_path / "best", config, network_of(config))
    assert bc_folder(tmp_path) == tmp_path / "best"
    assert bc_folder(tmp_path / "nowhere") is None


def test_lanes_out_of_phase_each_do_their_own_chunk(spec):
    config = config_of()
    network = network_of(config)
    policy = bc.BCPolicy(config, network, spec)
    active = np.array([True, True, True])
    policy.reset(np.array([0, 1, 2]), np.array([5, 6, 7]))
    seen, done = [], []
    for t in range(5):
        if t == 2:
            policy.reset(np.array([1]), np.array([9]))  # begins again in the middle of its chunk
        if t == 3:
            active = np.array([True, True, False])
        seen.append(chunk_of(config, network, rows(3, t)))
        done.append(policy.act({STATE: rows(3, t)}, active).action)
    begun = {0: [0, 0, 0, 3, 3], 1: [0, 0, 2, 2, 2]}
    for lane, starts in begun.items():
        for t, start in enumerate(starts):
            np.testing.assert_allclose(done[t][lane], seen[start][lane, t - start], rtol=1e-6)
    assert done[0].dtype == np.float32
    # the lane that was idle since t = 3 has done all of its chunk, and takes a new one where it goes on
    later = policy.act({STATE: rows(3, 5)}, np.array([False, False, True])).action
    np.testing.assert_allclose(later[2], chunk_of(config, network, rows(3, 5))[2, 0], rtol=1e-6)


def test_words_that_no_demonstration_had_say_nothing(spec, caplog):
    texts = ["Pick up the red cube.", "Lift the blue cube!"]
    config = config_of(words=vocabulary(texts))
    assert config.words == ("blue", "cube", "lift", "pick", "red", "the", "up")
    network = network_of(config)
    policy = bc.BCPolicy(config, network, spec)

    def decides(text):
        policy.reset(np.array([0]), np.array([0]))
        policy.instruct(np.array([0]), [text])
        return policy.act({STATE: rows(1)}, np.array([True])).action[0]

    assert np.allclose(decides("Grab the red one"), decides("red, the"), atol=1e-6)  # nor does their order
    assert not np.allclose(decides("the red cube"), decides("the blue cube"), atol=1e-3)
    with caplog.at_level(logging.WARNING):
        nothing = decides("Grab something, please")
    assert "ignores it" in caplog.text
    assert np.array_equal(nothing, decides(""))
    assert np.isfinite(nothing).all()


def test_an_instruction_lasts_for_its_episode_alone(spec):
    config = config_of(words=("blue", "red"))
    policy = bc.BCPolicy(config, network_of(config), spec)
    policy.reset(np.array([0, 1]), np.array([0, 1]))
    policy.instruct(np.array([0, 1]), ["red", "blue and red"])
    first = policy.act({STATE: np.tile(rows(1), (2, 1))}, np.array([True, True])).action
    assert not np.allclose(first[0], first[1])
    policy.reset(np.array([0, 1]), np.array([0, 1]))
    policy.instruct(np.array([0, 1]), ["", ""])
    second = policy.act({STATE: np.tile(rows(1), (2, 1))}, np.array([True, True])).action
    np.testing.assert_allclose(second[0], second[1], rtol=1e-5)


def test_pictures_are_read_as_places():
    from lerobot_sim.policies.bc_network import Eye

    torch.manual_seed(0)
    eye = Eye(64, 8)
    blank = np.full((64, 64, 3), 240, np.uint8)
    spots = []
    for at in (16, 32, 48):
        picture = blank.copy()
        picture[28:36, at - 4 : at + 4] = (200, 30, 30)
        spots.append(picture)
    with torch.no_grad():
        points = eye(torch.from_numpy(np.stack(spots))).numpy()
    assert points.shape == (3, 16)
    assert np.abs(points).max() <= 1
    x, y = points[:, :8], points[:, 8:]
    moved = np.abs(x[2] - x[0]) > 0.2  # without any training, what stands out is seen by most maps
    assert moved.sum() >= 4
    assert (np.sign(x[2] - x[1]) == np.sign(x[1] - x[0]))[moved].all()
    assert np.abs(y[2] - y[0]).max() < 0.1


def test_what_does_not_fit_is_named(tmp_path, spec):
    network = network_of(config_of())
    wrong = [
        (config_of(states={STATE: 5}), "5 numbers"),
        (config_of(states={"observation.environment_state": 6}), "environment_state"),
        (config_of(cameras={"wrist": (8, 8)}), "'wrist'.*front"),
        (config_of(action_mean=(0.0,) * 3), "3 numbers"),
    ]
    for config, words in wrong:
        with pytest.raises(InputError, match=words):
            bc.BCPolicy(config, network, spec)
    with pytest.raises(InputError, match="lerobot-sim train"):
        bc.make(spec)
    with pytest.raises(InputError, match="--device cpu"):
        bc.new_network(config_of(), "cuda:7")


def test_damage_and_pickles_are_refused(tmp_path, spec):
    config = config_of()
    bc.save(tmp_path, config, network_of(config))
    weights = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[:100])
    with pytest.raises(StorageError, match="damaged"):
        bc.make(spec, tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "model.pt").write_bytes(b"x")
    with pytest.raises(InputError, match="pickle"):
        bc.make(spec, tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**content, "schema": 99}))
    with pytest.raises(InputError, match="update lerobot-sim"):
        bc.make(spec, tmp_path)
    del content["states"]
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(StorageError, match="states"):
        bc.make(spec, tmp_path)


def test_another_networks_weights_are_refused(tmp_path, spec):
    config = config_of()
    bc.save(tmp_path, config, network_of(config_of(words=("red",))))
    with pytest.raises(StorageError, match="of another policy"):
        bc.make(spec, tmp_path)


def test_settings():
    assert settings_from({"chunk_size": 1}) == BCSettings(chunk_size=1, n_action_steps=1)
    assert settings_from({"weight_decay": 0, "language": None}).weight_decay == 0
    with pytest.raises(UnknownNameError, match="chunk_size"):
        settings_from({"chunksize": 3})
    for name, value, words in (
        ("chunk_size", 0, "at least 1"),
        ("chunk_size", 2.5, "a whole number"),
        ("hidden_dim", True, "a whole number"),
        ("state", "no", "true or false"),
        ("language", 1, "true, false or null"),
        ("weight_decay", "x", "a number"),
        ("image_shift", -1, "at least 0"),
    ):
        with pytest.raises(InputError, match=rf"{name}: expected {words}"):
            settings_from({name: value})
    with pytest.raises(InputError, match="more than chunk_size"):
        settings_from({"chunk_size": 2, "n_action_steps": 3})


def test_of_a_trained_policy_only_how_it_acts_can_be_set():
    trained = BCSettings(chunk_size=4, n_action_steps=3)
    assert acting_settings({"n_action_steps": 1}, trained) == BCSettings(chunk_size=4, n_action_steps=1)
    with pytest.raises(InputError, match=r"^chunk_size: .*settled as it was trained"):
        acting_settings({"chunk_size": 1}, trained)
    with pytest.raises(UnknownNameError, match="n_action_steps"):
        acting_settings({"n_action_step": 1}, trained)
    with pytest.raises(InputError, match="more than chunk_size"):
        acting_settings({"n_action_steps": 5}, trained)


def test_words():
    assert words_of("Pick-up the RED cube_2, bitte: größer!") == [
        "pick",
        "up",
        "the",
        "red",
        "cube",
        "2",
        "bitte",
        "größer",
    ]
    numbers = bc.word_numbers(("a", "b"), ["b a b", "c", ""])
    assert numbers.tolist() == [[2, 1, 2], [0, 0, 0], [0, 0, 0]]


def test_a_long_instruction_of_another_lane_or_before_changes_nothing(spec):
    config = config_of(words=("blue", "cube", "red", "the"))
    network = network_of(config)

    def decides(*told):
        policy = bc.BCPolicy(config, network, spec)
        policy.reset(np.array([0, 1]), np.array([0, 1]))
        for texts in told:
            policy.instruct(np.array([0, 1]), texts)
        return policy.act({STATE: np.tile(rows(1), (2, 1))}, np.array([True, True])).action[0]

    alone = decides(["red", "red"])
    np.testing.assert_allclose(decides(["red", "the blue cube and the red cube"]), alone, rtol=1e-5)
    np.testing.assert_allclose(decides(["the blue cube", "blue"], ["red", "red"]), alone, rtol=1e-5)
