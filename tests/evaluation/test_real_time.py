"""Decisions that come late, step by step."""

import numpy as np
import pytest

from lerobot_sim.errors import InputError
from lerobot_sim.evaluation.real_time import RealTime, parse_real_time
from lerobot_sim.policy import Decision
from lerobot_sim.spec import STATE
from tests.evaluation.policies import Chunked, Still


class Echo(Still):
    """Does what it sees."""

    def act(self, observation, active):
        return Decision(observation[STATE][:, :1].copy())


def played(policy, steps=9, lanes=1, clock=None):
    """What is carried out at each step when the step's number is what is seen."""
    done = []
    for t in range(steps):
        seen = {STATE: np.full((lanes, 2), t, np.float32)}
        done.append(policy.act(seen, np.ones(lanes, np.bool_)).action[:, 0].tolist())
    return done


@pytest.mark.parametrize(
    ("latency", "expected"),
    [
        (0.0, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (0.1, [0, 0, 1, 2, 3, 4, 5, 6, 7]),  # exactly one step at 10 Hz
        (0.05, [0, 0, 1, 2, 3, 4, 5, 6, 7]),  # there within the step, taken from the next on
        (0.25, [0, 0, 0, 0, 1, 1, 1, 4, 4]),
    ],
)
def test_a_decision_is_carried_out_when_it_is_there(latency, expected):
    policy = RealTime(Echo(), latency, 10)
    policy.reset(np.array([0]), np.array([0]))
    assert [row[0] for row in played(policy)] == expected


def test_lanes_that_begin_at_other_times_keep_their_own_time():
    policy = RealTime(Echo(), 0.2, 10)
    policy.reset(np.array([0, 1]), np.array([0, 1]))
    rows = played(policy, 4, 2)
    assert [row[0] for row in rows] == [row[1] for row in rows] == [0, 0, 0, 1]
    policy.reset(np.array([1]), np.array([2]))  # a new episode decides at once
    rows = [
        policy.act({STATE: np.full((2, 2), t, np.float32)}, np.array([True, True])).action[:, 0].tolist()
        for t in range(4, 8)
    ]
    assert [row[0] for row in rows] == [1, 3, 3, 5]
    assert [row[1] for row in rows] == [4, 4, 4, 5]


def test_measured_time_is_that_of_the_act():
    now = [0.0]

    class Slow(Echo):
        def act(self, observation, active):
            now[0] += 0.31
            return super().act(observation, active)

    policy = RealTime(Slow(), None, 10, clock=lambda: now[0])
    policy.reset(np.array([0]), np.array([0]))
    assert [row[0] for row in played(policy)] == [0, 0, 0, 0, 0, 1, 1, 1, 1]


def test_actions_of_a_chunk_cost_no_time():
    policy = Chunked()
    late = RealTime(policy, 0.2, 10)
    late.reset(np.array([0]), np.array([0]))
    plain = [np.sin(t + t + k) / 2 for t in (0, 3) for k in range(3)]  # seed and step are both what is seen
    rows = [row[0] for row in played(late, 8)]
    assert rows[:3] == pytest.approx(plain[:3])  # the first chunk is there when the episode begins
    assert rows[3:5] == pytest.approx([plain[2]] * 2)  # it thinks at 3 and holds the last action
    assert rows[5:8] == pytest.approx(plain[3:6])
    assert policy.thoughts == 2


def test_latency_makes_a_difference_and_none_is_the_plain_run(evaluate):
    plain = evaluate(Chunked, "any", out="plain")
    none = evaluate(Chunked, "any", out="none", real_time=0.0)
    assert [vars(one) for one in plain.episodes] == [vars(one) for one in none.episodes]
    assert plain.run.settings != none.run.settings


def test_what_is_no_latency_is_refused():
    assert parse_real_time("150") == 0.15
    assert parse_real_time("measured") == "measured"
    for text in ("fast", "-1", "nan", "inf"):
        with pytest.raises(InputError, match="latency in ms"):
            parse_real_time(text)
