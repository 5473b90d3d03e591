"""What is known of LIBERO without LIBERO: tasks, names, options."""

import subprocess
import sys

import pytest

from lerobot_sim.errors import InputError, UnknownNameError
from lerobot_sim.simulators import libero
from lerobot_sim.simulators.libero.catalogue import catalogue, suite_name, task_of
from lerobot_sim.simulators.libero.options import read, said
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE

GUIDE = {"image_size": (224, 224), "cameras": ["agentview_image", "robot0_eye_in_hand_image"], "init_states": True}


def test_there_are_130_tasks_in_five_suites():
    counts = {name: len(libero.suite(name)) for name in libero.MAX_STEPS}
    assert counts == {"libero_spatial": 10, "libero_object": 10, "libero_goal": 10, "libero_10": 10, "libero_90": 90}
    listed = [name for suite in catalogue_suites() for name in libero.suite(suite)]
    assert [f"libero/{name}" for name in libero.tasks()] == listed


def catalogue_suites():
    return list(dict.fromkeys(task.suite for task in catalogue().values()))


@pytest.mark.parametrize("name", list(catalogue()))
def test_every_spec_is_whole(name):
    spec, task = libero.spec(name), task_of(name)
    assert (spec.id, spec.about) == (f"libero/{name}", task.instruction)
    assert (spec.fps, spec.max_steps) == (20, libero.MAX_STEPS[task.suite])
    assert (spec.observation[STATE].shape, spec.action.shape) == ((8,), (7,))
    around = spec.observation[ENVIRONMENT_STATE]
    assert around.shape == (7 * len(task.objects + task.fixtures) + len(task.joints),)
    assert len(set(around.names)) == len(around.names)
    assert (spec.params["init_state"].nominal, spec.params["init_state"].high) == (-1, 49)
    assert task.goal
    assert not spec.capabilities.resets_in_success
    for _, *bodies in task.goal:
        named = (*task.objects, *task.fixtures)
        assert all(any(body.startswith(own) for own in named) or "table" in body or "floor" in body for body in bodies)
    spec.to_dict()


@pytest.mark.parametrize("name", ["libero_10", "LIBERO-10", "10", "libero-long", "Libero_Long"])
def test_suites_go_by_many_names(name):
    assert suite_name(name) == "libero_10"
    assert libero.suite(name)[3] == "libero/libero_10-3"


def test_an_unknown_suite_is_answered_with_the_five():
    with pytest.raises(UnknownNameError, match="libero_spatial"):
        libero.suite("libero_100")


@pytest.mark.parametrize("name", list(catalogue()))
def test_every_long_name_means_its_task(name):
    assert libero.resolve(task_of(name).name) == name
    assert libero.resolve(f"{task_of(name).name}.bddl") == name


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("spatial-3", "libero_spatial-3"),
        ("LIBERO-90-07", "libero_90-7"),
        ("libero_goal/7", "libero_goal-7"),
        ("turn on the stove", None),
        ("turn-on-the-stove-and-put-the-moka-pot-on-it", "libero_10-2"),
        ("push-t", None),
    ],
)
def test_other_names(name, task):
    if name == "turn on the stove":  # libero_goal's long name; libero_90 says the same of other scenes
        assert libero.resolve(name) == "libero_goal-7"
    else:
        assert libero.resolve(name) == task


def test_words_of_several_tasks_are_answered_with_all():
    with pytest.raises(InputError, match=r"libero_90-\d+, libero_90-\d+"):
        libero.resolve("open the top drawer of the cabinet")
    with pytest.raises(UnknownNameError):
        libero.resolve("libero_goal-10")


def test_the_guides_keys_work():
    spec = libero.spec("libero_10-0", **GUIDE, include_language_instruction=True)
    assert {name: (camera.height, camera.width) for name, camera in spec.cameras.items()} == {
        "front": (224, 224),
        "wrist": (224, 224),
    }
    assert spec.options == {"image_size": [224, 224]}
    assert libero.spec("libero_10-0", seed=42).options == {"seed": 42}
    assert libero.spec("libero_10-0", **spec.options) == spec
    assert list(libero.spec("libero_10-0", cameras="agentview_image").cameras) == ["front"]
    assert not libero.spec("libero_10-0", init_states=False).params
    assert libero.spec("libero_10-0", max_steps=50).max_steps == 50


def test_options_round_trip():
    chosen = read("libero_10-0", {"image_size": 64, "mirrored": True, "cameras": ["image2"]})
    assert read("libero_10-0", said(chosen)) == chosen


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"seed": -1}, "whole number"),
        ({"seed": True}, "whole number"),
        ({"include_language_instruction": False}, "instructions"),
        ({"task_suite": "libero_10"}, "libero/libero_10-0"),
        ({"control_mode": "absolute"}, "relative"),
        ({"image_size": (0, 3)}, "image_size"),
        ({"image_size": "big"}, "image_size"),
        ({"cameras": ["sideview"]}, "agentview"),
        ({"init_states": 1}, "true or false"),
        ({"max_steps": 0}, "max_steps"),
        ({"image_sizes": 3}, "image_size"),
    ],
)
def test_other_keys_are_answered(keys, words):
    with pytest.raises(InputError, match=words):
        libero.spec("libero_10-0", **keys)


def test_create_env_names_what_is_wrong_before_anything_starts():
    with pytest.raises(InputError, match="0 to 9") as caught:
        libero.create_env("libero_object", 11)
    assert "12 tasks" in str(caught.value)
    for task_id in ("3", 1.0, True):
        with pytest.raises(InputError, match="task_id: expected a whole number"):
            libero.create_env("libero_10", task_id)
    with pytest.raises(UnknownNameError, match="libero_goal"):
        libero.create_env("libero_gaol")


def test_the_catalogue_imports_no_simulator():
    code = (
        "import sys; from lerobot_sim.simulators import libero; libero.spec(libero.tasks()[0]);"
        "assert not {'libero', 'robosuite', 'mujoco', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
