"""Runs against a loop written by hand; what a policy's errors cost; going on, shards, refusals."""

import itertools
import json

import numpy as np
import pytest

from lerobot_sim import registry
from lerobot_sim.errors import InputError, StorageError
from lerobot_sim.evaluation import evaluating
from lerobot_sim.evaluation.evaluating import Manner, finish
from lerobot_sim.evaluation.merging import merge
from lerobot_sim.evaluation.results import load
from tests.evaluation import masks
from tests.evaluation.policies import Chunked, Raises, Still


def by_hand(name, seed):
    """One episode in one lane: (return, length, success), with nothing of ours but reset and step."""
    env = registry.make(f"masks/{name}")
    env.reset(np.array([0]), np.array([seed]))
    total, steps, held = 0.0, 0, []
    while True:
        step = env.step(np.zeros((1, 1), np.float32), np.array([True]))
        total, steps = total + float(step.reward[0]), steps + 1
        held.append(bool(step.success[0]))
        if step.end[0]:
            break
    twice = any(first and second for first, second in itertools.pairwise(held))
    success = {"any": any(held), "final": held[-1], "hold": twice, "ends": any(held), "none": None}[name]
    return total, steps, success


@pytest.mark.parametrize("name", masks.NAMES)
@pytest.mark.parametrize("lanes", [1, 3, 16])
def test_returns_lengths_and_successes_equal_a_loop_by_hand(evaluate, name, lanes):
    done = evaluate(Still, name, episodes=15, num_envs=lanes)
    mine = [(one.total_reward, one.length, one.success) for one in done.episodes]
    assert mine == [by_hand(name, seed) for seed in range(15)]
    for one in done.episodes:  # and the definition
        steps = sorted(step for step in masks.success_steps(one.seed) if step <= one.length)
        assert one.first_success_step == (steps[0] if steps else None)
        assert one.total_reward == sum(masks.rewards(one.seed, t) for t in range(1, one.length + 1))


def test_several_environments_at_their_own_pace_give_the_same(evaluate):
    alone = evaluate(Chunked, "ends", "any", out="a", num_envs=1)
    several = evaluate(Chunked, "ends", "any", out="b", num_envs=2, envs=3)
    assert [vars(one) for one in alone.episodes] == [vars(one) for one in several.episodes]


@pytest.mark.parametrize("how", ["raise", "nan"])
def test_a_policy_that_breaks_fails_that_episode_alone(evaluate, how):
    done = evaluate(Raises(how), "any", episodes=10, num_envs=4)
    ends = {one.seed: one.end for one in done.episodes}
    assert {seed for seed, end in ends.items() if end == "POLICY"} == {2, 5}
    assert len(done.episodes) == 10
    broken = next(one for one in done.episodes if one.seed == 2)
    assert broken.success is False
    assert broken.success_ever  # seed 2 had succeeded at its first step: it fails all the same
    assert broken.length == 4
    assert ("the arm is upside down" if how == "raise" else "not finite") in broken.explanation
    whole = evaluate(Still, "any", out="whole", episodes=10, num_envs=4)
    for one, other in zip(done.episodes, whole.episodes, strict=True):
        if one.end != "POLICY":
            assert vars(one) == vars(other)
    assert done.summary["suite"]["policy_errors"] == 2


def test_a_policy_that_raises_at_once_does_not_fit(evaluate, tmp_path):
    class Wrong(Still):
        def act(self, observation, active):
            return super().act(observation, active[:-1])

    with pytest.raises(InputError, match=r"expected actions of shape \(4, 1\), \(3, 1\) came"):
        evaluate(Wrong, "any", num_envs=4)


def test_a_run_goes_on_where_it_was_cut(evaluate, tmp_path):
    whole = evaluate(Chunked, "ends", "hold", out="whole", num_envs=3)
    lines = (tmp_path / "whole/episodes.jsonl").read_text().splitlines(keepends=True)
    for kept in (1, 2, 8, 15):
        folder = tmp_path / f"cut{kept}"
        folder.mkdir()
        (folder / "run.json").write_text((tmp_path / "whole/run.json").read_text())
        (folder / "episodes.jsonl").write_text("".join(lines[:kept]) + lines[kept][:20])
        again = evaluate(Chunked, "ends", "hold", out=folder.name, num_envs=3)
        assert [vars(one) for one in again.episodes] == [vars(one) for one in whole.episodes]
        assert {**again.summary, "seconds": 0} == {**whole.summary, "seconds": 0}
        assert len((folder / "episodes.jsonl").read_text().splitlines()) == 21


def test_more_episodes_go_on_and_fewer_are_a_part(evaluate):
    evaluate(Still, "any", episodes=4)
    more = evaluate(Still, "any", episodes=9)
    assert [one.seed for one in more.episodes] == list(range(9))
    fewer = evaluate(Still, "any", episodes=4)
    assert [one.seed for one in fewer.episodes] == list(range(4))
    assert fewer.summary["suite"]["episodes"] == 4


def test_a_folder_of_other_settings_is_refused_and_keeps_its_results(evaluate, tmp_path):
    evaluate(Still, "any")
    before = (tmp_path / "out/episodes.jsonl").read_text()
    for change in ({"metrics": ("goal_distance",)}, {"identity": "other"}, {"real_time": 0.1}, {"grid": ["scale=2"]}):
        with pytest.raises(StorageError, match="other settings"):
            evaluate(Still, "any", **change)
    with pytest.raises(StorageError, match="other settings"):
        evaluate(Still, "ends")
    assert (tmp_path / "out/episodes.jsonl").read_text() == before
    replaced = evaluate(Still, "any", identity="other", manner=Manner(overwrite=True))
    assert replaced.run.policy["identity"] == "other"


def test_another_version_of_an_environment_is_refused(evaluate, tmp_path):
    evaluate(Still, "any")
    path = tmp_path / "out/run.json"
    path.write_text(path.read_text().replace("masks/any version 1", "masks/any version 0"))
    with pytest.raises(StorageError, match=r"version 0 there, masks/any version 1 now"):
        evaluate(Still, "any")


def test_a_folder_of_an_earlier_version_is_refused_with_words(evaluate, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/episodes.jsonl").write_text('{"env_id": "numpy/push-t", "env_version": 1}\n{"seed": 1}\n')
    with pytest.raises(StorageError, match="schema None"):
        evaluate(Still, "any")


def test_shards_merge_to_the_whole(evaluate, tmp_path):
    whole = evaluate(Chunked, "ends", "hold", out="whole")
    shards = [evaluate(Chunked, "ends", "hold", out=f"s{k}", manner=Manner(shard=(k, 3))).folder for k in (1, 2, 3)]
    assert sorted(len(load(folder).episodes) for folder in shards) == [6, 6, 8]
    merged = merge(shards, tmp_path / "merged")
    assert merged.complete
    assert [vars(one) for one in merged.episodes] == [vars(one) for one in whole.episodes]
    assert {**merged.summary, "seconds": 0} == {**whole.summary, "seconds": 0}
    part = merge(shards[:2], tmp_path / "part")
    assert not part.complete


def test_a_shard_is_every_nth_seed_from_its_own_on(evaluate):
    seeds = [
        [one.seed for one in evaluate(Still, "any", out=f"n{k}", manner=Manner(shard=(k, 3))).episodes]
        for k in (1, 2, 3)
    ]
    assert seeds == [[0, 3, 6, 9], [1, 4, 7], [2, 5, 8]]


def test_a_folder_of_other_package_versions_is_refused(evaluate, monkeypatch):
    done = evaluate(Still, "any")
    found = evaluating.versions()
    monkeypatch.setattr(evaluating, "versions", lambda: {**found, "mujoco": "3.0.0"})
    with pytest.raises(StorageError, match=r"versions.mujoco: .* there, 3.0.0 now"):
        evaluate(Still, "any")
    monkeypatch.setattr(evaluating, "versions", lambda: {**found, "av": "1.0"})  # it draws videos alone
    assert evaluate(Still, "any").episodes == done.episodes


def test_every_cell_of_a_grid_runs_under_its_own_params(evaluate):
    done = evaluate(Still, "any", grid=["scale=0.5,3"])
    plain = [one.total_reward for one in done.of()]
    for scale in (0.5, 3.0):
        cell = done.of(None, f"scale={scale}")
        assert [one.total_reward for one in cell] == [scale * total for total in plain]
        assert all(one.params == {"scale": scale} for one in cell)
    assert all(one.params == {} for one in done.of())


def test_shards_that_differ_are_refused(evaluate, tmp_path):
    first = evaluate(Still, "any", out="a", manner=Manner(shard=(1, 2))).folder
    second = evaluate(Still, "any", out="b", identity="other", manner=Manner(shard=(2, 2))).folder
    with pytest.raises(StorageError, match="no shards of one evaluation: policy: test there, other now"):
        merge([first, second], tmp_path / "merged")
    path = evaluate(Still, "any", out="c", manner=Manner(shard=(2, 2))).folder / "run.json"
    values = json.loads(path.read_text())
    values["versions"]["numpy"] = "1.0"
    path.write_text(json.dumps(values))
    with pytest.raises(StorageError, match=r"versions.numpy"):
        merge([first, path.parent], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_an_episode_that_came_out_twice_and_differs_is_refused(evaluate, tmp_path):
    first, second = (evaluate(Still, "any", out=name).folder for name in "ab")
    path = second / "episodes.jsonl"
    path.write_text(path.read_text().replace('"length": 12', '"length": 11', 1))
    with pytest.raises(StorageError, match="came out differently"):
        merge([first, second], tmp_path / "merged")


def test_finish_makes_the_summary_of_the_journal_alone(evaluate):
    done = evaluate(Still, "any")
    (done.folder / "summary.json").unlink()
    assert finish(done.folder).summary == done.summary


def test_what_was_run_is_written(evaluate):
    record = load(evaluate(Still, "any", grid=["scale=1,2", "kind=plain,odd"]).folder).run
    assert record.tasks[0].seeds == list(range(10))
    assert record.versions["numpy"] == np.__version__
    assert list(record.arms) == [
        "",
        "scale=1.0,kind=plain",
        "scale=1.0,kind=odd",
        "scale=2.0,kind=plain",
        "scale=2.0,kind=odd",
    ]
    assert [axis["name"] for axis in record.grid] == ["scale", "kind"]
