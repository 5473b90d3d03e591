"""`language_conditioning` of a policy that was really trained to read."""

import json

import pytest

from lerobot_sim.cli.main import main

HIDDEN_TARGET = ("--option", "show_target=false")
"""The states do not say which cube is meant."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_other_words_take_its_success_and_held_out_ones_leave_it(tmp_path):
    pytest.importorskip("torch")
    data, run, scores = (str(tmp_path / name) for name in ("data", "run", "eval"))
    shown = ("--episodes", "400", "--success-only", "--stop-at-success", *HIDDEN_TARGET)
    assert main(["collect", "mujoco/pick-color", *shown, "--output-dir", data]) == 0
    flags = ("--steps", "2500", "--batch-size", "128", "--learning-rate", "2e-3", "--hidden-dim", "192")
    flags += ("--eval-episodes", "0", "--output-dir", run)
    assert main(["train", "--policy", "bc", "--dataset", data, *flags]) == 0
    asked = ("--policy", f"{run}/bc", "--episodes", "50", "--metrics", "language_conditioning", "--output-dir", scores)
    assert main(["eval", "mujoco/pick-color", *HIDDEN_TARGET, *asked]) == 0
    summary = json.loads((tmp_path / "eval/summary.json").read_text())
    found = summary["compared"]["language_conditioning"]
    right = found["right"]["successes"]
    assert right >= 30, found
    assert found["shuffled"]["successes"] <= right / 4, found
    assert found["shuffled"]["conditioning_interval"][0] > 0.3, found
    assert found["paraphrased"]["successes"] >= right * 2 / 3, found
