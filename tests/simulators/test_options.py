"""Options of every family, out of files where anything may stand: a clear error, or a spec that makes itself again."""

import json
import logging
import math

import pytest

from lerobot_sim import registry
from lerobot_sim.errors import SimError
from lerobot_sim.simulators.families import catalogue

ODD = (
    *(None, True, False, 3, -1, 0, 2.5, math.nan, math.inf, 10**30, "x", "", b"x"),
    *([], {}, [1, 2], [1, 2, 3], (1,), ["a"], [None], [[1]], {"a": 1}, {1: 2}, [{"name": 1}]),
    *({"bounds": 3}, {"bounds": {"min": [1], "max": "x"}}, {"controllers": {"a": {"joints": 3}}}),
    [{"name": "a", "position": [0, 0, 1], "target": [0, 0, "a"]}],
)
OPTIONS = {
    "aloha": ("insertion", "obs_type observation_height observation_width visualization_width"),
    "gym-hil": (
        "panda-pick-cube",
        "use_gripper gripper_penalty random_block_position image_obs resize_size display_cameras reward_type fps "
        "add_joint_velocity_to_observation fixed_reset_joint_positions ee_action_space_params control_time_s "
        "reset_time_s max_gripper_pos control_mode wrapper inverse_kinematics render_mode crop_params_dict",
    ),
    "gymnasium": (
        "CartPole-v1",
        "success_key success_rule metrics observation_keys fps max_steps instruction make_options",
    ),
    "isaac-lab": ("reach", "isaac_sim_config scene_path robot_config cameras physics device max_steps"),
    "libero": ("libero_10-0", "init_states image_size cameras mirrored max_steps seed include_language_instruction"),
    "metaworld": (
        "reach-v3",
        "observation_type goal_observable suite split seed image_size frame_stack action_repeat",
    ),
    "pusht": ("push-t", "obs_type observation_height observation_width block_cog damping"),
}


@pytest.mark.parametrize(
    ("family", "key"), [(family, key) for family, (_, keys) in OPTIONS.items() for key in [*keys.split(), "nonsense"]]
)
def test_whatever_an_option_is_given_it_is_refused_in_words_or_makes_a_spec(family, key, caplog):
    caplog.set_level(logging.ERROR)
    package, (task, _) = catalogue(registry.FAMILIES[family]), OPTIONS[family]
    for value in ODD:
        try:
            spec = package.spec(task, **{key: value})
        except SimError:
            continue
        assert package.spec(task, **json.loads(json.dumps(spec.to_dict()["options"]))) == spec, value


@pytest.mark.parametrize("module", [3, True, ["gymnasium"], {}, ""])
def test_a_module_is_a_name(module):
    with pytest.raises(SimError, match="module: expected a name"):
        catalogue(registry.FAMILIES["gymnasium"]).spec("CartPole-v1", module=module)


@pytest.mark.parametrize("rule", ["sometimes", "hold(0)", 3])
def test_a_success_rule_is_one_of_ours(rule):
    with pytest.raises(SimError, match=r"success rule is 'any'|success_rule: expected"):
        catalogue(registry.FAMILIES["gymnasium"]).spec("CartPole-v1", success_rule=rule)


@pytest.mark.parametrize("family", [family for family in OPTIONS if family != "gymnasium"])
def test_a_task_that_is_none_is_refused_in_words(family):
    for task in (None, 3, "", "x/y"):
        with pytest.raises(SimError, match="is named"):
            catalogue(registry.FAMILIES[family]).spec(task)
