"""Gymnasium environments as Envs: gymnasium's own, ours through gymnasium and back, and some that misbehave."""

import logging

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import lerobot_sim
import lerobot_sim.gym  # registers
from lerobot_sim.env import End
from lerobot_sim.errors import ArrayError, BrokenPromiseError, InputError, SimError
from lerobot_sim.simulators.gymnasium_env import GymnasiumEnv
from lerobot_sim.spec import Camera
from lerobot_sim.testing import CHECKS

STATE = "observation.state"


@pytest.fixture(autouse=True)
def _dummy_display(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")  # gymnasium's own drawings are pygame's


def pendulum(num_envs=1, **options):
    make = lambda: gymnasium.make("Pendulum-v1", render_mode="rgb_array")  # noqa: E731
    return GymnasiumEnv(make, num_envs, env_id="gymnasium/pendulum", success_key=None, **options)


def mountain_car(num_envs=1):
    make = lambda: gymnasium.make("MountainCarContinuous-v0")  # noqa: E731
    return GymnasiumEnv(make, num_envs, env_id="gymnasium/mountain-car", success_key=None)


def cart_pole(num_envs=1):
    return GymnasiumEnv(lambda: gymnasium.make("CartPole-v1"), num_envs, env_id="gymnasium/cart-pole", success_key=None)


def round_trip(num_envs=1):
    """Our push-t as gymnasium's, and that as an Env again."""
    make = lambda: gymnasium.make("lerobot-sim/numpy-push-t-v1", pixels=("front",), pixels_size=(40, 56))  # noqa: E731
    options = {"max_steps": 300, "metrics": ("goal_distance",), "restore": "exact"}
    return GymnasiumEnv(make, num_envs, env_id="numpy/push-t", **options)


class Odd(gymnasium.Env):
    """Counts to `length`; the rest is what a test says."""

    metadata = {"render_modes": [], "render_fps": 5}  # noqa: RUF012
    action_space = spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, observe=lambda t: np.array([t, 0.0]), info=lambda t: {}, length=3, space=None, on_step=None):
        self.observation_space = space or spaces.Box(-np.inf, np.inf, (2,), np.float64)
        self.observe, self.info, self.length, self.on_step = observe, info, length, on_step
        self.closed = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.observe(0), {}

    def step(self, action):
        self.t += 1
        result = self.observe(self.t), 1.0, self.t >= self.length, False, self.info(self.t)
        return self.on_step(self, result) if self.on_step else result

    def close(self):
        self.closed += 1


def odd(num_envs=1, *, env_options=None, **options):
    made = []

    def make():
        made.append(Odd(**(env_options or {})))
        return made[-1]

    env = GymnasiumEnv(make, num_envs, env_id="test/odd", **{"success_key": None, "max_steps": 10, **options})
    return env, made


def act(env, value=0.0, active=None):
    action = np.full((env.num_envs, *env.spec.action.shape), value, env.spec.action.dtype)
    return env.step(action, np.ones(env.num_envs, bool) if active is None else np.asarray(active))


@pytest.mark.parametrize("make", [pendulum, mountain_car, cart_pole, round_trip])
@pytest.mark.parametrize("name", CHECKS)
def test_the_contract_is_kept(name, make):
    expert = lambda spec: lerobot_sim.make_policy("expert", spec)  # noqa: E731
    CHECKS[name](make, expert if make is round_trip else None)


def test_push_t_through_gymnasium_and_back_is_the_same_bytes():
    native, hosted = lerobot_sim.make("push-t", 3), round_trip(3)
    assert hosted.spec.observation[STATE].shape == native.spec.observation[STATE].shape
    assert (hosted.spec.fps, hosted.spec.max_steps) == (10, 300)
    expert = lambda: lerobot_sim.make_policy("expert", native.spec)  # noqa: E731
    seeds = [1, 2, 3, 4, -5, 2**40]
    ours = list(lerobot_sim.rollout(native, expert(), seeds))
    theirs = list(lerobot_sim.rollout(hosted, expert(), seeds))
    assert len(ours) == len(theirs) == 6
    for one, other in zip(ours, theirs, strict=True):
        assert (one.seed, one.end, one.instruction) == (other.seed, other.end, other.instruction)
        for name in ("action", "reward", "success"):
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
        assert one.observation[STATE].tobytes() == other.observation[STATE].tobytes()
        assert one.final_observation[STATE].tobytes() == other.final_observation[STATE].tobytes()
        assert one.metrics["goal_distance"].tobytes() == other.metrics["goal_distance"].tobytes()
    camera = {"front": Camera(height=40, width=56)}
    native.reset([0, 1, 2], [1, 2, 3]), hosted.reset([0, 1, 2], [1, 2, 3])
    np.testing.assert_array_equal(native.render(camera)["front"], hosted.render(camera)["front"])


def test_steps_are_gymnasiums_own():
    env, alone = pendulum(2), gymnasium.make("Pendulum-v1")
    observation = env.reset([0, 1], [5, 6])[STATE]
    np.testing.assert_array_equal(alone.reset(seed=6)[0], observation[1])
    for t in range(200):
        action = np.array([[0.5], [np.sin(t)]], np.float32)
        step = env.step(action, np.ones(2, bool))
        theirs = alone.step(action[1])
        np.testing.assert_array_equal(step.observation[STATE][1], theirs[0])
        assert step.reward[1] == np.float32(theirs[1])
    assert theirs[3]
    assert step.end.tolist() == [End.TIME_LIMIT] * 2
    assert not step.success.any()
    assert env.spec.success_rule == "none"
    assert env.spec.max_steps == 200


def test_nothing_resets_by_itself():
    env, (one, two) = odd(2, env_options={"length": 2})
    env.reset([0, 1], [1, 2])
    act(env, active=[True, False])
    step = act(env)
    assert step.end.tolist() == [End.TERMINATED, End.RUNNING]
    step = act(env)
    assert step.end.tolist() == [End.TERMINATED, End.TERMINATED]
    assert (one.t, two.t) == (2, 2)
    assert step.reward.tolist() == [0, 1]
    assert step.observation[STATE][:, 0].tolist() == [2, 2]


def test_max_steps_ends_what_gymnasium_would_not():
    env, _ = odd(env_options={"length": 99}, max_steps=4)
    env.reset([0], [1])
    ends = [int(act(env).end[0]) for _ in range(4)]
    assert ends == [0, 0, 0, End.TIME_LIMIT]


def test_success_is_the_declared_key_and_not_latched():
    env, _ = odd(env_options={"info": lambda t: {"solved": t == 2}, "length": 4}, success_key="solved")
    env.reset([0], [1])
    assert [bool(act(env).success[0]) for _ in range(4)] == [False, True, False, False]
    assert env.spec.success_rule == "any"


def test_success_may_be_told_at_the_end_only():
    env, _ = odd(env_options={"info": lambda t: {"solved": True} if t == 3 else {}}, success_key="solved")
    env.reset([0], [1])
    assert [bool(act(env).success[0]) for _ in range(3)] == [False, False, True]


def test_a_success_key_that_is_not_there_is_named_with_those_that_are():
    env, _ = odd(env_options={"info": lambda t: {"solved": True, "score": 1}}, success_key="is_success")
    env.reset([0], [1])
    act(env), act(env)
    with pytest.raises(InputError, match=r"no 'is_success'.*\['score', 'solved'\].*success_key="):
        act(env)


def test_metrics_are_kept_and_a_missing_one_is_named():
    env, _ = odd(env_options={"info": lambda t: {"height": t / 2}}, metrics=("height",))
    env.reset([0], [1])
    assert act(env).metrics["height"].tolist() == [0.5]
    env, _ = odd(env_options={"info": lambda t: {"height": t / 2}}, metrics=("hight",))
    env.reset([0], [1])
    with pytest.raises(InputError, match=r"'hight'.*'height'"):
        act(env)


def test_an_old_step_of_four_values_is_named():
    env, _ = odd(env_options={"on_step": lambda self, result: (*result[:2], False, {})})
    env.reset([0], [1])
    with pytest.raises(BrokenPromiseError, match=r"step returned 4 values: this is Gym's API before 0.26.*shimmy"):
        act(env)


@pytest.mark.filterwarnings("ignore")
def test_an_old_step_is_named_through_gymnasiums_wrappers_too():
    def make():
        return gymnasium.wrappers.TimeLimit(Odd(on_step=lambda self, result: (*result[:2], False, {})), 10)

    env = GymnasiumEnv(make, env_id="test/old", success_key=None, max_steps=10)
    env.reset([0], [1])
    with pytest.raises(BrokenPromiseError, match=r"Gym's API before 0\.26"):
        act(env)


def test_an_old_reset_is_named():
    class NoInfo(Odd):
        def reset(self, *, seed=None, options=None):
            return super().reset(seed=seed)[0]

    class NoSeed(Odd):
        def reset(self):
            return super().reset()[0]

    for kind in (NoInfo, NoSeed):
        env = GymnasiumEnv(kind, env_id="test/old", success_key=None, max_steps=10)
        with pytest.raises(BrokenPromiseError, match=r"reset.*Gym's API before 0.26.*shimmy"):
            env.reset([0], [1])


def test_other_answers_of_the_wrong_form_are_named():
    env, _ = odd(env_options={"on_step": lambda self, result: result[:3]})
    env.reset([0], [1])
    with pytest.raises(BrokenPromiseError, match="3 values, expected"):
        act(env)
    env, _ = odd(env_options={"observe": lambda t: np.zeros(2 + t)})
    env.reset([0], [1])
    with pytest.raises(BrokenPromiseError, match=r"\(3,\); its space says float64 \(2,\)"):
        act(env)


def test_a_nan_action_is_the_policys_end_and_never_reaches_the_environment():
    env, (one, two) = odd(2)
    env.reset([0, 1], [1, 2])
    step = env.step(np.array([[0, np.nan], [0, 0]], np.float32), np.ones(2, bool))
    assert step.end.tolist() == [End.POLICY, End.RUNNING]
    assert (one.t, two.t) == (0, 1)
    assert "not finite" in env.explain(0)


def test_numbers_that_are_not_finite_end_as_diverged_with_the_last_good_observation():
    env, _ = odd(env_options={"observe": lambda t: np.array([t, np.nan if t == 2 else 0.0])})
    env.reset([0], [1])
    good = act(env).observation[STATE]
    step = act(env)
    assert step.end.tolist() == [End.DIVERGED]
    assert step.reward.tolist() == [0]
    np.testing.assert_array_equal(step.observation[STATE], good)
    assert "finite" in env.explain(0)
    env, _ = odd(env_options={"observe": lambda t: np.array([np.nan, 0.0])})
    with pytest.raises(SimError, match="not finite"):
        env.reset([0], [1])


def test_an_exception_is_a_fault_of_its_lane_which_begins_anew(caplog):
    def fail(self, result):
        if self.np_random_seed == 7:
            raise RuntimeError("the arm fell off")
        return result

    env, made = odd(2, env_options={"on_step": fail})
    env.reset([0, 1], [7, 8])
    with caplog.at_level(logging.WARNING):
        step = act(env)
    assert step.end.tolist() == [End.FAULT, End.RUNNING]
    assert "the arm fell off" in env.explain(0)
    assert "the arm fell off" in caplog.text
    env.reset([0], [9])
    assert len(made) == 3
    assert made[0].closed == 1
    assert act(env).end.tolist() == [End.RUNNING, End.RUNNING]
    episodes = list(lerobot_sim.rollout(env, lerobot_sim.make_policy("random", env.spec), [7, 8]))
    assert [episode.end for episode in episodes] == [End.FAULT, End.TERMINATED]
    assert episodes[0].attempt == 1  # it was tried again once


def test_ctrl_c_is_no_fault():
    def interrupt(self, result):
        raise KeyboardInterrupt

    env, _ = odd(env_options={"on_step": interrupt})
    env.reset([0], [1])
    with pytest.raises(KeyboardInterrupt):
        act(env)


def test_nested_observations_and_images_get_lerobots_names():
    space = spaces.Dict(
        {
            "agent_pos": spaces.Box(-1, 1, (2,), np.float32),
            "pixels": spaces.Dict({"wrist": spaces.Box(0, 255, (8, 12, 3), np.uint8)}),
            "task": spaces.Dict({"goal": spaces.Box(0, np.array([1, 2]), (2,), np.float64)}),
        }
    )
    picture = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)

    def observe(t):
        return {
            "agent_pos": np.full(2, t / 10, np.float32),
            "pixels": {"wrist": picture + t},
            "task": {"goal": np.ones(2)},
        }

    env, _ = odd(2, env_options={"space": space, "observe": observe})
    assert set(env.spec.observation) == {STATE, "observation.task.goal"}
    assert env.spec.observation["observation.task.goal"].high == (1.0, 2.0)
    assert env.spec.cameras == {"wrist": Camera(height=8, width=12)}
    observation = env.reset([0, 1], [1, 2])
    assert set(observation) == set(env.spec.observation)
    act(env, active=[False, True])
    images = env.render(env.spec.cameras)["wrist"]
    np.testing.assert_array_equal(images, [picture, picture + 1])
    np.testing.assert_array_equal(env.render(env.spec.cameras, [1])["wrist"], [picture + 1])
    half = env.render({"wrist": Camera(height=4, width=6)}, [0])["wrist"][0]
    mean = picture.reshape(4, 2, 6, 2, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(half - mean).max() <= 0.5


def test_render_is_a_camera_where_gymnasium_renders():
    env = pendulum(2)
    assert env.spec.cameras == {"front": Camera(height=500, width=500)}
    env.reset([0, 1], [1, 2])
    alone = gymnasium.make("Pendulum-v1", render_mode="rgb_array")
    alone.reset(seed=2)
    np.testing.assert_array_equal(env.render(env.spec.cameras, [1])["front"][0], alone.render())
    with pytest.raises(InputError, match="'rgb' only"):
        env.render({"front": Camera(kind="depth")})


def test_observation_keys_rename_and_leave_out():
    space = spaces.Dict({name: spaces.Box(-9, 9, (2,), np.float64) for name in ("observation", "desired_goal", "x")})
    options = {"space": space, "observe": lambda t: dict.fromkeys(space, np.full(2, t))}
    keys = {"desired_goal": "observation.environment_state", "x": None}
    env, _ = odd(env_options=options, observation_keys=keys)
    assert set(env.spec.observation) == {STATE, "observation.environment_state"}
    with pytest.raises(InputError, match="'desired_goal'"):
        odd(env_options=options, observation_keys={"desired_gaol": STATE})
    with pytest.raises(InputError, match="observation_keys="):
        odd(env_options=options, observation_keys={"x": STATE})


def test_discrete_actions_are_scores():
    env = cart_pole(2)
    assert env.spec.action.shape == (2,)
    assert env.spec.action.names == ("choice_0", "choice_1")
    observation = env.reset([0, 1], [3, 3])[STATE]
    assert (observation[0] == observation[1]).all()
    alone = gymnasium.make("CartPole-v1")
    alone.reset(seed=3)
    step = env.step(np.array([[0.1, 0.9], [0.9, 0.1]], np.float32), np.ones(2, bool))
    np.testing.assert_array_equal(step.observation[STATE][0], alone.step(1)[0])
    alone.reset(seed=3)
    np.testing.assert_array_equal(step.observation[STATE][1], alone.step(0)[0])


def test_spaces_that_cannot_be_mapped_name_a_way_out():
    with pytest.raises(InputError, match="FlattenObservation"):
        odd(env_options={"space": spaces.Tuple([spaces.Discrete(3)])})

    class Many(Odd):
        action_space = spaces.MultiDiscrete([2, 3])

    with pytest.raises(InputError, match="TransformAction"):
        GymnasiumEnv(Many, env_id="test/many", success_key=None, max_steps=3)


def test_what_is_missing_at_construction_is_named():
    class Silent(Odd):
        metadata = {"render_modes": []}  # noqa: RUF012

    with pytest.raises(InputError, match="fps="):
        GymnasiumEnv(Silent, env_id="test/silent", max_steps=3)
    with pytest.raises(InputError, match="max_steps="):
        GymnasiumEnv(Odd, env_id="test/odd")
    with pytest.raises(InputError, match="at least 1"):
        pendulum(0)
    one = Odd()
    with pytest.raises(InputError, match="twice"):
        GymnasiumEnv(lambda: one, 2, env_id="test/odd", max_steps=3)
    lengths = iter([2, 3])
    make = lambda: Odd(space=spaces.Box(0, 1, (next(lengths),)))  # noqa: E731
    with pytest.raises(InputError, match="spaces differ"):
        GymnasiumEnv(make, 2, env_id="test/odd", max_steps=3)


def test_restore_is_refused_where_it_cannot_be():
    env = pendulum()
    env.reset([0], [1])
    for call in (lambda: env.get_state([0]), lambda: env.set_state([0], {})):
        with pytest.raises(InputError, match=r"capabilities\.restore='none'"):
            call()
    with pytest.raises(InputError, match="TimeLimit"):
        pendulum(restore="exact")
    with pytest.raises(InputError, match=r"no get_state\(\)"):
        odd(restore="exact")


def test_actions_are_clipped_and_checked():
    env, (one,) = odd()
    seen = []
    one.on_step = lambda self, result: result
    original = one.step
    one.step = lambda action: seen.append(action) or original(action)
    env.reset([0], [1])
    act(env, 7.0)
    assert seen[0].tolist() == [1, 1]
    assert seen[0].dtype == np.float32
    with pytest.raises(ArrayError, match="float32"):
        env.step(np.zeros((1, 2)), np.ones(1, bool))


def test_closing_closes_every_environment_once():
    env, made = odd(3)
    env.close()
    env.close()
    assert [one.closed for one in made] == [1, 1, 1]


def test_images_alone_are_an_observation_too():
    space = spaces.Box(0, 255, (6, 6, 3), np.uint8)
    env, _ = odd(2, env_options={"space": space, "observe": lambda t: np.full((6, 6, 3), t, np.uint8)})
    assert env.spec.observation == {}
    assert set(env.spec.cameras) == {"front"}
    env.reset([0, 1], [1, 2])
    act(env, active=[True, False])
    assert env.render(env.spec.cameras)["front"][:, 0, 0, 0].tolist() == [1, 0]
    episodes = list(lerobot_sim.rollout(env, lerobot_sim.make_policy("random", env.spec), [1, 2, 3]))
    assert [len(episode) for episode in episodes] == [3, 3, 3]


def test_an_environment_says_its_task_itself():
    class Told(Odd):
        task_description = "count to three"

    env = GymnasiumEnv(Told, 2, env_id="test/told", success_key=None, max_steps=3)
    assert env.instructions == ["count to three"] * 2
    assert GymnasiumEnv(Told, env_id="test/told", max_steps=3, instruction="count").instructions == ["count"]
    assert odd()[0].instructions == ["test/odd"]
