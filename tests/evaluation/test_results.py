"""The files: what is written is read again, and what is damaged is told."""

import json

import numpy as np
import pytest

import lerobot_sim
from lerobot_sim.env import End
from lerobot_sim.errors import StorageError
from lerobot_sim.evaluation.evaluating import run
from lerobot_sim.evaluation.plan import make_plan
from lerobot_sim.evaluation.protocol import of_task
from lerobot_sim.evaluation.results import EpisodeRecord, EvaluationRun, load
from lerobot_sim.evaluation.running import Acting
from lerobot_sim.evaluation.summary import statistics_of
from tests.evaluation.policies import Still
from tests.evaluation.runs import run_of


def record(index, success, end="TIME_LIMIT", task="a", total=1.0):
    return EpisodeRecord(
        task=task,
        env_id="masks/any",
        env_version=1,
        index=index,
        seed=index,
        success=success,
        success_ever=bool(success),
        success_final=False,
        first_success_step=1 if success else None,
        total_reward=total,
        max_reward=total,
        length=3,
        end=end,
    )


def test_what_is_saved_is_loaded(evaluate, tmp_path):
    done = evaluate(Still, "any", "hold", metrics=("goal_distance",), grid=["scale=1,2"])
    EvaluationRun(tmp_path / "copy", done.run, done.episodes, done.summary).save()
    copy = load(tmp_path / "copy")
    assert [vars(one) for one in copy.episodes] == [vars(one) for one in done.episodes]
    assert copy.summary == json.loads(json.dumps(done.summary))
    assert copy.complete
    assert copy.wanted == 2 * 10 * 3


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("run.json", "{", "damaged"),
        ("run.json", '{"schema": 99}', "schema 99"),
        ("run.json", '{"schema": 1, "command": "run"}', "of another command"),
        ("summary.json", "[]", "schema None"),
        ("episodes.jsonl", "nonsense\n", "damaged"),
        ("episodes.jsonl", '{"schema": 1}\n{"task": "masks/any"}\n', "damaged"),
    ],
)
def test_damaged_files_are_named(evaluate, name, content, words):
    folder = evaluate(Still, "any").folder
    (folder / name).write_text(content)
    with pytest.raises(StorageError, match=words) as told:
        load(folder)
    assert name in str(told.value)


def test_an_episode_twice_or_of_another_task_is_told(evaluate):
    folder = evaluate(Still, "any").folder
    journal = folder / "episodes.jsonl"
    text = journal.read_text()
    journal.write_text(text + text.splitlines(keepends=True)[-1])
    with pytest.raises(StorageError, match="twice"):
        load(folder)
    journal.write_text(text.replace('"task": "masks/any"', '"task": "masks/other"', 1))
    with pytest.raises(StorageError, match="masks/other"):
        load(folder)


def test_faults_are_in_no_rate_and_policy_errors_are_failures():
    entry = statistics_of([record(0, True), record(1, False, "FAULT"), record(2, False, "POLICY"), record(3, True)])
    assert entry["success_rate"] == pytest.approx(2 / 3)
    assert entry["ends"] == {"TIME_LIMIT": 2, "FAULT": 1, "POLICY": 1}
    assert (entry["episodes"], entry["valid"], entry["faults"], entry["policy_errors"]) == (4, 3, 1, 1)


def test_tasks_weigh_the_same_however_many_episodes_they_have():
    entry = statistics_of([record(k, True, task="a") for k in range(8)] + [record(0, False, task="b", total=5.0)])
    assert entry["success_rate"] == 0.5
    assert entry["mean_return"] == 3.0


@pytest.mark.parametrize(
    "records", [[], [record(0, False, "FAULT")], [record(0, None)], [record(0, True, total=np.nan)]]
)
def test_where_there_is_nothing_to_say_it_is_none(records):
    entry = statistics_of(records)
    json.dumps(entry, allow_nan=False)
    assert entry["success_rate"] == (1.0 if records and records[0].success else None)


@pytest.mark.parametrize("policy", ["expert", "random"])
def test_eval_info_is_that_of_a_loop_by_hand(tmp_path, policy):
    plan = make_plan(of_task("numpy/push-t"), episodes=5, num_envs=4)
    acting = Acting(make=lambda spec: lerobot_sim.make_policy(policy, spec), identity=policy)
    done = run(plan, acting, tmp_path / "out")
    info = json.loads((tmp_path / "out/eval_info.json").read_text())
    returns, successes, greatest = zip(*(by_hand(one.seed, policy) for one in done.episodes), strict=True)
    task = info["per_task"][0]["metrics"]
    assert task["sum_rewards"] == info["episode_rewards"] == pytest.approx(returns, rel=1e-12)
    assert task["max_rewards"] == pytest.approx(greatest)
    assert task["successes"] == info["episode_successes"] == list(successes)
    assert info["overall"]["pc_success"] == info["per_group"]["numpy"]["pc_success"] == 20 * sum(successes)
    assert info["overall"]["avg_sum_reward"] == info["avg_reward"] == pytest.approx(np.mean(returns))
    assert info["episode_lengths"] == [300] * 5
    assert (info["successes"], info["failures"]) == (sum(successes), 5 - sum(successes))
    assert info["overall"]["n_episodes"] == 5
    assert info["overall"]["eval_s"] > 0


def by_hand(seed, policy):
    """Return, success and greatest reward, one lane, without `steps`."""
    env = lerobot_sim.make("numpy/push-t")
    actor = lerobot_sim.make_policy(policy, env.spec)
    lane, active = np.array([0]), np.ones(1, bool)
    observation = env.reset(lane, np.array([seed]))
    actor.reset(lane, np.array([seed]))
    rewards, successes = [], []
    while True:
        step = env.step(actor.act(observation, active).action, active)
        rewards.append(float(step.reward[0]))
        successes.append(bool(step.success[0]))
        observation = step.observation
        if step.end[0] != End.RUNNING:
            return sum(rewards), any(successes), max(rewards)


@pytest.mark.parametrize(("successes", "passed"), [(44, False), (46, True)])
def test_a_suite_passes_by_its_lower_bound_and_not_by_its_rate(tmp_path, successes, passed):
    done = run_of(tmp_path, [True] * successes + [False] * (50 - successes))
    suite = done.summary["suite"]
    assert suite["success_rate"] > suite["success_threshold"] == 0.8
    assert suite["passed"] is passed is (suite["interval"][0] >= 0.8)
