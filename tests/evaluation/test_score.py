"""Scores against a loop written by hand, and what is kept of an evaluation that was cut off."""

import json

import numpy as np
import pytest

import lerobot_sim
from lerobot_sim.env import End
from lerobot_sim.errors import InputError, StorageError
from lerobot_sim.evaluation.score import (
    EpisodeResult,
    Score,
    demonstration_seeds,
    evaluate,
    held_out_seeds,
)


def by_hand(seed: int, policy: str) -> tuple[float, bool, bool]:
    """Return, success ever and success at the end, one lane, without `steps`."""
    env = lerobot_sim.make("numpy/push-t")
    actor = lerobot_sim.make_policy(policy, env.spec)
    lane, active = np.array([0]), np.ones(1, bool)
    observation = env.reset(lane, np.array([seed]))
    actor.reset(lane, np.array([seed]))
    total, successes = 0.0, []
    while True:
        step = env.step(actor.act(observation, active).action, active)
        total += float(step.reward[0])
        successes.append(bool(step.success[0]))
        observation = step.observation
        if step.end[0] != End.RUNNING:
            return total, any(successes), successes[-1]


@pytest.mark.parametrize("policy", ["expert", "random"])
def test_returns_and_successes_are_those_of_a_loop_by_hand(policy):
    env = lerobot_sim.make("numpy/push-t", 4)
    seeds = held_out_seeds(0, 7)
    score = evaluate(env, lerobot_sim.make_policy(policy, env.spec), seeds)
    for seed, result in zip(seeds, score.results, strict=True):
        total, ever, final = by_hand(seed, policy)
        assert (result.seed, result.success_ever, result.success_final) == (seed, ever, final)
        assert result.total_reward == pytest.approx(total, rel=1e-12)
        assert result.length == 300


def result(seed: int, success: bool, end: str = "TIME_LIMIT") -> EpisodeResult:
    return EpisodeResult(
        seed=seed, success=success, success_ever=success, success_final=False, total_reward=1.0, length=3, end=end
    )


def test_faults_are_in_no_rate_and_policy_errors_are_failures():
    results = [result(0, True), result(1, False, "FAULT"), result(2, False, "POLICY"), result(3, True)]
    summary = Score(success_rule="any", results=results).summary()
    assert summary["success_rate"] == pytest.approx(2 / 3)
    assert summary["ends"] == {"TIME_LIMIT": 2, "FAULT": 1, "POLICY": 1}
    assert summary["episodes"] == 4


def test_without_a_success_rule_there_is_no_rate():
    summary = Score(success_rule="none", results=[result(0, True)]).summary()
    assert summary["success_rate"] is None
    assert summary["interval"] is None
    json.dumps(summary, allow_nan=False)


def test_only_faults_give_no_rate():
    summary = Score(success_rule="any", results=[result(0, False, "FAULT")]).summary()
    assert summary["success_rate"] is None
    json.dumps(summary, allow_nan=False)


def test_no_seed_is_an_error():
    env = lerobot_sim.make("numpy/push-t")
    with pytest.raises(InputError, match="at least one seed"):
        evaluate(env, lerobot_sim.make_policy("random", env.spec), [])


@pytest.mark.parametrize("seed", [0, 1, 41])
def test_held_out_seeds_are_nobodys_demonstrations(seed):
    assert not set(held_out_seeds(seed, 500)) & set(demonstration_seeds(seed, 500))
    assert min(held_out_seeds(0, 1)) > max(demonstration_seeds(100_000, 1000))


def run(journal, episodes, **settings):
    env = lerobot_sim.make("numpy/push-t", 3)
    policy = lerobot_sim.make_policy("expert", env.spec)
    return evaluate(env, policy, held_out_seeds(0, episodes), journal=journal, settings=settings)


def test_a_journal_cut_at_any_byte_gives_the_same_score(tmp_path):
    whole = run(tmp_path / "whole", 5)
    content = (tmp_path / "whole").read_bytes()
    for cut in (0, 3, 60, len(content) // 2, len(content) - 1):
        (tmp_path / "cut").write_bytes(content[:cut])
        assert run(tmp_path / "cut", 5) == whole
        assert (tmp_path / "cut").read_bytes() == content


def test_a_journal_of_other_settings_or_damaged_is_refused(tmp_path):
    journal = tmp_path / "journal"
    run(journal, 2, checkpoint="a")
    with pytest.raises(StorageError, match="checkpoint: a there, b now"):
        run(journal, 2, checkpoint="b")
    journal.write_text("nonsense\n" + journal.read_text())
    with pytest.raises(StorageError, match="damaged"):
        run(journal, 2, checkpoint="a")
