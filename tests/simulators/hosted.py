"""Gymnasium environments that the tests host: two of gymnasium's own, and one that does what a test says."""

import gymnasium
import numpy as np
from gymnasium import spaces

from lerobot_sim.simulators.gymnasium_env import GymnasiumEnv


def pendulum(num_envs=1, **options):
    make = lambda: gymnasium.make("Pendulum-v1", render_mode="rgb_array")  # noqa: E731
    return GymnasiumEnv(make, num_envs, env_id="gymnasium/pendulum", success_key=None, **options)


def cart_pole(num_envs=1):
    return GymnasiumEnv(lambda: gymnasium.make("CartPole-v1"), num_envs, env_id="gymnasium/cart-pole", success_key=None)


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
