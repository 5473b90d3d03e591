"""The student's 3,000 updates: against the tutorial's loop over samples, and against torch at its best.

All train the same network (6-256-256-2) on the same 15,000 rows of push-t demonstrations, 32 a batch, on one thread.
Ours is the whole of `train`: drawing rows, decay, keeping the best. torch gets what makes it fastest: functional
calls, rows drawn beforehand, fused Adam, denormals flushed by the processor, no loss read back; with `--full` a
compiled loss, too. The loop over samples is timed over fewer updates and scaled up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from harness import Row, interleaved, less_is_better, main
from numpy.typing import NDArray

from lerobot_sim import make, make_policy, rollout
from lerobot_sim.policies.network import views, xavier_uniform
from lerobot_sim.spec import STATE
from lerobot_sim.training.behavior_cloning import TrainingConfig, train

STEPS, BATCH = 3000, 32
LOOP_STEPS = 150
SIZES = (6, 256, 2)
BETA_1, BETA_2, EPSILON, RATE = 0.9, 0.999, 1e-8, 1e-3


def demonstrations() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Observations (15000, 6) and actions (15000, 2) of the expert."""
    env = make("numpy/push-t", 50)
    episodes = list(rollout(env, make_policy("expert", env.spec), range(50)))
    observations = np.concatenate([episode.observation[STATE] for episode in episodes])
    return observations, np.concatenate([episode.action for episode in episodes])


class SampleLoop:
    """A policy as the tutorial describes it: gradients of one sample at a time, added up, then one Adam update."""

    def __init__(self) -> None:
        self.parameters = list(views(xavier_uniform(*SIZES, seed=0), *SIZES))
        self.first = [np.zeros_like(parameter) for parameter in self.parameters]
        self.second = [np.zeros_like(parameter) for parameter in self.parameters]
        self.t = 0

    def begin_batch(self) -> None:
        self.gradients = [np.zeros_like(parameter) for parameter in self.parameters]

    def add_sample(self, state: NDArray[np.float32], target: NDArray[np.float32]) -> float:
        w1, b1, w2, b2, w3, b3 = self.parameters
        h1 = np.maximum(0, state @ w1 + b1)
        h2 = np.maximum(0, h1 @ w2 + b2)
        action = np.tanh(h2 @ w3 + b3)
        error = action - target
        d_out = (2.0 / len(target)) * error * (1 - action**2)
        d_h2 = (d_out @ w3.T) * (h2 > 0)
        d_h1 = (d_h2 @ w2.T) * (h1 > 0)
        new = (np.outer(state, d_h1), d_h1, np.outer(h1, d_h2), d_h2, np.outer(h2, d_out), d_out)
        for gradient, part in zip(self.gradients, new, strict=True):
            np.add(gradient, part, out=gradient)
        return float(np.mean(error**2))

    def finish_batch(self, count: int) -> None:
        self.t += 1
        for k, gradient in enumerate(self.gradients):
            mean = gradient / count
            self.first[k] = BETA_1 * self.first[k] + (1 - BETA_1) * mean
            self.second[k] = BETA_2 * self.second[k] + (1 - BETA_2) * mean**2
            first = self.first[k] / (1 - BETA_1**self.t)
            second = self.second[k] / (1 - BETA_2**self.t)
            self.parameters[k] -= RATE * first / (np.sqrt(second) + EPSILON)


def sample_loop(inputs: NDArray[np.float32], actions: NDArray[np.float32]) -> None:
    random = np.random.default_rng(0)
    policy = SampleLoop()
    for _ in range(LOOP_STEPS):
        policy.begin_batch()
        for row in random.integers(0, len(inputs), BATCH):
            policy.add_sample(inputs[row], actions[row])
        policy.finish_batch(BATCH)


def torch_training(
    inputs: NDArray[np.float32], actions: NDArray[np.float32], *, compiled: bool = False, **adam: bool
) -> Callable[[], None]:
    """3,000 updates by torch, on one thread."""
    import torch
    from torch.nn.functional import linear, mse_loss

    torch.set_num_threads(1)
    x, y = torch.from_numpy(inputs), torch.from_numpy(actions)
    rows = torch.randint(len(x), (STEPS, BATCH), generator=torch.Generator().manual_seed(0))

    def loss_of(parameters: list[Any], states: Any, wanted: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = parameters
        h2 = torch.relu(linear(torch.relu(linear(states, w1, b1)), w2, b2))
        return mse_loss(torch.tanh(linear(h2, w3, b3)), wanted)

    function = torch.compile(loss_of) if compiled else loss_of

    def run() -> None:
        fresh = views(xavier_uniform(*SIZES, seed=0), *SIZES)
        parameters = [torch.tensor(array.T.copy(), requires_grad=True) for array in fresh]
        optimizer = torch.optim.Adam(parameters, lr=RATE, betas=(BETA_1, BETA_2), eps=EPSILON, **adam)
        torch.set_flush_denormal(True)
        try:
            for step in range(STEPS):
                at = rows[step]
                loss = function(parameters, x[at], y[at])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        finally:
            torch.set_flush_denormal(False)  # it would help us, too

    return run


def measure(full: bool) -> list[Row]:
    import torch

    observations, actions = demonstrations()
    inputs = (observations - observations.mean(axis=0)) / observations.std(axis=0)
    spec = make("numpy/push-t").spec
    peers = {"fused Adam": torch_training(inputs, actions, fused=True)}
    peers["foreach Adam"] = torch_training(inputs, actions, foreach=True)
    if full:
        peers["compiled, fused Adam"] = torch_training(inputs, actions, compiled=True, fused=True)
    seconds = interleaved(
        {
            "ours": lambda: train(observations, actions, TrainingConfig(steps=STEPS), spec=spec),
            "loop": lambda: sample_loop(inputs, actions),
            **peers,
        },
        15 if full else 5,
    )
    best = min(peers, key=lambda name: seconds[name])
    loop = seconds["loop"] * STEPS / LOOP_STEPS
    what = f"{STEPS} updates of the student"
    name = f"torch {torch.__version__}, one thread, {best}"
    return [
        less_is_better(what, "s", seconds["ours"], loop, "a loop over samples, as in the tutorial", ">= 6x, aim 3 s"),
        less_is_better(what, "s", seconds["ours"], seconds[best], name, ">= 1.3x"),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
