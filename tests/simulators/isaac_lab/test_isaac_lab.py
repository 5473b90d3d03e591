"""The catalogue, options, scene and tasks of isaac-lab, without Isaac Lab."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerobot_sim import registry
from lerobot_sim.errors import InputError, UnknownNameError
from lerobot_sim.experts import isaac_lab as expert
from lerobot_sim.simulators import isaac_lab
from lerobot_sim.simulators.isaac_lab import arm, scene_text, views
from lerobot_sim.simulators.isaac_lab.guide import is_guide
from lerobot_sim.simulators.isaac_lab.scene import find
from lerobot_sim.simulators.isaac_lab.task import CATALOGUE, Seen, home, judge, observe, start, targets
from tests.simulators.isaac_lab.guide import CONFIG

SCENE = find("", "", isaac_lab.FAMILY)
STATE, PLACE = "observation.state", "observation.environment_state"


def camera(**changes):
    return {"name": "side", "position": [1, 0, 1], "target": [0, 0, 0], "resolution": [64, 48], **changes}


def refused(match, task="lift-cube", kind=InputError, **options):
    with pytest.raises(kind, match=match):
        isaac_lab.spec(task, **options)


def test_every_task_has_a_spec_and_words_of_the_guides_lead_to_it():
    assert list(isaac_lab.tasks()) == ["lift-cube", "pick-place", "reach", "scene"]
    for task in isaac_lab.tasks():
        spec = isaac_lab.spec(task)
        assert spec.id == f"isaac-lab/{task}"
        assert set(spec.cameras) == {"front", "wrist"}
        assert isaac_lab.spec(task, **json.loads(json.dumps(spec.to_dict()["options"]))) == spec
    assert isaac_lab.resolve("pick_and_place") == "pick-place"
    assert isaac_lab.resolve("open_drawer") is None
    assert isaac_lab.spec("scene").success_rule == "none"
    with pytest.raises(UnknownNameError, match="Did you mean 'lift-cube'"):
        isaac_lab.spec("lift_cubes")


def test_the_guides_file_names_its_task(tmp_path):
    file = tmp_path / "isaac.json"
    file.write_text(json.dumps(CONFIG))
    with pytest.raises(InputError, match="no file /path/to/scene"):
        registry.make(str(file))
    robot = {"name": "arm", "task": "open_drawer"}
    file.write_text(json.dumps({"isaac_sim_config": {"robot_config": robot}}))
    with pytest.raises(UnknownNameError, match="pick_and_place"):
        registry.make(str(file))
    assert not is_guide({"task": "PandaPickCubeBase-v0"})


def test_the_guides_configuration_is_read_and_its_missing_scene_is_named(tmp_path):
    refused("no file /path/to/scene.usd", task="pick-place", **CONFIG)
    file = tmp_path / "isaac.json"
    file.write_text(json.dumps(CONFIG))
    refused("no file /path/to/scene.usd", task="pick-place", isaac_sim_config=file)
    refused("'pick_and_place' is 'isaac-lab/pick-place' here", task="lift-cube", **CONFIG)
    robot = {**CONFIG["isaac_sim_config"]["robot_config"], "name": "arm"}
    spec = isaac_lab.spec("pick-place", robot_config=robot)
    assert {name: (c.width, c.height) for name, c in spec.cameras.items()} == {
        "front_camera": (640, 480),
        "wrist_camera": (320, 240),
    }
    refused("No robot is named 'franka_panda'.*Valid names: arm", "pick-place", robot_config={"name": "franka_panda"})


def test_a_bad_key_is_told_with_the_nearest_good_one(tmp_path):
    refused("'scene_pth'.*Did you mean 'scene_path'", scene_pth="x")
    refused("'controlers'.*Did you mean 'controllers'", robot_config={"controlers": {}})
    gains = {"joint_controller": {"gains": {"kP": 1}}}
    refused("joint_controller.gains is named 'kP'.*Did you mean 'kp'", robot_config={"controllers": gains})
    refused("type: expected 'position'", robot_config={"controllers": {"a": {"type": "torque"}}})
    refused("kp: expected a number of at least 0", robot_config={"controllers": {"a": {"gains": {"kp": -1}}}})
    refused("'elbow'.*Did you mean 'elbow_flex'", robot_config={"controllers": {"a": {"joints": ["elbow"]}}})
    refused("'resolutio'.*Did you mean 'resolution'", cameras=[camera(resolutio=[1, 1])])
    refused(r"cameras\[0\].resolution: expected \[width, height\]", cameras=[camera(resolution=[64])])
    refused(r"cameras\[0\]: position and target are the same", cameras=[camera(target=[1, 0, 1])])
    refused("link of camera 'side' is named 'hands'.*'hand'", cameras=[camera(link="hands")])
    refused("two cameras have one name", cameras=[camera(), camera()])
    refused("came twice", cameras=[camera()], robot_config={"cameras": []})
    refused("came twice", scene_path="x", isaac_sim_config={"scene_path": "y"})
    refused("Did you mean 'newton'", physics="newtons")
    refused("device: expected 'cpu' or 'cuda:0'", device="gpu")
    refused("is remote.*local file's path", scene_path="omniverse://localhost/scene.usd")
    (tmp_path / "scene.xml").write_text("")
    refused("expected a .usd, .usda, .usdc or .usdz", scene_path=str(tmp_path / "scene.xml"))
    (tmp_path / "isaac.json").write_text("{")
    refused("is not JSON", isaac_sim_config=tmp_path / "isaac.json")


def test_the_options_are_json_and_reach_the_spec():
    spec = isaac_lab.spec("reach", cameras=[camera(link="hand")], max_steps=7)
    assert (spec.max_steps, spec.cameras["side"].width, spec.cameras["side"].height) == (7, 64, 48)
    assert json.loads(json.dumps(dict(spec.options))) == {"cameras": [camera(link="hand")], "max_steps": 7}
    assert isaac_lab.spec("reach", physics="physx").capabilities.restore == "none"
    assert isaac_lab.spec("reach", cameras=[]).cameras == {}


@given(far=st.floats(0.2, 0.32), side=st.floats(-0.7, 0.7), height=st.floats(0.01, 0.2), turn=st.floats(-np.pi, np.pi))
def test_the_inverse_kinematics_reach_and_point_down(far, side, height, turn):
    tip = np.array([[far * np.cos(side), far * np.sin(side), height]])
    joints = arm.inverse(tip, np.array([turn]))
    np.testing.assert_allclose(arm.forward(joints), tip, atol=1e-9)
    np.testing.assert_allclose(joints[:, 1:4].sum(), np.pi, atol=1e-9)
    low, high = ([getattr(j, end) for j in arm.JOINTS[:5]] for end in ("low", "high"))
    assert ((low <= joints[0]) & (joints[0] <= high)).all()
    off = (joints[0, 0] - joints[0, 4] - turn) % (np.pi / 2)
    assert min(off, np.pi / 2 - off) < 1e-9


@given(st.lists(st.floats(-2, 2), min_size=6, max_size=6))
def test_a_camera_looks_at_its_target(numbers):
    position, target = np.array(numbers[:3]), np.array(numbers[3:])
    if np.linalg.norm(position - target) < 1e-3:
        return
    rotation = views.facing(position, target)
    forward, up = views.turned(np.stack([rotation, rotation]), np.array([[0, 0, -1.0], [0, 1.0, 0]]))
    np.testing.assert_allclose(forward, (target - position) / np.linalg.norm(target - position), atol=1e-6)
    assert up[2] > -1e-6
    link = np.array([[0.1, 0.2, 0.3, *views.quaternion(np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 1]]))]])
    pose = views.carried(link, np.array([1.0, 0, 0]), rotation)
    np.testing.assert_allclose(pose[0, :3], [0.1, 1.2, 0.3], atol=1e-9)
    turned = views.turned(pose[:, 3:], np.array([[0, 0, -1.0]]))[0]
    np.testing.assert_allclose(turned, [-forward[1], forward[0], forward[2]], atol=1e-6)


@pytest.mark.parametrize("name", ["lift-cube", "pick-place", "reach"])
def test_starts_are_functions_of_the_seed_within_reach_and_not_solved(name):
    task, seeds = CATALOGUE[name], np.arange(-50, 500)
    first, again = start(task, SCENE, seeds), start(task, SCENE, seeds[::-1].copy())
    np.testing.assert_array_equal(first.goal, again.goal[::-1])
    what = first.goal if first.cube is None else first.cube[:, :3]
    far = np.hypot(what[:, 0], what[:, 1])
    assert ((far > 0.199) & (far < 0.321)).all()
    assert len(np.unique(far)) > 500
    if name == "pick-place":
        assert (np.linalg.norm(first.goal - first.cube[:, :3], axis=1) > 0.09).all()
    tip = arm.forward(first.joints)
    cube = {} if first.cube is None else {"cube": first.cube}
    still = {} if first.cube is None else {"cube": 0 * tip}
    seen = Seen(first.joints, 0 * first.joints, tip, cube, still)
    _, success, _ = judge(task, SCENE, seen, first.goal)
    assert not success.any()
    observation = observe(task, SCENE, seen, first.goal)
    spec = isaac_lab.spec(name)
    assert {key: value.shape[1:] for key, value in observation.items()} == {
        key: feature.shape for key, feature in spec.observation.items()
    }
    np.testing.assert_allclose(observation[STATE][:, 5], 0.03)
    np.testing.assert_allclose(observation[STATE][:, -3:], tip, atol=1e-6)


def test_success_is_a_held_lift_not_a_throw():
    task, joints = CATALOGUE["lift-cube"], home(SCENE)[None]
    cube = np.array([[0.2, 0, 0.02 + 0.09, 1, 0, 0, 0]])

    def success(tip, speed):
        seen = Seen(joints, 0 * joints, np.array([tip]), {"cube": cube}, {"cube": np.array([speed])})
        return judge(task, SCENE, seen, np.zeros((1, 3)))[1][0]

    assert success([0.2, 0, 0.11], [0, 0, 0.1])
    assert not success([0.2, 0, 0.11], [0, 0, 0.5])
    assert not success([0.3, 0, 0.11], [0, 0, 0.0])


def test_one_number_opens_both_fingers():
    action = np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.03]])
    np.testing.assert_allclose(targets(SCENE, action), [[0.1, 0.2, 0.3, 0.4, 0.5, 0.03, -0.03]])
    assert [control.name for control in SCENE.controls] == [*(j.name for j in arm.JOINTS[:5]), "gripper"]


def test_the_scene_is_text_of_boxes_alone(tmp_path):
    text = scene_text.text()
    assert scene_text.write(tmp_path / "a" / "scene.usda").read_text(encoding="utf-8") == text
    assert "@" not in text
    assert text.count("def Cube") == len(scene_text.LINKS) + 2
    assert text.count('Joint "') == len(arm.JOINTS) + 1


def test_the_expert_says_what_it_cannot_do():
    with pytest.raises(UnknownNameError, match="lift-cube"):
        expert.make(isaac_lab.spec("scene"))
