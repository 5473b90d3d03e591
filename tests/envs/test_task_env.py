"""What TaskEnv does for every task, beyond the contract: ends of the task's own, and physics that diverge."""

import dataclasses

import numpy as np

from lerobot_sim.env import End
from lerobot_sim.envs.task_env import TaskEnv
from tests.contract import toy

LANES, ALL = np.arange(3), np.ones(3, bool)


def towards(env):
    """Full speed to the target, which the toy's observation holds."""
    x = env.reset(LANES, LANES)["observation.state"]
    return np.sign(x[:, 2:] - x[:, :2]).astype(np.float32)


def test_a_task_may_end_at_its_first_success():
    env = TaskEnv(dataclasses.replace(toy.TASK, ends_on_success=True), 3)
    action, seen = towards(env), np.zeros(3, bool)
    for _ in range(env.spec.max_steps):
        step = env.step(action, ALL)
        state = step.observation["observation.state"]
        action = np.clip(10 * (state[:, 2:] - state[:, :2]), -1, 1)
        assert ((step.end == End.TERMINATED) == (seen | step.success)).all()
        seen |= step.success
    assert seen.any()
    assert (step.terminated == seen).all()


def test_a_diverged_lane_ends_alone_with_its_last_good_observation():
    def advance(state, action, params, live):
        moved, _ = toy.advance(state, action, params, live)
        blown = action[:, 0] > 0.9
        return {**moved, "position": np.where(blown[:, None], np.nan, moved["position"])}, blown

    env = TaskEnv(dataclasses.replace(toy.TASK, advance=advance), 3)
    before = env.reset(LANES, LANES)["observation.state"]
    step = env.step(np.array([[0, 0], [1, 0], [0, 0]], np.float32), ALL)
    assert step.end.tolist() == [End.RUNNING, End.DIVERGED, End.RUNNING]
    np.testing.assert_array_equal(step.observation["observation.state"][1], before[1])
    assert step.reward[1] == 0
    assert "diverged" in env.explain(1)
    assert env.step(np.zeros((3, 2), np.float32), ALL).end.tolist() == [End.RUNNING, End.DIVERGED, End.RUNNING]


def test_settling_sees_the_lanes_and_applying_sees_every_change_of_params():
    settled, applied = [], []

    def settle(lanes, drawn, params):
        settled.append(lanes.tolist())
        assert all(len(value) == len(lanes) for value in (*drawn.values(), *params.values()))
        return drawn

    task = dataclasses.replace(
        toy.TASK, settle=settle, apply=lambda lanes, params: applied.append((lanes.tolist(), params["speed"].tolist()))
    )
    env = TaskEnv(task, 3)
    env.reset(np.array([0, 2]), np.array([5, 6]))
    nominal = toy.TASK.spec.params["speed"].nominal
    assert settled[0] == [0, 2]
    assert applied == [([0, 2], [nominal, nominal])]
    state = env.get_state(np.array([2]))
    env.set_state(np.array([0]), state)
    assert applied[-1] == ([0], [nominal])
