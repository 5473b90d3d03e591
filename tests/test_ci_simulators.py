"""Which simulators' tests run after which changes."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAMILIES = ("aloha", "gym-hil", "isaac-lab", "libero", "metaworld", "pusht")
LIGHT = ["aloha", "gym-hil", "metaworld", "pusht"]


@pytest.fixture(scope="module")
def script():
    spec = spec_from_file_location("ci_simulators", ROOT / "scripts" / "ci_simulators.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("path", "families"),
    [
        ("src/lerobot_sim/simulators/metaworld/adapter.py", ["metaworld"]),
        ("src/lerobot_sim/simulators/isaac_lab/scene.py", ["isaac-lab"]),
        ("src/lerobot_sim/experts/libero/pick.py", ["libero"]),
        ("src/lerobot_sim/experts/gym_hil.py", ["gym-hil"]),
        ("tests/simulators/isaac_lab/test_parity.py", ["isaac-lab"]),
        ("tests/experts/test_metaworld.py", ["metaworld"]),
        ("requirements/simulators/libero.lock", ["libero"]),
        ("requirements/simulators/gym-hil.in", ["gym-hil"]),
        ("src/lerobot_sim/simulators/host/worker.py", LIGHT),
        ("src/lerobot_sim/simulators/simulation.py", LIGHT),
        ("tests/simulators/conftest.py", LIGHT),
        ("scripts/ci_simulators.py", LIGHT),
        ("requirements/base.lock", []),
        ("src/lerobot_sim/envs/push_t.py", []),
        ("docs/metaworld.md", []),
    ],
)
def test_what_a_change_touches(script, path, families):
    assert script.touched([path], FAMILIES) == families


def test_a_heavy_one_is_added_to_the_light_ones(script):
    paths = ["src/lerobot_sim/simulators/host/worker.py", "requirements/simulators/libero.lock"]
    assert script.touched(paths, FAMILIES) == sorted([*LIGHT, "libero"])


def git(folder, *arguments):
    names = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def history(tmp_path):
    """30 commits: the second changes libero, the 25th metaworld."""
    folder = tmp_path / "history"
    folder.mkdir()
    git(folder, "init", "-q")
    for number in range(30):
        name = {1: "requirements/simulators/libero.lock", 24: "src/lerobot_sim/simulators/metaworld/adapter.py"}.get(
            number, "a.txt"
        )
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(str(number))
        git(folder, "add", name)
        git(folder, "commit", "-q", "-m", str(number))
    return folder


def test_the_last_commits_count(script, history):
    assert script.chosen(history, FAMILIES) == ["metaworld"]


def test_a_merge_counts_by_what_it_brings(script, history):
    git(history, "checkout", "-q", "-b", "side", "HEAD~1")
    (history / "requirements/simulators/pusht.lock").write_text("")
    git(history, "add", ".")
    git(history, "commit", "-q", "-m", "side")
    git(history, "checkout", "-q", "-")
    git(history, "merge", "-q", "--no-ff", "-m", "merge", "side")
    assert script.chosen(history, FAMILIES) == ["metaworld", "pusht"]


def test_without_history_all_light_ones_run(script, history, tmp_path):
    assert script.chosen(tmp_path, FAMILIES) == LIGHT  # no repository
    shallow = tmp_path / "shallow"
    subprocess.run(
        ["git", "clone", "-q", "--depth", "3", f"file://{history}", shallow], check=True, capture_output=True
    )
    assert script.chosen(shallow, FAMILIES) == LIGHT


def test_a_shallow_history_that_is_long_enough_counts(script, history, tmp_path):
    shallow = tmp_path / "shallow"
    subprocess.run(
        ["git", "clone", "-q", "--depth", "25", f"file://{history}", shallow], check=True, capture_output=True
    )
    assert script.chosen(shallow, FAMILIES) == ["metaworld"]


def test_every_family_has_tests(script):
    from lerobot_sim import registry

    assert {family: bool(script.tests_of(family)) for family in registry.FAMILIES} == dict.fromkeys(
        registry.FAMILIES, True
    )


def test_unknown_names_are_told(script):
    command = [sys.executable, ROOT / "scripts" / "ci_simulators.py", "metaword"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 2
    assert "'metaworld'" in ran.stderr
