"""`mujoco/pick-color`: the expert picks what is named, cheaters get nothing, words follow from seed and Params."""

import numpy as np
import pytest
import torch

import lerobot_sim
from lerobot_sim.envs.mujoco.tasks import pick_color
from lerobot_sim.envs.mujoco.tasks.pick_color import COLORS, PHRASES
from lerobot_sim.envs.mujoco.world import FIELDS, World, from_state
from lerobot_sim.errors import UnknownNameError
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE

ROBOTS = ("panda", "so100", "so101")
TRAIN, EVERY = len(PHRASES["train"]), len(PHRASES["train"]) + len(PHRASES["held_out"])


def start(count, params=None, first=0, **options):
    env = lerobot_sim.make("mujoco/pick-color", count, threads=1, **options)
    lanes = np.arange(count)
    return env, env.reset(lanes, lanes + first, params)


def numbers(env, observation):
    names = env.spec.observation[ENVIRONMENT_STATE].names
    return dict(zip(names, observation[ENVIRONMENT_STATE].T.astype(np.float64), strict=True))


def play(env, observation, act):
    """Which lanes succeed by the rule hold(10) under act(observation, t)."""
    run, solved = np.zeros(env.num_envs, int), np.zeros(env.num_envs, bool)
    for t in range(env.spec.max_steps):
        action = np.clip(act(observation, t), -1, 1).astype(np.float32)
        step = env.step(action, np.ones(env.num_envs, bool))
        observation = step.observation
        run = np.where(step.success, run + 1, 0)
        solved |= run >= pick_color.HELD
    return solved


def expert_of(env, first=0):
    policy = lerobot_sim.make_policy("expert", env.spec)
    lanes = np.arange(env.num_envs)
    policy.reset(lanes, lanes + first)
    return lambda observation, _t: policy.act(observation, np.ones(env.num_envs, bool)).action


@pytest.mark.parametrize("robot", ROBOTS)
def test_the_expert_picks_what_is_named(robot):
    env, observation = start(40, first=1000, robot=robot)
    assert play(env, observation, expert_of(env, 1000)).mean() >= 0.95


def test_without_the_target_shown_the_expert_knows_the_seed_s():
    env, observation = start(20, first=1000, show_target=False)
    assert not any("target" in name for name in env.spec.observation[ENVIRONMENT_STATE].names)
    assert play(env, observation, expert_of(env, 1000)).mean() >= 0.95


def test_the_target_is_shown_and_nothing_else_differs():
    shown, first = start(6)
    hidden, second = start(6, show_target=False)
    all_numbers, some = numbers(shown, first), numbers(hidden, second)
    assert all(np.array_equal(all_numbers[name], value) for name, value in some.items())
    assert shown.instructions == hidden.instructions
    for lane, words in enumerate(shown.instructions):
        (color,) = [name for name in COLORS if name in words]
        assert [all_numbers[f"target.{name}"][lane] for name in COLORS] == [name == color for name in COLORS]
        for name in ("{}.x", "tip_to_{}.y", "hand_to_{}.sin4"):
            assert all_numbers[name.format("target")][lane] == all_numbers[name.format(color)][lane]


def cheat_with_another_cube(env, observation):
    """The expert is told the next colour."""
    act = expert_of(env)
    names = list(env.spec.observation[ENVIRONMENT_STATE].names)
    columns = [names.index(f"target.{color}") for color in COLORS]

    def wrong(observation, t):
        told = observation[ENVIRONMENT_STATE].copy()
        told[:, columns] = np.roll(told[:, columns], 1, axis=1)
        return act({**observation, ENVIRONMENT_STATE: told}, t)

    return wrong


def cheat_by_hovering(env, observation):
    """Goes over the cube that is meant, closes there and goes up."""

    def hover(observation, t):
        o = numbers(env, observation)
        way = np.stack([o[f"tip_to_target.{axis}"] for axis in "xyz"], axis=1) + np.array([0, 0, 0.05])
        still = np.zeros((env.num_envs, 1))
        up = np.concatenate([0 * way[:, :2], 0.5 + 0 * way[:, 2:]], axis=1)
        return np.concatenate([20 * way if t < 50 else up, still, still + (1 if t < 50 else -1)], axis=1)

    return hover


def cheat_by_letting_go(env, observation):
    """The expert, whose hand opens as soon as the cube is high."""
    act = expert_of(env)
    flung = np.zeros(env.num_envs, bool)

    def fling(observation, t):
        nonlocal flung
        action = act(observation, t).copy()
        flung |= numbers(env, observation)["target.z"] > 0.06
        action[flung] = [0, 0, 1, 0, 1]
        return action

    return fling


def cheat_by_sitting_still(env, observation):
    return lambda observation, t: np.zeros((env.num_envs, 5))


@pytest.mark.parametrize(
    "cheat", [cheat_with_another_cube, cheat_by_hovering, cheat_by_letting_go, cheat_by_sitting_still]
)
def test_cheaters_get_nothing(cheat):
    env, observation = start(20)
    assert not play(env, observation, cheat(env, observation)).any()


def test_another_cube_off_the_table_is_no_success():
    env, observation = start(4)
    act = expert_of(env)
    for t in range(env.spec.max_steps):
        step = env.step(act(observation, t), np.ones(4, bool))
        observation = step.observation
    assert step.success.all()
    task, state = pick_color.task(), env.get_state(np.arange(4))
    world, memory = world_of(state)
    assert task.judge(world, memory, {})[1].all()
    other = list(COLORS)[(int(memory["target"][0]) + 1) % 3]
    xpos = world.xpos.copy()
    names = [task.model.body(i).name for i in range(task.model.nbody)]
    xpos[0, names.index(other), 2] += 0.02
    changed = World(**{**{name: getattr(world, name) for name in FIELDS}, "xpos": xpos})
    assert task.judge(changed, memory, {})[1].tolist() == [False, True, True, True]


def world_of(state):
    arrays = {name.removeprefix("state."): value for name, value in state.items()}
    memory = {name.removeprefix("task."): value for name, value in arrays.items() if name.startswith("task.")}
    return from_state(arrays), memory


@pytest.mark.parametrize("reward", ["dense", "sparse"])
def test_terms_are_the_same_on_torch(reward):
    env, observation = start(6, reward=reward)
    act = expert_of(env)
    for t in range(60):
        observation = env.step(act(observation, t), np.ones(6, bool)).observation
    task = pick_color.task(reward=reward)
    world, memory = world_of(env.get_state(np.arange(6)))
    tensors = World(**{name: torch.from_numpy(np.array(getattr(world, name))) for name in FIELDS})
    memories = {name: torch.from_numpy(value.copy()) for name, value in memory.items()}
    for name, value in task.observe(world, memory, {}).items():
        np.testing.assert_allclose(task.observe(tensors, memories, {})[name].numpy(), value, atol=1e-6)
    here, there = task.judge(world, memory, {}), task.judge(tensors, memories, {})
    assert here[1].any()
    np.testing.assert_allclose(there[0].numpy(), here[0], atol=1e-6)
    assert there[1].tolist() == here[1].tolist()
    if reward == "sparse":
        assert here[0].tolist() == here[1].astype(float).tolist()


def test_cubes_rest_apart_on_the_table():
    for robot in ROBOTS:
        env, observation = start(40, robot=robot)
        o, edge = numbers(env, observation), pick_color.SIZES[robot].half_edge
        for color in COLORS:
            assert np.allclose(o[f"{color}.z"], edge)
        later = numbers(env, env.step(np.zeros((40, 5), np.float32), np.ones(40, bool)).observation)
        pairs = [("red", "green"), ("green", "blue"), ("blue", "red")]
        for first, second in pairs:
            gap = np.hypot(*(o[f"{first}.{axis}"] - o[f"{second}.{axis}"] for axis in "xy"))
            assert gap.min() > 2.9 * edge  # more than the diagonal
        assert all(abs(o[f"{c}.{a}"] - later[f"{c}.{a}"]).max() < 1e-3 for c in COLORS for a in "xyz")


def test_colours_places_and_phrases_vary_with_the_seed():
    env, observation = start(60)
    o, words = numbers(env, observation), env.instructions
    for color in COLORS:
        assert 10 <= sum(color in sentence for sentence in words) <= 30
        assert {int(np.sign(np.round(y / 0.15))) for y in o[f"{color}.y"]} == {-1, 0, 1}
    said = {phrase for phrase in PHRASES["train"] for c in COLORS if phrase.format(color=c) in words}
    assert said == set(PHRASES["train"])


def test_params_say_target_and_phrase():
    targets, phrases = np.array([0, 1, 2, 2]), np.array([0, TRAIN - 1, TRAIN, EVERY - 1])
    env, observation = start(4, {"target": targets, "phrase": phrases})
    choices = (*PHRASES["train"], *PHRASES["held_out"])
    assert env.instructions == [choices[p].format(color=list(COLORS)[t]) for t, p in zip(targets, phrases, strict=True)]
    assert numbers(env, observation)["target.blue"].tolist() == [0, 0, 1, 1]
    assert env.spec.params["phrase"].choices[:EVERY] == choices


def test_the_seed_draws_from_the_split_that_is_asked_for():
    env, _ = start(40, {"phrase": np.full(40, EVERY + 1)})
    held_out = {phrase.format(color=color) for phrase in PHRASES["held_out"] for color in COLORS}
    assert set(env.instructions) == held_out
    trained = {phrase.format(color=color) for phrase in PHRASES["train"] for color in COLORS}
    plain, _ = start(40)
    assert set(plain.instructions) <= trained
    asked, _ = start(40, {"phrase": np.full(40, EVERY)})
    assert asked.instructions == plain.instructions


def test_the_instruction_is_one_of_the_lane_and_follows_its_state():
    env, _ = start(3)
    words, state = list(env.instructions), env.get_state(np.array([1]))
    env.reset(np.array([1]), np.array([77]), {"phrase": np.array([EVERY - 1])})
    assert env.instructions[0] == words[0]
    assert env.instructions[1] != words[1]
    env.set_state(np.array([1]), state)
    assert env.instructions == words


def test_an_unknown_robot_is_refused():
    with pytest.raises(UnknownNameError, match="panda"):
        lerobot_sim.make("mujoco/pick-color", robot="aloha")


def test_options_make_the_environment_again():
    env, observation = start(1, robot="so100", show_target=False, reward="sparse")
    again = lerobot_sim.make("mujoco/pick-color", 1, **env.spec.options)
    assert again.spec == env.spec
    assert observation[STATE].shape == (1, *again.spec.observation[STATE].shape)
