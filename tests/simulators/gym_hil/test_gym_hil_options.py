"""Names, keys and files of the guides: what they mean here, or what is said to them. Needs no simulator."""

import dataclasses
import json
import logging

import pytest

from lerobot_sim.errors import InputError, UnknownNameError
from lerobot_sim.experts import gym_hil as expert
from lerobot_sim.simulators import gym_hil
from lerobot_sim.simulators.gym_hil import options as gym_hil_options
from lerobot_sim.simulators.gym_hil.config import from_config, is_guide, read_config

GUIDE = {
    "type": "hil",
    "name": "franka_sim",
    "task": "PandaPickCubeGamepad-v0",
    "device": "cuda",
    "wrapper": {
        "gripper_penalty": -0.02,
        "control_time_s": 15.0,
        "use_gripper": True,
        "fixed_reset_joint_positions": [0.0, 0.195, 0.0, -2.43, 0.0, 2.62, 0.785],
        "ee_action_space_params": {
            "x_step_size": 0.025,
            "y_step_size": 0.025,
            "z_step_size": 0.025,
            "bounds": {"max": [0.6, 0.3, 0.5], "min": [0.2, -0.3, 0.0]},
            "control_mode": "gamepad",
        },
    },
}
OTHER = {
    "gym_hil_config": {
        "env": {"type": "gym_manipulator", "name": "gym_hil", "task": "PandaPickCubeSpacemouse-v0", "fps": 10},
        "processor": {
            "control_mode": "spacemouse",
            "max_gripper_pos": 30.0,
            "use_gripper": True,
            "gripper_penalty": -0.05,
            "reset": {"reset_time_s": 5.0, "control_time_s": 20.0},
        },
        "device": "cuda",
    }
}
CLASS = {
    "env_type": "hil",
    "task": "PandaPickCubeBase-v0",
    "wrapper": {
        "control_mode": "spacemouse",
        "use_gripper": True,
        "resize_size": [128, 128],
        "add_joint_velocity_to_observation": True,
        "gripper_penalty": -0.02,
        "display_cameras": False,
        "control_time_s": 150.0,
        "reset_time_s": 150.0,
        "fixed_reset_joint_positions": [0.0, 0.0, 0.0, -1.57, 0.0, 1.57, 0.0],
    },
    "features": {"observation.state": {"type": "STATE", "shape": [18]}},
}
LEROBOT = {
    "env": {
        "type": "gym_manipulator",
        "name": "gym_hil",
        "task": "PandaPickCubeKeyboard-v0",
        "fps": 10,
        "processor": {
            "control_mode": "policy",
            "gripper": {"use_gripper": True, "gripper_penalty": -0.02},
            "reset": {"control_time_s": 12.0, "fixed_reset_joint_positions": None},
            "observation": {"add_joint_velocity_to_observation": False, "display_cameras": False},
            "image_preprocessing": {"resize_size": [64, 64]},
            "inverse_kinematics": {"end_effector_step_sizes": {"x": 0.01, "y": 0.02, "z": 0.03}},
        },
    }
}


@pytest.mark.parametrize(
    ("name", "task", "device"),
    [
        ("gym_hil/PandaPickCubeBase-v0", "panda-pick-cube", ""),
        ("PandaPickCubeViewer-v0", "panda-pick-cube", ""),
        ("PandaPickCube-v0", "panda-pick-cube", ""),
        ("gym_hil/PandaPickCubeGamepad-v0", "panda-pick-cube", "gamepad"),
        ("PandaPickCubeKeyboard-v0", "panda-pick-cube", "keyboard"),
        ("gym_hil/PandaPickCubeSpacemouse-v0", "panda-pick-cube", "spacemouse"),
        ("PandaArrangeBoxesGamepad-v0", "panda-arrange-boxes", "gamepad"),
    ],
)
def test_old_ids_are_a_task_and_a_device(name, task, device, caplog):
    with caplog.at_level(logging.WARNING):
        assert gym_hil.resolve(name) == task
    assert gym_hil.device_of(name) == device
    assert (device in caplog.text) if device else not caplog.text
    assert gym_hil.resolve("PandaStackCube-v0") is None


def test_the_guides_file_is_read():
    config = read_config(GUIDE)
    assert (config.task, config.device) == ("panda-pick-cube", "gamepad")
    spec = gym_hil.spec(config.task, **config.options)
    assert spec.max_steps == 150
    assert spec.options["gripper_penalty"] == -0.02
    assert set(spec.options) == {"gripper_penalty", "control_time_s", "fixed_reset_joint_positions"}


def test_lerobots_own_file_is_read(tmp_path):
    path = tmp_path / "env.json"
    path.write_text(json.dumps(LEROBOT))
    config = read_config(path)
    assert (config.task, config.device) == ("panda-pick-cube", "keyboard")
    spec = gym_hil.spec(config.task, **config.options)
    assert spec.max_steps == 120
    assert spec.observation["observation.state"].shape == (11,)
    assert spec.cameras["front"].height == 64
    assert spec.options["ee_action_space_params"]["z_step_size"] == 0.03


def test_a_file_with_keys_that_gym_hil_has_no_use_for_is_read_as_it_stands(caplog):
    gym_hil_options._note.cache_clear()
    config = read_config(OTHER)
    assert (config.task, config.device) == ("panda-pick-cube", "spacemouse")
    spec = gym_hil.spec(config.task, **config.options)
    assert (spec.max_steps, spec.options) == (200, {"control_time_s": 20.0})
    told = [record.getMessage() for record in caplog.records if "changes nothing" in record.getMessage()]
    assert len(told) == 2  # each once
    assert "reset_time_s=5.0` changes nothing" in told[1]
    assert "max_gripper_pos=30.0` changes nothing" in told[0]
    assert "SO-100" in told[0]


def test_the_guides_wrapper_keys_are_read_from_a_file_and_as_keywords():
    config = read_config(CLASS)
    assert (config.task, config.device) == ("panda-pick-cube", "spacemouse")
    spec = gym_hil.spec(config.task, **config.options)
    assert set(spec.options) == {"gripper_penalty", "control_time_s", "fixed_reset_joint_positions"}
    assert spec.max_steps == 1500
    keywords = {"control_mode": "policy", "resize_size": [64, 64], "control_time_s": 100.0, "reset_time_s": 50.0}
    outer = {"render_mode": None, "image_obs": True, "use_gripper": True, "wrapper_kwargs": keywords}
    assert gym_hil.spec("panda-pick-cube", **outer).max_steps == 1000


@pytest.mark.parametrize("full", [False, True])
def test_lerobots_own_section_is_read_whatever_it_leaves_out(full):
    configs = pytest.importorskip("lerobot.envs.configs", reason="pip install lerobot")
    parts = {
        "observation": configs.ObservationConfig(add_joint_velocity_to_observation=True),
        "image_preprocessing": configs.ImagePreprocessingConfig(resize_size=(96, 96)),
        "gripper": configs.GripperConfig(gripper_penalty=-0.01),
        "reset": configs.ResetConfig(control_time_s=15.0),
        "inverse_kinematics": configs.InverseKinematicsConfig(end_effector_step_sizes={"x": 0.01}),
    }
    processor = configs.HILSerlProcessorConfig(**parts if full else {})
    env = configs.HILSerlRobotEnvConfig(
        task="PandaPickCubeKeyboard-v0", fps=10, name="gym_hil", features={}, processor=processor
    )
    section = json.loads(json.dumps(dataclasses.asdict(env)))
    whole = {"env": section, "dataset": {"repo_id": "me/cubes", "num_episodes": 10}, "mode": None, "device": "cuda"}
    config = read_config(whole)
    assert (config.task, config.device) == ("panda-pick-cube", "keyboard")
    spec = gym_hil.spec(config.task, **config.options)
    assert (spec.max_steps, spec.cameras["front"].width) == ((150, 96) if full else (100, 128))
    assert spec.options.get("gripper_penalty") == (-0.01 if full else None)


def test_keys_that_cannot_be_had_are_all_named_at_once():
    env = {"task": "PandaPickCubeBase-v0", "processor": {"observation": {"display_cameras": True}}}
    env["processor"]["reset"] = {"terminate_on_success": False}
    with pytest.raises(InputError, match=r"display_cameras.*human.*terminate_on_success.*success ends"):
        read_config({"env": env})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"control_mode": "gamepad"}, "a policy here"),
        ({"ee_action_space_params": {"control_mode": "spacemouse"}}, "a policy here"),
        ({"add_current_to_observation": True}, "real robot"),
        ({"reward_classifier": {"pretrained_path": "me/classifier"}}, "itself knows success"),
        ({"display_cameras": True}, "window"),
        ({"render_mode": "human"}, "window"),
        ({"enable_domain_randomization": True}, "no randomization"),
        ({"fps": 30}, "10 steps a second"),
        ({"auto_reset": True}, "stays as it is"),
    ],
)
def test_what_replaces_a_key_is_said(options, words):
    with pytest.raises(InputError, match=words):
        gym_hil.spec("panda-pick-cube", **options)


def test_keys_that_ask_for_what_is_the_case_change_nothing():
    plain = gym_hil.spec("panda-pick-cube")
    asked = gym_hil.spec(
        "panda-pick-cube",
        control_mode="policy",
        display_cameras=False,
        render_mode="rgb_array",
        fps=10,
        wrapper_kwargs={"reset_time_s": 0.0, "add_joint_velocity_to_observation": True},
    )
    assert asked == plain
    assert plain.options == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"use_gripper": "yes"}, "true or false"),
        ({"gripper_penalty": 0.1}, "0 or less"),
        ({"resize_size": [0, 64]}, "whole pixels"),
        ({"resize_size": 64}, "2 numbers"),
        ({"fixed_reset_joint_positions": [0, 0]}, "7 numbers"),
        ({"control_time_s": 0.0}, "one step"),
        ({"ee_action_space_params": {"x_step_size": -1}}, "above 0"),
        ({"ee_action_space_params": {"bounds": {"min": [1, 1, 1], "max": [0, 2, 2]}}}, "min below max"),
        ({"ee_action_space_params": {"x_step": 1}}, "x_step_size"),
        ({"reward_type": "spare"}, "sparse"),
        ({"reset_time_s": "long"}, "expected a number"),
        ({"reset_time_s": -1.0}, "0 or more"),
        ({"max_gripper_pos": [30]}, "expected a number"),
        ({"use_griper": True}, "use_gripper"),
    ],
)
def test_bad_values_are_named(options, words):
    with pytest.raises(InputError, match=words):
        gym_hil.spec("panda-pick-cube", **options)


def test_boxes_are_always_shuffled():
    assert gym_hil.spec("panda-arrange-boxes", random_block_position=True).options == {}
    with pytest.raises(InputError, match="shuffles"):
        gym_hil.spec("panda-arrange-boxes", random_block_position=False)


def test_a_spec_makes_its_environment_again():
    options = {"resize_size": [48, 64], "ee_action_space_params": {"x_step_size": 0.01}, "image_obs": True}
    spec = gym_hil.spec("panda-pick-cube", **options)
    again = gym_hil.spec("panda-pick-cube", **json.loads(json.dumps(spec.to_dict()["options"])))
    assert again == spec


def test_the_guides_files_are_told_from_others():
    assert all(is_guide(keys) for keys in (GUIDE, OTHER, CLASS, LEROBOT))
    assert not is_guide({"name": "my-arm", "model_path": "arm.xml"})
    assert not is_guide({"isaac_sim_config": {}})


def test_files_that_name_no_task_are_refused(tmp_path):
    with pytest.raises(InputError, match="PandaPickCubeBase"):
        read_config({"env": {"task": "PandaFold-v0"}})
    with pytest.raises(InputError, match="JSON"):
        from_config(tmp_path / "none.json")
    with pytest.raises(UnknownNameError, match="panda-pick-cube"):
        gym_hil.spec("panda-pick")


def test_the_expert_says_what_it_needs():
    with pytest.raises(InputError, match="image_obs=False"):
        expert.make(gym_hil.spec("panda-pick-cube", image_obs=True))
