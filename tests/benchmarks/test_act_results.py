"""The results' scripts of LeRobot's policies: what they share, and a toy of each that goes through all its parts."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks/results"
sys.path.insert(0, str(FOLDER))

import _shared as shared  # noqa: E402
import fine_tuning  # noqa: E402


def test_a_part_is_made_once_and_again_when_what_it_depends_on_changes(tmp_path):
    made = []

    def make():
        made.append(1)
        return {"value": len(made)}

    assert shared.kept(tmp_path, "one", {"steps": 3}, make) == {"value": 1}
    assert shared.kept(tmp_path, "one", {"steps": 3}, make) == {"value": 1}
    assert shared.kept(tmp_path, "one", {"steps": 4}, make) == {"value": 2}
    assert shared.kept(tmp_path, "other", {"steps": 4}, make) == {"value": 3}


def test_a_command_that_fails_ends_the_script(capfd):
    with pytest.raises(SystemExit, match="lerobot-sim ended with exit code"):
        shared.command("lerobot-sim", "eval", "no-such-task")
    assert "no-such-task" in capfd.readouterr().err


def test_a_commands_result_is_read():
    assert shared.TASK in shared.sim("list")


def test_rates_come_with_their_exact_interval():
    assert shared.Scored("act", 8, 10).cells == ("act", "8 of 10", "80.0%", "44.4% to 97.5%")


def test_tables_are_markdown():
    assert shared.table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_the_curve_shows_every_point_at_its_place(tmp_path):
    lines = [shared.Line("ACT <small>", [(200, 10, 10), (100, 0, 10)]), shared.Line("other", [(200, 5, 10)])]
    shared.curve(tmp_path / "deep/curve.svg", "title", lines, {"aim": 0.8})
    root = ElementTree.parse(tmp_path / "deep/curve.svg").getroot()
    name = "{http://www.w3.org/2000/svg}"
    dots = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in root.iter(f"{name}circle")]
    assert len(dots) == 3
    (left, bottom), (right, top), (end, middle) = dots
    assert left < right == end
    assert top < middle < bottom
    assert middle == pytest.approx((top + bottom) / 2, abs=0.1)
    words = [text.text for text in root.iter(f"{name}text")]
    assert {"ACT <small>", "aim", "title", "100%", "200"} <= set(words)


def test_the_changed_world_is_another_one_that_the_expert_masters(tmp_path):
    import numpy as np

    from lerobot_sim import registry
    from lerobot_sim.loop import rollout

    path = fine_tuning.changed_world(tmp_path / "world/panda.xml")
    env = registry.make(shared.TASK, 4, robot="panda", model_path=str(path))
    usual = registry.make(shared.TASK, 4)
    start, there = (one.reset(np.arange(4), np.arange(4))["observation.state"] for one in (usual, env))
    tip = usual.spec.observation["observation.state"].names.index("tip.x")
    moved = np.linalg.norm(there[:, tip:] - start[:, tip:], axis=1)
    assert (moved > 0.05).all()
    expert = registry.make_policy("expert", env.spec)
    assert all(one.succeeded(env.spec.success_rule) for one in rollout(env, expert, range(4)))
    env.close()
    usual.close()


RUN = """
import runpy, sys
for script, *arguments in __import__("json").loads(sys.argv[1]):
    sys.argv = [script, "--quick", *arguments]
    runpy.run_path(script, run_name="__main__")
"""


def run(*calls):
    """Scripts, each with its arguments, one after another in one process, so that LeRobot is imported once."""
    words = [[str(FOLDER / f"{script}.py"), *map(str, arguments)] for script, *arguments in calls]
    environment = {**os.environ, "PYTHONPATH": str(FOLDER)}
    begun = [sys.executable, "-c", RUN, json.dumps(words)]
    done = subprocess.run(begun, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return done


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_scripts_go_through_all_their_parts(tmp_path):
    pytest.importorskip("lerobot")
    policy = ("--policy", tmp_path / "act_lift/policy")
    calls = [("act_lift",), ("scores_agree", *policy), ("fine_tuning", *policy), ("push_t_images",)]
    calls = [(script, "--out", tmp_path / script, *rest) for script, *rest in [*calls, ("pick_color_language",)]]
    first = run(*calls)
    pages = {script: (tmp_path / script / "results.md").read_text() for script, *_ in calls}
    assert first.stdout == "".join(pages.values())
    assert re.search(r"\| expert \| 4 of 4 \| 100\.0% \|", pages["act_lift"])
    assert "ACT, temporal ensembling" in pages["act_lift"]
    assert (tmp_path / "act_lift/curve.svg").read_text().count("<circle") == 3
    same = r"\| ours, batch 10 \| 10 \| 0 \| 0 \| 1 \| 0 \| 0 \|"
    assert re.search(same, pages["scores_agree"]), "the same batches, the same episodes, to the last bit of the return"
    assert re.search(r"\| the expert, changed world \| 4 of 4 \|", pages["fine_tuning"])
    assert "fine-tuned over" in pages["fine_tuning"] or "over fine-tuned" in pages["fine_tuning"]
    assert re.search(r"\| bc from pictures \| \d of 4 \|", pages["push_t_images"])
    assert re.search(r"\| another colour's instruction \| \d of 4 \|", pages["pick_color_language"])
    again = run(*calls)
    assert again.stdout == first.stdout
    doing = [line for line in again.stderr.splitlines() if line.startswith("$ ") and " compare " not in line]
    assert not doing, "nothing is done twice"
