"""A policy elsewhere tells which lanes decide anew, as it would here."""

import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim.evaluation.real_time import RealTime
from lerobot_sim.simulators.host.hosted_policy import HostedPolicy
from lerobot_sim.simulators.host.policy_server import PolicyServer
from lerobot_sim.simulators.host.process import Program
from lerobot_sim.simulators.host.remote_policy import RemotePolicy
from lerobot_sim.spec import STATE

from . import toy
from .conftest import TOY


@contextmanager
def elsewhere(kind, factory):
    """The policy in a worker, or behind a server."""
    with ExitStack() as stack:
        if kind == "worker":
            program = Program(python=Path(sys.executable), factory=f"toy:{factory.__name__}", modules={"toy": TOY})
            policy = HostedPolicy(program, toy.SPEC)
        else:
            server = PolicyServer(factory(toy.SPEC))
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.close)
            policy = RemotePolicy(server.uri, server.token)
        stack.callback(policy.close)
        yield policy


@pytest.mark.parametrize("kind", ["worker", "server"])
def test_lanes_that_think_are_those_of_the_same_policy_here(kind):
    generator, here, lanes = np.random.default_rng(0), toy.Chunked(toy.SPEC), 5
    with elsewhere(kind, toy.Chunked) as there:
        everyone = np.ones(lanes, bool)
        for one in (here, there):
            one.reset(np.arange(lanes), np.arange(lanes))
        thought = []
        for _ in range(60):
            active = generator.random(lanes) < 0.7
            observation = {STATE: generator.normal(size=(lanes, 2)).astype(np.float32)}
            for mask in (everyone, active):
                np.testing.assert_array_equal(there.thinks(mask), here.thinks(mask))
            thought.append(here.thinks(active).sum() / max(active.sum(), 1))
            actions = [one.act(observation, active).action for one in (here, there)]
            np.testing.assert_array_equal(actions[0][active], actions[1][active])
            if generator.random() < 0.2:
                again = generator.choice(lanes, 2, replace=False)
                for one in (here, there):
                    one.reset(again, again)
        assert 0.2 < np.mean(thought) < 0.6


@pytest.mark.parametrize("kind", ["worker", "server"])
def test_actions_of_its_chunks_cost_no_time(kind):
    rows = []
    with elsewhere(kind, toy.Chunked) as there:
        for policy in (toy.Chunked(toy.SPEC), there):
            late = RealTime(policy, 0.2, 10)
            late.reset(np.arange(1), np.arange(1))
            seen = [{STATE: np.full((1, 2), t, np.float32)} for t in range(12)]
            rows.append([late.act(one, np.ones(1, bool)).action[0, 0] for one in seen])
    np.testing.assert_allclose(rows[1], rows[0])
    np.testing.assert_allclose(rows[0][:6], np.sin([0, 1, 2, 2, 2, 3]), atol=1e-6)  # it thinks at 3, for two steps


@pytest.mark.parametrize("kind", ["worker", "server"])
def test_one_that_does_not_tell_has_no_such_method(kind):
    with elsewhere(kind, toy.ToyPolicy) as there:
        assert not hasattr(there, "thinks")
