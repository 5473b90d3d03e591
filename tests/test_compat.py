"""The tutorial's names work in their old places, or say what replaces them."""

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

from lerobot_sim.compat import REPLACED, WORKING
from lerobot_sim.errors import ReplacedNameError, SimError
from lerobot_sim.old_names import GUIDES_LEROBOT


def test_the_tutorials_check_of_the_installation():
    code = "from lerobot_sim.envs.push_t import PushTSimEnv; print('OK')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "OK\n"


def test_its_environment_is_gymnasiums_with_its_key():
    from lerobot_sim.envs.push_t import PushTSimEnv

    env = PushTSimEnv()
    observation, info = env.reset(seed=3)
    assert observation["agent_pos"].shape == (6,)
    np.testing.assert_allclose(observation["agent_pos"][:2], 0.5)
    _, reward, terminated, truncated, info = env.step(np.zeros(2, np.float32))
    assert 0 < reward < 1
    assert not terminated
    assert not truncated
    assert info["is_success"] in (False, True)
    env.close()


@pytest.mark.parametrize("task", ["pusht", "reach", "pickplace"])
def test_its_factory_makes_all_tasks(task):
    from lerobot_sim.envs.factory import make_sim_env

    env = make_sim_env(task)
    assert env.reset(seed=0)[0]["agent_pos"].ndim == 1
    env.close()


def test_its_expert_solves_its_environment():
    from lerobot_sim.envs.factory import make_sim_env
    from lerobot_sim.policies.policy import PushTExpertPolicy

    env, expert = make_sim_env("pusht"), PushTExpertPolicy()
    observation, _ = env.reset(seed=1)
    expert.reset()
    successes = []
    for _ in range(300):
        observation, _, _, _, info = env.step(expert.select_action(observation))
        successes.append(info["is_success"])
    assert any(successes)


def test_its_student_saves_and_loads_eight_arrays(tmp_path):
    from lerobot_sim.policies.policy import MLPPolicy

    rng = np.random.default_rng(0)
    shapes = {"w1": (6, 8), "b1": 8, "w2": (8, 8), "b2": 8, "w3": (8, 2), "b3": 2}
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    np.savez(tmp_path / "best_policy.npz", **arrays, state_dim=6, action_dim=2)
    policy = MLPPolicy.load(tmp_path / "best_policy.npz")
    state = rng.normal(size=6).astype(np.float32)
    hidden = np.maximum(state @ arrays["w1"] + arrays["b1"], 0)
    hidden = np.maximum(hidden @ arrays["w2"] + arrays["b2"], 0)
    expected = np.tanh(hidden @ arrays["w3"] + arrays["b3"])
    np.testing.assert_allclose(policy.select_action({"agent_pos": state}), expected, rtol=1e-4, atol=1e-5)
    policy.save(tmp_path / "again.npz")
    np.testing.assert_array_equal(MLPPolicy.load(tmp_path / "again.npz").weights.w2, policy.weights.w2)


@pytest.mark.parametrize(
    ("module", "name", "replacement"),
    [
        ("policies.trainer", "Trainer", "lerobot-sim run"),
        ("datasets.dataset_manager", "SimDatasetRecorder", "DatasetWriter"),
        ("datasets.dataset_manager", "HubDatasetLoader", "lerobot-sim collect"),
        ("envs.configs", "SimEnvConfig", "spec.params"),
        ("policies.policy", "BasePolicy", "Protocol"),
        ("robots.sim_robot_arm", "SimRobotArm", "lerobot_sim.envs.arm"),
        ("teleop.keyboard_teleop", "KeyboardTeleop", "not part of this version"),
        ("visualization.visualizer", "Visualizer", "render_mode='human'"),
        ("utils.constants", "COLORS", "cameras"),
    ],
)
def test_a_name_that_is_gone_names_its_replacement(module, name, replacement):
    with pytest.raises(ReplacedNameError, match=f"{name} is gone") as caught:
        exec(f"from lerobot_sim.{module} import {name}")
    assert replacement in str(caught.value)
    assert isinstance(caught.value, SimError)


def test_every_old_module_can_be_imported():
    for module in REPLACED:
        __import__(f"lerobot_sim.{module}")


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in WORKING.items() for name in names])
def test_every_name_that_works_is_in_its_old_place(module, name):
    assert callable(getattr(import_module(f"lerobot_sim.{module}"), name))


def test_the_arms_environments_have_the_tutorials_sizes():
    from lerobot_sim.envs.pick_place import PickPlaceSimEnv
    from lerobot_sim.envs.reach import ReachSimEnv

    for make, state, action in ((PickPlaceSimEnv, 13, 7), (ReachSimEnv, 9, 6)):
        env = make()
        assert env.observation_space["agent_pos"].shape == (state,)
        assert env.action_space.shape == (action,)
        env.close()


@pytest.mark.parametrize("module", GUIDES_LEROBOT)
def test_modules_that_guides_seek_in_lerobot_are_answered_by_name(module):
    with pytest.raises(ImportError) as caught:
        import_module(module)
    if not isinstance(caught.value, ReplacedNameError):  # without LeRobot its packages are missing before
        assert find_spec("lerobot") is None
        return
    assert module in str(caught.value)


def test_modules_and_names_that_never_were_stay_unknown():
    with pytest.raises(ModuleNotFoundError):
        import lerobot_sim.nonsense  # noqa: F401
    with pytest.raises(ImportError, match="cannot import name"):
        from lerobot_sim.envs.push_t import Nonsense  # noqa: F401


def test_the_package_itself_does_not_load_the_table():
    code = "import sys, lerobot_sim, lerobot_sim.envs.push_t; print('lerobot_sim.compat' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
