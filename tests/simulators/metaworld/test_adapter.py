"""MetaWorld's lanes in a worker: contract, exact restore, goals of suites, options, faults of the caller."""

import numpy as np
import pytest

from lerobot_sim.errors import InputError
from lerobot_sim.experts.metaworld import make as make_expert
from lerobot_sim.simulators import metaworld
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera
from lerobot_sim.testing import CHECKS, check_env
from tests.simulators.conftest import needs
from tests.simulators.peers import contract_there

from .foreign import MODULE, ours

pytestmark = [needs("metaworld", MODULE), pytest.mark.timeout(3600)]  # on a busy machine a contract takes many minutes
EXPERT = "lerobot_sim.experts.metaworld"
QUICK = ("arrays_match_the_spec", "seed_decides_the_episode", "neighbours_do_not_matter", "bad_states_are_refused")
FEW = ("pick-place-v3", "door-lock-v3")


@pytest.fixture
def make():
    made = []

    def one(*args, **options):
        made.append(ours(*args, **options))
        return made[-1]

    yield one
    for env in made:
        env.close()


@pytest.mark.parametrize("name", QUICK)
def test_the_contract_is_kept(name):
    CHECKS[name](lambda num_envs=1: ours("box-close-v3", num_envs))


@pytest.mark.slow
@pytest.mark.parametrize("task", FEW)
def test_the_whole_contract_is_kept(task):
    check_env(lambda num_envs=1: ours(task, num_envs), expert=make_expert)


@pytest.mark.slow
@pytest.mark.parametrize("task", metaworld.tasks())
def test_every_task_keeps_the_contract(task):
    """In one process of MetaWorld's own: starting one for each of a hundred environments takes longer than the rest."""
    slow = {"pictures_have_the_size_asked", "pictures_show_the_state"}  # minutes; the model's cameras are one file
    found = contract_there(MODULE, task, *(name for name in CHECKS if name not in slow), expert=EXPERT)
    assert {name: words for name, words in found.items() if words} == {}


def actions(seed, count=80):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 1, 4)).astype(np.float32)


def run(env, given):
    rows = [env.step(action, np.ones(1, np.bool_)) for action in given]
    return [[*row.observation.values(), row.reward, row.success, *row.metrics.values()] for row in rows]


def check_restore(make, task):
    """A state put into an environment that was never reset goes on bit for bit, as does what it leads to."""
    env, given = make(task, frame_stack=3), actions(1)
    env.reset(np.arange(1), np.array([4]))
    for at in (0, 1, 40):
        run(env, given[:at])
        state = env.get_state(np.arange(1))
        rest = run(env, given[at:])
        other = make(task, frame_stack=3)
        other.set_state(np.arange(1), state)
        for one, two in zip(rest, run(other, given[at:]), strict=True):
            assert all(a.tobytes() == b.tobytes() for a, b in zip(one, two, strict=True)), (task, at)
        first, second = env.get_state(np.arange(1)), other.get_state(np.arange(1))
        assert all(first[name].tobytes() == second[name].tobytes() for name in first), (task, at)
        other.close()
        env.reset(np.arange(1), np.array([4]))


def test_a_state_goes_on_exactly_in_a_new_environment(make):
    check_restore(make, "bin-picking-v3")  # its reward remembers what it saw first


@pytest.mark.slow
@pytest.mark.parametrize("task", metaworld.tasks())
def test_a_state_of_every_task_goes_on_exactly_in_a_new_environment(make, task):
    check_restore(make, task)


def test_states_of_another_task_or_stack_are_refused(make):
    one, other = make("reach-v3"), make("door-open-v3")
    one.reset(np.arange(1), np.array([0]))
    with pytest.raises(InputError, match="no state of"):
        other.set_state(np.arange(1), one.get_state(np.arange(1)))
    with pytest.raises(InputError, match="no state of"):
        make("reach-v3", frame_stack=2).set_state(np.arange(1), one.get_state(np.arange(1)))


def test_goals_of_a_suite_are_those_of_the_seed_modulo_50_and_hidden_in_ml(make):
    env = make("reach-v3", 2, suite="ML10", goal_observable=True, seed=3)
    goal = env.reset(np.arange(2), np.array([7, 57]))[ENVIRONMENT_STATE][:, -3:]
    assert np.array_equal(goal[0], metaworld.goals("ML10", "train", "reach-v3", 3)[7, 3:].astype(np.float32))
    assert np.array_equal(goal[0], goal[1])
    hidden = make("reach-v3", suite="ML10", seed=3)
    seen = hidden.reset(np.arange(1), np.array([7]))[ENVIRONMENT_STATE]
    assert not seen[:, -3:].any()
    hidden.step(np.zeros((1, 4), np.float32), np.ones(1, np.bool_))
    distance = hidden.step(np.zeros((1, 4), np.float32), np.ones(1, np.bool_)).metrics["obj_to_target"]
    env.step(np.zeros((2, 4), np.float32), np.ones(2, np.bool_))
    assert distance[0] == env.step(np.zeros((2, 4), np.float32), np.ones(2, np.bool_)).metrics["obj_to_target"][0]


def test_lanes_in_any_order_and_process_give_the_same_episodes(make):
    one, two = make("push-v3", 3), make("push-v3", 1)
    seeds = np.array([5, 6, 7])
    forward = one.reset(np.arange(3), seeds)[ENVIRONMENT_STATE]
    run_on = np.ones(3, np.bool_)
    for action in actions(2, 5):
        one.step(np.repeat(action, 3, axis=0), run_on)
    backward = one.reset(np.arange(3), seeds[::-1])[ENVIRONMENT_STATE]
    assert np.array_equal(forward, backward[::-1])
    assert np.array_equal(two.reset(np.arange(1), seeds[2:])[ENVIRONMENT_STATE], forward[2:])


def test_frames_are_stacked_newest_first(make):
    env = make("push-v3", frame_stack=3)
    plain = make("push-v3")
    first = plain.reset(np.arange(1), np.array([1]))[STATE]
    assert np.array_equal(env.reset(np.arange(1), np.array([1]))[STATE], np.tile(first, 3))
    rows = [plain.step(action, np.ones(1, np.bool_)).observation[STATE] for action in actions(3, 2)]
    for action in actions(3, 2):
        row = env.step(action, np.ones(1, np.bool_))
    assert np.array_equal(row.observation[STATE], np.concatenate([rows[1], rows[0], first], axis=1))


def test_an_action_repeated_is_the_action_given_several_times(make):
    once, thrice = make("push-v3"), make("push-v3", action_repeat=3)
    for env in (once, thrice):
        env.reset(np.arange(1), np.array([1]))
    for action in actions(4, 3):
        singles = [once.step(action, np.ones(1, np.bool_)) for _ in range(3)]
        row = thrice.step(action, np.ones(1, np.bool_))
        assert np.array_equal(row.observation[ENVIRONMENT_STATE], singles[-1].observation[ENVIRONMENT_STATE])
        assert row.reward[0] == pytest.approx(sum(single.reward[0] for single in singles), rel=1e-6)


def test_an_environment_of_pictures_alone_observes_nothing_else(make):
    env = make("push-v3", observation_type="pixels", image_size=48)
    assert env.reset(np.arange(1), np.array([0])) == {}
    assert env.step(np.zeros((1, 4), np.float32), np.ones(1, np.bool_)).observation == {}
    image = env.render({"corner2": env.spec.cameras["corner2"]})["corner2"]
    assert image.shape == (1, 48, 48, 3)
    assert np.ptp(image) > 100


def test_a_draft_is_another_picture(make):
    env = make("push-v3")
    env.reset(np.arange(1), np.array([0]))
    draft, standard = (
        env.render({"corner4": Camera(height=64, width=64, look=look)}) for look in ("draft", "standard")
    )
    assert (draft["corner4"] != standard["corner4"]).mean() > 0.05


def test_the_robot_stands_right_side_up(make):
    """The red arm hangs over the wooden table in every picture but those of the hand and from above."""
    env = make("reach-v3")
    env.reset(np.arange(1), np.array([0]))
    for name in ("corner", "corner2", "corner3", "corner4"):
        image = env.render({name: Camera(height=96, width=96)})[name][0].astype(int)
        red = (image[..., 0] > 90) & (image[..., 1] < 60) & (image[..., 2] < 60)
        wood = (abs(image[..., 0] - image[..., 1]) > 20) & (image[..., 1] > image[..., 2] + 5) & ~red
        rows = np.arange(96)[:, None]
        assert red.sum() > 100
        assert (rows * red).sum() / red.sum() < (rows * wood).sum() / wood.sum(), name
