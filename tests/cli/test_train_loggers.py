"""`--logger wandb` in processes of its own, for wandb remembers what it was told first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BEGUN = "import sys; from contextlib import ExitStack; from pathlib import Path\n"
BEGUN += "from lerobot_sim.cli.train_loggers import check_logger, logger_of\n"


def said_by(code, home, **environment):
    known = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    known |= {"HOME": str(home), "NETRC": str(home / "netrc"), **environment}
    return subprocess.run(
        [sys.executable, "-c", BEGUN + code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=known,
        cwd=Path(__file__).parents[2],
        timeout=250,
    )


def test_wandb_keeps_a_run_here_and_goes_on_with_it(tmp_path):
    pytest.importorskip("wandb", reason="Weights & Biases is not installed: pip install 'lerobot-sim[lerobot]'")
    code = f"""
for step in (1, 2):
    with ExitStack() as stack:
        tell = logger_of("wandb", Path({str(tmp_path)!r}), {{"policy": "act"}}, stack, project="arms", name="first")
        tell(step, {{"loss": 0.5, "success": 0.25}})
"""
    done = said_by(code, tmp_path, WANDB_MODE="offline", WANDB_SILENT="true")
    assert done.returncode == 0, done.stderr
    runs = sorted((tmp_path / "wandb").glob("offline-run-*/run-*.wandb"))
    assert runs
    assert {run.stem for run in runs} == {f"run-{(tmp_path / 'wandb_run.txt').read_text()}"}
    content = b"".join(run.read_bytes() for run in runs)
    for word in (b"arms", b"first", b"loss", b"success", b"0.25"):
        assert word in content


def test_wandb_without_a_login_names_the_way_to_keep_it_here(tmp_path):
    pytest.importorskip("wandb", reason="Weights & Biases is not installed: pip install 'lerobot-sim[lerobot]'")
    done = said_by("check_logger('wandb')", tmp_path)
    assert "InputError" in done.stderr
    assert "wandb login" in done.stderr
    assert "WANDB_MODE=offline" in done.stderr


def test_wandb_that_is_missing_is_told_with_the_command_that_installs_it(tmp_path):
    done = said_by("sys.modules['wandb'] = None; check_logger('wandb')", tmp_path)
    assert "pip install 'lerobot-sim[lerobot]'" in done.stderr
