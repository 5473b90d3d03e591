"""Protocols as files: ours, a user's, a third party's."""

import importlib.metadata
import importlib.util
import json
from pathlib import Path

import pytest

from lerobot_sim import registry
from lerobot_sim.errors import InputError, StorageError, UnknownNameError
from lerobot_sim.evaluation import protocol as module
from lerobot_sim.evaluation.plan import make_plan
from lerobot_sim.evaluation.protocol import find, names, of_task, read
from lerobot_sim.evaluation.score import held_out_seeds

OWN = """
schema = 1
id = "mine"
version = 3
episodes = 7
metrics = ["success_rate", "goal_distance"]
success_threshold = 0.5
max_steps = 100
params = { push_length = 0.01 }

[[environments]]
task = "push-t"
version = 1

[[environments]]
task = "numpy/push-t"
name = "wide"
seeds = [5, 3]
params = { contact_radius = 0.1 }
"""


def test_the_guides_figures():
    figures = {name: find(name) for name in ("metaworld_ml10", "libero_90", "gym_hil")}  # the guides' spelling
    expected = {"metaworld_ml10": (50, 0.8), "libero_90": (20, 0.7), "gym_hil": (100, 0.9)}
    assert {name: (one.episodes, one.success_threshold) for name, one in figures.items()} == expected
    assert figures["metaworld_ml10"].metrics == ["success_rate", "episode_reward", "action_smoothness"]
    assert figures["libero_90"].metrics == ["success_rate", "goal_distance", "language_conditioning"]
    assert figures["gym_hil"].metrics == ["success_rate", "efficiency", "safety"]


@pytest.mark.parametrize("name", names())
def test_ours_can_be_read_and_are_json(name):
    protocol = find(name)
    assert protocol.id == name
    assert protocol.about
    assert protocol.source
    assert json.loads(json.dumps(protocol.to_dict()))["id"] == name


@pytest.mark.parametrize(
    ("name", "tasks"), [("metaworld-ml10", 10), ("metaworld-mt50", 50), ("metaworld-ml45-test", 5)]
)
def test_metaworlds_suites_are_its_own(name, tasks):
    if "metaworld" not in registry.FAMILIES:
        pytest.skip("'metaworld' is in no table of families; add it to registry.FAMILIES")
    plan = make_plan(find(name))
    assert len(plan.tasks) == tasks
    assert {tuple(task.record.seeds) for task in plan.tasks} == {tuple(range(50))}


def test_metaworlds_difficulties_are_lerobots_and_part_its_fifty_tasks():
    groups = {}
    for name in ("easy", "medium", "hard", "very_hard"):
        plan = make_plan(find(f"metaworld-{name}"))
        groups[name] = [task.record.env_id.partition("/")[2] for task in plan.tasks]
    every = [task for group in groups.values() for task in group]
    assert {len(every), len(set(every))} == {50}
    config = importlib.util.find_spec("lerobot")
    if config is None:
        pytest.skip("LeRobot is not installed: uv pip install 'lerobot-sim[lerobot]' brings it")
    theirs = json.loads((Path(config.origin).parent / "envs/metaworld_config.json").read_text())
    assert groups == theirs["DIFFICULTY_TO_TASKS"]


def test_a_users_own_is_resolved(tmp_path):
    (tmp_path / "mine.toml").write_text(OWN)
    plan = make_plan(find(str(tmp_path / "mine.toml")), seed=2)
    first, second = plan.tasks
    assert first.record.task == "numpy/push-t"
    assert first.record.seeds == list(held_out_seeds(2, 7))
    assert second.record.seeds == [5, 3]
    assert second.params == {"push_length": 0.01, "contact_radius": 0.1}
    assert first.limit == 100
    assert make_plan(find(str(tmp_path / "mine.toml")), episodes=2).tasks[1].record.seeds == list(held_out_seeds(0, 2))


def test_every_task_is_a_protocol_of_200_held_out_episodes():
    protocol = find("push-t")
    assert protocol == of_task("numpy/push-t")
    assert make_plan(protocol).tasks[0].record.seeds == list(held_out_seeds(0, 200))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"success_rate", "goal_distance"', '"succes_rate"', "Did you mean 'success_rate'"),
        ("episodes = 7", "episodes = 0", "episodes of at least 1, 0 came"),
        ("episodes = 7", "episode = 7", "Did you mean 'episodes'"),
        ("threshold = 0.5", "threshold = 80", "a rate above 0 and up to 1"),
        ("version = 1\n", "version = 9\n", "version 9 of 'numpy/push-t', this is version 1"),
        ("max_steps = 100", "max_steps = 900", "beyond the 300 steps"),
        ("push_length = 0.01", "pushlength = 0.01", "Did you mean 'push_length'"),
        ("push_length = 0.01", "push_length = 7", "expected values from 0.005 to 0.05"),
        ('"push-t"', '"pusht"', "'push-t'"),
        ('name = "wide"', "", "come twice"),
        ("seeds = [5, 3]", "seeds = [5, 5]", "different seeds"),
        ("schema = 1", "schema = 2", "schema = 1"),
        ('id = "mine"', "", "missing"),
        ("seeds = [5, 3]", "suite = 'a/b'", "a task or a suite"),
    ],
)
def test_what_a_file_cannot_say_is_refused(old, new, words):
    with pytest.raises(InputError, match=words):
        make_plan(read(OWN.replace(old, new, 1), "mine.toml"))


def test_an_unknown_protocol_names_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'metaworld-ml10'"):
        find("metaworld-ml1O")
    with pytest.raises(StorageError, match="there is no file"):
        find(str(tmp_path / "none.toml"))
    (tmp_path / "broken.toml").write_text("schema = ")
    with pytest.raises(StorageError, match="no TOML"):
        find(str(tmp_path / "broken.toml"))


def test_a_third_partys_by_entry_point(tmp_path, monkeypatch):
    package = tmp_path / "their_protocols"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "theirs.toml").write_text(OWN.replace("mine", "theirs"))
    monkeypatch.syspath_prepend(tmp_path)
    entries = [
        importlib.metadata.EntryPoint("theirs", "their_protocols:theirs.toml", module.GROUP),
        importlib.metadata.EntryPoint("broken", "their_protocols:none.toml", module.GROUP),
    ]
    monkeypatch.setattr(
        module, "entry_points", lambda group, name=None: [one for one in entries if name in (None, one.name)]
    )
    assert find("theirs").id == "theirs"
    assert {"theirs", "broken"} <= set(names())
    with pytest.raises(Exception, match=r"'broken' of 'a third party' cannot be read"):
        find("broken")
