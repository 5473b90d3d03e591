"""Where packages come from is what the user has set, for uv or for pip."""

import os

import pytest

from lerobot_sim.simulators.host.install import state_of
from lerobot_sim.simulators.host.install_build import install
from lerobot_sim.simulators.host.install_index import environment_of_uv, pip_settings
from lerobot_sim.simulators.host.install_uv import UvError
from tests.simulators.wheels import family, house, lock, wheel

__all__ = ["house"]


@pytest.fixture
def nothing_set(monkeypatch, tmp_path):
    """A home without settings, and pip's file as the only one."""
    for name in os.environ:
        if name.startswith(("UV_", "PIP_")) or name in ("SSL_CERT_FILE", "ALL_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "pip.conf"
    monkeypatch.setenv("PIP_CONFIG_FILE", str(path))
    return path


def test_pips_settings_are_read_from_its_file_and_variables_overrule_it(nothing_set, monkeypatch):
    nothing_set.write_text(
        "[global]\nindex-url = https://one.example/simple\ntimeout = 20\n"
        "[install]\nextra-index-url = https://two.example/simple\n  https://three.example/simple\n"
    )
    assert pip_settings()["index-url"] == "https://one.example/simple"
    found = environment_of_uv()
    assert found["UV_DEFAULT_INDEX"] == "https://one.example/simple"
    assert found["UV_INDEX"] == "https://two.example/simple https://three.example/simple"
    assert found["UV_HTTP_TIMEOUT"] == "20"
    monkeypatch.setenv("PIP_INDEX_URL", "https://four.example/simple")
    assert environment_of_uv()["UV_DEFAULT_INDEX"] == "https://four.example/simple"


def test_settings_of_uv_leave_pips_out(nothing_set, monkeypatch, tmp_path):
    nothing_set.write_text("[global]\nindex-url = https://one.example/simple\n")
    monkeypatch.setenv("UV_INDEX", "https://five.example/simple")
    assert "UV_DEFAULT_INDEX" not in environment_of_uv()
    assert environment_of_uv()["UV_INDEX"] == "https://five.example/simple"
    monkeypatch.delenv("UV_INDEX")
    (tmp_path / "config" / "uv").mkdir(parents=True)
    (tmp_path / "config" / "uv" / "uv.toml").write_text('index-url = "https://six.example/simple"\n')
    assert "UV_DEFAULT_INDEX" not in environment_of_uv()


def test_variables_that_choose_versions_or_places_do_not_reach_uv(nothing_set, monkeypatch):
    for name in (
        "UV_PYTHON",
        "UV_SYSTEM_PYTHON",
        "UV_EXCLUDE_NEWER",
        "UV_CONSTRAINT",
        "UV_PROJECT_ENVIRONMENT",
        "VIRTUAL_ENV",
    ):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("UV_CACHE_DIR", "/cache")
    found = environment_of_uv()
    assert found["UV_CACHE_DIR"] == "/cache"
    assert not {
        "UV_PYTHON",
        "UV_SYSTEM_PYTHON",
        "UV_EXCLUDE_NEWER",
        "UV_CONSTRAINT",
        "UV_PROJECT_ENVIRONMENT",
        "VIRTUAL_ENV",
    } & set(found)


def test_a_file_of_pip_that_cannot_be_read_changes_nothing(nothing_set):
    nothing_set.write_bytes(b"[global\nindex-url")
    assert pip_settings() == {}


def test_packages_come_from_where_pip_is_set_to(house, nothing_set, monkeypatch):
    """A real setup; the folder is relative, and uv runs in another."""
    monkeypatch.setenv("UV_CACHE_DIR", str(house / "cache"))
    monkeypatch.chdir(house)
    made = family(lock(house / "tiny.lock", wheel(house / "wheels", "tiny")))
    nothing_set.write_text("[global]\nno-index = true\n")
    with pytest.raises(UvError, match="tiny"):
        install(made)
    monkeypatch.setenv("PIP_FIND_LINKS", "wheels")
    assert install(made).verdict == "current"


def test_settings_of_the_project_in_whose_folder_we_run_do_not_count(house, monkeypatch):
    (house / "project").mkdir()
    (house / "project" / "uv.toml").write_text('find-links = ["/nowhere"]\nexclude-newer = "2001-01-01T00:00:00Z"\n')
    monkeypatch.chdir(house / "project")
    made = family(lock(house / "tiny.lock", wheel(house / "wheels", "tiny")))
    assert install(made).verdict == "current"
    assert state_of(made).record.versions == {"tiny": "1.0"}
