"""Evaluations over somebody else's simulator write down its versions, and keep to them."""

import json
from importlib.metadata import version

import pytest

from lerobot_sim.evaluation.provenance import simulator_versions
from lerobot_sim.simulators.host import install_record
from lerobot_sim.simulators.host.install import NotSetUpError, state_of
from tests.simulators.wheels import house, lock, numpy_wheel, tiny_simulator, wheel

__all__ = ["house", "numpy_wheel", "tiny_simulator"]


def evaluate(command, out, *more):
    return command(
        "eval",
        "tiny/count",
        "--policy",
        "random",
        "--episodes",
        "2",
        "--output-dir",
        out,
        "--metrics",
        "path_length",
        *more,
    )


@pytest.mark.slow
def test_a_folder_of_another_version_of_the_simulator_is_refused(tiny_simulator, command, tmp_path):
    said = evaluate(command, tmp_path / "e")
    assert said.code == 1
    assert "lerobot-sim setup tiny" in said.err
    assert not (tmp_path / "e").exists()

    assert command("setup", "tiny", "--no-smoke-run").code == 0
    said = evaluate(command, tmp_path / "e")
    assert said.code == 0, said.err
    run = json.loads((tmp_path / "e/run.json").read_text())
    expected = {"tiny/numpy": version("numpy"), "tiny/tiny-engine": "1.0"}
    assert expected.items() <= run["versions"].items()
    assert expected.items() <= run["settings"]["versions"].items()

    from tiny_simulator import FAMILY

    (state_of(FAMILY).place / install_record.NAME).unlink()  # as if somebody had made it by hand
    assert simulator_versions(["tiny/count", "numpy/reach"]) == expected
    assert evaluate(command, tmp_path / "e").code == 0

    lock(tiny_simulator / "tiny.lock", wheel(tiny_simulator / "wheels", "tiny-engine", "1.1"))
    assert command("setup", "tiny", "--no-smoke-run").code == 0
    said = evaluate(command, tmp_path / "e")
    assert said.code == 1
    assert "versions.tiny/tiny-engine: 1.0 there, 1.1 now" in said.err


def test_a_simulator_of_this_process_has_its_versions_too():
    assert simulator_versions(["gymnasium/CartPole-v1"])["gymnasium/gymnasium"] == version("gymnasium")
    assert simulator_versions(["numpy/push-t", "mujoco/lift"]) == {}


def test_a_simulator_that_is_not_set_up_is_told(tiny_simulator):
    with pytest.raises(NotSetUpError, match="lerobot-sim setup tiny"):
        simulator_versions(["tiny/count"])
