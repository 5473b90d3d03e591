"""What a run of LeRobot's training is, and the parts of LeRobot's that are made of it."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingTypeArgument=false
# torch's and lerobot's types are partly unknown

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.policies.lerobot_files import check_files, folder_of
from lerobot_sim.spec import ACTION, IMAGES

from .batches import Windows

PRECISIONS = ("float32", "bfloat16", "float16")

VERIFIED = ("act", "diffusion", "vqbet")
"""Policies of LeRobot's that were trained and scored by this package's tests."""

NOT_TRAINED: Mapping[str, str] = {
    "gaussian_actor": "it is LeRobot's actor of reinforcement learning",
    "tdmpc": "it learns from rewards",
}
"""Those that behavior cloning cannot train -> why. All others begin from weights of the hub: not verified here."""

LARGE = "They begin from weights on the Hugging Face hub and need further packages: not verified here."


@dataclass(frozen=True, kw_only=True)
class LeRobotTrainingConfig:
    """What a run is; all but the last settings, from `device` on, make it another one.

    Attributes:
        policy: LeRobot's name of it, such as "act" or "diffusion".
        settings: Of the policy, by LeRobot's names, such as {"chunk_size": 50}.
        steps: Updates.
        batch_size: Rows a forward pass.
        accumulate: Forward passes an update.
        learning_rate: The policy's own by default.
        pretrained: A checkpoint to begin from, a folder or "owner/name".
        freeze: Patterns of parameters' names that stay as they are, such as "model.backbone.*".
        precision: "float32", or a type for mixed precision.
        seed: Of weights and of the order of the rows.
        cameras: What it sees; all of the dataset's by default.
        device: "cpu", "cuda" …
        save_every: Updates between checkpoints.
        log_every: Updates between lines of the log.
        cache_bytes: Memory for decoded frames.
        workers: Threads that make batches.
        prefetch: Batches that are made ahead.
    """

    policy: str = "act"
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    steps: int = 10_000
    batch_size: int = 8
    accumulate: int = 1
    learning_rate: float | None = None
    pretrained: str = ""
    freeze: Sequence[str] = ()
    precision: str = "float32"
    seed: int = 0
    cameras: Sequence[str] | None = None
    device: str = "cpu"
    save_every: int = 1000
    log_every: int = 50
    cache_bytes: int = 1 << 30
    workers: int = 1
    prefetch: int = 4


def policy_config_of(config: LeRobotTrainingConfig, last: Path | None) -> Any:
    """The policy's own config: of the run's last checkpoint, of the one to begin from, or new."""
    from lerobot.configs.policies import PreTrainedConfig
    from lerobot.policies.factory import make_policy_config

    if last is not None or config.pretrained:
        source = last if last is not None else folder_of(config.pretrained, None)
        check_files(source)
        found: Any = PreTrainedConfig.from_pretrained(source)
        if found.type != config.policy:
            what = "The run in this folder" if last is not None else config.pretrained
            raise InputError(f"{what} is a '{found.type}' policy, --policy is '{config.policy}'.")
        found.pretrained_path = source
    else:
        check_name(config.policy, PreTrainedConfig.get_known_choices())
        found = make_policy_config(config.policy, device=config.device, push_to_hub=False)
    for name, value in config.settings.items():
        if not hasattr(found, name):
            raise unknown_name(f"setting of '{config.policy}'", name, vars(found))
        setattr(found, name, value)
    found.device, found.push_to_hub = config.device, False
    try:
        found.__post_init__()  # checks what was set
    except (ValueError, TypeError, NotImplementedError) as error:
        given = ", ".join(f"{name}={value}" for name, value in config.settings.items())
        raise InputError(f"'{config.policy}' cannot have these settings ({given}): {error}") from error
    return found


def check_name(name: str, known: Iterable[str]) -> None:
    """Refuses a policy that LeRobot has not, or that cannot be learned from demonstrations.

    Raises:
        UnknownNameError: It lists those that were tried, and those that were not.
        InputError: It learns from other things.
    """
    others = sorted({*known} - {*VERIFIED, *NOT_TRAINED})
    if name in NOT_TRAINED:
        raise InputError(
            f"'{name}' cannot be trained from demonstrations: {NOT_TRAINED[name]}. Those that can: "
            f"{', '.join(VERIFIED)}; lerobot-train trains it on the same dataset."
        )
    if name not in VERIFIED and name not in others:
        hint = f"Trained and scored here: {', '.join(VERIFIED)}. Others of LeRobot's: {', '.join(others)}. {LARGE}"
        raise unknown_name("policy", name, ["mlp", "bc", *VERIFIED, *others], hint)


def check_fit(policy_config: Any) -> None:
    """Asks the policy whether it can learn from its inputs.

    Raises:
        InputError: Such as no image, or two where it reads one.
    """
    try:
        policy_config.validate_features()
    except ValueError as error:
        inputs = {key: tuple(feature.shape) for key, feature in policy_config.input_features.items()}
        raise InputError(
            f"'{policy_config.type}' cannot learn from {inputs}: {error} --cameras NAME … chooses pictures, "
            "--policy.NAME=VALUE sets the policy, lerobot-sim collect --cameras records pictures."
        ) from error


def choose_inputs(policy_config: Any, meta: Any, wanted: Sequence[str] | None) -> None:
    """The policy's features from the dataset's: states, and the cameras that were asked for."""
    from lerobot.configs.types import FeatureType
    from lerobot.utils.feature_utils import dataset_to_policy_features

    features: dict[str, Any] = dataset_to_policy_features(meta.features)
    for name in wanted or ():
        if IMAGES + name not in features:
            raise unknown_name("camera of the dataset", name, _names(meta.camera_keys))
    inputs = {
        key: feature
        for key, feature in features.items()
        if feature.type in (FeatureType.STATE, FeatureType.ENV)
        or (feature.type is FeatureType.VISUAL and (wanted is None or key.removeprefix(IMAGES) in wanted))
    }
    outputs = {ACTION: features[ACTION]}
    if policy_config.pretrained_path is None:
        policy_config.input_features, policy_config.output_features = inputs, outputs
        return
    for key, feature in {**policy_config.input_features, **policy_config.output_features}.items():
        here = {**inputs, **outputs}.get(key)
        if here is None or tuple(here.shape) != tuple(feature.shape):
            came = "none" if here is None else tuple(here.shape)
            wanted_shape = tuple(feature.shape)
            raise InputError(f"The checkpoint reads '{key}' of shape {wanted_shape}; the dataset has {came}.")


def freeze(policy: Any, patterns: Sequence[str]) -> None:
    """Takes the parameters of these names out of training."""
    names = [name for name, _ in policy.named_parameters()]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise unknown_name("parameter", pattern, names, "Patterns such as 'model.backbone.*' are taken.")
    for name, parameter in policy.named_parameters():
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in policy.parameters()):
        raise InputError("--freeze leaves nothing to train.")


def _names(keys: Iterable[str]) -> list[str]:
    return [key.removeprefix(IMAGES) for key in keys]


def windows_of(config: Any) -> Windows:
    """Which rows a policy sees with each row."""

    def steps(indices: Any) -> tuple[int, ...] | None:
        return None if indices is None else tuple(int(index) for index in indices)

    return Windows(
        observation=steps(config.observation_delta_indices),
        action=steps(config.action_delta_indices),
        observations=tuple(config.input_features),
        last_rows_dropped=int(getattr(config, "drop_n_last_frames", 0)),
    )


def optimizer_of(config: Any, learning_rate: float | None) -> Any:
    """The policy's own optimizer, at another learning rate where one is given."""
    optimizer = config.get_optimizer_preset()
    if learning_rate is not None:
        optimizer.lr = learning_rate
        for name in ("optimizer_lr", "optimizer_lr_backbone"):
            if hasattr(config, name):
                setattr(config, name, learning_rate)
    return optimizer
