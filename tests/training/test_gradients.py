"""The gradients, against finite differences, a loop over samples, and torch's automatic ones."""

import numpy as np
import pytest

from lerobot_sim.policies.network import WEIGHTS, count, forward, views
from lerobot_sim.training.gradients import BatchGradient

SIZES = (6, 11, 3)
BATCH = 8


@pytest.fixture
def problem():
    """(weights, gradient buffers) in float64, with biases that are not 0."""
    random = np.random.default_rng(4)
    weights = random.normal(scale=0.5, size=count(*SIZES))
    gradient = BatchGradient(weights, SIZES, BATCH)
    gradient.inputs[:] = random.normal(size=gradient.inputs.shape)
    gradient.wanted[:] = random.uniform(-1, 1, gradient.wanted.shape)
    return weights, gradient


def test_loss_is_the_mean_squared_error(problem):
    weights, gradient = problem
    predicted = forward(views(weights, *SIZES), gradient.inputs)
    assert gradient.compute() == pytest.approx(np.mean((predicted - gradient.wanted) ** 2), rel=1e-12)


def test_gradient_is_that_of_central_differences(problem):
    weights, gradient = problem
    gradient.compute()
    analytic = gradient.flat.copy()
    step = 1e-6
    numeric = np.empty_like(analytic)
    for i in range(len(weights)):
        kept = weights[i]
        weights[i] = kept + step
        above = gradient.compute()
        weights[i] = kept - step
        below = gradient.compute()
        weights[i] = kept
        numeric[i] = (above - below) / (2 * step)
    assert np.abs(analytic).max() > 1e-2
    np.testing.assert_allclose(analytic, numeric, rtol=1e-5, atol=1e-9)


def test_one_batch_is_the_mean_of_its_samples(problem):
    weights, gradient = problem
    gradient.compute()
    single = BatchGradient(weights, SIZES, 1)
    total = np.zeros_like(weights)
    for row in range(BATCH):
        single.inputs[:], single.wanted[:] = gradient.inputs[row], gradient.wanted[row]
        single.compute()
        total += single.flat
    np.testing.assert_allclose(gradient.flat, total / BATCH, rtol=1e-10, atol=1e-14)


def test_gradient_is_torchs(problem):
    torch = pytest.importorskip("torch")
    weights, gradient = problem
    loss = gradient.compute()
    tensors = [torch.tensor(array, requires_grad=True) for array in views(weights, *SIZES)]
    w1, b1, w2, b2, w3, b3 = tensors
    hidden = torch.relu(torch.relu(torch.tensor(gradient.inputs) @ w1 + b1) @ w2 + b2)
    theirs = torch.nn.functional.mse_loss(torch.tanh(hidden @ w3 + b3), torch.tensor(gradient.wanted))
    theirs.backward()
    assert loss == pytest.approx(theirs.item(), rel=1e-12)
    for name, ours, tensor in zip(WEIGHTS, views(gradient.flat, *SIZES), tensors, strict=True):
        np.testing.assert_allclose(ours, tensor.grad.numpy(), rtol=1e-9, atol=1e-14, err_msg=name)


def test_units_that_are_off_get_exactly_no_gradient(problem):
    weights, gradient = problem
    views(weights, *SIZES).b2[4] = -1e3
    gradient.compute()
    parts = views(gradient.flat, *SIZES)
    assert not parts.w2[:, 4].any()
    assert parts.b2[4] == 0
    assert not parts.w3[4].any()
    assert parts.w2.any()
