"""Formulas of motion against references and by hand."""

import math

import numpy as np
import pytest

from lerobot_sim.env import End
from lerobot_sim.episode import Episode
from lerobot_sim.evaluation import motion
from lerobot_sim.spec import ACTION, STATE, EnvSpec, Feature


def spec(low=-1.0, high=1.0, fps=10, names=("tip.x", "tip.y", "tip.z")):
    return EnvSpec(
        id="a/b",
        version=1,
        fps=fps,
        max_steps=100,
        observation={STATE: Feature(shape=(len(names),), dtype="float32", names=names)},
        action=Feature(shape=(2,), dtype="float32", low=low, high=high),
    )


def episode(actions, states=None, success=None):
    actions = np.asarray(actions, np.float32)
    n = len(actions)
    states = np.zeros((n + 1, 3), np.float32) if states is None else np.asarray(states, np.float32)
    return Episode(
        env_id="a/b",
        env_version=1,
        index=0,
        seed=0,
        attempt=0,
        instruction="",
        params={},
        observation={STATE: states[:-1]},
        action=actions,
        reward=np.zeros(n, np.float32),
        success=np.zeros(n, np.bool_) if success is None else np.asarray(success),
        metrics={},
        columns={},
        end=End.TIME_LIMIT,
        final_observation={STATE: states[-1]},
    )


def minimum_jerk(fps, seconds=1.0):
    t = np.arange(0, seconds, 1 / fps) / seconds
    return 30 * t**2 - 60 * t**3 + 30 * t**4


def reference(speed, fps, cut=10.0, least=0.05):
    """The definition, frequency by frequency: a sum over a fine grid instead of a fast transform."""
    steps = np.arange(len(speed))
    points = 2 ** (math.ceil(math.log2(len(speed))) + 4)
    frequencies = [k * fps / points for k in range(points // 2 + 1) if k * fps / points <= cut]
    amplitude = [abs(sum(speed * np.exp(-2j * math.pi * f * steps / fps))) for f in frequencies]
    amplitude = [a / max(amplitude) for a in amplitude]
    last = max(k for k, a in enumerate(amplitude) if a >= least)
    width = frequencies[last] - frequencies[0]
    pieces = zip(frequencies[:last], frequencies[1 : last + 1], amplitude[:last], amplitude[1 : last + 1], strict=True)
    return -sum(math.hypot((f1 - f0) / width, a1 - a0) for f0, f1, a0, a1 in pieces)


def test_spectral_arc_length_of_a_minimum_jerk_movement_is_the_published_one():
    """-1.41 in Balasubramanian et al. 2015, Figure 2 (one smooth submovement)."""
    assert motion.spectral_arc_length(minimum_jerk(100), 100) == pytest.approx(-1.41, abs=0.01)


def test_spectral_arc_length_is_its_definition():
    rng = np.random.default_rng(0)
    for fps in (10, 25, 100):
        speed = minimum_jerk(fps, 2.0) + 0.1 * rng.random(2 * fps)
        assert motion.spectral_arc_length(speed, fps) == pytest.approx(reference(speed, fps), rel=1e-9)


def test_spectral_arc_length_does_not_depend_on_size_and_falls_with_submovements():
    one = minimum_jerk(100)
    assert motion.spectral_arc_length(7 * one, 100) == pytest.approx(motion.spectral_arc_length(one, 100))
    two = np.concatenate([one, np.zeros(20), one])
    assert motion.spectral_arc_length(two, 100) < motion.spectral_arc_length(one, 100) - 1


@pytest.mark.parametrize("speed", [[], [1.0], [0.0, 0.0, 0.0], [1.0, np.nan]])
def test_spectral_arc_length_of_nothing_is_none(speed):
    assert motion.spectral_arc_length(np.array(speed), 10) is None


def test_jerk_of_a_parabola_is_its_second_difference():
    t = np.arange(6) / 10
    actions = np.stack([0.5 * t**2, 0 * t], axis=1)  # second difference 0.01 a step^2 = 1 a s^2
    assert motion.action_jerk(episode(actions), spec()) == pytest.approx(1.0, rel=1e-4)
    assert motion.action_jerk(episode(actions), spec(low=-2.0, high=2.0)) == pytest.approx(0.5, rel=1e-4)
    assert motion.action_jerk(episode(actions[:2]), spec()) is None


def test_saturation_counts_bounds_and_beyond():
    actions = [[1.0, 0.0], [-3.0, 0.5], [0.2, -1.0], [0.0, 0.0]]
    assert motion.action_saturation(episode(actions), spec()) == 3 / 8
    assert motion.action_saturation(episode(actions), spec(low=-math.inf, high=math.inf)) is None


def test_path_ends_with_the_first_success_and_is_the_tips():
    states = np.cumsum([[0, 0, 0], [3, 4, 0], [0, 0, 2], [1, 0, 0]], axis=0)
    actions = np.zeros((3, 2))
    assert motion.path_length(episode(actions, states), spec()) == 8
    assert motion.path_length(episode(actions, states, [False, True, True]), spec()) == 7
    others = spec(names=("joint", "tip", "tip.x"))
    assert motion.path_length(episode(actions, states), others) == 8
    mixed = np.concatenate([states, states * 10], axis=1)
    names = ("tip.x", "tip.y", "tip.z", "a", "b", "c")
    assert motion.path_length(episode(actions, mixed), spec(names=names)) == 8


def test_scaled_actions_are_those_that_are_executed():
    scaled = motion.scaled_actions(
        episode([[4.0, 1.0]]), Feature(shape=(2,), dtype="float32", low=(0.0, 0.0), high=2.0)
    )
    assert scaled.tolist() == [[1.0, 0.0]]
    assert ACTION == "action"
