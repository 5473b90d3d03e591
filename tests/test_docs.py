"""Every command and snippet of README and docs runs as it stands."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lerobot_sim.cli.main import main
from tests.simulators.conftest import needs

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
PYTHON = ("README.md", "mujoco.md")  # pages of simulators have theirs run by the simulators' tests
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
THEIR_POLICY = """
import numpy as np
from lerobot_sim.policy import Decision


class Still:
    batch_invariant, cameras = True, {}

    def reset(self, lanes, seeds):
        pass

    def act(self, observation, active):
        return Decision(np.zeros((len(active), 2), np.float32))


def make(spec):
    return Still()
"""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def lines(page: Path) -> list[str]:
    return [line for block in blocks(page, "bash") for line in block.splitlines() if line.strip()]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder)}


def marked(page: Path):
    """The page of a simulator needs it set up."""
    marks = [needs("libero")] if page.name == "libero.md" else []
    return pytest.param(page, id=page.name, marks=marks)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("page", [marked(page) for page in PAGES])
def test_commands_run(page, tmp_path):
    (tmp_path / "run_sim.py").symlink_to(ROOT / "run_sim.py")
    for line in lines(page):
        words = shlex.split(line)
        if words[0] == "make":  # what they do is tested by .ci/run and test_fresh_clone
            assert words[1] in TARGETS, line
        elif ".venv" not in line:  # the plain pip set-up, which test_fresh_clone runs
            ran = subprocess.run(
                line, shell=True, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True
            )
            assert ran.returncode == 0, f"{line}\n{ran.stdout}\n{ran.stderr}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name in PYTHON], ids=lambda page: page.name)
def test_python_runs(page, tmp_path):
    for block in blocks(page, "python"):
        ran = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout


@pytest.mark.parametrize("block", [pytest.param(0, marks=needs("metaworld")), 1])
def test_python_of_the_page_about_simulators_runs(block, tmp_path):
    (tmp_path / "their-environment").symlink_to(sys.prefix)
    (tmp_path / "their_policy.py").write_text(THEIR_POLICY)
    page = ROOT / "docs/simulators.md"
    assert len(blocks(page, "python")) == 2
    script = tmp_path / "script.py"
    script.write_text(blocks(page, "python")[block])
    ran = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_flags_of_commands_that_need_a_simulator_or_a_device_exist(page, capsys):
    """Blocks that do not run here: consoles and texts. Every command takes what the root help names."""
    main(["--help"])
    root = capsys.readouterr().out
    for block in (*blocks(page, "console"), *blocks(page, "text")):
        for command, words in re.findall(r"^[\w$ =…]*lerobot-sim ((?!setup)[a-z-]+)(.*)$", block, re.MULTILINE):
            capsys.readouterr()
            with pytest.raises(SystemExit, match=r"^0$"):
                main([command, "--help"])
            said = capsys.readouterr().out
            for flag in re.findall(r" (--[a-z-]+)(?= |$)", words):
                assert re.search(rf"{flag}(?![\w-])", said + root), f"{page.name}: lerobot-sim {command} {flag}"


def test_scripts_that_pages_name_exist():
    for page in (*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"):
        for name in re.findall(r"`((?:benchmarks|docs|tests|examples)/[\w/]+\.\w+)`", page.read_text()):
            assert (ROOT / name).exists(), f"{page.name} names {name}"
