"""`lerobot-sim doctor`: what works, what is missing, and the command that mends it."""

import json
import os
import struct
import sys
from importlib.util import find_spec

import pytest

from lerobot_sim.cli.doctor_findings import ChildError, ask
from lerobot_sim.cli.doctor_model_files import missing_files
from tests.simulators.wheels import house, lock, numpy_wheel, tiny_simulator, wheel

__all__ = ["house", "numpy_wheel", "tiny_simulator"]

MODEL = """<mujoco><worldbody><camera name="front" pos="0 -1 1"/>
  <body name="arm" pos="0 0 1"><joint name="hinge" axis="0 1 0"/><geom name="rod" size=".02 .1" type="capsule"/>
  <site name="tip"/></body></worldbody>
  <actuator><motor name="turn" joint="hinge" ctrlrange="-1 1"/></actuator>
  <sensor><jointpos joint="hinge"/></sensor></mujoco>"""


def found(said):
    """{name: (verdict, words, mend)} of all parts, and the whole answer."""
    answer = json.loads(said.out)
    return {each["name"]: each for part in answer["parts"].values() for each in part}, answer


def test_everything_is_looked_at_and_the_machine_of_the_tests_is_fine(tiny_simulator, command):
    said = command("doctor")
    assert said.code == 0, said.out
    for heading in ("Simulators", "Rendering", "Video", "Packages", "Machine"):
        assert f"\n{heading}\n" in said.out
    assert "not set up  → lerobot-sim setup tiny" in said.out
    assert "this one is used" in said.out
    assert "h264" in said.out
    assert said.out.rstrip().endswith("All that was asked for works.")


def test_a_simulator_that_was_named_and_is_not_there_is_broken(tiny_simulator, command):
    said = command("doctor", "tiny", "--json")
    facts, answer = found(said)
    assert said.code == 1
    assert facts["tiny"]["verdict"] == "broken"
    assert answer["mend"] == ["lerobot-sim setup tiny"]
    assert list(answer["parts"]) == ["Simulators"]


def test_run_really_runs_it(tiny_simulator, command, monkeypatch):
    assert command("setup", "tiny", "--no-smoke-run").code == 0
    assert "not tried yet" in command("doctor", "tiny").out
    said = command("doctor", "tiny", "--run")
    assert said.code == 0
    assert "runs: start" in said.out
    assert "ran on" in command("doctor", "tiny").out
    monkeypatch.setenv("TINY_BREAKS", "reset")
    said = command("doctor", "tiny", "--run", "--json")
    facts, answer = found(said)
    assert said.code == 1
    assert "cannot be reset" in facts["tiny"]["words"]
    assert answer["mend"] == ["lerobot-sim setup tiny --reinstall"]


def test_an_old_environment_and_one_that_lost_its_python(tiny_simulator, command):
    assert command("setup", "tiny", "--no-smoke-run").code == 0
    lock(tiny_simulator / "tiny.lock", wheel(tiny_simulator / "wheels", "tiny-engine", "1.1"))
    facts, _ = found(command("doctor", "tiny", "--json"))
    assert facts["tiny"]["verdict"] == "note"
    assert "out of date" in facts["tiny"]["words"]
    python = tiny_simulator / "home" / "simulators" / "tiny" / "bin" / "python"
    python.unlink()
    said = command("doctor", "tiny", "--json")
    assert said.code == 1
    assert "cannot run" in found(said)[0]["tiny"]["words"]


def test_an_unknown_simulator(tiny_simulator, command):
    said = command("doctor", "tinny")
    assert said.code == 2
    assert "'tiny'" in said.err


def test_rendering_that_is_switched_off_is_broken(command, monkeypatch):
    from lerobot_sim.cli.doctor_pictures import rendering

    monkeypatch.setenv("MUJOCO_GL", "off")
    (finding,) = rendering()
    assert finding.verdict == "broken"
    assert finding.mend == "unset MUJOCO_GL"


def test_a_backend_that_cannot_draw_is_told_with_what_mends_it(monkeypatch):
    from lerobot_sim.cli.doctor_pictures import rendering

    if sys.platform != "linux" or os.environ.get("DISPLAY"):
        pytest.skip("needs Linux without a display, where GLFW cannot draw: unset DISPLAY")
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    (finding,) = rendering()
    assert finding.verdict == "broken"
    assert "DISPLAY" in finding.mend


def test_a_model_that_is_fine(command, tmp_path):
    path = tmp_path / "arm.xml"
    path.write_text(MODEL)
    said = command("doctor", "--model", path, "--json")
    facts, answer = found(said)
    assert said.code == 0
    assert list(answer["parts"]) == [f"Model {path}"]
    for name, words in {
        "bodies": "1: arm",
        "joints": "1: hinge",
        "actuators": "1: turn",
        "cameras": "1: front",
        "sites": "1: tip",
    }.items():
        assert facts[name]["words"] == words
    assert "1 without a name" in facts["sensors"]["words"]
    assert {each["verdict"] for each in facts.values()} == {"ok"}
    assert f"lerobot-sim collect {path} --policy random" in facts["environment"]["words"]


def test_every_missing_mesh_is_named_with_its_place(command, tmp_path):
    path = tmp_path / "arm.xml"
    (tmp_path / "parts.xml").write_text('<mujoco><asset><mesh name="c" file="c.stl"/></asset></mujoco>')
    meshes = '<mesh name="a" file="a.stl"/><mesh name="b" file="sub/b.obj"/>'
    assets = f'<compiler meshdir="meshes"/><asset>{meshes}</asset><include file="parts.xml"/>'
    path.write_text(MODEL.replace("<mujoco>", f"<mujoco>{assets}"))
    said = command("doctor", "--model", path, "--json")
    _, answer = found(said)
    assert said.code == 1
    assert answer["mend"] == [f"put it at {tmp_path / 'meshes' / name}" for name in ("a.stl", "sub/b.obj", "c.stl")]


def test_urdf(command, tmp_path):
    path = tmp_path / "arm.urdf"
    inertia = '<inertia ixx="1" ixy="0" ixz="0" iyy="1" iyz="0" izz="1"/>'
    link = '<link name="{}"><inertial><mass value="1"/>' + inertia + "</inertial>{}</link>"
    shape = '<visual><geometry><mesh filename="package://arm/meshes/part.stl"/></geometry></visual>'
    limit = '<limit lower="-1" upper="1" effort="1" velocity="1"/>'
    between = '<parent link="a"/><child link="b"/><axis xyz="0 0 1"/>'
    joint = f'<joint name="j" type="revolute">{between}{limit}</joint>'
    path.write_text(f'<robot name="r">{link.format("a", "")}{link.format("b", "")}{joint}</robot>')
    facts, _ = found(command("doctor", "--model", path, "--json"))
    assert facts["joints"]["words"] == "1: j"
    assert facts["actuators"]["verdict"] == "note"
    path.write_text(f'<robot name="r">{link.format("a", shape)}{link.format("b", "")}{joint}</robot>')
    assert missing_files(path) == [("package://arm/meshes/part.stl", tmp_path / "part.stl")]
    assert command("doctor", "--model", path).code == 1


def test_a_compiled_model(command, tmp_path):
    import mujoco

    path = tmp_path / "arm.mjb"
    mujoco.mj_saveModel(mujoco.MjModel.from_xml_string(MODEL), str(path), None)
    facts, _ = found(command("doctor", "--model", path, "--json"))
    assert facts["actuators"]["words"] == "1: turn"
    path.write_bytes(struct.pack("<5i", 1, 2, 3, 4, 5) * 10)
    assert command("doctor", "--model", path).code == 1


@pytest.mark.parametrize(
    ("change", "name", "verdict", "words"),
    [
        (("<actuator>", "<actuator><wheel/>"), "MuJoCo", "broken", "wheel"),
        (
            ('<body name="arm"', '<geom name="block" size=".1" pos="0 0 1"/><body name="arm"'),
            "contacts",
            "note",
            "'block'",
        ),
        (('axis="0 1 0"/>', 'axis="0 1 0" stiffness="1e12"/>'), "stepping", "broken", "diverges"),
        (('<camera name="front" pos="0 -1 1"/>', ""), "cameras", "note", "no picture"),
    ],
)
def test_what_is_odd_about_a_model(command, tmp_path, change, name, verdict, words):
    path = tmp_path / "arm.xml"
    path.write_text(MODEL.replace(*change))
    if name == "stepping":  # away from the spring's rest
        path.write_text(path.read_text().replace("</mujoco>", '<keyframe><key qpos="1"/></keyframe></mujoco>'))
    said = command("doctor", "--model", path, "--json")
    finding = found(said)[0][name]
    assert finding["verdict"] == verdict
    assert words in finding["words"]
    assert said.code == (verdict == "broken")


@pytest.mark.parametrize("option", ["--model", "--scene"])
def test_a_file_that_is_not_there_or_of_another_kind(command, tmp_path, option):
    assert "there is no file" in command("doctor", option, tmp_path / "nothing.xml").out
    other = tmp_path / "other.txt"
    other.write_text("")
    said = command("doctor", option, other)
    assert said.code == 1
    assert "'.txt' came" in said.out


SCENE = """#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "World"
{
    def Cube "box" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"]) {}
    def Camera "front" {}
    def Xform "arm" (references = @./arm.usda@) {}
}
"""


def test_a_scene_without_a_reader_names_the_setup(command, tmp_path, monkeypatch):
    if find_spec("pxr") is not None:
        pytest.skip("pxr is installed here: run it in an environment without usd-core")
    monkeypatch.setenv("LEROBOT_SIM_HOME", str(tmp_path / "home"))
    path = tmp_path / "scene.usda"
    path.write_text(SCENE)
    said = command("doctor", "--scene", path, "--json")
    assert said.code == 1
    assert found(said)[1]["mend"] == ["lerobot-sim setup isaac-lab"]


def test_a_scene(command, tmp_path):
    from lerobot_sim import registry
    from lerobot_sim.simulators.families import catalogue
    from lerobot_sim.simulators.host.install import state_of

    state = state_of(catalogue(registry.FAMILIES["isaac-lab"]).FAMILY)
    if not state.usable:
        pytest.skip(f"{state.words} Set it up with: lerobot-sim setup isaac-lab")
    path = tmp_path / "scene.usda"
    path.write_text(SCENE)
    said = command("doctor", "--scene", path, "--json")
    facts, answer = found(said)
    assert said.code == 1
    assert "arm.usda" in answer["mend"][0]
    assert facts["cameras"]["words"] == "1: front"
    assert facts["rigid bodies"]["words"] == "1: box"
    assert "Z is up, 1 m a unit" in facts["USD"]["words"]
    (tmp_path / "arm.usda").write_text('#usda 1.0\n(defaultPrim = "Arm")\ndef Xform "Arm" {}\n')
    assert command("doctor", "--scene", path).code == 0
    path.write_text("#usda 1.0\ndef Xform {")
    assert "cannot be read" in command("doctor", "--scene", path).out


def test_a_process_that_crashes_hangs_or_is_silent_is_told():
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    for code, words in ((crash, "SIGSEGV"), ("print('hello')", "hello"), ("raise SystemExit('no')", "exit code 1: no")):
        with pytest.raises(ChildError, match=words):
            ask([sys.executable, "-c", code])
    with pytest.raises(ChildError, match="did not end"):
        ask([sys.executable, "-c", "import time; time.sleep(60)"], limit_s=0.5)
    with pytest.raises(ChildError, match="could not be started"):
        ask(["/nowhere/python"])
