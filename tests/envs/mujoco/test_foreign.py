"""A user's own model of a robot in the place of ours, for the same tasks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import mujoco
import numpy as np
import pytest

from lerobot_sim import make, registry
from lerobot_sim.cli.main import main
from lerobot_sim.envs.mujoco.robots.catalogue import robot
from lerobot_sim.envs.mujoco.robots.foreign import load
from lerobot_sim.envs.mujoco.scene import scene_with
from lerobot_sim.envs.mujoco.tasks import lift
from lerobot_sim.errors import InputError, UnknownNameError
from lerobot_sim.spec import STATE

from .foreign_models import exported, panda, so_arm100, written
from .tasks.trials import HELD_OUT, run, solved

TOML = """
model = "model.xml"
joints = ["a1", "a2", "a3", "a4", "a5", "a6", "a7"]
gripper_joint = "slide"
gripper_actuator = "grip"
tip_body = "palm"
tip_position = [0, 0, 0.1034]
tip_approach = [0, 0, 1]
tip_sideways = [0, 1, 0]
fingers = [["right_finger"], ["left_finger"]]
"""
RENAMED = {
    **{f"joint{n}": f"a{n}" for n in range(1, 8)},
    "finger_joint1": "slide",
    "actuator8": "grip",
    "hand": "palm",
}


def same_start(env, ours) -> None:
    """Both begin with the tip at the same place, and call their numbers the same."""
    assert env.spec.observation == ours.spec.observation
    names = env.spec.observation[STATE].names
    lanes, seeds = np.arange(2), np.arange(2)
    tip = [names.index(f"tip.{axis}") for axis in "xyz"]
    begun, expected = (one.reset(lanes, seeds)[STATE] for one in (env, ours))
    np.testing.assert_allclose(begun[:, tip], expected[:, tip], atol=0.003)
    np.testing.assert_allclose(begun[:, names.index("gripper.pos")], 1.0, atol=0.02)


@pytest.mark.parametrize("name", ["so100", "panda"])
def test_our_own_robot_from_a_file_does_the_same(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / "own.xml", exported(name))
    env, ours = (make("mujoco/lift", 2, robot=name, **options) for options in ({"model_path": path}, {}))
    same_start(env, ours)
    assert env.spec.action == ours.spec.action
    expected, found = (solved(run("mujoco/lift", HELD_OUT, robot=name, **o)) for o in ({}, {"model_path": path}))
    assert found == expected >= 38


def test_a_panda_of_menageries_layout_lifts(tmp_path: Path) -> None:
    path = written(tmp_path / "panda.xml", panda())
    same_start(make("mujoco/lift", 2, model_path=path), make("mujoco/lift", 2))
    (arm,) = robot("panda", path).arms
    assert (arm.gripper_closed, arm.gripper_open) == (0, 255)
    np.testing.assert_allclose(arm.travel, (0.0, 0.04), atol=0.001)
    assert arm.gripper_rest == pytest.approx({"robot/finger_joint2": 0.04}, abs=0.001)
    assert solved(run("mujoco/lift", HELD_OUT, model_path=path)) >= 38


def test_an_so_arm_of_menageries_layout_lifts_wherever_its_file_puts_it(tmp_path: Path) -> None:
    path = written(tmp_path / "so_arm100.xml", so_arm100())
    options = {"robot": "so100", "model_path": path}
    same_start(make("mujoco/lift", 2, **options), make("mujoco/lift", 2, robot="so100"))
    assert solved(run("mujoco/lift", HELD_OUT, **options)) >= 38


def test_two_arms_from_a_file(tmp_path: Path) -> None:
    path = written(tmp_path / "aloha.xml", exported("aloha"))
    env, ours = make("mujoco/aloha-transfer", 2, model_path=path), make("mujoco/aloha-transfer", 2)
    assert env.spec.observation == ours.spec.observation
    assert env.spec.action == ours.spec.action
    assert solved(run("mujoco/aloha-transfer", HELD_OUT[:10], model_path=path)) >= 9


def test_a_toml_file_names_what_no_layout_knows(tmp_path: Path) -> None:
    written(tmp_path / "model.xml", panda(RENAMED))
    path = written(tmp_path / "mine.toml", TOML)
    assert solved(run("mujoco/lift", HELD_OUT, model_path=path)) >= 38


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"slide"', '"slip"', "slide"),
        ('"palm"', '"plam"', "palm"),
        ('"left_finger"', '"left_thumb"', "left_finger"),
        ("gripper_joint", "griper_joint", "gripper_joint"),
        ('tip_body = "palm"\n', "", "tip_site or tip_body"),
        ('"grip"', '"actuator1"', "does not move 'slide'"),
        ("[0, 0, 0.1034]", "[0, 0, 5]", "does not reach"),
        ("tip_sideways = [0, 1, 0]", "tip_sideways = [0, 0, 1]", "same direction"),
        ('model = "model.xml"', "", "needs the key 'model'"),
    ],
)
def test_a_toml_file_that_is_wrong_is_told_what_there_is(tmp_path: Path, old: str, new: str, said: str) -> None:
    written(tmp_path / "model.xml", panda(RENAMED))
    assert old in TOML
    with pytest.raises((InputError, UnknownNameError), match=said):
        robot("panda", written(tmp_path / "mine.toml", TOML.replace(old, new)))


def test_an_unknown_layout_is_told_what_it_lacks_and_has(tmp_path: Path) -> None:
    path = written(tmp_path / "model.xml", panda(RENAMED))
    with pytest.raises(InputError, match=r"franka_emika_panda it lacks: joint joint1, .*TOML.*It has joint: a1, "):
        robot("panda", path)
    motors = panda().replace('biasprm="0 -4500 -450"', "")
    with pytest.raises(InputError, match="'actuator1' is no position servo"):
        robot("panda", written(tmp_path / "motors.xml", motors))
    with pytest.raises(InputError, match=r"expected an MJCF file"):
        robot("panda", str(tmp_path / "none.xml"))
    with pytest.raises(InputError, match="MuJoCo cannot read"):
        robot("panda", written(tmp_path / "broken.xml", "<mujoco>"))


def test_the_physics_are_ours_and_the_scene_of_the_file_stays_out(tmp_path: Path) -> None:
    extra = (
        '<geom name="ground" type="plane" size="1 1 1"/><camera name="front" pos="0 0 1"/>'
        '<body name="cube" pos="0 0 2"><freejoint/><geom size="0.1"/></body>'
    )
    path = written(tmp_path / "scene.xml", panda(extra=extra, options='gravity="0 0 -1"'))
    model = scene_with(robot("panda", path)).compile()
    ours = scene_with(robot("panda")).compile()
    for field in ("timestep", "integrator", "solver", "iterations", "cone", "impratio", "disableflags"):
        assert getattr(model.opt, field) == getattr(ours.opt, field), field
    assert model.opt.gravity.tolist() == ours.opt.gravity.tolist()
    assert (model.nlight, model.nkey, model.nq) == (ours.nlight, 0, 9)
    assert mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, "robot/ground") < 0
    index = model.actuator("robot/actuator1").id  # their gains stay
    assert model.actuator_gainprm[index, 0] == 4500
    assert len({geom.name for geom in load(Path(path)).geoms}) == len(load(Path(path)).geoms)


def with_mesh(folder: Path, size: float = 0.02) -> str:
    """A Panda whose hand has a mesh of its own folder."""
    corners = [(size, 0, 0), (0, size, 0), (0, 0, size), (-size, -size, -size)]
    faces = "f 1 2 3\nf 1 4 2\nf 2 4 3\nf 3 4 1\n"
    written(folder / "parts" / "knob.obj", "".join(f"v {x} {y} {z}\n" for x, y, z in corners) + faces)
    xml = panda().replace('autolimits="true"/>', 'autolimits="true" meshdir="parts"/>')
    xml = xml.replace("<worldbody>", '<asset><mesh name="knob" file="knob.obj"/></asset><worldbody>')
    knob = '<geom type="mesh" mesh="knob" contype="0" conaffinity="0" mass="0"/>'
    return written(folder / "panda.xml", xml.replace('<body name="hand"', f'{knob}<body name="hand"'))


def test_an_environment_tells_its_models_contents_and_is_remade_only_of_the_same(tmp_path: Path) -> None:
    path = with_mesh(tmp_path / "here")
    spec = make("mujoco/lift", 1, model_path=path).spec
    assert spec.options["model_path"] == path
    assert registry.remake(spec.id, spec.options).spec == spec
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    moved = make("mujoco/lift", 1, model_path=str(tmp_path / "there/panda.xml")).spec
    assert moved.options["model_sha256"] == spec.options["model_sha256"]
    with_mesh(tmp_path / "here", size=0.03)
    with pytest.raises(InputError, match="has changed"):
        registry.remake(spec.id, spec.options)


def test_a_state_goes_on_to_the_same_bytes_in_the_middle_of_a_grasp(tmp_path: Path) -> None:
    path = with_mesh(tmp_path)
    lanes, active = np.arange(2), np.ones(2, np.bool_)
    env, other = (make("mujoco/lift", 2, model_path=path, threads=1) for _ in range(2))
    policy = registry.make_policy("expert", env.spec)
    observation = env.reset(lanes, lanes)
    policy.reset(lanes, lanes)
    actions = []
    for tick in range(60):
        actions.append(policy.act(observation, active).action)
        if tick == 45:
            other.reset(lanes, lanes + 7)
            other.set_state(lanes, env.get_state(lanes))
        observation = env.step(actions[-1], active).observation
        if tick >= 45:
            again = other.step(actions[-1], active).observation
            assert all(again[name].tobytes() == value.tobytes() for name, value in observation.items())
    assert observation["observation.environment_state"][:, -1].all()  # it is held


def test_the_lift_task_knows_the_robot_by_its_name(tmp_path: Path) -> None:
    path = written(tmp_path / "own.xml", exported("so100"))
    with pytest.raises(InputError, match="no known layout of 'panda'"):
        lift.task("panda", model_path=path)
    with pytest.raises(UnknownNameError):
        lift.task("aloha", model_path=path)


@pytest.mark.parametrize("option", ["--robot.model-path", "--robot.model_path"])
def test_commands_take_it(tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "own.xml", exported("so100"))
    who = ["lift", "--robot", "so100", option, path, "--seed", "0", "--json"]
    assert main(["collect", *who, "--episodes", "2", "--output-dir", str(tmp_path / "set")]) == 0
    assert main(["eval", *who, "--policy", "expert", "--episodes", "2", "--output-dir", str(tmp_path / "eval")]) == 0
    options = json.loads((tmp_path / "eval/run.json").read_text())["tasks"][0]["env_options"]
    assert options["model_path"] == path
    assert len(options["model_sha256"]) == 64
    assert "model_sha256" in "".join(file.read_text() for file in (tmp_path / "set").rglob("*.json"))
