"""`collect --workers`, `eval --workers` and `--envs` on MetaWorld: simulators side by side, the same episodes."""

import json

import pyarrow.parquet as pq
import pytest

from lerobot_sim.cli.main import main
from lerobot_sim.evaluation.plan import make_plan
from lerobot_sim.evaluation.protocol import of_task
from lerobot_sim.evaluation.running import Worlds
from tests.simulators.conftest import needs

from .foreign import MODULE

pytestmark = needs("metaworld", MODULE)


@pytest.mark.slow
def test_the_same_dataset_whatever_the_workers(tmp_path):
    words = ["collect", "metaworld/reach-v3", "--episodes", "4", "--episode-length", "12"]
    rows = []
    for workers in ("1", "2"):
        root = tmp_path / workers
        assert main([*words, "--workers", workers, "--output-dir", str(root)]) == 0
        rows.append([pq.read_table(path).to_pydict() for path in sorted((root / "data").rglob("*.parquet"))])
    assert rows[0] == rows[1]
    assert json.loads((tmp_path / "2" / "meta" / "info.json").read_text())["total_episodes"] == 4


def test_environments_of_an_evaluation_are_simulators_of_their_own():
    plan = make_plan(of_task("metaworld/reach-v3", {}), episodes=2, num_envs=1, envs=2)
    worlds = Worlds(plan)
    try:
        first, second = worlds.of(plan.tasks[0])
        assert first.pid != second.pid
        assert [env.workers for env in (first, second)] == [1, 1]
    finally:
        worlds.close()
