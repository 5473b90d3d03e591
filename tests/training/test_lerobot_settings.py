"""Mixed precision, learning rates, settings: each shows in what is learned; what cannot be is refused in time."""

from dataclasses import replace

import pytest

from lerobot_sim.errors import InputError, SimError, StorageError, UnknownNameError
from lerobot_sim.training.lerobot_learner import Learner
from lerobot_sim.training.lerobot_setup import LeRobotTrainingConfig, check_name
from lerobot_sim.training.lerobot_training import train
from lerobot_sim.training.training_log import LOG, read_log

from .lerobot_dataset import ACT, VQBET, record

torch = pytest.importorskip("torch")
pytest.importorskip("lerobot")
safetensors = pytest.importorskip("safetensors.torch")

RUN = LeRobotTrainingConfig(policy="act", settings=ACT, steps=3, batch_size=4, save_every=3, log_every=1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return record(tmp_path_factory.mktemp("settings") / "reach")


def losses(folder):
    return [line["loss"] for line in read_log(folder / LOG) if "loss" in line]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_computes_in_it_and_keeps_weights_in_float32(dataset, tmp_path, precision):
    kinds = set()

    class Watched(Learner):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            layer = self.policy.model.action_head
            layer.register_forward_hook(lambda _layer, _given, output: kinds.add(output.dtype))

    train(dataset, tmp_path / "full", RUN)
    config = replace(RUN, precision=precision)
    train(dataset, tmp_path / "mixed", config, learner=Watched(dataset, config))
    assert kinds == {getattr(torch, precision)}
    full, mixed = losses(tmp_path / "full"), losses(tmp_path / "mixed")
    assert mixed == pytest.approx(full, rel=0.05)
    assert mixed != full
    kept = safetensors.load_file(tmp_path / "mixed/checkpoints/last/pretrained_model/model.safetensors")
    assert {value.dtype for value in kept.values() if value.is_floating_point()} == {torch.float32}


def test_float16_goes_on_with_the_scale_of_its_loss(dataset, tmp_path):
    config = replace(RUN, precision="float16")
    learner = Learner(dataset, config)
    learner._scaler.load_state_dict({**learner._scaler.state_dict(), "scale": 1024.0})
    assert Learner(dataset, config, learner.save(tmp_path))._scaler.get_scale() == 1024.0


def test_fine_tuning_has_a_rate_of_its_own_for_all_parts(dataset, tmp_path):
    first = train(dataset, tmp_path / "first", RUN)
    config = replace(RUN, pretrained=str(first.checkpoint), learning_rate=3e-4)
    rates = {group["lr"] for group in Learner(dataset, config)._optimizer.param_groups}
    assert rates == {3e-4}
    own = Learner(dataset, replace(RUN, settings={**ACT, "optimizer_lr": 2e-3, "optimizer_lr_backbone": 1e-6}))
    assert {group["lr"] for group in own._optimizer.param_groups} == {2e-3, 1e-6}


def test_frozen_parts_stay_and_nothing_left_to_train_is_refused(dataset, tmp_path):
    config = replace(RUN, freeze=("model.backbone.*",), steps=1)
    begun = {name: value.clone() for name, value in Learner(dataset, config).policy.state_dict().items()}
    done = safetensors.load_file(train(dataset, tmp_path, config).checkpoint / "model.safetensors")
    changed = {name.split(".")[1] for name in done if not torch.equal(done[name], begun[name])}
    assert "backbone" not in changed
    assert "encoder" in changed
    with pytest.raises(InputError, match="nothing to train"):
        Learner(dataset, replace(RUN, freeze=("*",)))


def test_pretrained_weights_are_those_that_it_begins_from(dataset, tmp_path):
    first = train(dataset, tmp_path, RUN)
    begun = Learner(dataset, replace(RUN, pretrained=str(first.checkpoint), seed=7)).policy.state_dict()
    kept = safetensors.load_file(first.checkpoint / "model.safetensors")
    assert all(torch.equal(begun[name], value) for name, value in kept.items())


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("only one image", {"policy": "vqbet", "settings": VQBET, "cameras": ()}),
        ("at least one image", {"cameras": ()}),
        ("'act' cannot have these settings .*n_action_steps=9", {"settings": {**ACT, "n_action_steps": 9}}),
        ("'act' cannot have these settings .*chunk_size=many", {"settings": {**ACT, "chunk_size": "many"}}),
        ("--device cpu", {"device": "cuda:77"}),
        ("rewards", {"policy": "tdmpc", "settings": {}}),
    ],
)
def test_what_does_not_fit_is_told_in_the_commands_words(dataset, words, changes):
    with pytest.raises(InputError, match=words):
        Learner(dataset, replace(RUN, **changes))


def test_a_pretrained_policy_of_other_features_is_refused_by_name(dataset, tmp_path):
    first = train(dataset, tmp_path, RUN)
    with pytest.raises(InputError, match=r"'observation.images.front' of shape \(3, 64, 64\); the dataset has none"):
        Learner(dataset, replace(RUN, pretrained=str(first.checkpoint), cameras=()))
    with pytest.raises(InputError, match="is a 'act' policy, --policy is 'diffusion'"):
        Learner(dataset, replace(RUN, policy="diffusion", settings={}, pretrained=str(first.checkpoint)))


def test_weights_that_cannot_be_had_are_told_of_at_once_with_a_local_way(dataset, tmp_path, monkeypatch):
    from torch import hub

    def unreachable(*_arguments, **_named):
        raise OSError("<urlopen error Name or service not known>")

    monkeypatch.setattr(hub, "download_url_to_file", unreachable)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    settings = {name: value for name, value in ACT.items() if name != "pretrained_backbone_weights"}
    with pytest.raises(SimError, match=rf"pretrained_backbone_weights=null.*{tmp_path}.*--pretrained"):
        Learner(dataset, replace(RUN, settings=settings))


def test_a_damaged_checkpoint_is_told(dataset, tmp_path):
    place = Learner(dataset, RUN).save(tmp_path)
    (place / "training_state/lerobot_sim.json").write_text("{")
    with pytest.raises(StorageError, match=r"damaged.*Delete the folder"):
        Learner(dataset, RUN, place)


def test_policies_that_were_never_tried_are_listed_apart():
    known = ["act", "diffusion", "vqbet", "pi0", "smolvla", "tdmpc"]
    for name in ("act", "pi0"):
        check_name(name, known)
    with pytest.raises(UnknownNameError, match=r"here: act, diffusion, vqbet\. Others.*pi0, smolvla\. .*not verified"):
        check_name("pi1", known)
