"""gymnasium's registry as a family: in this process, and in one of its own."""

import os
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from lerobot_sim.env import End
from lerobot_sim.errors import InputError, UnknownNameError
from lerobot_sim.simulators import families, gymnasium_family
from lerobot_sim.simulators.gymnasium_env import GymnasiumEnv
from lerobot_sim.simulators.host.hosted_env import HostedEnv
from lerobot_sim.spec import Camera
from lerobot_sim.testing import CHECKS
from tests.simulators.conftest import needs
from tests.simulators.peers import episode_here, ours, random_actions

MODULE = "lerobot_sim.simulators.gymnasium_family"
STATE = "observation.state"


@pytest.mark.parametrize("task", gymnasium_family.tasks())
def test_every_task_of_the_catalogue_runs_here(task):
    env = families.make(MODULE, task)
    assert isinstance(env, GymnasiumEnv)
    assert env.spec.id == f"gymnasium/{task}"
    assert env.spec.max_steps == gymnasium.spec(task).max_episode_steps
    rows = episode_here(env, 3, random_actions(env.spec, 3, 3))
    env.close()
    assert np.isfinite(rows[STATE]).all()


def test_without_a_display_nobody_looks_for_one():
    """SDL, which draws gymnasium's pictures, would write a line to standard error for every environment."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "XDG_RUNTIME_DIR")
    code = (
        "import lerobot_sim; env = lerobot_sim.make('gymnasium/CartPole-v1'); env.reset([0], [0]);"
        "print(env.render(dict(env.spec.cameras))['front'].std() > 5); env.close()"
    )
    clean = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True)
    assert (done.stdout.split()[-1], done.stderr) == ("True", "")


def test_the_catalogue_holds_every_classic_task():
    roots = ("gymnasium.envs.classic_control",)
    newest = {}
    for name, found in gymnasium.registry.items():
        if str(found.entry_point).startswith(roots) and "phys2d" not in name:
            newest[found.name] = max(newest.get(found.name, 0), found.version)
    there = {f"{name}-v{version}" for name, version in newest.items()}
    assert set(gymnasium_family.tasks()) == there


@needs("gymnasium", MODULE)
def test_what_cannot_be_imported_here_runs_in_a_process_of_its_own():
    assert not gymnasium_family.runs_here("Hopper-v5"), "imageio is here: choose another task"
    env = families.make(MODULE, "Hopper-v5")
    assert isinstance(env, HostedEnv)
    assert env.spec.observation[STATE].shape == (11,)
    rows = episode_here(env, 6, random_actions(env.spec, 20, 5))
    assert np.ptp(rows[STATE], axis=0).max() > 0.1
    assert np.ptp(env.render({"front": Camera(height=64, width=64)})["front"]) > 50
    env.close()
    with pytest.raises(InputError, match="imageio"):
        families.make(MODULE, "Hopper-v5", host="here")


@pytest.mark.parametrize("task", ["CartPole-v1", "Pendulum-v1"])
@needs("gymnasium", MODULE)
def test_a_process_of_its_own_gives_the_same_bytes(task):
    here, there = families.make(MODULE, task, host="here"), ours(MODULE, task)
    assert there.spec == here.spec
    actions = random_actions(here.spec, 100, 4)
    mine, theirs = (episode_here(env, 8, actions) for env in (here, there))
    assert mine.keys() == theirs.keys()
    for key, value in mine.items():
        assert value.tobytes() == theirs[key].tobytes()
    for name, picture in here.render(dict(here.spec.cameras)).items():
        np.testing.assert_array_equal(picture, there.render(dict(here.spec.cameras))[name])
    here.close(), there.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
@needs("gymnasium", MODULE)
def test_the_contract_is_kept_in_a_process_of_its_own(name):
    CHECKS[name](lambda num_envs: ours(MODULE, "Pendulum-v1", num_envs))


def test_a_hundred_steps_are_gymnasiums():
    env, alone = families.make(MODULE, "Acrobot-v1"), gymnasium.make("Acrobot-v1")
    actions = random_actions(env.spec, 100, 5)
    rows = episode_here(env, 6, actions)
    env.close()
    observation, _ = alone.reset(seed=6)
    for t, action in enumerate(actions):
        np.testing.assert_array_equal(rows[STATE][t], observation)
        observation, reward, terminated, _, _ = alone.step(int(np.argmax(action)))
        assert rows["reward"][t] == np.float32(reward)
        assert (rows["end"][t] == End.TERMINATED) == terminated
        if terminated:
            break
    assert t > 5


def test_options_reach_gymnasium_and_the_spec():
    options = {"make_options": {"goal_velocity": 0.01}, "max_steps": 7, "instruction": "Up the hill.", "fps": 30}
    env = families.make(MODULE, "MountainCar-v0", **options)
    assert env.spec.options == options
    assert (env.spec.max_steps, env.spec.fps, list(env.instructions)) == (7, 30, ["Up the hill."])
    assert env.spec.success_rule == "none"
    assert len(episode_here(env, 1, random_actions(env.spec, 9, 1))["reward"]) == 7
    env.close()


def test_ids_are_found_and_a_slash_becomes_a_dot():
    assert gymnasium_family.resolve("CartPole-v1") == "CartPole-v1"
    assert gymnasium_family.resolve("FrozenLake-v1") == "FrozenLake-v1"
    assert gymnasium_family.resolve("ALE/Pong-v5") == "ALE.Pong-v5"
    assert gymnasium_family.resolve("CartPoole-v1") is None
    assert gymnasium_family.resolve("settings.json") is None
    with pytest.raises(UnknownNameError, match="CartPole-v1"):
        gymnasium_family.spec("CartPoole-v1")
    with pytest.raises(UnknownNameError, match="module="):
        gymnasium_family.spec("ALE.Pong-v5")


@needs("gymnasium", MODULE)
def test_a_module_that_is_nowhere_is_named():  # it is not here, so it is looked for where gymnasium is set up
    with pytest.raises(InputError, match="no_such_module"):
        gymnasium_family.spec("CartPole-v1", module="no_such_module")


def test_what_cannot_be_is_said():
    with pytest.raises(InputError, match="gravity"):
        gymnasium_family.spec("CartPole-v1", make_options={"gravity": 3})
    with pytest.raises(UnknownNameError, match="success_key"):
        gymnasium_family.spec("CartPole-v1", succes_key="x")
    with pytest.raises(InputError, match="Box"):
        gymnasium_family.spec("FrozenLake-v1")


def test_what_many_environments_need_is_known_and_what_is_given_rules():
    known = gymnasium_family.options_of("FetchReach-v4", {})
    assert known["success_key"] == "is_success"
    assert known["observation_keys"]["desired_goal"] == "observation.environment_state"
    assert gymnasium_family.options_of("FetchReach-v4", {"success_key": None})["success_key"] is None
    assert gymnasium_family.options_of("CartPole-v1", {})["success_key"] is None
