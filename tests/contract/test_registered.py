"""The contract suite over every registered environment; a new one is found by itself."""

import pytest

from lerobot_sim import environments, make, make_policy
from lerobot_sim.errors import UnknownNameError
from lerobot_sim.testing import CHECKS


def expert_of(env_id):
    """The factory of an environment's scripted expert, None where it has none."""
    env = make(env_id)
    try:
        make_policy("expert", env.spec)
    except UnknownNameError:
        return None
    finally:
        env.close()
    return lambda spec: make_policy("expert", spec)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("env_id", environments())
def test_contract(env_id, name):
    reason = CHECKS[name](lambda num_envs: make(env_id, num_envs), expert_of(env_id))
    if reason:
        pytest.skip(reason)
