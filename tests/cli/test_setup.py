"""`lerobot-sim setup`, and that a command that misses a simulator offers it."""

import json
import os
import pty
import subprocess
import sys
from types import SimpleNamespace

import pytest

from lerobot_sim import registry
from lerobot_sim.cli.doctor_simulators import look
from lerobot_sim.cli.setup_list import size_words
from lerobot_sim.simulators.family import Family
from lerobot_sim.simulators.host.install import state_of
from lerobot_sim.simulators.host.install_build import disk_use
from tests.simulators.wheels import house, in_a_process, lock, numpy_wheel, tiny_simulator, wheel

__all__ = ["house", "numpy_wheel", "tiny_simulator"]

COLLECT = ("collect", "tiny/count", "--policy", "random", "--episodes", "2", "--num-envs", "1")


def tiny():
    from tiny_simulator import FAMILY

    return state_of(FAMILY)


def test_setup_builds_tries_and_says_what_it_took(tiny_simulator, command):
    said = command("setup", "tiny")
    assert said.code == 0, said.err
    assert "tiny: tiny-engine 1.0 in Python" in said.out
    assert "smoke run of tiny/count: start" in said.out
    assert "lerobot-sim collect tiny/count" in said.out
    assert "MB on disk" in said.out
    assert "tiny: Python" in said.err  # the phases
    smoke = tiny().record.smoke
    assert smoke.passed
    assert set(smoke.seconds) == {"start", "reset", "step", "picture"}


def test_json_holds_the_facts_and_a_second_setup_builds_nothing(tiny_simulator, command):
    first, second = (json.loads(command("setup", "tiny", "--json").out) for _ in range(2))
    facts = first["simulators"]["tiny"]
    assert facts["built"]
    assert facts["works"]
    assert facts["state"] == "current"
    assert facts["versions"]["tiny-engine"] == "1.0"
    assert facts["smoke"]["passed"]
    assert not second["simulators"]["tiny"]["built"]
    assert second["simulators"]["tiny"]["made_at"] == facts["made_at"]


@pytest.mark.parametrize(("where", "word"), [("reset", "cannot be reset"), ("picture", "of one colour")])
def test_a_smoke_run_that_fails_is_told_and_kept(tiny_simulator, command, monkeypatch, where, word):
    monkeypatch.setenv("TINY_BREAKS", where)
    said = command("setup", "tiny")
    assert said.code == 1
    assert word in said.out
    assert word in tiny().record.smoke.said
    assert "failed" in command("setup", "--list").out
    monkeypatch.delenv("TINY_BREAKS")
    assert command("setup", "tiny").code == 0
    assert "passed" in command("setup", "--list").out


def test_list_before_and_after(tiny_simulator, command):
    before = command("setup")
    assert before.code == 0
    assert "lerobot-sim setup tiny: counts" in before.out
    assert command("setup", "tiny", "--no-smoke-run").code == 0
    after = command("setup", "--list").out
    assert "up to date" in after
    assert "tiny-engine 1.0" in after
    assert json.loads(command("setup", "--list", "--json").out)["simulators"]["tiny"]["smoke"] is None
    lock(tiny_simulator / "tiny.lock", wheel(tiny_simulator / "wheels", "tiny-engine", "1.1"))
    assert "out of date" in command("setup", "--list").out


def test_remove(tiny_simulator, command):
    assert command("setup", "tiny", "--no-smoke-run").code == 0
    place, (own, shared) = tiny().place, disk_use(tiny().place)
    assert shared > 0
    told = command("setup", "tiny", "--remove", "--json")
    facts = json.loads(told.out)
    assert (facts["removed_bytes"], facts["cached_bytes"]) == ({"tiny": own}, {"tiny": shared})
    assert f"tiny: removed, {size_words(own)}; {size_words(shared)} stay in uv's cache" in told.err
    assert not place.exists()
    again = command("setup", "all", "--remove")
    assert again.code == 0
    assert "was not set up" in again.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tinny",), ("'tinny'", "'tiny'")),
        (("tiny", "--remove", "--reinstall"), ("exclude",)),
        (("--remove",), ("Which simulator",)),
        (("--reinstall",), ("Which simulator",)),
    ],
)
def test_bad_input(tiny_simulator, command, arguments, words):
    said = command("setup", *arguments)
    assert said.code == 2
    assert all(word in said.err for word in words)


def test_what_uv_says_is_told_in_one_error(tiny_simulator, command):
    (tiny_simulator / "tiny.lock").write_text("tiny-engine==9.9 --hash=sha256:" + "0" * 64)
    said = command("setup", "tiny")
    assert said.code == 1
    assert "lerobot-sim: uv could not build" in said.err
    assert "9.9" in said.err
    assert tiny().verdict == "missing"


def test_a_command_without_a_terminal_names_the_setup(tiny_simulator, tmp_path):
    command, variables = in_a_process(*COLLECT, "--output-dir", tmp_path / "out")
    ran = subprocess.run(command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "lerobot-sim setup tiny" in ran.stderr
    assert "[Y/n]" not in ran.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", ["--yes", "variable"])
def test_a_command_sets_up_what_it_misses_and_goes_on(tiny_simulator, tmp_path, how):
    command, variables = in_a_process(
        *COLLECT, "--output-dir", tmp_path / "out", *(["--yes"] if how == "--yes" else [])
    )
    variables |= {"LEROBOT_SIM_SETUP": "yes"} if how == "variable" else {}
    ran = subprocess.run(command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=250)
    assert ran.returncode == 0, ran.stderr
    assert "tiny-engine 1.0" in ran.stdout
    assert json.loads((tmp_path / "out" / "meta" / "info.json").read_text())["total_episodes"] == 2


@pytest.mark.parametrize(("answer", "done"), [("\n", True), ("n\n", False)])
def test_on_a_terminal_it_is_asked(tiny_simulator, tmp_path, answer, done):
    command, variables = in_a_process(*COLLECT, "--output-dir", tmp_path / "out")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, env=variables, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    _, errors = process.communicate(timeout=250)
    os.close(ours)
    assert "Set it up now? [Y/n]" in errors
    assert process.returncode == (0 if done else 1), errors
    assert (tmp_path / "out").exists() == done
    assert tiny().usable == done


def test_no_means_no(tiny_simulator, tmp_path):
    command, variables = in_a_process(*COLLECT, "--output-dir", tmp_path / "out")
    ours, theirs = pty.openpty()
    ran = subprocess.run(
        command, env={**variables, "LEROBOT_SIM_SETUP": "no"}, stdin=theirs, capture_output=True, text=True, timeout=250
    )
    os.close(ours)
    os.close(theirs)
    assert ran.returncode == 1
    assert "[Y/n]" not in ran.stderr
    assert "lerobot-sim setup tiny" in ran.stderr


def test_a_simulator_that_does_not_run_is_set_up_once_and_told(tiny_simulator, tmp_path):
    command, variables = in_a_process(*COLLECT, "--yes", "--output-dir", tmp_path / "out")
    ran = subprocess.run(
        command,
        env={**variables, "TINY_BREAKS": "reset"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert ran.returncode == 1
    assert "its smoke run failed" in ran.stderr
    assert "cannot be reset" in ran.stderr
    assert not (tmp_path / "out").exists()


def test_a_family_that_runs_in_this_process_needs_no_setup(house, command):
    """EnvHub's: it shares gymnasium's lock, and has no task that could be tried."""
    pytest.importorskip("gymnasium", reason="then it does not run in this process: make env")
    said = command("setup", "hub")
    assert said.code == 0, said.err
    assert "hub: runs in this process, nothing to set up" in said.out
    facts = json.loads(command("setup", "hub", "--json").out)["simulators"]["hub"]
    assert (facts["works"], facts["built"], facts["in_this_process"], facts["command"]) == (True, False, True, None)
    listed = command("setup", "--list", "hub").out
    assert "in this process" in listed
    assert "lerobot-sim setup hub" not in listed
    both = command("setup", "--list", "gymnasium", "metaworld").out
    assert both.count("in this process") == 1
    assert "lerobot-sim setup gymnasium" in both  # for what cannot be imported here
    assert "no environment of its own" in command("setup", "hub", "--remove").out
    assert [finding.verdict for finding in look({"hub": registry.FAMILIES["hub"]}, run=True, asked=True)] == ["ok"]
    assert not (house / "home").exists()


def test_a_family_that_shares_anothers_environment_has_that_one_set_up(tiny_simulator, command, monkeypatch):
    guest = Family(name="guest", packages=("guest_engine",), lock="tiny", about="lives with tiny")
    monkeypatch.setitem(sys.modules, "guest_of_tiny", SimpleNamespace(FAMILY=guest, tasks=lambda: ()))
    monkeypatch.setattr(registry, "FAMILIES", {**registry.FAMILIES, "guest": "guest_of_tiny"})
    assert "lerobot-sim setup guest: lives with tiny (in the environment of tiny)" in command("setup", "--list").out
    said = command("setup", "guest")
    assert said.code == 0, said.err
    assert "guest: runs in the environment of 'tiny'" in said.out
    assert "smoke run of tiny/count" in said.out
    assert tiny().usable
    command("setup", "guest", "--remove")
    assert tiny().usable
