"""A policy in a process of its own decides what it would decide here, and its end is an error with the reason."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim import make, rollout
from lerobot_sim.errors import InputError
from lerobot_sim.simulators.host.hosted_env import Program, WorkerStartError
from lerobot_sim.simulators.host.hosted_policy import HostedPolicy, PolicyLostError
from lerobot_sim.spec import STATE

from . import toy
from .conftest import TOY, interrupt_once, is_running, until


@pytest.fixture
def policy():
    """Makes policies that are closed after the test."""
    made = []

    def make(*, python=sys.executable, spec=toy.SPEC, factory="toy:make_policy", limits=None, **keywords):
        program = Program(python=Path(python), factory=factory, keywords=keywords, modules={"toy": TOY})
        made.append(HostedPolicy(program, spec, **(limits or {})))
        return made[-1]

    yield make
    pids = [one.pid for one in made if one.pid]
    for one in made:
        one.close()
    assert until(lambda: not any(map(is_running, pids)))


@pytest.mark.parametrize("pictures", [False, True])
def test_its_episodes_are_those_of_the_same_policy_here(policy, bare_python, pictures):
    there = policy(python=bare_python, pictures=pictures)
    here = toy.ToyPolicy(toy.SPEC, pictures=pictures)
    assert there.cameras == here.cameras
    assert there.batch_invariant
    seeds = range(3, 9)
    pairs = [list(rollout([toy.make(2)], one, seeds)) for one in (there, here)]
    for one, other in zip(*pairs, strict=True):
        assert one.action.tobytes() == other.action.tobytes()
        assert one.reward.tobytes() == other.reward.tobytes()


def test_several_environments_are_one_batch_and_lanes_grow(policy):
    there, here = policy(columns=True), toy.ToyPolicy(toy.SPEC, columns=True)
    for count in (1, 3, 2, 8, 8, 8, 1):
        for one in (there, here):
            one.reset(np.arange(count), 10 + np.arange(count))
        for t in range(4):
            seen = {STATE: np.full((count, 2), t / 10, np.float32)}
            active = np.arange(count) % 2 == 0
            first, second = there.act(seen, active), here.act({STATE: seen[STATE].copy()}, active)
            assert first.action.tobytes() == second.action.tobytes()
            for name in ("columns", "events"):
                one, other = getattr(first, name), getattr(second, name)
                assert {key: value.tolist() for key, value in one.items()} == {k: v.tolist() for k, v in other.items()}


def gains(seeds):
    """Instructions of different lengths: "Push the point, gain 0.1." and so on."""
    return {"gain": np.where(np.asarray(seeds) % 2 == 0, 0.5, 0.125)}


def test_it_is_told_its_instructions_if_it_reads_them(policy):
    there, here = policy(factory="toy:Obedient"), toy.Obedient(toy.SPEC)
    pairs = [list(rollout([toy.make(2)], one, range(4), params=gains)) for one in (there, here)]
    for one, other in zip(*pairs, strict=True):
        assert one.action.tobytes() == other.action.tobytes()
    assert len({episode.action.tobytes() for episode in pairs[0]}) == 2
    assert not hasattr(policy(), "instruct")


def test_decisions_and_observations_belong_to_whoever_has_them(policy):
    there = policy()
    there.reset(np.arange(1), np.array([1]))
    seen = {STATE: np.full((1, 2), 0.3, np.float32)}
    first = there.act(seen, np.ones(1, bool))
    kept = first.action.copy()
    seen[STATE][:] = -9
    there.act(seen, np.ones(1, bool))  # remembers what it saw before as it was
    np.testing.assert_array_equal(first.action, kept)
    here = toy.ToyPolicy(toy.SPEC)
    here.reset(np.arange(1), np.array([1]))
    for value in (0.3, -9, 0.5):
        expected = here.act({STATE: np.full((1, 2), value, np.float32)}, np.ones(1, bool))
    np.testing.assert_array_equal(
        there.act({STATE: np.full((1, 2), 0.5, np.float32)}, np.ones(1, bool)).action, expected.action
    )


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("kill", "SIGKILL"),
        ("abort", "SIGABRT"),
        ("raise", "ZeroDivisionError"),
        ("loop", "hung at act"),
        ("exit", "exit"),
    ],
)
def test_its_end_is_an_error_with_the_reason_and_it_can_begin_anew(policy, fault, words):
    there = policy(fault=fault, limits={"act_s": 3.0})
    pid = there.pid
    with pytest.raises(PolicyLostError, match=words):
        list(rollout([toy.make(1)], there, [1]))
    assert until(lambda: not is_running(pid))
    with pytest.raises(PolicyLostError, match="reset the lanes"):
        there.act({STATE: np.zeros((1, 2), np.float32)}, np.ones(1, bool))
    there.reset(np.arange(1), np.array([1]))
    assert there.act({STATE: np.zeros((1, 2), np.float32)}, np.ones(1, bool)).action.shape == (1, 2)


def test_ctrl_c_during_a_decision_gives_the_process_up(policy, tmp_path):
    there = policy(fault="long nap", begun=str(tmp_path / "begun"))
    seen, everyone = {STATE: np.zeros((1, 2), np.float32)}, np.ones(1, bool)
    there.reset(np.arange(1), np.array([1]))
    for _ in range(4):
        there.act(seen, everyone)
    interrupt_once((tmp_path / "begun").exists)
    with pytest.raises(KeyboardInterrupt):
        there.act(seen, everyone)
    with pytest.raises(PolicyLostError, match="interrupted"):
        there.act(seen, everyone)
    there.reset(np.arange(1), np.array([1]))
    assert there.act(seen, everyone).action.shape == (1, 2)


def test_a_policy_that_does_not_start_says_why(policy):
    with pytest.raises(WorkerStartError, match="nothing_of_this_name"):
        policy(factory="toy:nothing_of_this_name")
    with pytest.raises(WorkerStartError, match="unexpected keyword"):
        policy(nonsense=1)


def test_close_is_quick_and_final(policy):
    there = policy()
    since = time.monotonic()
    there.close()
    there.close()
    assert time.monotonic() - since < 15  # 5 s, on a busy machine more
    with pytest.raises(InputError, match="closed"):
        there.reset(np.arange(1), np.array([1]))


def test_an_expert_of_ours_in_a_worker(policy):
    spec = make("numpy/push-t").spec
    there = policy(spec=spec, factory="lerobot_sim.experts.push_t:make")
    (episode,) = rollout([make("numpy/push-t")], there, [5])
    assert episode.success.any()
