"""Pictures come with the step, in memory that is never written to while somebody holds it."""

import gc

import numpy as np
import pytest

from lerobot_sim.errors import InputError
from lerobot_sim.simulators.host.hosted_env import HostedEnv
from lerobot_sim.simulators.host.pictures import SLOTS
from lerobot_sim.simulators.host.session import RINGS, Session
from lerobot_sim.spec import Camera

from . import toy
from .conftest import act, program

CAMERAS = dict(toy.SPEC.cameras)


@pytest.fixture
def calls(monkeypatch):
    """Names of the calls that were made of workers, steps apart."""
    made = []
    call = Session.call

    def noted(self, name, *arguments, **keywords):
        made.append(name)
        return call(self, name, *arguments, **keywords)

    monkeypatch.setattr(Session, "call", noted)
    return made


@pytest.mark.parametrize("held", [0, 1, SLOTS - 1, SLOTS, 3 * SLOTS])
def test_what_was_handed_out_never_changes_and_comes_with_the_step(hosted, calls, held):
    env, local = hosted(3), toy.make(3)
    for one in (env, local):
        one.reset(np.arange(3), np.array([1, 2, 3]))
    kept = [(env.render(CAMERAS)["front"], local.render(CAMERAS)["front"])]
    calls.clear()
    for _ in range(15):
        act(env), act(local)
        kept.append((env.render(CAMERAS)["front"], local.render(CAMERAS)["front"]))
        kept = kept[len(kept) - held - 1 :]
        for image, expected in kept:
            np.testing.assert_array_equal(image, expected)
    assert calls == []


def test_a_picture_that_is_held_outlives_a_reset(hosted, calls):
    env = hosted(1)
    env.reset([0], [1])
    held = env.render(CAMERAS)["front"]
    kept = held.copy()
    calls.clear()
    env.reset([0], [2])
    assert not np.array_equal(env.render(CAMERAS)["front"], kept)
    np.testing.assert_array_equal(held, kept)
    assert calls == ["reset"]  # which drew the new one


def test_pictures_too_large_for_a_process_are_refused(hosted):
    env = hosted(2)
    env.reset(np.arange(2), np.array([1, 2]))
    with pytest.raises(InputError, match="fewer lanes or smaller pictures"):
        env.render({"front": Camera(height=30000, width=12000)})
    assert env.render(CAMERAS)["front"].any()
    assert act(env).end.tolist() == [0, 0]


def test_writing_into_a_picture_reaches_no_later_one(hosted):
    env, local = hosted(2), toy.make(2)
    for one in (env, local):
        one.reset(np.arange(2), np.array([1, 2]))
    for _ in range(6):
        env.render(CAMERAS)["front"][:] = 77
        act(env), act(local)
        image = env.render(CAMERAS)["front"]
        np.testing.assert_array_equal(image, local.render(CAMERAS)["front"])
        del image


def test_pictures_outlive_their_environment(hosted):
    env = hosted(1)
    env.reset([0], [1])
    image = env.render(CAMERAS)["front"]
    copy = image.copy()
    env.close()
    del env
    gc.collect()
    np.testing.assert_array_equal(image, copy)


def test_lanes_that_were_reset_are_drawn_with_the_reset(hosted, calls):
    env, local = hosted(3), toy.make(3)
    for one in (env, local):
        one.reset(np.arange(3), np.array([1, 2, 3]))
    env.render(CAMERAS)
    calls.clear()
    for t in range(8):
        act(env), act(local)
        if t % 2:
            for one in (env, local):
                one.reset(np.array([1]), np.array([t]))
        np.testing.assert_array_equal(env.render(CAMERAS)["front"], local.render(CAMERAS)["front"])
    assert set(calls) == {"reset"}


def test_some_lanes_some_idle_and_params_that_show(hosted):
    env, local = hosted(4), toy.make(4)
    for one in (env, local):
        one.reset(np.arange(4), np.array([1, 2, 3, 4]))
    rng = np.random.default_rng(0)
    for t in range(25):
        active = rng.random(4) < 0.7
        action = rng.uniform(-1, 1, (4, 2)).astype(np.float32)
        if t == 12:
            action[3] = np.nan
        for one in (env, local):
            one.step(action, active)
            if t % 7 == 3:
                one.set_params(np.array([0, 2]), {"wind": np.full(2, 0.05)})
            if t % 5 == 4:
                one.set_state(np.array([2]), one.get_state(np.array([0])))
        rows = np.flatnonzero(rng.random(4) < 0.6)
        if len(rows):
            np.testing.assert_array_equal(env.render(CAMERAS, rows)["front"], local.render(CAMERAS, rows)["front"])


def test_pictures_that_nobody_asks_for_are_drawn_once_at_most(hosted, monkeypatch):
    env = hosted(1)
    env.reset([0], [1])
    env.render(CAMERAS)
    act(env)
    pictures = env._session._pictures
    assert pictures.any_fresh()
    for _ in range(3):
        act(env)
        assert not pictures.any_fresh()
    env.render(CAMERAS)
    act(env)
    assert pictures.any_fresh()


def test_without_pictures_ahead_every_one_is_asked_for(calls):
    env = HostedEnv(program(), 1, pictures_with_step=False)
    env.reset([0], [1])
    for _ in range(3):
        act(env)
        env.render(CAMERAS)
    env.close()
    assert calls.count("render") == 3


def test_cameras_that_change_all_the_time(hosted, calls):
    env, local = hosted(2), toy.make(2)
    for one in (env, local):
        one.reset(np.arange(2), np.array([1, 2]))
    for size in [*range(8, 8 + RINGS + 3), 8, 9]:
        cameras = {"front": Camera(height=size, width=size + 4)}
        act(env), act(local)
        for _ in range(2):
            np.testing.assert_array_equal(env.render(cameras)["front"], local.render(cameras)["front"])
    assert calls.count("render_apart") == 6
