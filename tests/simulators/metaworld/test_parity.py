"""Our environments beside MetaWorld's own interface in its own environment: catalogue, goals, episodes, pictures."""

import numpy as np
import pytest

from lerobot_sim.simulators import metaworld
from lerobot_sim.simulators.metaworld.catalogue import TASKS
from lerobot_sim.simulators.metaworld.options import CAMERAS, METRICS
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera
from tests.simulators.conftest import needs

from .foreign import MODULE, ours, peer_arrays, peer_json

pytestmark = [needs("metaworld", MODULE), pytest.mark.timeout(3600)]  # on a busy machine a contract takes many minutes
ON = np.ones(1, np.bool_)
SOME = ("pick-place-v3", "window-close-v3", "stick-pull-v3")


@pytest.mark.slow
def test_the_catalogue_is_metaworlds():
    found = peer_json("catalogue")
    assert list(found["tasks"]) == list(TASKS)
    told = 0
    for name, task in found["tasks"].items():
        assert (task["low"], task["high"]) == (list(TASKS[name].low), list(TASKS[name].high)), name
        spec = metaworld.spec(name)
        assert (task["fps"], task["max_steps"]) == (spec.fps, spec.max_steps)
        assert sorted(task["cameras"]) == sorted(CAMERAS)
        assert task["metrics"] == sorted(METRICS)
        assert any(task["quaternion"]) == bool(TASKS[name].quaternion), name
        upright = {"wxyz": task["quaternion"][0], "xyzw": task["quaternion"][3]}
        for order, real in upright.items():
            if abs(real) > 0.999:  # nothing is turned: the one number that is not 0 tells the order
                assert TASKS[name].quaternion == order, name
                told += 1
    assert told >= 20
    for name, splits in found["suites"].items():
        assert {split: list(tasks) for split, tasks in metaworld.SUITES[name].items()} == splits


@pytest.mark.parametrize("task", ["push-v3", "sweep-into-v3"])
def test_goals_of_one_task_are_metaworlds(task):
    found = peer_json("goals", "ML1", 5, task)
    assert found["hidden"] == [True]
    for split in ("train", "test"):
        assert np.array_equal(metaworld.goals("ML1", split, task, 5), found["goals"][split][task])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MT10", "MT25", "MT50", "ML10", "ML25", "ML45"])
def test_goals_of_benchmarks_are_metaworlds(name):
    found = peer_json("goals", name, 42)
    assert found["hidden"] == [name.startswith("ML")]
    assert {split: list(tasks) for split, tasks in found["goals"].items()} == {
        split: list(tasks) for split, tasks in metaworld.SUITES[name].items()
    }
    for split, tasks in found["goals"].items():
        for task, values in tasks.items():
            assert np.array_equal(metaworld.goals(name, split, task, 42), values), (split, task)


def published(observation):
    """The 39 numbers in MetaWorld's order, of frame_stack=2."""
    robot, others = observation[STATE][0], observation[ENVIRONMENT_STATE][0]
    return np.concatenate([robot[:4], others[:14], robot[4:], others[14:]])


def check_episodes(found, tasks, seed):
    for task in tasks:
        env = ours(task, frame_stack=2)
        try:
            theirs = {name.partition(".")[2]: value for name, value in found.items() if name.startswith(task + ".")}
            numbers = theirs["observation"].astype(np.float32)
            assert np.array_equal(published(env.reset(np.arange(1), np.array([seed]))), numbers[0]), task
            for step in range(100):
                row = env.step(theirs["action"][step][None], ON)
                assert np.array_equal(published(row.observation), numbers[step + 1]), (task, step)
                assert row.reward[0] == np.float32(theirs["reward"][step]), (task, step)
                assert row.success[0] == theirs["success"][step], (task, step)
                assert [row.metrics[name][0] for name in METRICS] == list(theirs["metrics"][step]), (task, step)
        finally:
            env.close()


def test_episodes_of_some_tasks_are_metaworlds(tmp_path):
    check_episodes(peer_arrays(tmp_path, "episodes", 11, *SOME), SOME, 11)


@pytest.mark.slow
def test_episodes_of_all_tasks_are_metaworlds(tmp_path):
    found = peer_arrays(tmp_path, "episodes", 7, *TASKS)
    assert sum(found[f"{task}.success"].any() for task in TASKS) >= 10  # the comparison has seen successes
    check_episodes(found, TASKS, 7)


@pytest.mark.parametrize("camera", ["corner2", "topview"])
def test_pictures_are_metaworlds_turned_right_side_up(camera, tmp_path):
    theirs = peer_arrays(tmp_path, "picture", 3, "pick-place-v3", camera)["image"]
    env = ours("pick-place-v3")
    try:
        env.reset(np.arange(1), np.array([3]))
        for _ in range(3):
            env.step(np.zeros((1, 4), np.float32), ON)
        image = env.render({camera: Camera(height=80, width=96)})[camera][0]
    finally:
        env.close()
    assert np.array_equal(image, theirs[::-1, ::-1] if camera == "corner2" else theirs)
