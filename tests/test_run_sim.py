"""The tutorial's script keeps its flags, its defaults and its files."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run_sim(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "run_sim.py"), *arguments], capture_output=True, text=True, cwd=cwd, timeout=120
    )


def test_defaults_are_the_tutorials():
    sys.path.insert(0, str(ROOT))
    from run_sim import LOG_EVERY, parser

    options = vars(parser().parse_args([]))
    expected = {
        "task": "pusht",
        "mode": "train",
        "demo_episodes": 20,
        "train_steps": 3000,
        "eval_episodes": 5,
        "hidden_dim": 256,
        "output_dir": Path("./sim_output"),
        "seed": 42,
    }
    assert {name: options[name] for name in expected} == expected
    assert LOG_EVERY == 20


def test_train_prints_a_loss_line_every_20_steps_and_eval_takes_its_checkpoint(tmp_path):
    ran = run_sim("--demo-episodes", "3", "--train-steps", "60", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    losses = re.findall(r"\[train\] step\s+(\d+) \| loss = \d\.\d{6}", ran.stdout)
    assert [int(step) for step in losses] == [0, 20, 40]
    assert re.search(r"Eval \(5 eps\): reward=\d+\.\d{3}, success=\d+\.\d%", ran.stdout)
    assert (tmp_path / "sim_output/best_policy.npz").exists()
    again = run_sim("--mode", "eval", "--eval-episodes", "8", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "Eval (8 eps)" in again.stdout


def test_eval_without_a_checkpoint_names_the_expert(tmp_path):
    ran = run_sim("--mode", "eval", cwd=tmp_path)
    assert ran.returncode == 2
    assert "--policy expert" in ran.stderr
    assert "Traceback" not in ran.stderr
    ran = run_sim("--mode", "eval", "--policy", "expert", "--eval-episodes", "20", cwd=tmp_path)
    assert "success=100.0%" in ran.stdout


@pytest.mark.parametrize(("arguments", "word"), [(("--mode", "teleop"), "visualize"), (("--task", "nothing"), "list")])
def test_what_is_not_there_is_said_in_one_line(tmp_path, arguments, word):
    ran = run_sim(*arguments, cwd=tmp_path)
    assert ran.returncode == 2
    assert word in ran.stderr
    assert "Traceback" not in ran.stderr


def test_no_demonstrations_are_refused(tmp_path):
    ran = run_sim("--demo-episodes", "0", cwd=tmp_path)
    assert ran.returncode == 2
    assert "--demo-episodes: expected at least 1" in ran.stderr


def test_visualize_ends_when_its_window_is_closed():
    code = (
        "import pygame, sys, run_sim\n"
        "from lerobot_sim.bridges import window\n"
        "show, seen = window.Window.show, []\n"
        "def close_at_the_third(self, image):\n"
        "    seen.append(image)\n"
        "    if len(seen) == 3: pygame.event.post(pygame.event.Event(pygame.WINDOWCLOSE, window=self._window))\n"
        "    show(self, image)\n"
        "window.Window.show = close_at_the_third\n"
        "sys.argv[1:] = ['--mode', 'visualize']\n"
        "sys.exit(run_sim.main())"
    )
    environment = {**os.environ, "SDL_VIDEODRIVER": "dummy"}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, env=environment
    )
    assert ran.returncode == 0, ran.stderr
