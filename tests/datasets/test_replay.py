"""Episodes run again: equal to the last bit, and where they part where something was changed."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim import registry
from lerobot_sim.datasets.reader import read_records
from lerobot_sim.datasets.replay import replay
from lerobot_sim.datasets.replay_compare import STATES, distance
from lerobot_sim.datasets.states import encode_states, path_of, read_states
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.env import End
from lerobot_sim.errors import ArrayError, InputError
from lerobot_sim.loop import rollout
from lerobot_sim.policies.random import RandomPolicy


def record(root: Path, task: str, seeds, params=None, lanes=3) -> Path:
    env = registry.make(task, lanes)
    with DatasetWriter(root, env.spec) as writer, writer.recorder() as recorder:
        for episode in rollout(env, RandomPolicy(env.spec), seeds, params=params, sinks=[recorder]):
            writer.add(episode, recorder.take(episode))
    env.close()
    return root


def verdicts(root: Path, task: str, numbers, lanes=2, records=None):
    env = registry.make(task, lanes)
    found = list(replay(root, env, numbers, read_records(root) if records is None else records))
    env.close()
    return found


@pytest.fixture(scope="module")
def reach(tmp_path_factory) -> Path:
    return record(tmp_path_factory.mktemp("reach") / "d", "numpy/reach", range(5))


@pytest.mark.parametrize("task", ["numpy/push-t", "mujoco/reach"])
def test_every_row_and_state_is_equal_to_the_last_bit(tmp_path, task):
    root = record(tmp_path / "d", task, [4, 0, 9])
    for verdict in verdicts(root, task, [2, 0, 1]):
        assert verdict.exact, verdict
        assert STATES in verdict.compared
        assert verdict.length == verdict.replayed


def test_lanes_and_order_do_not_matter(reach):
    whole = verdicts(reach, "numpy/reach", range(5), lanes=4)
    assert [verdict.episode_index for verdict in whole] == list(range(5))
    assert verdicts(reach, "numpy/reach", [3, 1], lanes=1) == [whole[3], whole[1]]


def test_params_are_given_again(tmp_path):
    spec = registry.spec_of("numpy/push-t")
    name, param = next((name, param) for name, param in spec.params.items() if not param.choices and not param.shape)
    value = (param.nominal + param.high) / 2 if np.isfinite(param.high) else param.nominal * 1.5

    def source(seeds):
        return {name: np.full(len(seeds), value)}

    root = record(tmp_path / "d", "numpy/push-t", range(2), source)
    assert all(verdict.exact for verdict in verdicts(root, "numpy/push-t", range(2)))
    nominal = [dataclasses.replace(found, params={}) for found in read_records(root)]
    assert not any(verdict.exact for verdict in verdicts(root, "numpy/push-t", range(2), records=nominal))


def test_seeds_that_come_twice(tmp_path):
    root = record(tmp_path / "d", "numpy/reach", [7, 7, 8, 7])
    found = verdicts(root, "numpy/reach", range(4))
    assert [verdict.exact for verdict in found] == [True] * 4
    assert [verdict.seed for verdict in found] == [7, 7, 8, 7]


def test_another_seed_parts_at_once_and_by_how_much_is_said(reach):
    records = [dataclasses.replace(found, seed=found.seed + 100) for found in read_records(reach)]
    for verdict in verdicts(reach, "numpy/reach", range(5), records=records):
        assert not verdict.exact
        assert verdict.differences[0].step == 0
        assert 0 < verdict.differences[0].at_first <= verdict.differences[0].at_worst < 10


def test_one_changed_state_is_found_where_it_is(tmp_path):
    root = record(tmp_path / "d", "numpy/reach", range(2))
    states = read_states(root, 1)
    name = next(name for name, value in states.items() if value.dtype == np.float64 and value.ndim == 2)
    states[name] = states[name].copy()
    states[name][5, 0] += 0.25
    path_of(root, 1).write_bytes(encode_states(states))
    first, second = verdicts(root, "numpy/reach", range(2))
    assert first.exact
    (difference,) = second.differences
    assert (difference.what, difference.step) == (f"{STATES}: {name}", 5)
    assert difference.at_first == difference.at_worst == pytest.approx(0.25)


def test_a_changed_final_observation_is_found_after_the_last_row(reach):
    records = read_records(reach)
    changed = {name: (np.asarray(value) + 1).tolist() for name, value in records[0].final_observation.items()}
    records[0] = dataclasses.replace(records[0], final_observation=changed)
    (verdict,) = verdicts(reach, "numpy/reach", [0], records=records)
    assert {difference.step for difference in verdict.differences} == {verdict.length}


def test_other_dynamics_part_later_than_the_start(reach, monkeypatch):
    env = registry.make("numpy/reach", 2)
    whole = env.step

    def faster(action, active):
        return whole(np.clip(action * 1.1, -1, 1).astype(action.dtype), active)

    monkeypatch.setattr(env, "step", faster)
    for verdict in replay(reach, env, range(5), read_records(reach)):
        assert not verdict.exact
        assert all(difference.step > 0 for difference in verdict.differences if STATES in difference.what)


def test_an_environment_that_ends_earlier_is_told(reach):
    from lerobot_sim.cli.shortened import Shortened

    (verdict,) = replay(reach, Shortened(registry.make("numpy/reach"), max_steps=4), [2], read_records(reach))
    assert (verdict.replayed, verdict.end, verdict.exact) == (4, End.TIME_LIMIT, False)


def test_without_states_the_rows_are_compared(tmp_path, reach):
    env = registry.make("numpy/reach")
    with DatasetWriter(tmp_path / "d", env.spec) as writer:
        for episode in rollout(env, RandomPolicy(env.spec), range(2)):
            writer.add(episode)
    found = verdicts(tmp_path / "d", "numpy/reach", range(2))
    assert all(verdict.exact and STATES not in verdict.compared for verdict in found)


def test_actions_of_another_environment_are_refused(reach):
    env = registry.make("numpy/push-t")
    with pytest.raises(ArrayError, match="actions of episode 0"):
        list(replay(reach, env, [0], None))
    env.close()
    with pytest.raises(InputError, match="0 to 4"):
        list(replay(reach, registry.make("numpy/reach"), [5], None))


def test_of_others_datasets_only_the_actions_are_run(reach, tmp_path):
    import shutil

    foreign = tmp_path / "foreign"
    shutil.copytree(reach, foreign)
    shutil.rmtree(foreign / "sim")
    assert json.loads((foreign / "meta/info.json").read_text())["total_episodes"] == 5
    env = registry.make("numpy/reach", 2)
    for at, verdict in enumerate(replay(foreign, env, range(5), None, seed=20)):
        assert verdict.exact is None
        assert (verdict.seed, verdict.replayed) == (20 + at, verdict.length)


@pytest.mark.parametrize(
    ("there", "came", "expected"),
    [
        (np.array([1.0, 2.0]), np.array([1.0, 2.5]), 0.5),
        (np.array([np.nan]), np.array([np.nan]), 0),
        (np.array([np.nan]), np.array([1.0]), np.inf),
        (np.zeros(2), np.zeros(3), np.inf),
        (None, np.zeros(3), np.inf),
        (np.array([True]), np.array([False]), 1),
    ],
)
def test_distance(there, came, expected):
    assert distance(there, came) == expected


def test_zero_of_the_other_sign_is_no_equal():
    assert 0 < distance(np.array([0.0]), np.array([-0.0])) < 1e-300
