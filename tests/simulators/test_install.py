"""Environments of simulators: built, found, renewed, removed, from wheels made on the spot."""

import json
import re
import subprocess
from dataclasses import replace

import pytest

from lerobot_sim import registry
from lerobot_sim.errors import InputError
from lerobot_sim.simulators.families import catalogue
from lerobot_sim.simulators.host import install_record
from lerobot_sim.simulators.host.install import NotSetUpError, python_of, setup_command, state_of
from lerobot_sim.simulators.host.install_build import disk_use, install, remove
from lerobot_sim.simulators.host.install_places import data_home, environments_folder, lock_file
from lerobot_sim.simulators.host.install_uv import UvError
from tests.simulators.wheels import family, house, lock, wheel

__all__ = ["house"]


@pytest.fixture
def tiny(house):
    wheels = [wheel(house / "wheels", "tiny"), wheel(house / "wheels", "other-thing", "2.1")]
    return family(lock(house / "tiny.lock", *wheels))


def imported(python, *names):
    code = f"import {', '.join(names)}; print({names[0]}.VERSION)"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, env={"PATH": ""}).stdout.strip()


def left_over():
    return sorted(each.name for each in environments_folder().iterdir() if each.suffix != ".busy")


def test_what_is_not_set_up_is_told_with_the_command(tiny):
    with pytest.raises(NotSetUpError, match="lerobot-sim setup tiny") as caught:
        python_of(tiny)
    assert caught.value.family is tiny
    assert state_of(tiny).verdict == "missing"


def test_an_environment_holds_what_the_lock_names_and_says_so(tiny):
    phases = []
    state = install(tiny, phases.append)
    record = state.record
    assert record.size_bytes == sum(disk_use(state.place)) - (state.place / install_record.NAME).stat().st_size
    assert state.verdict == "current"
    assert imported(python_of(tiny), "tiny", "other_thing") == "1.0"
    assert record.versions == {"tiny": "1.0", "other-thing": "2.1"}
    assert record.simulator == "tiny 1.0"
    assert record.python.startswith("3.12")
    assert 0 < record.seconds < 60
    assert {"python", "install", "move"} <= {phase.name for phase in phases}
    assert max(phase.packages for phase in phases) == 2
    assert left_over() == ["tiny"]


def test_a_second_setup_does_nothing_unless_told_to(tiny):
    first = install(tiny)
    assert install(tiny).record == first.record
    again = install(tiny, reinstall=True)
    assert again.verdict == "current"
    assert again.place.stat().st_ino != first.place.stat().st_ino or again.record != first.record


def test_scripts_of_an_environment_work_in_the_place_that_it_was_moved_to(house):
    files = {
        "tiny-1.0.dist-info/entry_points.txt": "[console_scripts]\ntiny-says = tiny.said:main\n",
        "tiny/said.py": "def main(): print('said')\n",
    }
    made = family(lock(house / "tiny.lock", wheel(house / "wheels", "tiny", files=files)))
    script = install(made).place / "bin" / "tiny-says"
    assert subprocess.run([script], capture_output=True, text=True).stdout == "said\n"


def test_another_lock_makes_the_environment_old_and_setup_renews_it(house, tiny, caplog):
    install(tiny)
    lock(house / "tiny.lock", wheel(house / "wheels", "tiny", "1.1"))
    state = state_of(tiny)
    assert state.verdict == "old"
    assert "older lock" in state.words
    assert imported(python_of(tiny), "tiny") == "1.0"  # it goes on working, and says so once
    python_of(tiny)
    assert [line for line in caplog.messages if setup_command(tiny) in line] == [caplog.messages[-1]]
    assert install(tiny).record.versions == {"tiny": "1.1"}
    assert imported(python_of(tiny), "tiny") == "1.1"
    assert left_over() == ["tiny"]


def test_line_ends_of_a_lock_make_nothing_old(house, tiny):
    install(tiny)
    path = house / "tiny.lock"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert state_of(tiny).verdict == "current"


def test_a_package_that_is_not_the_one_of_the_lock_is_refused_and_what_was_there_stays(house, tiny):
    before = install(tiny)
    other = wheel(house / "wheels", "tiny", "1.1")
    lock(house / "tiny.lock", other)
    wheel(house / "wheels", "tiny", "1.1", size=1000)
    with pytest.raises(UvError, match="not the one that the lock names"):
        install(tiny)
    assert state_of(tiny).record == before.record
    assert imported(python_of(tiny), "tiny") == "1.0"


def test_a_lock_without_hashes_is_refused(house, tiny):
    (house / "tiny.lock").write_text("tiny==1.0\n")
    with pytest.raises(UvError, match="hash"):
        install(tiny)
    assert state_of(tiny).verdict == "missing"


def test_remove_leaves_nothing_and_says_how_much_that_was(tiny):
    state = install(tiny)
    own, shared = disk_use(state.place)
    assert own > 0
    assert remove(tiny) == (own, shared)
    assert left_over() == []
    assert state_of(tiny).verdict == "missing"
    assert remove(tiny) == (0, 0)


def test_an_environment_made_by_hand_is_used_and_named_so(tiny):
    install(tiny)
    (state_of(tiny).place / install_record.NAME).unlink()
    assert state_of(tiny).verdict == "by hand"
    assert imported(python_of(tiny), "tiny") == "1.0"


def test_an_environment_whose_python_has_gone_is_broken_and_setup_mends_it(tiny, house):
    python = install(tiny).place / "bin" / "python"
    python.unlink()
    python.symlink_to(house / "nowhere")
    with pytest.raises(NotSetUpError, match=r"cannot run.*lerobot-sim setup tiny"):
        python_of(tiny)
    assert install(tiny).verdict == "current"
    assert imported(python_of(tiny), "tiny") == "1.0"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 1}', '{"schema": 99}'])
def test_a_damaged_record_is_none(tiny, content):
    place = install(tiny).place
    (place / install_record.NAME).write_text(content)
    assert state_of(tiny).verdict == "by hand"


def test_families_of_one_lock_share_an_environment(tiny):
    install(tiny)
    assert python_of(replace(tiny, name="twin")) == python_of(tiny)


def test_a_lock_that_is_not_there_is_told(tiny):
    with pytest.raises(InputError, match=r"No lock 'nothing.lock'"):
        install(replace(tiny, lock="nothing"))


def test_where_environments_are(monkeypatch, tmp_path):
    monkeypatch.setenv("LEROBOT_SIM_HOME", str(tmp_path / "chosen"))
    assert data_home() == tmp_path / "chosen"
    monkeypatch.delenv("LEROBOT_SIM_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("sys.platform", "linux")
    assert data_home() == tmp_path / "data" / "lerobot-sim"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")  # the XDG specification: to be ignored
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_home() == tmp_path / ".local" / "share" / "lerobot-sim"


def test_every_family_ships_a_lock_that_pins_by_hash_and_names_no_index():
    for module in registry.FAMILIES.values():
        made = catalogue(module).FAMILY
        text = lock_file(made).read_text()
        assert "://" not in text, made.name
        pinned = re.findall(r"^([\w.\-\[\]]+)==", text, re.MULTILINE)
        assert len(pinned) == len(re.findall(r"\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text)), made.name
        sizes = json.loads(lock_file(made).with_name("sizes.json").read_text())
        assert sizes[made.lock]["size_bytes"] > 1e7
