"""Which seeds are whose."""

import pytest

from lerobot_sim.evaluation.score import demonstration_seeds, held_out_seeds


@pytest.mark.parametrize("seed", [0, 1, 41])
def test_held_out_seeds_are_nobodys_demonstrations(seed):
    assert not set(held_out_seeds(seed, 500)) & set(demonstration_seeds(seed, 500))
    assert min(held_out_seeds(0, 1)) > max(demonstration_seeds(100_000, 1000))
