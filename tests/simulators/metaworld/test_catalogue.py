"""What is known of MetaWorld without MetaWorld: tasks, suites, goals, options, names of older texts."""

import json

import numpy as np
import pytest

from lerobot_sim import registry
from lerobot_sim.errors import InputError, UnknownNameError
from lerobot_sim.simulators import metaworld
from lerobot_sim.simulators.metaworld.catalogue import TASKS
from lerobot_sim.simulators.metaworld.config import is_guide
from lerobot_sim.simulators.metaworld.suites import SUITES, goal_of_seed
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE
from tests.simulators.conftest import needs


def test_there_are_50_tasks_each_with_its_own_words():
    assert len(metaworld.tasks()) == 50
    assert len({task.instruction for task in TASKS.values()}) == 50
    assert all(task.instruction.endswith(".") and len(task.instruction) < 90 for task in TASKS.values())


@pytest.mark.parametrize(
    ("name", "split", "count"),
    [
        ("MT1", "train", 50),
        ("MT10", "train", 10),
        ("MT25", "train", 25),
        ("MT50", "train", 50),
        ("ML1", "test", 50),
        ("ML10", "train", 10),
        ("ML10", "test", 5),
        ("ML45", "train", 45),
        ("ML45", "test", 5),
        ("ML25", "test", 5),
    ],
)
def test_suites_list_ids_that_can_be_made(name, split, count):
    ids = metaworld.suite(name, split)
    assert len(ids) == count == len(set(ids))
    task = ids[-1].partition("/")[2]
    assert metaworld.spec(task, suite=name, split=split).id == ids[-1]


def test_train_and_test_tasks_of_ml10_and_ml45_are_apart():
    for name in ("ML10", "ML45"):
        assert not set(SUITES[name]["train"]) & set(SUITES[name]["test"])


def test_suites_and_splits_that_do_not_exist_are_refused():
    with pytest.raises(UnknownNameError, match="ML10"):
        metaworld.suite("ML11")
    with pytest.raises(InputError, match="has 'train', 'test' came"):
        metaworld.suite("MT10", "test")
    with pytest.raises(InputError, match=r"not among the test tasks of 'ML10': drawer-open-v3"):
        metaworld.spec("reach-v3", suite="ML10", split="test")
    with pytest.raises(InputError, match="suite="):
        metaworld.spec("reach-v3", split="test")


@pytest.mark.parametrize("task", TASKS)
def test_goals_lie_within_their_bounds_and_follow_from_the_seed(task):
    low, high = np.array(TASKS[task].low), np.array(TASKS[task].high)
    drawn = np.array([goal_of_seed(task, seed) for seed in (0, 1, 2**32, 2**40, -1)])
    assert (drawn >= low).all()
    assert (drawn <= high).all()
    assert len(np.unique(drawn, axis=0)) == 5
    assert np.array_equal(drawn[1], goal_of_seed(task, 1))
    assert not np.array_equal(drawn[1], goal_of_seed(task, 1, salt=1))


def test_goals_that_lie_too_near_are_drawn_again():
    drawn = np.array([goal_of_seed("push-v3", seed) for seed in range(200)])
    assert (np.linalg.norm(drawn[:, :2] - drawn[:, 3:5], axis=1) >= 0.15).all()
    into = np.array([goal_of_seed("sweep-into-v3", seed) for seed in range(200)])
    assert (np.linalg.norm(into[:, :2] - [0.0, 0.84], axis=1) >= 0.15).all()


def test_suites_have_50_goals_a_task_that_depend_on_the_suite_the_split_and_the_seed():
    first = metaworld.goals("ML10", "train", "push-v3", 0)
    assert first.shape == (50, 6)
    assert not np.array_equal(first, metaworld.goals("ML10", "train", "push-v3", 1))
    assert not np.array_equal(first, metaworld.goals("MT50", "train", "push-v3", 0))
    one = [metaworld.goals("ML1", split, "push-v3", 0) for split in ("train", "test")]
    assert not np.array_equal(*one)
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0  # they are shared


def test_the_spec_names_every_number():
    plain, stacked = metaworld.spec("reach-v3"), metaworld.spec("reach-v3", frame_stack=2)
    assert plain.observation[STATE].shape == (4,)
    assert plain.observation[ENVIRONMENT_STATE].shape == (17,)
    assert plain.observation[ENVIRONMENT_STATE].names[-1] == "goal_z"
    assert stacked.observation[STATE].shape[0] + stacked.observation[ENVIRONMENT_STATE].shape[0] == 39
    assert stacked.observation[STATE].names[4] == "hand_x_1_before"
    assert plain.options == {}
    assert stacked.options == {"frame_stack": 2}


def test_options_change_the_spec():
    spec = metaworld.spec("reach-v3", observation_type="pixels_agent_pos", image_size=[224, 200], action_repeat=4)
    assert list(spec.observation) == [STATE]
    assert (spec.cameras["corner2"].height, spec.cameras["corner2"].width) == (224, 200)
    assert (spec.fps, spec.max_steps) == (20, 125)
    assert spec.options == {"observation_type": "pixels_agent_pos", "image_size": [224, 200], "action_repeat": 4}
    assert metaworld.spec("reach-v3", **spec.options) == spec
    json.dumps(spec.to_dict())
    assert metaworld.spec("reach-v3", observation_type="pixels").observation == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"obs_type": "pixels"}, "observation_type"),
        ({"observation_type": "pixel"}, "Did you mean 'pixels'"),
        ({"observation_type": "pixels", "frame_stack": 2}, "n_obs_steps"),
        ({"frame_stack": 0}, "from 1 to"),
        ({"action_repeat": 2.0}, "whole number"),
        ({"seed": -1}, "whole number"),
        ({"image_size": [1, 2, 3]}, "height, width"),
        ({"goal_observable": "yes"}, "goal_observable"),
        ({"suite": "MT11"}, "MT10"),
    ],
)
def test_bad_options_are_refused_with_what_is_right(options, words):
    with pytest.raises(InputError, match=words):
        metaworld.spec("reach-v3", **options)


@pytest.mark.parametrize(
    "name",
    [
        "pick-place-v2-goal-observable",
        "mw-pick-place-v2-goal-observable",
        "metaworld-pick-place-v2",
        "pick-place",
        "pick_place_v2",
        "pick-place-v3-goal-observable",
    ],
)
def test_older_names_are_answered_with_todays(name, caplog):
    assert metaworld.resolve(name) == "pick-place-v3"
    assert "metaworld/pick-place-v3" in caplog.text


def test_names_of_the_guides_all_have_a_task_today():
    guides = "button-press-topdown button-press button-press-wall reach push pick-place door-open drawer-open "
    for name in (guides + "drawer-close shelf-place").split():
        assert metaworld.resolve(f"mw-{name}-v2-goal-observable") == f"{name}-v3"


@pytest.mark.parametrize("name", ["push-t", "lift", "pick-place-v9", "goal-hidden", "", "v3"])
def test_other_names_are_nobodys(name):
    assert metaworld.resolve(name) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mw-ml10-v0", r"suite\('ML10', 'train'\), suite\('ML10', 'test'\)"),
        ("MT10", "MT10"),
        ("ml10-test", "split='test'"),
        ("mt45", "no suite"),
        ("push-v2-goal-hidden", "goal_observable=False"),
    ],
)
def test_names_of_suites_and_hidden_goals_say_what_replaces_them(name, words):
    with pytest.raises(InputError, match=words):
        metaworld.resolve(name)


def test_the_guides_configuration_is_read_as_it_stands():
    config = {"task": "pick-place-v2-goal-observable", "observation_type": "pixels", "image_size": [224, 224]}
    config |= {"frame_stack": 1, "action_repeat": 1, "seed": 42}
    task, options = metaworld.read_config(config)
    spec = metaworld.spec(task, **options)
    assert (spec.id, spec.cameras["corner2"].width, spec.options["seed"]) == ("metaworld/pick-place-v3", 224, 42)
    with pytest.raises(InputError, match="'task'"):
        metaworld.read_config({"seed": 1})
    with pytest.raises(UnknownNameError, match="image_size"):
        metaworld.read_config({"task": "push", "image_sizes": 3})
    with pytest.raises(UnknownNameError, match="push-v3"):
        metaworld.read_config({"task": "pushh-v2"})


ASKED = {"task": "mw-pick-place-v2-goal-observable", "observation_type": "pixels_agent_pos", "image_size": 96}


@needs("metaworld")
@pytest.mark.parametrize("keys", [ASKED, {"metaworld_config": ASKED}, {"env": {"type": "metaworld", **ASKED}}])
def test_the_guides_file_is_an_environment(tmp_path, keys):
    path = tmp_path / "metaworld.json"
    path.write_text(json.dumps(keys))
    env = registry.make(str(path))
    env.close()
    assert (env.spec.id, env.spec.cameras["corner2"].width) == ("metaworld/pick-place-v3", 96)


def test_other_files_are_not_metaworlds_and_faulty_ones_say_why(tmp_path):
    assert not is_guide({"task": "PandaPickCubeBase-v0"})
    assert not is_guide({"name": "my-arm", "model_path": "arm.xml"})
    path = tmp_path / "metaworld.json"
    path.write_text(json.dumps({"metaworld_config": {"seed": 3}}))
    with pytest.raises(InputError, match="'task'"):
        registry.make(str(path))
    path.write_text(json.dumps({"metaworld_config": {"task": "pushh-v2"}}))
    with pytest.raises(UnknownNameError, match="push-v3"):
        registry.make(str(path))


def test_hidden_goals_are_the_default_of_ml_alone():
    from lerobot_sim.simulators.metaworld.options import parse

    shown = {
        name: parse("reach-v3", {"suite": name}).shows_goal for name in SUITES if "reach-v3" in SUITES[name]["train"]
    }
    assert shown == {name: name.startswith("MT") for name in shown}
    assert parse("reach-v3", {}).shows_goal
    assert parse("reach-v3", {"suite": "ML1", "goal_observable": True}).shows_goal
