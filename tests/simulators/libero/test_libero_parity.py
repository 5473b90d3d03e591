"""Ours against LIBERO's own interface: equal to the last bit, pictures too."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim.simulators import libero
from lerobot_sim.simulators.host.install import python_of
from lerobot_sim.simulators.libero.catalogue import catalogue, task_of
from lerobot_sim.simulators.libero.stage import turn_of
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera
from tests.simulators.conftest import needs
from tests.simulators.peers import catalogue_there, episode_here, episodes_there, ours, random_actions

MODULE = "lerobot_sim.simulators.libero"
PEER = Path(__file__).with_name("peer.py")
ROOT = Path(__file__).parents[3]
SIZE = 64
pytestmark = [needs("libero", MODULE), pytest.mark.timeout(900)]  # on a busy machine a scene takes minutes


def there(name, start, seed, actions, tmp_path):
    task = task_of(name)
    given = {"suite": task.suite, "index": task.index, "start": start, "seed": seed, "size": SIZE}
    arrays = {key: np.array(value) for key, value in given.items()}
    return episodes_there(MODULE, PEER, tmp_path, actions=actions, **arrays)


def assert_same(here, found, name):
    turns = np.array([turn_of(quaternion) for quaternion in found["quaternion"]])
    hand = np.concatenate([found["hand"], turns, found["fingers"]], axis=1).astype(np.float32)
    np.testing.assert_array_equal(here[STATE], hand)
    objects = found["objects"].astype(np.float32)
    np.testing.assert_array_equal(here[ENVIRONMENT_STATE][:, : objects.shape[1]], objects)
    assert objects.shape[1] == 7 * len(task_of(name).objects)
    np.testing.assert_array_equal(here["reward"], found["reward"].astype(np.float32))
    np.testing.assert_array_equal(here["success"], found["success"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "start"), [("libero_object-0", 3), ("libero_spatial-4", 5), ("libero_goal-7", 0), ("libero_90-0", 49)]
)
def test_a_hundred_steps_and_their_pictures_are_liberos(name, start, tmp_path):
    env = ours(MODULE, name)
    actions = random_actions(env.spec, 100, start)
    found = there(name, start, start, actions, tmp_path)
    env.reset([0], [start + 1])  # what ran before is nobody's business
    env.step(actions[:1], np.ones(1, bool))
    cameras = {camera: Camera(height=SIZE, width=SIZE) for camera in ("front", "wrist")}
    env.reset([0], [start])
    pictures = [env.render(cameras)]
    for step, action in enumerate(actions, 1):
        env.step(action[None], np.ones(1, bool))
        if step % 25 == 0:
            pictures.append(env.render(cameras))
    here = episode_here(env, start, actions)
    env.close()
    assert_same(here, found, name)
    assert len(here["reward"]) == 100
    for camera in cameras:
        np.testing.assert_array_equal([picture[camera][0] for picture in pictures], found[camera])
        assert found[camera].std() > 20


@pytest.mark.slow
def test_drawn_starts_are_liberos(tmp_path):
    env = ours(MODULE, "libero_spatial-4", init_states=False)
    actions = random_actions(env.spec, 20, 1)
    here = episode_here(env, 12345, actions)
    env.close()
    assert_same(here, there("libero_spatial-4", -1, 12345, actions, tmp_path), "libero_spatial-4")


def test_names_instructions_and_initial_states_are_liberos():
    found = catalogue_there(MODULE, PEER)
    for suite, tasks in found.items():
        assert [[task.name, task.instruction, task.initial_states] for task in of_suite(suite)] == tasks
    assert sum(map(len, found.values())) == len(libero.tasks())


def of_suite(suite):
    return [task for task in catalogue().values() if task.suite == suite]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_catalogue_is_what_libero_builds(tmp_path):
    out = tmp_path / "catalogue.json"
    script = ROOT / "scripts" / "make_libero_catalogue.py"
    subprocess.run([python_of(libero.FAMILY), "-I", script, "--out", out], check=True, capture_output=True)
    assert out.read_text() == (Path(libero.__file__).with_name("catalogue.json")).read_text()


@pytest.mark.slow
def test_the_hands_turn_is_lerobots():
    torch = pytest.importorskip("torch")
    from lerobot.processor.env_processor import LiberoProcessorStep

    quaternions = np.random.default_rng(0).normal(size=(100, 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    theirs = LiberoProcessorStep()._quat2axisangle(torch.tensor(np.roll(quaternions, -1, axis=1)))
    np.testing.assert_allclose([turn_of(q) for q in quaternions], theirs.numpy(), atol=2e-6)
    assert (turn_of(np.array([1.0, 0.0, 0.0, 0.0])) == 0).all()
