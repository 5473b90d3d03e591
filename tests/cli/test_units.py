"""`--units`: where it fits, and what is said where it does not; and the trust that every command takes."""

import os

import pytest

from lerobot_sim.cli.main import main
from lerobot_sim.cli.options import with_units
from lerobot_sim.cli.trust import taken
from lerobot_sim.errors import InputError

TRUST = "LEROBOT_SIM_TRUST_REMOTE_CODE"


def test_units_are_a_controller():
    assert with_units("environment", ("reward=sparse",)) == ("reward=sparse",)
    assert with_units("lerobot", (), "mujoco/lift") == ("controller=lerobot_degrees",)
    assert with_units("range_m100_100", ("reward=sparse",))[-1] == "controller=lerobot_range_m100_100"
    with pytest.raises(InputError, match="controller"):
        with_units("degrees", ("controller=joint_delta",))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["collect", "push-t", "--units", "degrees"], "take mujoco/aloha-transfer"),
        (["collect", "mujoco/lift", "--units", "degrees", "--option", "controller=joint_delta"], "leave --option"),
        (["eval", "mujoco/lift", "--units", "degrees", "--policy", "expert"], "collect --units"),
        (["collect", "push-t", "--trust-remote-code=perhaps"], "true or false"),
    ],
)
def test_what_does_not_fit_is_one_line(arguments, said, tmp_path, capsys):
    assert main([*arguments, "--output-dir", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_trust_is_taken_out_of_the_arguments(monkeypatch):
    monkeypatch.setenv(TRUST, "")
    assert taken(["a", "--trust-remote-code", "b"]) == ["a", "b"]
    assert os.environ[TRUST] == "1"
    assert taken(["--trust_remote_code=false"]) == []
    assert os.environ[TRUST] == ""
