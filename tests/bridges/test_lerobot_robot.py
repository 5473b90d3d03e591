"""`--robot.type=sim` with the settings of a real arm's command."""

import numpy as np
import pytest

lerobot_env_sim = pytest.importorskip("lerobot_env_sim")


@pytest.fixture
def connected():
    made = []

    def connect(**settings):
        made.append(lerobot_env_sim.SimRobot(lerobot_env_sim.SimRobotConfig(**{"camera_names": [], **settings})))
        made[-1].connect()
        return made[-1]

    yield connect
    for robot in made:
        robot.disconnect()


def test_cameras_are_those_of_the_command_each_in_its_size(connected):
    from lerobot.cameras.opencv import OpenCVCameraConfig

    sizes = {"front": (48, 64), "wrist": (32, 32)}
    cameras = {name: OpenCVCameraConfig(0, width=size[1], height=size[0], fps=30) for name, size in sizes.items()}
    robot = connected(cameras=cameras, camera_names=None, port="/dev/ttyACM0")
    seen = robot.get_observation()
    for name, size in sizes.items():
        assert seen[name].shape == (*size, 3)
        assert robot.observation_features[name] == (*size, 3)
    with pytest.raises(ValueError, match="both came"):
        connected(cameras=cameras, camera_names=["front"])


def test_use_degrees_chooses_the_unit_as_on_an_so_arm(connected):
    for use_degrees, most in ((True, np.rad2deg(2.0)), (False, 100.0)):  # the end of its range
        robot = connected(use_degrees=use_degrees)
        sent = robot.send_action({**robot.get_observation(), "shoulder_pan.pos": 400.0})
        assert sent["shoulder_pan.pos"] == pytest.approx(most, abs=1e-3)


def test_a_target_that_is_far_is_held_back_as_on_a_real_arm(connected):
    robot = connected(max_relative_target=5.0)
    start = robot.get_observation()
    sent = robot.send_action({**start, "shoulder_pan.pos": start["shoulder_pan.pos"] + 40.0})
    assert sent["shoulder_pan.pos"] == pytest.approx(start["shoulder_pan.pos"] + 5.0)
    each = dict.fromkeys((name.removesuffix(".pos") for name in start), 90.0) | {"gripper": 1.0}
    robot = connected(max_relative_target=each)
    start = robot.get_observation()
    sent = robot.send_action({**start, "shoulder_pan.pos": 40.0, "gripper.pos": start["gripper.pos"] - 20.0})
    assert sent["shoulder_pan.pos"] == pytest.approx(40.0)
    assert sent["gripper.pos"] == pytest.approx(start["gripper.pos"] - 1.0)
