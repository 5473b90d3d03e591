"""What a stranger does: clone, `make demo`; or the same with plain pip."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_docs import ROOT, lines

pytestmark = pytest.mark.slow


@pytest.fixture
def clone(tmp_path):
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    subprocess.run(["git", "clone", "-q", str(ROOT), str(tmp_path / "clone")], check=True)
    return tmp_path / "clone"


def outside() -> dict[str, str]:
    """The environment without this project's virtual one."""
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if ".venv" not in part)
    return {**{name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}, "PATH": path}


def test_make_demo_needs_nothing_but_the_light_base(clone):
    ran = subprocess.run(["make", "demo"], cwd=clone, env=outside(), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result = json.loads((clone / "outputs/demo/run.json").read_text())["result"]
    assert result["success_rate"] >= 0.95
    assert Path(clone / result["videos"][0]).stat().st_size > 10_000
    packages = {path.name.split("-")[0] for path in (clone / ".venv/lib").glob("python*/site-packages/*.dist-info")}
    assert not packages & {"torch", "lerobot", "pytest"}


def test_plain_pip_is_the_same(clone):
    for line in lines(ROOT / "README.md"):
        if ".venv" not in line or "run push-t" in line:
            continue
        command = line.replace("python3.12", sys.executable)
        ran = subprocess.run(command, shell=True, cwd=clone, env=outside(), capture_output=True, text=True)
        assert ran.returncode == 0, f"{line}\n{ran.stdout}\n{ran.stderr}"
    listed = subprocess.run([".venv/bin/lerobot-sim", "list"], cwd=clone, capture_output=True, text=True)
    assert "numpy/push-t" in listed.stdout
