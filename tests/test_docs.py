"""Every command and snippet of README and docs runs as it stands."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulators.conftest import needs

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


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
@pytest.mark.timeout(1200)
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


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name in ("README.md", "mujoco.md")], ids=lambda page: page.name
)
def test_python_runs(page, tmp_path):
    for block in blocks(page, "python"):
        ran = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout


def test_scripts_that_pages_name_exist():
    for page in (*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"):
        for name in re.findall(r"`((?:benchmarks|docs|tests|examples)/[\w/]+\.\w+)`", page.read_text()):
            assert (ROOT / name).exists(), f"{page.name} names {name}"
