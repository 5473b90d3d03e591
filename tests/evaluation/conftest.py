import pytest

from lerobot_sim import registry
from lerobot_sim.evaluation.evaluating import Manner, run
from lerobot_sim.evaluation.plan import make_plan
from lerobot_sim.evaluation.protocol import Entry, Protocol
from lerobot_sim.evaluation.running import Acting
from tests.evaluation import masks


@pytest.fixture
def registered(monkeypatch):
    """The tasks of `masks` under their names."""
    for name, target in masks.TARGETS.items():
        monkeypatch.setitem(registry.ENVIRONMENTS, name, target)
    for name, target in masks.EXPERTS.items():
        monkeypatch.setitem(registry.EXPERTS, name, target)


@pytest.fixture
def evaluate(registered, tmp_path):
    """Runs a policy on tasks of `masks` and returns the EvaluationRun."""

    def of(policy, *tasks, out="out", episodes=10, manner=None, metrics=("success_rate",), identity="test", **options):
        protocol = Protocol(
            id="test",
            version=1,
            environments=tuple(Entry(task=f"masks/{task}") for task in tasks),
            episodes=episodes,
            first_seed=0,
            metrics=metrics,
        )
        plan = make_plan(protocol, **options)
        acting = Acting(make=lambda spec: policy() if isinstance(policy, type) else policy, identity=identity)
        return run(plan, acting, tmp_path / out, manner=manner or Manner())

    return of
