"""LeRobot's and our trained networks under an evaluation: shared by tasks at once, and late as on a robot."""

import numpy as np
import pytest

from lerobot_sim import make, make_policy
from lerobot_sim.evaluation.evaluating import run, wanted
from lerobot_sim.evaluation.plan import make_plan
from lerobot_sim.evaluation.protocol import Entry, Protocol
from lerobot_sim.evaluation.real_time import RealTime
from lerobot_sim.evaluation.running import Acting
from lerobot_sim.evaluation.together import can_share

torch = pytest.importorskip("torch")
pytest.importorskip("lerobot")

from lerobot_sim.policies.bc import BCPolicy  # noqa: E402
from lerobot_sim.policies.bc_config import BCConfig, BCSettings  # noqa: E402
from tests.policies.test_bc import network_of  # noqa: E402
from tests.policies.test_lerobot import KINDS, LANES, observations, saved  # noqa: E402

DONE = 4
"""Actions of a chunk that are done."""


@pytest.fixture(scope="module")
def spec():
    env = make("mujoco/lift", robot="so100")
    env.close()
    return env.spec


@pytest.fixture(scope="module")
def act(spec, tmp_path_factory):
    """An ACT that was never trained, in LeRobot's files; it reads states, and does 4 actions of a chunk of 6."""
    return saved(tmp_path_factory.mktemp("act"), spec, "act")


def bc_of(spec):
    sizes = {key: spec.observation[key].shape[0] for key in KINDS}
    total, moves = sum(sizes.values()), spec.action.shape[0]
    config = BCConfig(
        settings=BCSettings(chunk_size=6, n_action_steps=DONE, hidden_dim=8, blocks=1, keypoints=2),
        states=sizes,
        cameras={},
        words=(),
        state_mean=(0.0,) * total,
        state_std=(1.0,) * total,
        action_mean=(0.0,) * moves,
        action_std=(1.0,) * moves,
        env_id=spec.id,
        env_version=spec.version,
    )
    return BCPolicy(config, network_of(config), spec)


def test_two_tasks_at_once_share_an_acts_batch_and_come_out_as_apart(spec, act, tmp_path):
    robot = {"options": {"robot": "so100"}}
    entries = (
        Entry(task="mujoco/lift", name="plain", **robot),
        Entry(task="mujoco/lift", name="slippery", params={"pad_friction": 0.6}, **robot),
    )
    protocol = Protocol(id="two", version=1, environments=entries, episodes=3, first_seed=0, max_steps=12)
    done, sizes = {}, {}
    for envs in (1, 2):
        policy = make_policy("lerobot", spec, checkpoint=act)
        network, sizes[envs] = policy._lanes._policy, set()
        predict = network.predict_action_chunk

        def spied(batch, predict=predict, seen=sizes[envs]):
            seen.add(len(batch["observation.state"]))
            return predict(batch)

        network.predict_action_chunk = spied
        acting = Acting(make=lambda _spec, policy=policy: policy, identity="act", shared=True)
        plan = make_plan(protocol, num_envs=2, envs=envs)
        assert can_share(plan, acting, wanted(plan)) is (envs == 2)
        done[envs] = run(plan, acting, tmp_path / str(envs))
    assert sizes == {1: {2}, 2: {4}}
    assert done[2].complete
    rewards = [[(one.task, one.seed, one.length, one.success) for one in done[envs].episodes] for envs in (1, 2)]
    assert rewards[0] == rewards[1]
    returns = [[one.total_reward for one in done[envs].episodes] for envs in (1, 2)]
    np.testing.assert_allclose(returns[0], returns[1], rtol=1e-4)  # a network's last bits are its batch's


@pytest.mark.parametrize("kind", ["act", "bc"])
def test_only_the_decisions_of_a_chunked_policy_are_late(spec, act, kind):
    """At 25 Hz, 80 ms are two steps; the actions of a chunk that is there are taken one a step."""

    def made():
        return make_policy("lerobot", spec, checkpoint=act) if kind == "act" else bc_of(spec)

    lanes, every = np.arange(LANES), np.ones(LANES, np.bool_)
    batches = observations(spec, 12)
    plain, late = made(), RealTime(made(), 0.08, spec.fps)
    for policy in (plain, late):
        policy.reset(lanes, lanes)
    came = [late.act(batch, every).action for batch in batches]
    first = [plain.act(batch, every).action for batch in batches[:DONE]]
    assert plain.thinks(every).all()
    second = [plain.act(batch, every).action for batch in batches[DONE : 2 * DONE]]  # of what is seen at step 4
    assert not plain.thinks(np.zeros(LANES, np.bool_)).any()
    expected = [*first, first[-1], first[-1], *second, second[-1], second[-1]]
    np.testing.assert_allclose(came, expected, atol=1e-6)
    assert np.abs(np.diff(first, axis=0)).max() > 1e-3
