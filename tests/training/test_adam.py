import numpy as np
import pytest

from lerobot_sim.training.adam import Adam


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_moves_as_torchs_adam_does(dtype, tolerance):
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    ours = random.normal(size=50).astype(dtype)
    theirs = torch.tensor(ours.copy(), requires_grad=True)
    adam = Adam(ours)
    optimizer = torch.optim.Adam([theirs], lr=1e-3)
    for step in range(300):
        gradient = (random.normal(size=50) * 10.0 ** random.integers(-8, 2, 50)).astype(dtype)
        rate = 1e-3 * (1 - step / 300)
        optimizer.param_groups[0]["lr"] = rate
        theirs.grad = torch.tensor(gradient.copy())
        optimizer.step()
        adam.step(gradient, rate)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


def test_first_step_is_the_learning_rate_against_the_sign():
    parameters = np.zeros(3)
    Adam(parameters).step(np.array([2.0, -0.5, 0.0]), 0.1)
    np.testing.assert_allclose(parameters, [-0.1, 0.1, 0.0], rtol=1e-6)


def test_moments_of_dead_units_never_become_denormal():
    parameters = np.zeros(4, np.float32)
    adam = Adam(parameters)
    smallest = np.finfo(np.float32).tiny
    for step in range(2500):
        gradient = np.array([1.0, 1e-3, 1e-12, 1.0], np.float32)
        if step > 20:
            gradient[:3] = 0
        adam.step(gradient, 1e-3)
        for moment in (adam.first, adam.second):
            assert not ((moment != 0) & (np.abs(moment) < smallest)).any(), step
    assert not adam.first[:3].any()
    assert adam.first[3] > 1
