"""LeRobot's policies on our lanes, against LeRobot's own loop over one environment."""

import copy
from collections import deque

import numpy as np
import pytest

from lerobot_sim import make, make_policy
from lerobot_sim.errors import InputError, SimError
from lerobot_sim.policies.lerobot import LeRobotPolicy
from lerobot_sim.policies.lerobot_files import is_checkpoint
from lerobot_sim.policies.lerobot_lanes import Chunked, Copied, Ensembled
from lerobot_sim.spec import ACTION, ENVIRONMENT_STATE, STATE

torch = pytest.importorskip("torch")
pytest.importorskip("lerobot")

from lerobot.configs.types import FeatureType, PolicyFeature  # noqa: E402
from lerobot.policies.factory import get_policy_class, make_policy_config, make_pre_post_processors  # noqa: E402

LANES = 3


@pytest.fixture(scope="module")
def spec():
    env = make("mujoco/lift", robot="so100")
    env.close()
    return env.spec


def features(spec, images=()):
    inputs = {key: PolicyFeature(type=kind, shape=spec.observation[key].shape) for key, kind in KINDS.items()}
    inputs |= {
        f"observation.images.{name}": PolicyFeature(type=FeatureType.VISUAL, shape=(3, 64, 64)) for name in images
    }
    return inputs, {ACTION: PolicyFeature(type=FeatureType.ACTION, shape=spec.action.shape)}


KINDS = {STATE: FeatureType.STATE, ENVIRONMENT_STATE: FeatureType.ENV}
SMALL = {
    "act": {"pretrained_backbone_weights": None, "chunk_size": 6, "n_action_steps": 4, "dim_model": 16, "n_heads": 2}
    | {"dim_feedforward": 16, "n_encoder_layers": 1},
    "diffusion": {"horizon": 8, "n_action_steps": 4, "n_obs_steps": 2, "down_dims": (16, 32, 32), "n_groups": 4}
    | {
        "num_train_timesteps": 4,
        "num_inference_steps": 2,
        "diffusion_step_embed_dim": 8,
        "noise_scheduler_type": "DDIM",
    },
    "vqbet": {
        "vqvae_enc_hidden_dim": 16,
        "vqvae_embedding_dim": 16,
        "gpt_n_layer": 1,
        "gpt_n_head": 2,
        "n_obs_steps": 2,
    }
    | {"gpt_hidden_dim": 16, "gpt_input_dim": 16, "gpt_output_dim": 16, "action_chunk_size": 3}
    | {"pretrained_backbone_weights": None, "crop_shape": None},
}


def saved(folder, spec, kind, images=(), **settings):
    """A small untrained policy in LeRobot's own files, with statistics of its own."""
    torch.manual_seed(0)
    inputs, outputs = features(spec, images)
    config = make_policy_config(
        kind,
        **{**SMALL[kind], **settings},
        input_features=inputs,
        output_features=outputs,
        device="cpu",
        push_to_hub=False,
    )
    get_policy_class(kind)(config).save_pretrained(folder)
    generator = np.random.default_rng(0)
    statistics = {
        key: {
            name: torch.from_numpy(generator.uniform(low, low + 1, feature.shape).astype(np.float32))
            for name, low in (("mean", -0.5), ("std", 0.5), ("min", -2.0), ("max", 1.0))
        }
        for key, feature in {**inputs, **outputs}.items()
        if feature.type is not FeatureType.VISUAL
    }
    for name in images:
        one = torch.full((3, 1, 1), 0.5)
        statistics[f"observation.images.{name}"] = {"mean": one, "std": one, "min": 0 * one, "max": one}
    for pipeline in make_pre_post_processors(config, dataset_stats=statistics):
        pipeline.save_pretrained(folder)
    return folder


def observations(spec, steps, images=()):
    """steps x a batch of LANES."""
    generator = np.random.default_rng(1)
    batches = []
    for _ in range(steps):
        batch = {key: generator.normal(size=(LANES, *spec.observation[key].shape)).astype(np.float32) for key in KINDS}
        batch |= {
            f"observation.images.{name}": generator.integers(0, 256, (LANES, 64, 64, 3), dtype=np.uint8)
            for name in images
        }
        batches.append(batch)
    return batches


def by_lerobot(folder, batches, lane, noise=None):
    """The actions of LeRobot's own `select_action` for one lane, alone."""
    policy = get_policy_class(config_of(folder).type).from_pretrained(folder)
    before, after = make_pre_post_processors(policy.config, pretrained_path=str(folder))
    policy.reset()
    actions = []
    for batch in batches:
        own = {}
        for key, value in batch.items():
            tensor = torch.from_numpy(value[lane : lane + 1])
            own[key] = tensor.permute(0, 3, 1, 2).float() / 255 if "images" in key else tensor
        with torch.inference_mode():
            actions.append(after(policy.select_action(before({**own, "task": [""]})))[0].numpy())
    return np.stack(actions)


def config_of(folder):
    from lerobot.configs.policies import PreTrainedConfig

    return PreTrainedConfig.from_pretrained(folder)


def ours(folder, spec, batches, starts):
    """Our actions (steps, lanes, A); lane k's episode begins at step starts[k], and is not active before."""
    policy = make_policy("lerobot", spec, checkpoint=folder)
    found = []
    for t, batch in enumerate(batches):
        begun = np.array([lane for lane in range(LANES) if starts[lane] == t])
        if len(begun):
            policy.reset(begun, begun)
            policy.instruct(begun, [""] * len(begun))
        active = np.array([t >= start for start in starts])
        found.append(policy.act(batch, active).action)
    return np.stack(found), policy


@pytest.mark.parametrize(
    ("kind", "settings", "runner"),
    [
        ("act", {}, Chunked),
        ("act", {"temporal_ensemble_coeff": 0.01, "n_action_steps": 1}, Ensembled),
    ],
)
@pytest.mark.parametrize("images", [(), ("front",)])
def test_lanes_out_of_phase_act_as_lerobots_own_loop_does(tmp_path, spec, kind, settings, runner, images):
    folder = saved(tmp_path / "policy", spec, kind, images, **settings)
    batches, starts = observations(spec, 11, images), (0, 1, 3)
    found, policy = ours(folder, spec, batches, starts)
    assert isinstance(policy._lanes, runner)
    for lane, start in enumerate(starts):
        expected = by_lerobot(folder, batches[start:], lane)
        np.testing.assert_allclose(found[start:, lane], expected, rtol=1e-4, atol=1e-5)
        assert np.abs(np.diff(expected, axis=0)).max() > 1e-3


def test_diffusion_keeps_each_lanes_history(tmp_path, spec, monkeypatch):
    folder = saved(tmp_path / "policy", spec, "diffusion")
    from lerobot.policies.diffusion.modeling_diffusion import DiffusionModel

    sample = DiffusionModel.conditional_sample

    def without_noise(self, batch_size, **arguments):
        horizon, size = self.config.horizon, self.config.action_feature.shape[0]
        return sample(self, batch_size, **{**arguments, "noise": torch.zeros(batch_size, horizon, size)})

    monkeypatch.setattr(DiffusionModel, "conditional_sample", without_noise)
    batches, starts = observations(spec, 10), (0, 1, 3)
    found, policy = ours(folder, spec, batches, starts)
    assert policy._lanes._history == {STATE: 2, ENVIRONMENT_STATE: 2}
    for lane, start in enumerate(starts):
        np.testing.assert_allclose(found[start:, lane], by_lerobot(folder, batches[start:], lane), rtol=1e-4, atol=1e-5)


def test_vqbet_keeps_each_lanes_history(tmp_path, spec, monkeypatch):
    from lerobot.policies.vqbet import modeling_vqbet

    def likeliest(probabilities, num_samples):
        return probabilities.argmax(dim=-1, keepdim=True)  # its bins are drawn at random otherwise

    monkeypatch.setattr(modeling_vqbet.torch, "multinomial", likeliest)
    folder = saved(tmp_path / "policy", spec, "vqbet", ("front",))
    batches, starts = observations(spec, 9, ("front",)), (0, 1, 3)
    found, policy = ours(folder, spec, batches, starts)
    assert isinstance(policy._lanes, Chunked)
    assert policy._lanes._history == {STATE: 2, "observation.images": 2}
    for lane, start in enumerate(starts):
        np.testing.assert_allclose(found[start:, lane], by_lerobot(folder, batches[start:], lane), rtol=1e-4, atol=1e-5)


class Remembering:
    """Anything with `select_action` and `reset`: gives the mean of what it saw in its last two calls."""

    def reset(self):
        self.seen = deque(maxlen=2)

    def select_action(self, batch):
        self.seen.append(batch[STATE][:, :5])
        return torch.stack(list(self.seen)).mean(dim=0)


def test_anything_with_select_action_and_reset_has_a_memory_a_lane(spec):
    policy = LeRobotPolicy(Remembering(), spec)
    assert isinstance(policy._lanes, Copied)
    batches = observations(spec, 4)
    policy.reset(np.array([0, 1]), np.array([0, 1]))
    for t, batch in enumerate(batches):
        if t == 2:
            policy.reset(np.array([1]), np.array([9]))
        action = policy.act(batch, np.array([True, True, False])).action
        previous = batches[t - 1][STATE] if t else batch[STATE]
        np.testing.assert_allclose(action[0], (batch[STATE][0, :5] + previous[0, :5]) / 2, rtol=1e-6)
        if t == 2:
            np.testing.assert_allclose(action[1], batch[STATE][1, :5], rtol=1e-6)
        assert (action[2] == 0).all()


def test_the_instruction_reaches_the_network(spec):
    told = []

    class Reading(Remembering):
        def select_action(self, batch):
            told.append(copy.copy(batch["task"]))
            return torch.zeros(1, 5)

    policy = LeRobotPolicy(Reading(), spec)
    policy.reset(np.array([0, 2]), np.array([0, 2]))
    policy.instruct(np.array([0, 2]), ["Push.", "Pull."])
    policy.act(observations(spec, 1)[0], np.array([True, False, True]))
    assert told == [["Push."], ["Pull."]]


def test_what_is_no_checkpoint_is_told(tmp_path, spec, monkeypatch):
    folder = saved(tmp_path / "policy", spec, "act")
    assert is_checkpoint(folder)
    assert not is_checkpoint(tmp_path)
    with pytest.raises(InputError, match="no checkpoint"):
        make_policy("lerobot", spec, checkpoint=tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"pickle.*save_file"):
        make_policy("lerobot", spec, checkpoint=folder)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SimError, match="path of a folder"):
        make_policy("lerobot", spec, checkpoint="nobody/nothing")


def test_features_that_do_not_fit_are_named_all_at_once(tmp_path, spec):
    folder = saved(tmp_path / "policy", spec, "act", images=("fron",))
    with pytest.raises(InputError, match=r"camera 'fron'.*front"):
        make_policy("lerobot", spec, checkpoint=folder)
    other = make("numpy/reach")
    with pytest.raises(InputError, match="action has shape"):
        make_policy("lerobot", other.spec, checkpoint=folder)
    other.close()


def test_a_device_that_is_not_there_names_cpu(tmp_path, spec):
    folder = saved(tmp_path / "policy", spec, "act")
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(InputError, match="--device cpu"):
        make_policy("lerobot", spec, checkpoint=folder, device="cuda")
    with pytest.raises(InputError, match="cuda"):
        make_policy("lerobot", spec, checkpoint=folder, device="gpu")


def test_settings_are_taken_in_the_place_of_the_checkpoints(tmp_path, spec):
    """As a checkpoint that has them itself."""
    settings = {"n_action_steps": 1, "temporal_ensemble_coeff": 0.01}
    plain, ensembled = saved(tmp_path / "plain", spec, "act"), saved(tmp_path / "own", spec, "act", **settings)
    policy = make_policy("lerobot", spec, checkpoint=plain, settings=settings)
    own = make_policy("lerobot", spec, checkpoint=ensembled)
    assert isinstance(policy._lanes, Ensembled)
    lanes = np.arange(LANES)
    for one in (policy, own):
        one.reset(lanes, lanes)
    for batch in observations(spec, 4):
        assert np.array_equal(policy.act(batch, lanes >= 0).action, own.act(batch, lanes >= 0).action)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_action_step": 1}, "Did you mean 'n_action_steps'"),
        ({"device": "cpu"}, "No setting of 'act' is named 'device'"),
        ({"temporal_ensemble_coeff": 0.01}, "temporal_ensemble_coeff=0.01: .*n_action_steps` must be 1"),
        ({"n_action_steps": 99}, "n_action_steps=99: .*upper bound"),
        ({"n_action_steps": "many"}, "n_action_steps=many: .*int"),
        ({"dim_model": 32}, "not for a network with dim_model=32"),
        ({"n_encoder_layers": 2}, "not for a network with n_encoder_layers=2"),
    ],
)
def test_settings_that_a_checkpoint_cannot_have_are_refused(tmp_path, spec, settings, words):
    folder = saved(tmp_path / "act", spec, "act")
    with pytest.raises(InputError, match=words):
        make_policy("lerobot", spec, checkpoint=folder, settings=settings)
