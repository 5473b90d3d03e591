"""render_mode="human": a real window of SDL, on its dummy display."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time

import gymnasium
import numpy as np
import pytest

from lerobot_sim.bridges import window as window_module
from lerobot_sim.bridges.gymnasium_vector import SimVectorEnv
from lerobot_sim.bridges.to_gymnasium import SimEnv
from lerobot_sim.bridges.window import Window
from lerobot_sim.errors import InputError, MissingExtraError

pygame = pytest.importorskip("pygame")
FAST = 10_000.0


@pytest.fixture(autouse=True)
def _dummy_display(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame.display.quit()  # gymnasium's own drawings leave it on
    yield
    assert not window_module._desk.windows, "a test left a window open"
    assert not pygame.display.get_init()


def picture(height=40, width=60, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def shown(window):
    return pygame.surfarray.array3d(window._window.get_surface()).swapaxes(0, 1)


def press_close(window):
    pygame.event.post(pygame.event.Event(pygame.WINDOWCLOSE, window=window._window))


def test_the_window_shows_the_image_and_follows_its_size():
    window = Window("test", FAST)
    for image in (picture(), picture(50, 30, seed=1)):
        window.show(image)
        np.testing.assert_array_equal(shown(window), image)
    window.close()
    window.close()


def test_an_episode_is_watched_by_itself_and_render_gives_none():
    env = SimEnv("push-t", render_mode="human")
    window = env._face.window
    window._period_s = 0
    assert not window.is_open  # nothing opens before there is something to see
    env.reset(seed=1)
    plain = SimEnv("push-t", render_mode="rgb_array", render_size=(384, 384))
    plain.reset(seed=1)
    np.testing.assert_array_equal(shown(window), plain.render())
    env.step([1, 1]), plain.step([1, 1])
    np.testing.assert_array_equal(shown(window), plain.render())
    assert env.render() is None
    env.close()
    assert not window.is_open


def test_a_vector_shows_its_lanes_as_tiles():
    env = SimVectorEnv("push-t", 3, render_mode="human", render_size=(20, 30))
    env._face.window._period_s = 0
    env.reset(seed=1)
    plain = SimVectorEnv("push-t", 3, render_mode="rgb_array", render_size=(20, 30))
    plain.reset(seed=1)
    first, second, third = plain.render()
    blank = np.zeros_like(first)
    expected = np.concatenate([np.concatenate([first, second], 1), np.concatenate([third, blank], 1)], 0)
    np.testing.assert_array_equal(shown(env._face.window), expected)
    assert env.render() is None
    env.close()


def test_closing_the_window_leaves_the_episode_running(caplog):
    env = SimEnv("push-t", render_mode="human")
    window = env._face.window
    window._period_s = 0
    env.reset(seed=1)
    press_close(window)
    with caplog.at_level(logging.INFO):
        env.step([0, 0])
    assert not window.is_open
    assert "was closed" in caplog.text
    env.step([0, 0])
    env.reset(seed=2)
    assert not window.is_open
    env.close()


def test_two_windows_are_told_apart():
    one, two = Window("one", FAST), Window("two", FAST)
    one.show(picture())
    two.show(picture(seed=1))
    press_close(one)
    two.show(picture(seed=2))
    assert (one.is_open, two.is_open) == (False, True)
    np.testing.assert_array_equal(shown(two), picture(seed=2))
    two.close()


def test_a_host_programs_window_and_events_are_left_to_it():
    pygame.display.init()
    theirs = pygame.Window("theirs", (30, 30))
    window = Window("ours", FAST)
    window.show(picture())
    pygame.event.clear()
    pygame.event.post(pygame.event.Event(pygame.WINDOWCLOSE, window=theirs))
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_a))
    press_close(window)
    window.show(picture())
    assert not window.is_open
    kinds = [event.type for event in pygame.event.get((pygame.KEYDOWN, pygame.WINDOWCLOSE))]
    assert sorted(kinds) == sorted([pygame.KEYDOWN, pygame.WINDOWCLOSE])
    assert pygame.display.get_init()
    theirs.destroy()
    pygame.display.quit()


def test_a_window_waits_for_its_pace(monkeypatch):
    now, slept = [100.0], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(window_module.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(window_module.time, "sleep", sleep)
    window = Window("paced", 10)
    for busy in (0.0, 0.04, 0.5, 0.0):  # the third is late, and is not caught up with
        now[0] += busy
        window.show(picture())
    assert slept == pytest.approx([0.06, 0.1])
    window.close()


def test_no_window_is_left_after_many_environments():
    for seed in range(20):
        env = gymnasium.make("lerobot_sim.gym:lerobot-sim/numpy-push-t-v1", render_mode="human", render_size=(8, 8))
        env.reset(seed=seed)
        assert len(window_module._desk.windows) == 1
        env.close()
        assert not pygame.display.get_init()


def test_without_pygame_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    env = SimEnv("push-t", render_mode="human")
    with pytest.raises(MissingExtraError, match=r"pygame-ce.*lerobot-sim\[viz\]"):
        env.reset(seed=0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
@pytest.mark.parametrize("driver", ["x11", ""])
def test_without_a_display_the_way_out_is_named(monkeypatch, driver):
    monkeypatch.setenv("SDL_VIDEODRIVER", driver)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    env = SimEnv("push-t", render_mode="human")
    with pytest.raises(InputError, match="rgb_array"):
        env.reset(seed=0)
    env.close()
    pygame.display.quit()


CTRL_C = """
import lerobot_sim
from lerobot_sim.bridges.to_gymnasium import SimEnv
env = SimEnv("push-t", render_mode="human")
env.reset(seed=0)
print("running", flush=True)
try:
    while True:
        env.step([0, 0])[3] and env.reset()
except KeyboardInterrupt:
    env.close()
    import pygame
    print("closed", pygame.display.get_init(), flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGINT")
def test_ctrl_c_reaches_the_program():
    process = subprocess.Popen([sys.executable, "-c", CTRL_C], stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    try:
        while process.stdout.readline().strip() != "running":
            assert process.poll() is None
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read().strip()
    finally:
        watchdog.cancel()
        process.kill()
    assert rest == "closed False"
    assert process.wait() == 0
