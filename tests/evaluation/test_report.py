import json
import shlex

import numpy as np
import pytest

from lerobot_sim.datasets.poster import poster
from lerobot_sim.datasets.video import VideoWriter
from lerobot_sim.errors import InputError, StorageError
from lerobot_sim.evaluation import report_data
from lerobot_sim.evaluation.metrics import METRICS, meaning
from lerobot_sim.evaluation.report import write_report
from lerobot_sim.evaluation.report_markup import Markup, join, tag
from lerobot_sim.evaluation.report_plots import curve_of, curves, heat_maps, shade
from lerobot_sim.evaluation.report_videos import choose, clips
from lerobot_sim.evaluation.report_words import duration, flat, number, percent, seed_ranges
from lerobot_sim.evaluation.results import load
from tests.evaluation.runs import episode, run_of


def film(path, frames=3):
    with VideoWriter(path, 10, 32, 32) as writer:
        for i in range(frames):
            writer.write(np.full((32, 32, 3), 80 * i, np.uint8))


def test_strings_are_escaped_and_markup_is_not():
    assert tag("p", "<b>&", tag("i", "x"), title='"') == '<p title="&quot;">&lt;b&gt;&amp;<i>x</i></p>'
    assert tag("br") == "<br/>"
    assert tag("option", "a", selected=True, hidden=False, data_x=None) == "<option selected>a</option>"
    assert join("<", Markup("<"), None) == "&lt;<"


def test_three_files_are_written_and_say_the_same(tmp_path):
    run_of(tmp_path, [True] * 18 + [False] * 2)
    paths = write_report(tmp_path)
    html, text = paths["html"].read_text(), paths["markdown"].read_text()
    values = json.loads(paths["json"].read_text())
    assert values["summary"]["suite"]["success_rate"] == 0.9
    for page in (html, text):
        assert "90.0%" in page
        assert "68.3% to 98.8%" in page  # exact, 18 of 20
        assert "Not passed: the lower bound 68.3% is below the mark of 80%" in page
        assert "lerobot-sim eval push-t" in page
    assert "numpy" in html
    assert values["passed"] is False


def test_a_mark_that_is_reached(tmp_path):
    run_of(tmp_path, [True] * 60)
    assert "Passed: the lower bound 94.0% reaches the mark of 80%" in write_report(tmp_path)["markdown"].read_text()


def test_seeds_that_a_protocol_names_are_not_called_held_out(tmp_path):
    """Its first seeds are those of demonstrations, and LIBERO's fifty states are everybody's."""
    told = []
    for name, seeds in enumerate(({}, {"first_seed": 0}, {"environments": [{"task": "push-t", "seeds": [0, 1]}]})):
        run_of(tmp_path / str(name), [True, False], protocol={"id": "mine", "version": 1, **seeds})
        paths = write_report(tmp_path / str(name))
        told.append({"held-out" in paths[kind].read_text() for kind in ("html", "markdown")})
    assert told == [{True}, {False}, {False}]


def test_a_run_that_has_not_ended_is_reported_as_far_as_it_got(tmp_path):
    run_of(tmp_path, [True, False, "missing", "missing"])
    (tmp_path / "summary.json").unlink()
    assert "2 so far, of 4" in write_report(tmp_path)["html"].read_text()
    assert "Unfinished: 2 of 4" in (tmp_path / "report.md").read_text()


def test_a_summary_of_fewer_episodes_is_not_believed(tmp_path):
    run = run_of(tmp_path, [True, False, "missing", "missing"])
    stale = (tmp_path / "summary.json").read_text()
    run_of(tmp_path, [True] * 4)
    (tmp_path / "summary.json").write_text(stale)
    assert run.summary["suite"]["success_rate"] == 0.5
    assert json.loads(write_report(tmp_path)["json"].read_text())["summary"]["suite"]["success_rate"] == 1.0


def test_without_a_success_there_is_no_rate(tmp_path):
    run_of(tmp_path, [None, None, None], tasks={"success_rule": "none"})
    html = write_report(tmp_path)["html"].read_text()
    assert "no success is defined" in html
    assert 'id="time"' not in html


def test_faults_and_policy_errors_stand_apart(tmp_path):
    fault = episode("push-t", 0, False, end="FAULT", explanation="died")
    error = episode("push-t", 1, False, end="POLICY", explanation="NaN")
    run_of(tmp_path, [True] * 4, episodes=[fault, error])
    html, text = (write_report(tmp_path)[name].read_text() for name in ("html", "markdown"))
    assert "2 of 3 episodes" in html
    assert "1, in no rate" in html
    assert "1, counted as failures" in html
    assert 'id="broken"' in html
    assert "in no rate: 1. Policy errors, counted as failures: 1" in text


def test_the_rule_takes_failures_and_successes_in_turn(tmp_path):
    times = {0: None, 1: 30, 2: None, 3: 50, 4: 10, 5: None, 6: 20}
    records = [episode("push-t", s, t is not None, first_success_step=t) for s, t in times.items()]
    records.append(episode("push-t", 7, False, end="FAULT"))
    chosen = choose(records, 6)
    assert [(one.episode.seed, one.why) for one in chosen] == [
        (0, "first failure"),
        (3, "slowest success"),
        (2, "second failure"),
        (4, "fastest success"),
        (5, "third failure"),
        (1, "success"),
    ]
    assert [one.episode.seed for one in choose(records, 1)] == [0]
    assert len(choose(records, 99)) == 7  # never the fault
    assert [one.why for one in choose([episode(seed=1)], 3)] == ["the only success"]
    assert [one.why for one in choose([episode(seed=1, success=None)], 3)] == ["first episode"]


def test_videos_are_embedded_while_there_is_room(tmp_path):
    for seed in (0, 1):
        film(tmp_path / "videos" / f"seed_{seed}.mp4")
    marked = [episode("push-t", s, s == 1, video=f"videos/seed_{s}.mp4") for s in (0, 1)]
    run_of(tmp_path, [True] * 3, episodes=marked)
    size = (tmp_path / "videos" / "seed_0.mp4").stat().st_size / 1e6
    run = load(tmp_path)
    assert [clip.embedded is not None for clip in clips(run, embed_mb=1.5 * size)] == [True, False]
    html = write_report(tmp_path, embed_mb=1.5 * size)["html"].read_text()
    assert html.count("data:video/mp4;base64,") == 1
    assert 'src="videos/seed_1.mp4"' in html
    assert "videos/seed_0.mp4" in (tmp_path / "report.md").read_text()
    assert clips(run, 0) == []


def test_only_videos_of_the_folder_go_into_a_page(tmp_path):
    film(tmp_path / "secret.mp4")
    film(tmp_path / "run" / "good.mp4")
    (tmp_path / "run" / "notes.txt").write_text("secret")
    (tmp_path / "run" / "torn.mp4").write_bytes(b"no video")
    names = ["../secret.mp4", str(tmp_path / "secret.mp4"), "notes.txt", "missing.mp4", "torn.mp4", "good.mp4"]
    run_of(tmp_path / "run", [True] * 6, episodes=[episode(seed=i, video=n) for i, n in enumerate(names)])
    assert [clip.path for clip in clips(load(tmp_path / "run"))] == ["good.mp4"]
    assert "secret" not in write_report(tmp_path / "run")["html"].read_text()


def test_a_poster_shows_how_it_ended(tmp_path):
    import av

    film(tmp_path / "a.mp4")
    (tmp_path / "a.jpg").write_bytes(poster(tmp_path / "a.mp4"))
    with av.open(str(tmp_path / "a.jpg")) as still:
        (frame,) = still.decode(video=0)
    assert frame.to_ndarray(format="rgb24").mean() == pytest.approx(160, abs=4)
    (tmp_path / "b.mp4").write_bytes(b"")
    with pytest.raises(StorageError, match="no video"):
        poster(tmp_path / "b.mp4")


def test_the_curve_ends_at_the_share_that_succeeded(tmp_path):
    run_of(tmp_path, [True, False, True, False])
    (row,) = report_data.curve_rows(load(tmp_path))
    assert (row.times, row.episodes, row.until) == ([2.0, 2.2], 4, 6.3)
    drawn = curves([row], caption="c")
    assert "50.0% in the end" in drawn
    assert 'd="M0 100 L31.746 100.000 L31.746 75.000 L34.921 75.000 L34.921 50.000 L100.000 50.000"' in drawn
    many = curves([curve_of(f"t{i}", [1.0], 2, 3.0) for i in range(9)], caption="c")
    assert many.count("line faint") == 10  # and one in the key


def test_the_heat_map_has_every_cell_at_its_place():
    axes = [
        {"name": "friction", "unit": "", "values": [0.5, 1]},
        {"name": "delay", "unit": "s", "values": [0, 0.1, 0.2]},
    ]
    rates = {(0.5, 0): 0.1, (0.5, 0.1): 0.2, (0.5, 0.2): 0.3, (1, 0): 0.7, (1, 0.1): 0.8, (1, 0.2): None}
    cells = [
        {
            "params": {"delay": d, "friction": f},
            "success_rate": r,
            "interval": None if r is None else [0, 1],
            "successes": 1,
            "valid": 9,
        }
        for (f, d), r in reversed(rates.items())
    ]
    drawn = heat_maps({"axes": axes, "cells": cells})
    places = [drawn.index(f">{text}<") for text in ("10%", "20%", "30%", "70%", "80%", "–")]
    assert places == sorted(places)
    assert "delay / s" in drawn
    third = {"name": "light", "unit": "", "values": ["day", "night"]}
    more = [{**cell, "params": {**cell["params"], "light": light}} for cell in cells for light in third["values"]]
    assert heat_maps({"axes": [*axes, third], "cells": more}).count("<table") == 2
    assert heat_maps(
        {"axes": axes[:1], "cells": [{**c, "params": {"friction": c["params"]["friction"]}} for c in cells]}
    )


def test_shades_are_ordered_by_lightness():
    def lightness(colour):
        return sum(weight * int(colour[i : i + 2], 16) for weight, i in ((0.2126, 1), (0.7152, 3), (0.0722, 5)))

    values = [lightness(shade(i / 20)) for i in range(21)]
    assert values == sorted(values)
    assert shade(-1) == shade(0)


def test_numbers_are_written_as_people_read_them():
    assert percent(0.99999) == "99.9%"
    assert percent(1.0) == "100.0%"
    assert percent(0.00001, 0) == "1%"
    assert percent(0.0, 0) == "0%"
    assert (percent(None), number(None), number(float("nan")), duration(None)) == ("–",) * 4
    assert (number(300.0), number(12345678.0), number(0.000123456)) == ("300", "12 345 678", "0.0001235")
    assert (duration(12.34), duration(125), duration(7260)) == ("12.3 s", "2 min 05 s", "2 h 01 min")
    assert seed_ranges([3, 4, 5, 9, 11, 12]) == "3–5, 9, 11–12"
    assert "more ranges" in seed_ranges(list(range(0, 60, 2)))
    assert flat({"a": {"b": 1, "c": {}}, "d": [1, 2]}) == {"a.b": "1", "a.c": "–", "d": "1, 2"}


def test_the_command_can_be_pasted(tmp_path):
    for given in (["eval", "push t", "--policy", "a'b"], ["/usr/bin/lerobot-sim", "eval", "push t", "--policy", "a'b"]):
        run = run_of(tmp_path, [True], command=given)
        assert shlex.split(report_data.command_of(run))[-4:] == ["eval", "push t", "--policy", "a'b"]
        assert shlex.split(report_data.command_of(run))[0].endswith("lerobot-sim")


def test_folders_that_cannot_be_reported(tmp_path):
    with pytest.raises(StorageError, match="holds no evaluation"):
        write_report(tmp_path)
    run_of(tmp_path, ["missing"])
    with pytest.raises(InputError, match="no episode yet"):
        write_report(tmp_path)
    with pytest.raises(InputError, match="at least 0"):
        write_report(tmp_path, videos=-1)


def test_arms_of_a_real_summary_are_shown(tmp_path):
    """A grid, other instructions and the expert, summed up by `summary` and not by this test."""
    cells = [f"friction={value}" for value in (0.5, 2)]
    arms = {"": {"kind": "plain", "params": {}}, "expert": {"kind": "expert", "params": {}}}
    arms |= {cell: {"kind": "grid", "params": {"friction": float(cell.partition("=")[2])}} for cell in cells}
    arms |= {f"language:{name}": {"kind": "language", "params": {}} for name in ("shuffled", "empty")}
    rates = {"": 1.0, "expert": 1.0, cells[0]: 0.8, cells[1]: 0.3, "language:shuffled": 0.1, "language:empty": 0.5}
    timed = {"time_to_success": 2.0, "path_length": 1.0}
    episodes = [
        episode("push-t", i, i < 10 * rate, arm=arm, index=i, metrics={"action_saturation": 0.5, **timed})
        for arm, rate in rates.items()
        for i in range(10)
    ]
    grid = [{"name": "friction", "unit": "", "values": [0.5, 2.0]}]
    run_of(tmp_path, [True] * 10, episodes=episodes, arms=arms, grid=grid)
    html, text = (write_report(tmp_path)[name].read_text() for name in ("html", "markdown"))
    assert ">80%<" in html
    assert ">30%<" in html
    assert "+90.0 points" in html  # lost with shuffled instructions
    assert "efficiency: time" in html
    assert "| 2.0 | 30.0% |" in text
    assert "+37.3 to +98.2" in html  # the interval of what was lost
    assert "exact 95% intervals" in html
    assert "10 of 10 episodes" in html  # of the plain arm alone


def test_the_intervals_of_a_grid_over_several_tasks_are_not_called_exact(tmp_path):
    arms = {"": {"kind": "plain", "params": {}}, "a=1": {"kind": "grid", "params": {"a": 1}}}
    cells = [episode(task, i, True, arm="a=1", index=i) for task in ("one", "two") for i in range(2)]
    grid = [{"name": "a", "unit": "", "values": [1]}]
    run_of(tmp_path, {"one": [True] * 2, "two": [True] * 2}, episodes=cells, arms=arms, grid=grid)
    page = write_report(tmp_path)["html"].read_text()
    assert "the small figures are 95% intervals" in page


def test_a_page_says_who_acted_and_under_which_params(tmp_path):
    given = "/home/somebody/robots/outputs/push-t/student/best_policy.npz"
    settings = {"tasks": {"slippery": {"params": {"pad_friction": 0.7}}}}
    run_of(tmp_path, {"slippery": [True]}, policy={"argument": given, "identity": "mlp:12ab"}, settings=settings)
    page = write_report(tmp_path)["html"].read_text()
    assert "<h1>push-t/student/best_policy.npz on push-t</h1>" in page
    assert ">mlp:12ab<" in page
    assert "version 1 with pad_friction 0.7, 10 steps/s" in page


def test_markdown_tables_cannot_be_broken(tmp_path):
    run_of(tmp_path, {"a|b": [True], "c\nd": [False]})
    lines = [line for line in write_report(tmp_path)["markdown"].read_text().splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in lines[:4]}) == 1


def page_of(folder, outcomes, **more):
    run_of(folder, outcomes, **more)
    return write_report(folder)["html"].read_text()


def test_what_was_measured_is_defined_on_the_page(tmp_path):
    page = page_of(tmp_path, [True, False])
    assert "What these are" in page
    assert "SPARC of a speed profile" in page
    assert "action_<wbr>smoothness" in page


def test_every_metric_has_a_definition():
    names = [name for metric in METRICS.values() for name in metric.gives]
    assert all(meaning(name).endswith(".") and "`" not in meaning(name) for name in names), names


def test_the_interval_is_explained_as_what_it_is(tmp_path):
    assert "exact one (Clopper and Pearson)." in page_of(tmp_path / "a", [True] * 3)
    assert "mean of the tasks" in page_of(tmp_path / "b", {"x": [True], "y": [False]})
    early = {
        "sequential": {"mark": 0.5, "most": 9, "verdict": "above", "low": 0.4, "high": 1.0, "words": "w", "trials": 3}
    }
    page = page_of(tmp_path / "c", [True] * 3, execution=early)
    assert "may decide while the interval" in page
    assert "Clopper" not in page
