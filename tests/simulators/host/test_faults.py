"""What libraries do to their process, really done: the lane ends as FAULT, says why, and the next worker goes on."""

import dataclasses
import os
import signal
import time

import numpy as np
import pytest

from lerobot_sim import End, make_policy, rollout
from lerobot_sim.errors import InputError
from lerobot_sim.simulators.host.hosted_env import STARTS, Limits, WorkerStartError

from . import toy
from .conftest import act, interrupt_once, is_running, until

DEATHS = {
    "exit": "called exit('the library has had enough')",
    "os._exit": "ended by itself with code 7",
    "abort": "SIGABRT",
    "segfault": "SIGSEGV",
    "kill": "SIGKILL",
    "pipe": "Bad file descriptor",
    "child": "SIGKILL",
}
HANGS = {"stop": "was stopped (SIGSTOP)", "loop": "in loop", "loop in C": "in <lambda>"}
SEEDS = np.array([4, 5])
HASTY = Limits(start_s=200.0, reset_s=1.5, step_s=1.5)


GRID = [(fault, phase) for fault in (*DEATHS, *HANGS) for phase in ("reset", "step", "render")]


@pytest.mark.parametrize(("fault", "phase"), [*GRID, ("kill", "get_state"), ("loop", "get_state")])
def test_a_fault_ends_the_lanes_says_why_and_is_replaced(hosted, tmp_path, fault, phase):
    words = {**DEATHS, **HANGS}[fault]
    limits = HASTY if fault in HANGS else Limits(start_s=200.0)
    env = hosted(2, limits=limits, fault=fault, phase=phase, once=str(tmp_path / "done"))
    other = hosted(1)
    first, lanes = env.pid, np.arange(2)
    env.reset(lanes, SEEDS)
    other.reset(np.array([0]), np.array([9]))
    if phase == "reset":
        assert act(env).end.tolist() == [End.FAULT, End.FAULT]
    elif phase == "step":
        steps = [act(env), act(env), act(env)]
        assert [step.end.tolist() for step in steps] == [[End.RUNNING] * 2] * 2 + [[End.FAULT] * 2]
        assert (
            steps[2].observation["observation.state"].tobytes() == steps[1].observation["observation.state"].tobytes()
        )
        assert steps[2].metrics["distance"].tobytes() == steps[1].metrics["distance"].tobytes()
        assert steps[2].reward.tolist() == [0, 0]
    else:
        steps = [act(env) for _ in range(3)]
        if phase == "render":
            assert not env.render(env.spec.cameras)["front"].any()
        else:
            with pytest.raises(Exception, match="went with their worker"):
                env.get_state(lanes)
        assert act(env).end.tolist() == [End.FAULT, End.FAULT]
    assert words in env.explain(0)
    assert f"at {phase}" in env.explain(1)
    if fault.startswith("loop"):
        assert "No answer within 3 s (LEROBOT_SIM_PATIENCE=3 waits" in env.explain(0)  # 1.5 s a lane
    assert until(lambda: not is_running(first))
    assert env.workers == 2  # the next one starts at once
    assert act(other).end.tolist() == [End.RUNNING]
    assert other.workers == 1
    begun = env.reset(lanes, SEEDS)
    expected = toy.make(2)
    assert begun["observation.state"].tobytes() == expected.reset(lanes, SEEDS)["observation.state"].tobytes()
    assert [act(env).reward.tobytes() for _ in range(4)] == [act(expected).reward.tobytes() for _ in range(4)]
    assert env.workers == 2


@pytest.mark.parametrize("fault", ["raise", "input"])
@pytest.mark.parametrize("phase", ["reset", "step"])
def test_what_python_can_catch_costs_one_lane_only(hosted, tmp_path, fault, phase):
    env = hosted(2, fault=fault, phase=phase, once=str(tmp_path / "done"))
    env.reset(np.arange(2), SEEDS)
    steps = [act(env) for _ in range(3)]
    assert steps[2].end.tolist() == [End.FAULT, End.RUNNING]
    assert {"raise": "ZeroDivisionError", "input": "input('Overwrite? ') was asked"}[fault] in env.explain(0)
    assert env.workers == 1


def test_a_picture_that_cannot_be_drawn_is_a_fault(hosted, tmp_path):
    env = hosted(1, fault="raise", phase="render", once=str(tmp_path / "done"))
    env.reset([0], [1])
    for _ in range(3):
        env.render(env.spec.cameras)
        step = act(env)
    env.render(env.spec.cameras)  # what failed ahead of time is tried again, and goes well
    assert step.end.tolist() == [End.RUNNING]
    again = hosted(1, fault="raise", phase="render")
    again.reset([0], [1])
    for _ in range(4):
        image = again.render(again.spec.cameras)["front"]
        step = act(again)
    assert not image.any()
    assert step.end.tolist() == [End.FAULT]
    assert "ZeroDivisionError" in again.explain(0)


@pytest.mark.parametrize(
    ("fault", "words"), [("exit", "had enough"), ("raise", "ZeroDivisionError"), ("input", "Overwrite?")]
)
def test_what_is_raised_at_the_start_is_one_clear_error(hosted, fault, words):
    with pytest.raises(WorkerStartError, match=words):
        hosted(fault=fault, phase="start")


@pytest.mark.parametrize("fault", ["os._exit", "abort", "kill"])
def test_dying_at_every_start_ends_after_a_few_tries(hosted, tmp_path, fault):
    env = hosted(wait=False, fault=fault, phase="start")
    with pytest.raises(WorkerStartError, match=f"{STARTS} times no worker came to stand") as error:
        env.ready()
    assert {"os._exit": "code 7", "abort": "SIGABRT", "kill": "SIGKILL"}[fault] in str(error.value)
    assert env.workers == STARTS
    assert hosted(fault=fault, phase="start", once=str(tmp_path / "done")).workers == 2


@pytest.mark.parametrize(("fault", "words"), HANGS.items(), ids=list(HANGS))
def test_hanging_at_the_start_is_one_clear_error(hosted, fault, words):
    env = hosted(wait=False, limits=Limits(start_s=8.0), fault=fault, phase="start")
    pid = env.pid
    with pytest.raises(WorkerStartError) as error:
        env.ready()
    assert words in str(error.value)
    assert not is_running(pid)


def test_a_python_that_is_not_there_is_named(hosted):
    with pytest.raises(WorkerStartError, match="no/such/python"):
        hosted(python="/no/such/python")


def test_a_factory_that_is_not_there_is_named(hosted):
    with pytest.raises(WorkerStartError, match="no_such"):
        hosted(factory="toy:no_such")


def test_another_spec_than_the_known_one_is_named(hosted):
    other = dataclasses.replace(toy.SPEC, fps=11, max_steps=7)
    with pytest.raises(WorkerStartError, match=r"fps \(10 instead of 11\); max_steps \(20 instead of 7\)"):
        hosted(spec=other)


def test_keywords_that_are_refused_are_the_callers_error(hosted):
    with pytest.raises(InputError, match="at least 1"):
        hosted(0)
    with pytest.raises(InputError, match="no-such-task"):
        hosted(factory="lerobot_sim.registry:make", name="numpy/no-such-task")


CLOSE_S = 5.0


def quickest(closing, tries=3):
    """The least time that a close takes: what the promise is about, whatever else the machine does."""
    times = []
    while len(times) < tries and min(times, default=np.inf) >= CLOSE_S:
        times.append(closing())
    return min(times)


def seconds_to_close(env):
    since = time.monotonic()
    env.close()
    return time.monotonic() - since


@pytest.mark.parametrize(
    ("fault", "phase"),
    [(fault, "close") for fault in ("loop", "loop in C", "stop", "half an answer", "exit", "abort", "nap", "child")]
    + [("loop in C", "start"), ("stop", "start")],
)
def test_close_returns_whatever_hangs(hosted, fault, phase):
    def close():
        env = hosted(fault=fault, phase=phase, wait=phase != "start")
        pid = env.pid
        took = seconds_to_close(env)
        assert not is_running(pid)
        env.close()
        with pytest.raises(InputError, match="closed"):
            env.reset([0], [1])
        return took

    assert quickest(close) < CLOSE_S


@pytest.mark.parametrize("signal_", ["SIGSTOP", "SIGKILL"])
def test_close_of_a_worker_that_was_stopped_or_killed_at_rest(hosted, signal_):
    def close():
        env = hosted(1)
        env.reset([0], [1])
        os.kill(env.pid, getattr(signal, signal_))
        return seconds_to_close(env)

    assert quickest(close) < CLOSE_S


def test_a_worker_that_dies_at_rest_is_replaced_before_the_reset(hosted):
    env = hosted(3)
    env.reset(np.array([0, 1]), SEEDS)
    os.kill(env.pid, signal.SIGKILL)
    until(lambda: not env._session.process.is_alive)
    env.reset(np.array([2]), np.array([6]))
    step = act(env)
    assert step.end.tolist() == [End.FAULT, End.FAULT, End.RUNNING]
    assert "SIGKILL" in env.explain(0)
    assert env.workers == 2


def test_lanes_that_had_ended_keep_their_end_and_stay_put(hosted):
    env = hosted(3)
    env.reset(np.arange(3), np.array([1, 2, 3]))
    action = np.zeros((3, 2), np.float32)
    action[2] = np.nan
    before = env.step(action, np.ones(3, bool))
    os.kill(env.pid, signal.SIGKILL)
    after = act(env)
    assert after.end.tolist() == [End.FAULT, End.FAULT, End.POLICY]
    assert "POLICY" in env.explain(2)
    env.reset(np.array([1]), np.array([5]))
    later = act(env)
    assert later.end.tolist() == [End.FAULT, End.RUNNING, End.POLICY]
    for lane in (0, 2):
        for name in ("observation.state",):
            assert later.observation[name][lane].tobytes() == before.observation[name][lane].tobytes()
        assert later.metrics["distance"][lane].tobytes() == before.metrics["distance"][lane].tobytes()
    images = env.render(env.spec.cameras)["front"]
    assert images[1].any()
    assert not images[0].any()


def test_ctrl_c_during_a_step_ends_the_episode_and_no_answer_is_taken_for_another(hosted, tmp_path):
    env = hosted(1, fault="long nap", phase="step", once=str(tmp_path / "done"))
    env.reset([0], [1])
    act(env), act(env)
    interrupt_once((tmp_path / "done").exists)
    with pytest.raises(KeyboardInterrupt):
        act(env)
    assert act(env).end.tolist() == [End.FAULT]
    assert "interrupted" in env.explain(0)
    env.reset([0], [1])
    assert [act(env).end[0] for _ in range(20)] == [End.RUNNING] * 19 + [End.TIME_LIMIT]


def test_a_worker_that_dies_while_it_writes_leaves_the_last_outcome_whole(hosted):
    env = hosted(2, factory="toy:torn")
    env.reset(np.arange(2), SEEDS)
    before = act(env)
    after = act(env)
    assert after.end.tolist() == [End.FAULT, End.FAULT]
    assert after.observation["observation.state"].tobytes() == before.observation["observation.state"].tobytes()


class Killer:
    """A sink that kills the first environment's process once, at a tick."""

    cameras = {"front": toy.SPEC.cameras["front"]}  # noqa: RUF012

    def __init__(self, env, tick):
        self.env, self.tick = env, tick

    def write(self, frames):
        self.tick -= frames.env == 0
        if frames.env == 0 and self.tick == 0:
            os.kill(self.env.pid, signal.SIGKILL)


def test_a_killed_workers_episodes_are_run_again_with_the_same_seeds(hosted):
    envs = [hosted(2), hosted(1)]
    policy = make_policy("random", toy.SPEC)
    episodes = list(rollout(envs, policy, range(6), sinks=[Killer(envs[0], 10)]))
    expected = list(rollout(toy.make(2), policy, range(6)))
    assert [env.workers for env in envs] == [2, 1]
    assert sum(episode.attempt for episode in episodes) == 2
    for episode, other in zip(episodes, expected, strict=True):
        assert (episode.seed, episode.end) == (other.seed, End.TIME_LIMIT)
        assert episode.reward.tobytes() == other.reward.tobytes()


def test_what_dies_every_time_is_reported_as_a_fault(hosted):
    env = hosted(1, fault="abort", phase="step")
    (episode,) = rollout([env], make_policy("random", toy.SPEC), [3])
    assert episode.end is End.FAULT
    assert episode.attempt == 1
    assert "SIGABRT" in episode.explanation
