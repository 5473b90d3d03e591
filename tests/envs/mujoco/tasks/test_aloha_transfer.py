"""`mujoco/aloha-transfer`: the expert hands the bar over in the air, and who does anything else gets nothing."""

import numpy as np
import pytest
import torch

import lerobot_sim
from lerobot_sim.envs.mujoco.tasks import aloha_transfer
from lerobot_sim.envs.mujoco.world import FIELDS, World, from_state
from lerobot_sim.errors import UnknownNameError
from lerobot_sim.experts.mujoco import aloha_transfer as expert
from lerobot_sim.experts.mujoco.hand import action, vector


def start(count, first=0, **options):
    env = lerobot_sim.make("mujoco/aloha-transfer", count, threads=1, **options)
    lanes = np.arange(count)
    return env, env.reset(lanes, lanes + first)


def numbers(env, observation):
    named = {}
    for key, feature in env.spec.observation.items():
        named.update(zip(feature.names, observation[key].T.astype(np.float64), strict=True))
    return named


def play(env, observation, act):
    """Which lanes succeed by the rule hold(10) under act(observation, t); and the metrics and numbers of all steps."""
    run, solved, seen = np.zeros(env.num_envs, int), np.zeros(env.num_envs, bool), []
    for t in range(env.spec.max_steps):
        given = np.clip(act(observation, t), -1, 1).astype(np.float32)
        step = env.step(given, np.ones(env.num_envs, bool))
        observation = step.observation
        run = np.where(step.success, run + 1, 0)
        solved |= run >= aloha_transfer.HELD
        seen.append({**numbers(env, observation), **step.metrics})
    return solved, {name: np.stack([one[name] for one in seen]) for name in seen[0]}


def expert_of(env, first=0):
    policy = lerobot_sim.make_policy("expert", env.spec)
    lanes = np.arange(env.num_envs)
    policy.reset(lanes, lanes + first)
    return lambda observation, _t: policy.act(observation, np.ones(env.num_envs, bool)).action


def test_the_expert_hands_the_bar_over():
    env, observation = start(40, first=1000)
    solved, _ = play(env, observation, expert_of(env, 1000))
    assert solved.mean() >= 0.95


def cheat_by_sitting_still(env):
    return lambda observation, t: np.zeros((env.num_envs, 10))


def cheat_by_keeping_it_in_the_right_hand(env):
    """The expert, whose right hand never opens again: both hold the bar."""
    act = expert_of(env)

    def keep(observation, t):
        given, o = act(observation, t).copy(), numbers(env, observation)
        held = (o["left_grasped"] + o["right_grasped"] > 0.5) & (o["bar.z"] > 0.08)
        given[held, 9] = -1
        given[(o["left_grasped"] > 0.5), 5:9] = 0
        return given

    return keep


def cheat_by_lifting_with_the_right_hand_alone(env):
    act = expert_of(env)

    def alone(observation, t):
        given = act(observation, t).copy()
        given[:, :4], given[:, 4] = 0, 1
        return given

    return alone


def cheat_by_letting_go(env):
    """The expert, whose left hand opens again as soon as it has the bar alone."""
    act, dropped = expert_of(env), np.zeros(env.num_envs, bool)

    def drop(observation, t):
        o, given = numbers(env, observation), act(observation, t).copy()
        dropped[:] |= (o["left_grasped"] > 0.5) & (o["right_touching"] < 0.5)
        given[dropped] = [0, 0, 1, 0, 1, 0, 0, 1, 0, 1]
        return given

    return drop


@pytest.mark.parametrize(
    "cheat",
    [
        cheat_by_sitting_still,
        cheat_by_keeping_it_in_the_right_hand,
        cheat_by_lifting_with_the_right_hand_alone,
        cheat_by_letting_go,
    ],
)
def test_cheaters_get_nothing(cheat):
    env, observation = start(20)
    solved, _ = play(env, observation, cheat(env))
    assert not solved.any()


def test_a_bar_that_is_laid_down_for_the_left_hand_does_not_count():
    env, observation = start(20)
    laid = np.zeros(20, bool)

    def lay_down(observation, t):
        o = numbers(env, observation)
        bar, yaw = vector(o, "bar"), np.arctan2(o["bar.sin"], o["bar.cos"])
        none, held = np.zeros(20, bool), o["right_grasped"] > 0.5
        way = np.array([-0.03, 0, 0.021]) - bar
        far = np.abs(way[:, :2]).max(axis=1) > 0.02
        way[:, 2] = np.where(far, 0.04 - bar[:, 2], way[:, 2])
        laid[:] |= held & ~far & (bar[:, 2] < 0.026)
        right = expert._right(o, laid, held, way, yaw)
        offset, turn = vector(o, "left_tip_to_end"), expert._turn(o, "left_hand_to_bar")
        down, there = expert._descent(offset, turn)
        gone = laid & (o["right_tip.z"] > 0.2)
        taken = o["left_grasped"] > 0.5
        reach = np.concatenate([offset[:, :2], down[:, None]], axis=1)
        move = np.where(
            taken[:, None], [0, 0, 0.05], np.where(gone[:, None], reach, expert.WAITING - vector(o, "left_tip"))
        )
        left = action(move, np.where(taken | there, 0, turn), ~(taken | (gone & there)) | none)
        return np.concatenate([left, right], axis=1)

    solved, seen = play(env, observation, lay_down)
    raised = (seen["left_grasped"] > 0.5) & (seen["right_touching"] < 0.5) & (seen["height"] > aloha_transfer.LIFTED)
    assert raised.any(axis=0).mean() > 0.5  # it looks just like success
    assert not solved.any()


def world_of(state):
    arrays = {name.removeprefix("state."): value for name, value in state.items()}
    memory = {name.removeprefix("task."): value for name, value in arrays.items() if name.startswith("task.")}
    return from_state(arrays), memory


@pytest.mark.parametrize("reward", ["dense", "sparse"])
def test_terms_are_the_same_on_torch(reward):
    env, observation = start(6, reward=reward)
    act, task = expert_of(env), aloha_transfer.task(reward=reward)
    seen = []
    for t in range(160):
        observation = env.step(act(observation, t), np.ones(6, bool)).observation
        if t % 40 == 39:
            world, memory = world_of(env.get_state(np.arange(6)))
            tensors = World(**{name: torch.from_numpy(np.array(getattr(world, name))) for name in FIELDS})
            memories = {name: torch.from_numpy(value.copy()) for name, value in memory.items()}
            for name, value in task.observe(world, memory, {}).items():
                np.testing.assert_allclose(task.observe(tensors, memories, {})[name].numpy(), value, atol=1e-6)
            here, there = task.judge(world, memory, {}), task.judge(tensors, memories, {})
            np.testing.assert_allclose(there[0].numpy(), here[0], atol=1e-6)
            assert there[1].tolist() == here[1].tolist()
            after = task.remember(tensors, memories, {})["handed"]
            assert after.tolist() == task.remember(world, memory, {})["handed"].tolist()
            seen.append(here[1].mean())
            if reward == "sparse":
                assert here[0].tolist() == here[1].astype(float).tolist()
    assert seen[0] == 0
    assert seen[-1] > 0.5


def test_the_bar_rests_on_the_right_side():
    env, observation = start(60)
    o = numbers(env, observation)
    later = numbers(env, env.step(np.tile(np.float32([0, 0, 0, 0, 1]), (60, 2)), np.ones(60, bool)).observation)
    assert o["bar.x"].min() > 0.07
    assert o["bar.x"].max() - o["bar.x"].min() > 0.07
    assert np.allclose(o["bar.z"], aloha_transfer.HALF[2])
    assert all(abs(o[f"bar.{axis}"] - later[f"bar.{axis}"]).max() < 1e-3 for axis in "xyz")


def test_states_of_both_arms_are_named_apart():
    env, _ = start(1)
    names = [name for feature in env.spec.observation.values() for name in feature.names]
    assert len(set(names)) == len(names)
    assert {"left_gripper.pos", "right_gripper.pos", "left_tip.x", "right_tip.x"} <= set(names)
    assert env.spec.action.names[:5] == tuple(
        f"left_{n}" for n in (*(f"delta_{a}" for a in ("x", "y", "z", "yaw")), "gripper")
    )


def test_it_is_a_task_for_aloha():
    with pytest.raises(UnknownNameError, match="aloha"):
        lerobot_sim.make("mujoco/aloha-transfer", robot="panda")
