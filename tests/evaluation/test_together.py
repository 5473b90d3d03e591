"""Tasks that run at once and share one policy's batch: the same results, one seat's errors are not another's."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from lerobot_sim.errors import InputError
from lerobot_sim.evaluation.evaluating import run, wanted
from lerobot_sim.evaluation.plan import make_plan
from lerobot_sim.evaluation.protocol import Entry, Protocol
from lerobot_sim.evaluation.running import Acting, remembered
from lerobot_sim.evaluation.together import Shared, can_share, produce_together
from lerobot_sim.policy import Decision, LaneClock
from lerobot_sim.spec import STATE
from tests.evaluation.policies import Still

TASKS = ("any", "final", "hold", "ends")


class Noisy(Still):
    """A network's stand-in: noise of the lane's own seed and acts; writes down who shared a batch."""

    batch_invariant = False

    def __init__(self, bad=()):
        self.clock, self.bad = LaneClock(), bad
        self.batches, self.told = [], {}

    def reset(self, lanes, seeds):
        self.clock.reset(lanes, seeds)

    def instruct(self, lanes, instructions):
        self.told.update(zip(np.asarray(lanes).tolist(), instructions, strict=True))

    def act(self, observation, active):
        seeds, acts = self.clock.of(len(active))
        assert (observation[STATE][active, 1] == seeds[active]).all()  # nobody sees another's lane
        if set(seeds[active].tolist()) & set(self.bad):
            raise RuntimeError("not this seed")
        self.batches.append(active.copy())
        self.clock.tick(active)
        return Decision(np.sin(seeds * 7.0 + acts)[:, None].astype(np.float32))


def plan_of(tasks=TASKS, envs=3, **more):
    entries = tuple(Entry(task=f"masks/{task}") for task in tasks)
    protocol = Protocol(id="test", version=1, environments=entries, episodes=7, first_seed=0, metrics=("path_length",))
    return make_plan(protocol, num_envs=2, envs=envs, **more)


def acting_of(policy, shared=True):
    return Acting(make=lambda _spec: policy, identity="noisy", shared=shared)


@pytest.mark.parametrize("more", [{}, {"real_time": 0.15}, {"grid": ["scale=1,3"]}])
def test_the_same_episodes_as_one_task_after_the_other(registered, tmp_path, more):
    apart = run(plan_of(envs=1, **more), acting_of(Noisy()), tmp_path / "apart")
    together = run(plan_of(**more), acting_of(Noisy()), tmp_path / "together")
    assert together.complete
    assert together.episodes == apart.episodes


class Slow(Noisy):
    """Takes its time, so that others wait to ask together; the first act until all others have come."""

    def __init__(self, seats):
        super().__init__()
        self.seats, self.came = seats, threading.Semaphore(0)

    def act(self, observation, active):
        if not self.batches:
            for _ in range(self.seats):
                assert self.came.acquire(timeout=60)
        time.sleep(0.02)
        return super().act(observation, active)


def test_seats_share_batches_of_one_size(registered, tmp_path, monkeypatch):
    policy = Slow(3)

    def reset(shared, seat, lanes, seeds):
        policy.came.release()
        original(shared, seat, lanes, seeds)

    original = Shared.reset
    monkeypatch.setattr(Shared, "reset", reset)
    run(plan_of(), acting_of(policy), tmp_path)
    assert {len(batch) for batch in policy.batches} == {6}
    assert any(sum(batch.reshape(3, 2).any(axis=1)) > 1 for batch in policy.batches)


def test_a_seat_that_asks_again_at_once_keeps_nobody_out():
    policy, begun, go_on = Noisy(), threading.Event(), threading.Event()
    shared, lanes, active = Shared(policy, lanes=1, seats=2), np.arange(1), np.ones(1, np.bool_)
    act = policy.act

    def slow(observation, active):
        begun.set()
        assert go_on.wait(60)
        return act(observation, active)

    policy.act = slow
    shared.reset(0, lanes, lanes)
    observation = {STATE: np.zeros((1, 2))}
    with ThreadPoolExecutor(2) as threads:
        deciding = threads.submit(shared.act, 0, observation, active)
        assert begun.wait(60)
        coming = threads.submit(shared.reset, 1, lanes, lanes)
        until = time.monotonic() + 20
        while shared._busy != {0, 1} and time.monotonic() < until:
            time.sleep(0.001)
        came_in, is_waiting = set(shared._busy), not coming.done()
        go_on.set()
        assert came_in == {0, 1}
        assert is_waiting  # for the policy
        assert deciding.result(60).action.shape == (1, 1)
        coming.result(60)
        shared._patience_s = 60.0
        both = [threads.submit(shared.act, seat, observation, active) for seat in range(2)]
        assert [one.result(60).action.shape for one in both] == [(1, 1), (1, 1)]
    assert [batch.tolist() for batch in policy.batches] == [[True, False], [True, True]]


def test_whoever_asks_waits_for_those_that_are_about_to():
    policy = Noisy()
    shared, lanes, active = Shared(policy, lanes=2, seats=3), np.arange(2), np.ones(2, np.bool_)
    shared._patience_s = 60.0  # as if the policy had taken so long
    for seat in range(3):
        shared.reset(seat, lanes, lanes + 2 * seat)

    def ask(seat):
        observation = {STATE: np.stack([np.zeros(2), lanes + 2.0 * seat], axis=1)}
        return shared.act(seat, observation, active).action[:, 0]

    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(ask, range(3)))
    assert [batch.tolist() for batch in policy.batches] == [[True] * 6]
    np.testing.assert_allclose(np.concatenate(answers), np.sin(np.arange(6) * 7.0), atol=1e-6)


def test_what_a_policy_raises_for_one_task_ends_its_episodes_alone(registered, tmp_path):
    done = run(plan_of(), acting_of(Noisy(bad=(2, 4))), tmp_path)
    assert {(one.task, one.seed) for one in done.episodes if one.end == "POLICY"} == {
        (f"masks/{task}", seed) for task in TASKS for seed in (2, 4)
    }


def test_only_one_policy_for_environments_alike_is_shared(registered):
    plan = plan_of()
    todo = wanted(plan)
    assert can_share(plan, acting_of(Noisy()), todo)
    assert not can_share(plan, acting_of(Noisy(), shared=False), todo)  # an expert is one task's
    assert not can_share(plan_of(envs=1), acting_of(Noisy()), todo)
    assert not can_share(plan_of(("any",)), acting_of(Noisy()), wanted(plan_of(("any",))))
    assert not can_share(replace(plan, real_time="measured"), acting_of(Noisy()), todo)
    other = replace(plan.tasks[1], keys={"observation.state": "observation.state"})
    assert not can_share(replace(plan, tasks=[plan.tasks[0], other]), acting_of(Noisy()), todo[:8] + todo[8:10])


def test_leaving_early_ends_the_threads_and_an_error_is_raised(registered):
    plan = plan_of()
    records = produce_together(plan, acting_of(Noisy()), wanted(plan))
    next(records)
    records.close()
    assert not [one for one in threading.enumerate() if one.name.startswith("task-")]

    class Wrong(Noisy):
        def act(self, observation, active):
            return Decision(np.zeros((len(active), 5), np.float32))

    with pytest.raises(Exception, match="does not fit"):
        list(produce_together(plan, acting_of(Wrong()), wanted(plan)))
    assert not [one for one in threading.enumerate() if one.name.startswith("task-")]


def test_a_checkpoint_is_read_once_for_tasks_alike(registered):
    read = []
    acting = remembered(replace(acting_of(Noisy()), make=lambda spec: read.append(spec.id) or Noisy()))
    policies = [acting.make(task.spec) for task in plan_of().tasks]
    assert read == ["masks/any"]
    assert len({id(policy) for policy in policies}) == 1


def test_a_checkpoint_of_one_environment_is_refused_by_the_next(registered):
    class Particular(Noisy):
        def require(self, spec):
            if spec.id != "masks/any":
                raise InputError("It was trained on 'masks/any'.")

    acting = remembered(replace(acting_of(Particular()), make=lambda _spec: Particular()))
    first, second = (task.spec for task in plan_of().tasks[:2])
    assert acting.make(first) is acting.make(first)
    with pytest.raises(InputError, match="trained on 'masks/any'"):
        acting.make(second)
