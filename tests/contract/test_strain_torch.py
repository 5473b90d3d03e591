"""The contract on torch tensors, and its results beside NumPy's."""

import numpy as np
import pytest
import torch

from lerobot_sim import End, Profile, make, make_policy, rollout
from lerobot_sim.policy import Decision
from lerobot_sim.spec import STATE
from lerobot_sim.testing import CHECKS

from .strain_torch import TorchPushT

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


class HostPolicy:
    """A NumPy policy before a torch environment."""

    batch_invariant = True

    def __init__(self, policy):
        self.policy, self.cameras = policy, policy.cameras

    def reset(self, lanes, seeds):
        self.policy.reset(lanes, seeds)

    def act(self, observation, active):
        host = {name: value.cpu().numpy() for name, value in observation.items()}
        decision = self.policy.act(host, active.cpu().numpy())
        return Decision(torch.asarray(decision.action, device=active.device))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CHECKS)
def test_contract(name, device):
    reason = CHECKS[name](
        lambda n: TorchPushT(n, device), lambda spec: HostPolicy(make_policy("expert", spec_of_numpy()))
    )
    if reason:
        pytest.skip(reason)


def spec_of_numpy():
    return make("numpy/push-t").spec


def test_resets_equal_numpys_bit_for_bit():
    seeds = np.arange(2000)
    ours = TorchPushT(len(seeds)).reset(np.arange(len(seeds)), seeds)[STATE].numpy()
    theirs = make("numpy/push-t", len(seeds)).reset(np.arange(len(seeds)), seeds)[STATE]
    assert ours.tobytes() == theirs.tobytes()


def test_episodes_equal_numpys():
    spec = spec_of_numpy()
    on_torch = list(rollout(TorchPushT(4), HostPolicy(make_policy("expert", spec)), range(6), profile=Profile()))
    on_numpy = list(rollout(make("numpy/push-t", 4), make_policy("expert", spec), range(6)))
    for ours, theirs in zip(on_torch, on_numpy, strict=True):
        assert isinstance(ours.action, np.ndarray)
        assert ours.end is theirs.end is End.TIME_LIMIT
        np.testing.assert_array_equal(ours.observation[STATE], theirs.observation[STATE])
        np.testing.assert_array_equal(ours.reward, theirs.reward)
        np.testing.assert_array_equal(ours.success, theirs.success)
