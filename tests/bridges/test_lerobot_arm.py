"""The simulated arm as LeRobot's robots are driven, and its units."""

import numpy as np
import pytest

from lerobot_sim.bridges import lerobot_arm
from lerobot_sim.bridges.lerobot_arm import SimArm
from lerobot_sim.errors import InputError, UnknownNameError


@pytest.fixture
def make():
    arms = []

    def made(*arguments, **options):
        arms.append(SimArm(*arguments, **{"cameras": [], **options}))
        return arms[-1]

    yield made
    for arm in arms:
        arm.close()


def test_a_pose_is_held_in_every_unit(make):
    for unit in ("degrees", "range_m100_100", "radians"):
        arm = make("mujoco/lift", "panda", unit=unit)
        arm.begin()
        pose = arm.observe()
        for _ in range(30):
            assert arm.act(pose) == pytest.approx(pose)
        assert arm.observe() == pytest.approx(pose, abs=1e-6)


def test_targets_beyond_the_range_are_told_as_they_are_held(make):
    arm = make("mujoco/lift", "so100")
    arm.begin()
    sent = arm.act({**arm.observe(), "shoulder_pan.pos": 400.0})
    assert sent["shoulder_pan.pos"] == pytest.approx(np.rad2deg(2.0), abs=1e-3)


def test_the_scene_outlasts_the_tasks_time_limit(make):
    arm = make("mujoco/lift", "so100")
    arm.begin()
    pose = {**arm.observe(), "shoulder_pan.pos": 30.0}
    for _ in range(2 * 100 + 20):  # the task ends after 100
        arm.act(pose)
    assert arm.scenes == 1
    assert arm.observe()["shoulder_pan.pos"] == pytest.approx(30, abs=1)
    arm.act({**pose, "shoulder_pan.pos": -30.0})
    for _ in range(60):
        arm.act({**pose, "shoulder_pan.pos": -30.0})
    assert arm.observe()["shoulder_pan.pos"] == pytest.approx(-30, abs=1)


def test_scenes_are_functions_of_their_seeds(make):
    first, second = (make("mujoco/lift", "so100", seed=seed, cameras=["front"], size=(32, 32)) for seed in (3, 4))
    for arm in (first, second):
        arm.begin()
    start = second.observe()["front"]
    assert (first.observe()["front"] != start).any()
    first.begin()
    np.testing.assert_array_equal(first.observe()["front"], start)


def test_on_the_wall_clock_the_last_target_is_held(make, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(lerobot_arm.time, "perf_counter", lambda: now[0])
    arm = make("mujoco/lift", "so100", clock="wall")
    arm.begin()
    start = arm.observe()
    arm.act({**start, "shoulder_pan.pos": 30.0})
    assert arm.observe() == start  # no time has passed
    now[0] += 4.0
    assert arm.observe()["shoulder_pan.pos"] == pytest.approx(30, abs=1)


def test_pictures_have_the_size_asked_for(make):
    arm = make("mujoco/lift", "so100", cameras=["wrist"], size=(48, 64))
    arm.begin()
    assert arm.observe()["wrist"].shape == (48, 64, 3)


def test_bad_settings_and_targets_are_named(make):
    with pytest.raises(UnknownNameError, match="degrees"):
        make("mujoco/lift", "so100", unit="degree")
    with pytest.raises(UnknownNameError, match="wall"):
        make("mujoco/lift", "so100", clock="wal")
    with pytest.raises(UnknownNameError, match="front"):
        make("mujoco/lift", "so100", cameras=["frnt"])
    arm = make("mujoco/lift", "so100")
    with pytest.raises(InputError, match="connect"):
        arm.observe()
    arm.begin()
    pose = arm.observe()
    with pytest.raises(InputError, match=r"gripper\.pos"):
        arm.act({name: value for name, value in pose.items() if name != "gripper.pos"})
    with pytest.raises(InputError, match="finite"):
        arm.act({**pose, "gripper.pos": float("nan")})
    assert arm.observe() == pose
    with pytest.raises(InputError, match="mujoco/lift"):
        make("push-t", "")
