"""The one loop: order, window, retries, pictures, Params, people's events, and how it ends early."""

import itertools
import threading

import numpy as np
import pytest

from lerobot_sim import Camera, Decision, End, Frames, Profile, make, make_policy, rollout, steps
from lerobot_sim.envs.push_t import SPEC
from lerobot_sim.errors import InputError, UnknownNameError
from lerobot_sim.policy import LaneClock
from lerobot_sim.spec import IMAGES, STATE


class Still:
    """Does nothing; remembers what it was told and shown."""

    batch_invariant = True

    def __init__(self, lanes, cameras=None, events=None):
        self.lanes, self.cameras, self.events = lanes, cameras or {}, events or (lambda _acts: {})
        self.resets, self.seen, self.acts = [], [], 0

    def reset(self, lanes, seeds):
        self.resets.append((lanes.tolist(), seeds.tolist()))

    def act(self, observation, active):
        assert active.shape == (self.lanes,)
        self.seen.append((observation, active.copy()))
        self.acts += 1
        return Decision(np.zeros((self.lanes, 2), np.float32), {}, self.events(self.acts))


class Watcher:
    """A sink that keeps what it was given."""

    def __init__(self, cameras=None):
        self.cameras, self.frames = cameras or {}, []

    def write(self, frames):
        self.frames.append(frames)


def test_every_row_follows_from_the_one_before():
    env, policy = make("push-t", 2), make_policy("random", SPEC)
    last = {}
    ticks = list(steps([env], policy, range(3)))
    assert [frames.env for frames in ticks] == [0] * 600
    for frames in ticks:
        for lane in np.flatnonzero(frames.active):
            start = frames.starts[lane]
            if frames.t[lane]:
                t, following = last[start.index]
                assert frames.t[lane] == t + 1
                np.testing.assert_array_equal(frames.observation[STATE][lane], following)
            last[start.index] = frames.t[lane], frames.next_observation[STATE][lane]
            assert frames.end[lane] == (End.TIME_LIMIT if frames.t[lane] == 299 else End.RUNNING)
    assert {index: t for index, (t, _) in last.items()} == {0: 299, 1: 299, 2: 299}


class Leaves(Still):
    """Ends its episode after more steps the higher the seed; its actions tell seed and step apart."""

    def __init__(self, lanes):
        super().__init__(lanes)
        self.clock = LaneClock()

    def reset(self, lanes, seeds):
        self.clock.reset(lanes, seeds)

    def act(self, observation, active):
        seeds, acts = self.clock.of(len(active))
        self.clock.tick(active)
        action = np.stack([np.sin(seeds * 7.0 + acts), np.cos(acts * 3.0 + seeds)], axis=1).astype(np.float32)
        return Decision(action, events={"terminate_episode": acts >= 3 + seeds})


def test_lanes_in_step_and_out_of_step_give_the_same_episodes():
    alone = list(rollout(make("push-t"), Leaves(1), range(9)))
    assert [len(episode) for episode in alone] == list(range(4, 13))
    for lanes in (2, 3, 9):
        for episode, other in zip(rollout(make("push-t", lanes), Leaves(lanes), range(9)), alone, strict=True):
            for name in ("action", "reward", "success"):
                np.testing.assert_array_equal(getattr(episode, name), getattr(other, name))
            np.testing.assert_array_equal(episode.observation[STATE], other.observation[STATE])


def test_fewer_seeds_than_lanes_leave_lanes_idle():
    policy = Still(8)
    ticks = list(steps([make("push-t", 8)], policy, [4, 9]))
    assert policy.resets == [([0, 1], [4, 9])]
    assert all(frames.active.tolist() == [True, True] + [False] * 6 for frames in ticks)
    assert ticks[0].starts[2:] == (None,) * 6


def test_no_seeds_at_all():
    assert list(steps([make("push-t")], Still(1), [])) == []
    assert list(rollout(make("push-t"), Still(1), [])) == []


def test_lanes_are_numbered_through_all_environments():
    policy = Still(5)
    list(steps([make("push-t", 2), make("push-t", 3)], policy, range(5)))
    assert policy.resets == [([0, 1], [0, 1]), ([2, 3, 4], [2, 3, 4])]


@pytest.mark.parametrize("lanes", [[1], [4], [2, 1], [1, 1, 1]])
def test_rollout_is_in_the_order_of_the_seeds(lanes):
    seeds = [7, 7, -3, 2**50, 0]
    episodes = list(rollout([make("push-t", n) for n in lanes], make_policy("random", SPEC), seeds))
    assert [episode.seed for episode in episodes] == seeds
    assert [episode.index for episode in episodes] == list(range(5))
    np.testing.assert_array_equal(episodes[0].action, episodes[1].action)
    assert all(len(episode) == 300 and episode.end is End.TIME_LIMIT for episode in episodes)
    for episode in episodes:
        assert episode.observation[STATE].shape == (300, 6)
        assert episode.explanation == ""
        assert episode.instruction


def test_endless_seeds_and_an_early_close_leave_no_thread():
    threads = threading.active_count()
    running = rollout([make("push-t"), make("push-t")], make_policy("random", SPEC), itertools.count())
    assert [next(running).seed for _ in range(3)] == [0, 1, 2]
    running.close()
    assert threading.active_count() == threads
    ticks = steps([make("push-t"), make("push-t")], make_policy("random", SPEC), itertools.count())
    next(ticks)
    ticks.close()
    assert threading.active_count() == threads


def test_seeds_are_taken_no_further_than_the_window():
    taken = []

    def seeds():
        for seed in itertools.count():
            taken.append(seed)
            yield seed

    class Stubborn:
        """Lane 0's first episode goes on; all others are ended at once."""

        cameras, batch_invariant = {}, True

        def reset(self, lanes, seeds):
            pass

        def act(self, observation, active):
            over = np.array([False, True, True])
            return Decision(np.zeros((3, 2), np.float32), {}, {"terminate_episode": over})

    ticks = steps([make("push-t", 3)], Stubborn(), seeds(), window=5)
    for _ in range(20):
        frames = next(ticks)
    assert taken == [0, 1, 2, 3, 4]
    assert frames.active.tolist() == [True, False, False]
    ticks.close()


def test_the_default_window_is_twice_the_lanes():
    ended = np.array([False, True])
    policy = Still(2, events=lambda _: {"terminate_episode": ended})
    ticks = steps([make("push-t", 2)], policy, itertools.count())
    started = {start.index for frames in itertools.islice(ticks, 30) for start in frames.starts if start}
    ticks.close()
    assert started == {0, 1, 2, 3}


@pytest.mark.parametrize("window", [0, -1])
def test_a_window_of_nothing(window):
    with pytest.raises(InputError, match="window"):
        next(steps([make("push-t")], Still(1), [1], window=window))


def test_no_environment_and_unlike_environments():
    with pytest.raises(InputError, match="none came"):
        next(steps([], Still(1), [1]))
    with pytest.raises(InputError, match=r"'numpy/push-t' and 'numpy/reach' differ"):
        next(steps([make("push-t"), make("numpy/reach")], Still(2), [1]))


def test_policy_and_sinks_get_the_same_pictures():
    front = {"front": Camera(height=24, width=32)}
    policy, sink, blind = Still(2, front), Watcher(front), Watcher()
    for frames in itertools.islice(steps([make("push-t", 2)], policy, [1, 2], sinks=[sink, blind]), 3):
        assert isinstance(frames, Frames)
    for (seen, _), frames, same in zip(policy.seen, sink.frames, blind.frames, strict=True):
        assert seen[IMAGES + "front"] is frames.observation[IMAGES + "front"]
        assert frames is same
        assert frames.observation[IMAGES + "front"].shape == (2, 24, 32, 3)
        assert IMAGES + "front" not in frames.next_observation


def test_pictures_are_of_the_observation_that_they_lie_beside():
    front = {"front": Camera(height=24, width=32)}
    sink, env = Watcher(front), make("push-t")
    for frames in itertools.islice(steps([env], make_policy("expert", SPEC), [3], sinks=[sink]), 40):
        assert frames.active.all()
    twin = make("push-t")
    twin.reset(np.array([0]), np.array([3]))
    for frames in sink.frames:
        np.testing.assert_array_equal(frames.observation[IMAGES + "front"], twin.render(front)["front"])
        twin.step(frames.action, np.ones(1, np.bool_))


def test_lanes_without_an_episode_are_not_rendered():
    sink = Watcher({"front": Camera(height=8, width=8)})
    list(itertools.islice(steps([make("push-t", 3)], Still(3), [1], sinks=[sink]), 1))
    image = sink.frames[0].observation[IMAGES + "front"]
    assert image[0].any()
    assert not image[1:].any()


def test_several_environments_share_one_batch():
    front = {"front": Camera(height=8, width=8)}
    policy, sink = Still(3, front), Watcher(front)
    list(itertools.islice(steps([make("push-t", 1), make("push-t", 2)], policy, [1, 2, 3], sinks=[sink]), 6))
    seen, active = policy.seen[0]
    assert seen[STATE].shape == (3, 6)
    assert seen[IMAGES + "front"].shape == (3, 8, 8, 3)
    assert active.all()
    kept = [observation[STATE].copy() for observation, _ in policy.seen]
    later, _ = policy.seen[-1]
    later[STATE][:] = 9
    for before, (observation, _) in zip(kept[:-1], policy.seen[:-1], strict=True):
        np.testing.assert_array_equal(before, observation[STATE], "what the policy was shown is its own")
    for frames in sink.frames:
        assert frames.observation[STATE].shape == (1 + frames.env, 6)


def test_cameras_are_united_and_conflicts_named():
    small, large = {"front": Camera(height=8, width=8)}, {"front": Camera(height=9, width=8)}
    with pytest.raises(InputError, match="'front' is asked for twice and differs"):
        next(steps([make("push-t")], Still(1, small), [1], sinks=[Watcher(large)]))
    with pytest.raises(UnknownNameError, match="Did you mean 'front'"):
        next(steps([make("push-t")], Still(1), [1], sinks=[Watcher({"frant": Camera()})]))


@pytest.mark.parametrize("event", ["terminate_episode", "success", "failure"])
def test_an_operator_ends_the_episode(event):
    policy = Still(2, events=lambda acts: {event: np.array([acts == 4, False])})
    first, second = rollout(make("push-t", 2), policy, [1, 2])
    assert first.end is End.OPERATOR
    assert len(first) == 4
    assert first.explanation
    assert second.end is End.TIME_LIMIT


def test_an_episode_is_recorded_again_on_request():
    again = {3: True, 8: True}
    policy = Still(1, events=lambda acts: {"rerecord_episode": np.array([again.get(acts, False)])})
    retried = []
    (episode, following) = rollout(make("push-t"), policy, [5, 6], sinks=[Recorder(retried)])
    assert (episode.seed, episode.attempt, len(episode), episode.end) == (5, 2, 300, End.TIME_LIMIT)
    assert (following.seed, following.attempt) == (6, 0)
    assert retried == [(5, 0, End.OPERATOR), (5, 1, End.OPERATOR)]
    assert policy.resets == [([0], [5]), ([0], [5]), ([0], [5]), ([0], [6])]


class Recorder:
    """A sink that notes what is to be run again."""

    def __init__(self, retried):
        self.cameras, self.retried = {}, retried

    def write(self, frames):
        for lane in np.flatnonzero(frames.retry):
            start = frames.starts[lane]
            self.retried.append((start.seed, start.attempt, End(int(frames.end[lane]))))


class Faulty:
    """push-t whose lane 0 is said to have died at given steps of its life."""

    def __init__(self, *at):
        self._env, self._at, self._steps = make("push-t", 2), at, 0
        self.spec, self.num_envs, self.instructions = self._env.spec, 2, self._env.instructions
        self.reset, self.render, self.close = self._env.reset, self._env.render, self._env.close
        self.set_params, self.get_state, self.set_state = self._env.set_params, self._env.get_state, self._env.set_state

    def step(self, action, active):
        self._steps += 1
        step = self._env.step(action, active)
        if self._steps in self._at:
            self._env._end[0] = End.FAULT
            step.end[0] = End.FAULT
        return step

    def explain(self, lane):
        return "The simulator died."


def test_a_fault_is_run_again_once():
    first, second = rollout(Faulty(5), Still(2), [1, 2])
    assert (first.end, first.attempt, len(first)) == (End.TIME_LIMIT, 1, 300)
    assert (second.end, second.attempt) == (End.TIME_LIMIT, 0)


def test_a_second_fault_is_reported():
    first, second = rollout(Faulty(5, 9), Still(2), [1, 2])
    assert (first.end, first.attempt, len(first), first.explanation) == (End.FAULT, 1, 4, "The simulator died.")
    assert second.end is End.TIME_LIMIT


def test_a_fault_after_a_rerecording_is_still_run_again():
    policy = Still(2, events=lambda acts: {"rerecord_episode": np.array([acts == 2, False])})
    first, _ = rollout(Faulty(5), policy, [1, 2])
    assert (first.end, first.attempt) == (End.TIME_LIMIT, 2)


def test_params_are_a_function_of_the_seeds():
    asked = []

    def source(seeds):
        asked.append(seeds.tolist())
        return {"push_length": 0.01 + 0.001 * (seeds % 10)}

    episodes = list(rollout(make("push-t", 2), make_policy("expert", SPEC), [3, 1, 2], params=source))
    assert sorted(itertools.chain(*asked)) == [1, 2, 3]
    for episode in episodes:
        assert episode.params.keys() == {"push_length"}
        assert episode.params["push_length"] == pytest.approx(0.01 + 0.001 * episode.seed)
        (nominal,) = rollout(make("push-t"), make_policy("expert", SPEC), [episode.seed])
        assert nominal.params == {}
        assert (nominal.observation[STATE] != episode.observation[STATE]).any()


def test_an_action_that_is_not_finite_ends_its_episode_as_policy():
    class Nan(Still):
        def act(self, observation, active):
            action = super().act(observation, active).action
            action[0] = np.nan if self.acts == 4 else 0
            return Decision(action)

    first, second, third = rollout(make("push-t", 2), Nan(2), [1, 2, 3])
    assert (first.end, len(first), first.attempt) == (End.POLICY, 4, 0)
    assert "not finite" in first.explanation
    assert np.isnan(first.action[-1]).all()
    np.testing.assert_array_equal(first.final_observation[STATE], first.observation[STATE][-1])
    assert second.end is third.end is End.TIME_LIMIT


@pytest.mark.parametrize("lanes", [[2], [1, 1]])
def test_an_exception_of_the_policy_comes_through_and_leaves_no_thread(lanes):
    def raises(acts):
        if acts == 3:
            raise ZeroDivisionError("in the policy")
        return {}

    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError, match="in the policy"):
        list(rollout([make("push-t", n) for n in lanes], Still(2, events=raises), range(4)))
    assert threading.active_count() == threads


@pytest.mark.parametrize("lanes", [[2], [1, 1]])
def test_an_exception_of_the_environment_comes_through(lanes):
    class Wrong(Still):
        def act(self, observation, active):
            return Decision(np.zeros((2, 3), np.float32))

    with pytest.raises(InputError, match=r"\(\d, 2\).*\(\d, 3\) came"):
        list(rollout([make("push-t", n) for n in lanes], Wrong(2), range(4)))


def test_columns_are_recorded_by_lane():
    class Tagging(Still):
        def act(self, observation, active):
            tags = np.arange(2) * 1000 + self.acts
            return Decision(super().act(observation, active).action, {"tag": tags})

    first, second = rollout([make("push-t", 2)], Tagging(2), [1, 2])
    np.testing.assert_array_equal(first.columns["tag"], np.arange(300))
    np.testing.assert_array_equal(second.columns["tag"], 1000 + np.arange(300))


def test_the_profile_adds_up():
    for lanes in ([2], [1, 1]):
        profile, sink = Profile(), Watcher({"front": Camera(height=64, width=64)})
        list(rollout([make("push-t", n) for n in lanes], Still(2), range(2), sinks=[sink], profile=profile))
        assert set(profile.seconds) == {"physics", "render", "policy", "encode", "wait"}
        for what in ("physics", "render", "policy", "encode"):
            assert profile.seconds[what] > 0, what
        assert (profile.seconds["wait"] > 0) == (len(lanes) > 1)
