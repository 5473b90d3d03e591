import json

import numpy as np
import pytest

from lerobot_sim import registry
from lerobot_sim.cli.main import main
from lerobot_sim.errors import InputError, StorageError
from lerobot_sim.evaluation.early_stop import NAME, early_stop
from lerobot_sim.evaluation.evaluating import Manner, run
from lerobot_sim.evaluation.plan import make_plan
from lerobot_sim.evaluation.protocol import Entry, Protocol, of_task
from lerobot_sim.evaluation.report import write_report
from lerobot_sim.evaluation.results import load
from lerobot_sim.evaluation.running import Acting
from lerobot_sim.evaluation.stopping import Sequential
from tests.evaluation.runs import episode

EXPERT = Acting(make=lambda spec: registry.make_policy("expert", spec), identity="expert", argument="expert")


def plan_of(**more):
    return make_plan(of_task("numpy/reach"), episodes=60, num_envs=4, **more)


def stopped(folder, mark=0.6):
    plan = plan_of()
    stop = early_stop(plan, mark, folder)
    return run(plan, EXPERT, folder, manner=Manner(stop=stop)), stop


def test_a_run_stops_when_enough_is_known(tmp_path):
    done, stop = stopped(tmp_path)
    assert stop.decision.verdict == "above"
    assert len(done.episodes) == stop.decision.trials < 30
    assert not done.complete
    alone = Sequential(mark=0.6, most=60)
    for one in done.episodes:
        assert not alone.decision.stop
        alone.update(one.success)
    assert alone.decision == stop.decision
    assert json.loads((tmp_path / "run.json").read_text())["execution"][NAME]["verdict"] == "above"


def test_called_again_it_stays_as_it_is_and_without_the_rule_it_goes_on(tmp_path):
    first, _ = stopped(tmp_path)
    again, stop = stopped(tmp_path)
    assert again.episodes == first.episodes
    assert stop.decision.verdict == "above"
    whole = run(plan_of(), EXPERT, tmp_path)
    assert whole.complete
    assert whole.episodes[: len(first.episodes)] == first.episodes


def test_a_run_that_was_cut_off_stops_where_it_would_have(tmp_path):
    whole, _ = stopped(tmp_path / "whole")
    cut, _ = stopped(tmp_path / "cut")
    journal = tmp_path / "cut" / "episodes.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:5]))
    assert len(load(tmp_path / "cut").episodes) == 4 < len(cut.episodes)
    assert stopped(tmp_path / "cut")[0].episodes == whole.episodes


def test_the_report_has_the_interval_that_holds_at_every_look(tmp_path):
    _, stop = stopped(tmp_path)
    html, text = (write_report(tmp_path)[name].read_text() for name in ("html", "markdown"))
    for page in (html, text):
        assert "Stopped early: the rate is above 60%" in page
        assert "valid at every look" in page
        assert f"{100 * stop.decision.low:.1f}%" in page
    assert "of at most 60" in html
    shown = f"interval {100 * stop.decision.low:.1f}% to {100 * stop.decision.high:.1f}%"
    assert shown in html  # of the plot's row: one report, one interval


def test_the_command_says_so(tmp_path, capsys):
    words = ["eval", "numpy/reach", "--policy", "expert", "--sequential", "0.6", "--num-envs", "4", "--episodes", "60"]
    assert main([*words, "--output-dir", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "the rate is above 60%" in said
    assert "holds at every look" in said
    assert "shard" not in said
    assert main([*words, "--output-dir", str(tmp_path), "--workers", "2"]) == 2
    assert "in the order of their seeds" in capsys.readouterr().err


def test_faults_do_not_count(tmp_path):
    stop = early_stop(plan_of(), 0.5, tmp_path)
    for seed in range(20):
        stop.update(episode(seed=seed, success=False, end="FAULT"))
    assert stop.decision.trials == 0
    while not stop.update(episode(success=False, end="POLICY")):
        pass
    assert stop.decision.verdict == "below"


def test_what_has_no_order_is_refused(tmp_path):
    with pytest.raises(InputError, match="one task without variations"):
        early_stop(_with_arms(), 0.5, tmp_path)
    with pytest.raises(InputError, match="--workers"):
        early_stop(plan_of(), 0.5, tmp_path, workers=2)
    with pytest.raises(InputError, match="between 0 and 1"):
        early_stop(plan_of(), 80, tmp_path)


def test_a_rule_that_changes_is_refused(tmp_path):
    stopped(tmp_path)
    with pytest.raises(StorageError, match="keeps no error rate"):
        early_stop(plan_of(), 0.7, tmp_path)


def _with_arms():
    return make_plan(of_task("numpy/push-t"), episodes=6, grid=["push_length=0.01,0.02"])


def test_policies_on_the_mark_are_seldom_called_wrong():
    generator = np.random.default_rng(0)
    wrong = 0
    for _ in range(100):
        stop = Sequential(mark=0.7, most=60)
        for success in generator.random(60) < 0.7:
            if stop.update(bool(success)).stop:
                break
        wrong += stop.decision.verdict != "limit"
    assert wrong <= 11


def test_the_summary_has_the_interval_that_holds_at_every_look(tmp_path):
    done, stop = stopped(tmp_path)
    for entry in (done.summary["suite"], done.summary["tasks"][0], done.summary["arms"][0]):
        assert entry["interval"] == [stop.decision.low, stop.decision.high]
        assert "every look" in entry["interval_method"]
    whole = run(plan_of(), EXPERT, tmp_path)  # without the rule: all episodes, and the exact interval
    assert whole.summary["suite"]["interval_method"] == "Clopper-Pearson"


def test_suites_and_variations_are_refused_with_what_came(tmp_path):
    tasks = Protocol(id="two", version=1, environments=(Entry(task="numpy/reach"), Entry(task="numpy/push-t")))
    with pytest.raises(InputError, match=r"2 tasks came.*would bias it. Evaluate the tasks one by one"):
        early_stop(make_plan(tasks), 0.8, tmp_path)
    with pytest.raises(InputError, match=r"variations .contact_radius=0.04, contact_radius=0.08 ….*--grid"):
        early_stop(make_plan(of_task("numpy/push-t"), grid=["contact_radius=0.04,0.08"]), 0.8, tmp_path)
