"""gym-hil behind the contract: options of the guides, seeds, restore, no sleeps, no unasked pictures."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim.env import End
from lerobot_sim.experts import gym_hil as expert
from lerobot_sim.loop import rollout
from lerobot_sim.simulators import gym_hil
from lerobot_sim.testing import CHECKS
from tests.simulators.conftest import needs
from tests.simulators.peers import contract_there, episode_here, ours, random_actions, run_there

MODULE = "lerobot_sim.simulators.gym_hil"
EXPERT = "lerobot_sim.experts.gym_hil"
SLOW = ("success_is_not_latched", "pictures_have_the_size_asked", "pictures_show_the_state")
STATE, PLACE = "observation.state", "observation.environment_state"
pytestmark = needs("gym-hil", MODULE)


def broken(found):
    return {name: words for name, words in found.items() if words}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_contract_is_kept_picking_a_cube():
    assert not broken(contract_there(MODULE, "panda-pick-cube", *(set(CHECKS) - set(SLOW)), expert=EXPERT))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_contract_is_kept_by_pictures_and_success():
    assert not broken(contract_there(MODULE, "panda-pick-cube", *SLOW, expert=EXPERT))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_contract_is_kept_arranging_boxes():
    assert not broken(contract_there(MODULE, "panda-arrange-boxes", *(set(CHECKS) - set(SLOW))))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["arrays_match_the_spec", "restore_goes_on_exactly", "bad_states_are_refused"])
def test_the_contract_is_kept_in_a_process_of_its_own(name):
    CHECKS[name](lambda num_envs: ours(MODULE, "panda-pick-cube", num_envs), expert.make)


@pytest.mark.slow
def test_the_expert_lifts_the_cube():
    env = ours(MODULE, "panda-pick-cube", 4)
    episodes = list(rollout(env, expert.make(env.spec), range(8)))
    env.close()
    assert [episode.success[-1] for episode in episodes] == [True] * 8
    assert {episode.end for episode in episodes} == {End.TERMINATED}
    assert max(len(episode.action) for episode in episodes) <= 35
    for episode in episodes:
        toggles = np.diff(episode.action[:, 3] > 1)
        assert toggles.sum() == 1  # the fingers close once
        assert np.abs(np.diff(episode.action[:, :3], axis=0)).mean() < 0.15


def test_nothing_is_drawn_unasked_and_numpys_own_random_numbers_are_left_alone():
    found = json.loads(run_there(MODULE, Path(__file__).with_name("undrawn.py")).splitlines()[-1])
    assert found["drawn"] == 0
    assert found["left_alone"] == {"panda-pick-cube": True, "panda-arrange-boxes": True}
    assert found["theirs"]  # gym-hil has its own mujoco back


def test_a_reset_does_not_sleep():
    env = ours(MODULE, "panda-pick-cube", reset_time_s=5.0)
    env.reset([0], [1])
    since = time.perf_counter()
    for seed in range(20):
        env.reset([0], [seed])
    assert time.perf_counter() - since < 15  # gym-hil's own would sleep 20 s
    env.close()


def test_the_cube_lies_where_gym_hil_puts_it_without_a_random_position():
    env = ours(MODULE, "panda-pick-cube", 2, random_block_position=False)
    place = env.reset([0, 1], [1, 2])[PLACE]
    env.close()
    np.testing.assert_allclose(place, [[0.5, 0, 0.02]] * 2, atol=1e-6)
    assert env.spec.capabilities.fixed_start


def test_options_reach_the_simulation():
    home = [0.0, 0.0, 0.0, -1.57, 0.0, 1.57, 0.0]
    env = ours(
        MODULE,
        "panda-pick-cube",
        use_gripper=False,
        add_joint_velocity_to_observation=False,
        image_obs=True,
        resize_size=[48, 64],
        control_time_s=0.5,
        fixed_reset_joint_positions=home,
        ee_action_space_params={"x_step_size": 0.05, "bounds": {"min": [0.2, -0.3, 0.3], "max": [0.6, 0.3, 0.6]}},
    )
    assert env.spec.action.shape == (3,)
    assert set(env.spec.observation) == {STATE}
    first = env.reset([0], [1])[STATE][0]
    np.testing.assert_allclose(first[:7], home, atol=1e-6)
    down = np.tile(np.array([0, 0, -1], "f4"), (9, 1))
    rows = episode_here(env, 1, down)
    assert len(rows["reward"]) == 5
    assert rows["end"][-1] == End.TIME_LIMIT
    assert rows[STATE].shape[1] == 11
    assert rows[STATE][-1, 7] == 0  # the fingers were told nothing
    assert rows[STATE][-1, 10] > 0.28  # the bounds hold the tip up
    assert env.render(dict(env.spec.cameras))["wrist"].shape == (1, 48, 64, 3)
    env.close()


def test_what_the_robot_feels_is_measured():
    env = ours(MODULE, "panda-pick-cube")
    (episode,) = rollout(env, expert.make(env.spec), [1])
    env.close()
    force, closed = episode.metrics["contact_force"], episode.action[:, 3] > 1
    assert (force[: closed.argmax()] == 0).all()  # nothing is touched on the way to the cube
    assert force[-1] > 5  # the fingers hold it
    assert (episode.metrics["joint_limit"] == 0).all()


def test_a_joint_at_its_limit_is_told():
    env = ours(MODULE, "panda-pick-cube", fixed_reset_joint_positions=[0.0, -0.785, 0.0, -2.356, 0.0, 1.571, -2.9])
    rows = episode_here(env, 1, np.zeros((2, 4), "f4") + np.array([0, 0, 0, 1], "f4"))
    env.close()
    np.testing.assert_allclose(rows["joint_limit"][0], 1 / 7, atol=1e-6)


def test_a_tip_outside_of_its_bounds_is_told():
    """Its target is held within them: it can only begin outside, and comes back."""
    high = {"bounds": {"min": [0.2, -0.3, 0.0], "max": [0.6, 0.3, 0.04]}}
    still = np.tile(np.array([0, 0, 0, 1], "f4"), (40, 1))
    beyond = []
    for params in ({}, {"ee_action_space_params": high}):
        env = ours(MODULE, "panda-pick-cube", **params)
        rows = episode_here(env, 1, still)
        env.close()
        heights = rows[STATE][1:, -1]
        beyond.append(rows["workspace_violation"])
    assert (beyond[0] == 0).all()
    out = heights - 0.04 > 1e-3
    assert 0 < out.sum() < len(out)
    np.testing.assert_allclose(beyond[1][out], heights[out] - 0.04, atol=1e-6)
    assert (beyond[1][~out] == 0).all()


def test_the_tip_is_inside_while_it_is_held_at_its_bounds():
    env = ours(MODULE, "panda-pick-cube")
    rows = episode_here(env, 1, np.tile(np.array([0, 1, 0, 1], "f4"), (60, 1)))
    env.close()
    assert rows[STATE][-1, -2] == pytest.approx(0.3, abs=1e-4)
    assert (rows["workspace_violation"] == 0).all()


@pytest.mark.parametrize("axis", range(3), ids="xyz")
@pytest.mark.parametrize("task", gym_hil.tasks())
def test_a_step_has_the_length_that_was_asked(task, axis):
    action = np.array([0, 0, 0, 1], "f4")
    action[axis] = 1 if axis == 2 else -1
    reached = []
    for size in (0.005, 0.01):
        env = ours(MODULE, task, ee_action_space_params={f"{'xyz'[axis]}_step_size": size})
        tip = episode_here(env, 1, np.tile(action, (6, 1)))[STATE][:, 15:]
        reached.append(abs(tip[-1] - tip[0])[axis])
        env.close()
    assert reached[1] > 1.7 * reached[0] > 0.03


def test_the_keys_of_the_guides_reach_the_boxes_too():
    options = {"gripper_penalty": -0.5, "control_time_s": 0.6, "image_obs": True, "resize_size": [32, 48]}
    home = [0.3, 0.0, 0.1, -1.57, 0.0, 1.57, 0.2]
    bounds = {"bounds": {"min": [0.2, -0.5, 0.0], "max": [0.6, 0.5, 0.2]}}
    env = ours(
        MODULE,
        "panda-arrange-boxes",
        add_joint_velocity_to_observation=False,
        fixed_reset_joint_positions=home,
        ee_action_space_params=bounds,
        **options,
    )
    rows = episode_here(env, 1, np.tile(np.array([0, 0, 1, 2], "f4"), (9, 1)))
    assert env.render(dict(env.spec.cameras))["front"].shape == (1, 32, 48, 3)
    env.close()
    assert set(env.spec.observation) == {STATE}
    assert rows[STATE].shape == (7, 11)
    np.testing.assert_allclose(rows[STATE][0, :7], home, atol=1e-6)
    assert rows[STATE][-1, 10] < 0.21  # the bounds hold the tip down
    assert rows["gripper_penalty"].tolist() == [-0.5, 0, 0, 0, 0, 0]  # as it closes


def test_dense_rewards_are_gym_hils():
    env = ours(MODULE, "panda-pick-cube", reward_type="dense")
    rows = episode_here(env, 1, random_actions(env.spec, 5, 1))
    env.close()
    assert ((rows["reward"] > 0) & (rows["reward"] < 1)).all()
