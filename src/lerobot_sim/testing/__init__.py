"""The environment contract as a test suite, for our environments and for yours.

    from lerobot_sim.testing import CHECKS, check_env

    check_env(lambda num_envs: MyEnv(num_envs))             # all of it; raises BrokenPromiseError

    @pytest.mark.parametrize("name", CHECKS)                # or one test a promise
    def test_contract(name):
        CHECKS[name](lambda num_envs: MyEnv(num_envs))

What an environment cannot do, its `spec.capabilities` say; the suite then checks that instead.
"""

from .lab import ExpertFactory, Factory
from .suite import CHECKS, Check, Checked, check_env

__all__ = ["CHECKS", "Check", "Checked", "ExpertFactory", "Factory", "check_env"]
