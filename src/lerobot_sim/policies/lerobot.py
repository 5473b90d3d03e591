"""LeRobot's policies (ACT, Diffusion, VQ-BeT …) on our environments, with their own processors.

A checkpoint is a folder that LeRobot wrote (`config.json`, `model.safetensors`, its processors), or the id of one on
the Hugging Face hub, "owner/name" or "owner/name@revision". Weights are read from safetensors alone, never unpickled.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingTypeArgument=false
# torch's and lerobot's types are partly unknown

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, to_numpy
from lerobot_sim.env import Batch
from lerobot_sim.errors import InputError, MissingExtraError, unknown_name
from lerobot_sim.policy import Decision
from lerobot_sim.spec import ACTION, ENVIRONMENT_STATE, IMAGES, STATE, Camera, EnvSpec

from .lerobot_files import check_files, folder_of, said_settings, with_settings
from .lerobot_lanes import Lanes, Tensors, lanes_of

_logger = logging.getLogger(__name__)


class LeRobotPolicy:
    """A policy of LeRobot's for the lanes of one environment; anything with `select_action` and `reset` is taken, too.

    Args:
        policy: The network, in evaluation mode.
        spec: The environment's.
        cameras: What it reads, by our camera's name.
        states: Which of `observation.state` and `observation.environment_state` it reads.
        before: Makes of an observation what the network reads; LeRobot's preprocessor.
        after: Makes of the network's action one of the environment's; LeRobot's postprocessor.
        device: Where the network is: "cpu", "cuda".
    """

    def __init__(
        self,
        policy: Any,
        spec: EnvSpec,
        *,
        cameras: Mapping[str, Camera] | None = None,
        states: Sequence[str] | None = None,
        before: Callable[[Tensors], Tensors] | None = None,
        after: Callable[[Any], Any] | None = None,
        device: str = "cpu",
    ) -> None:
        self._policy, self._spec, self._device = policy, spec, device
        self._cameras = dict(cameras or {})
        self._states = tuple(spec.observation if states is None else states)
        self._before, self._after = before, after
        self._lanes: Lanes = lanes_of(policy)
        self._words: dict[int, str] = {}

    @property
    def cameras(self) -> Mapping[str, Camera]:
        return self._cameras

    @property
    def batch_invariant(self) -> bool:
        return False  # a network's numbers depend on the size of its batch

    def reset(self, lanes: Array, seeds: Array) -> None:
        for lane in to_numpy(lanes).tolist():
            self._lanes.reset(lane)

    def instruct(self, lanes: Array, instructions: Sequence[str]) -> None:
        """Takes the tasks in words, one a lane."""
        self._words.update(zip(to_numpy(lanes).tolist(), instructions, strict=True))

    def thinks(self, active: Array) -> NDArray[np.bool_]:
        """Lanes whose next act asks the network; the others take an action of a chunk that is there."""
        mask: NDArray[np.bool_] = to_numpy(active)
        return mask & np.array([self._lanes.thinks(lane) for lane in range(len(mask))], np.bool_)

    def act(self, observation: Batch, active: Array) -> Decision:
        import torch

        mask: NDArray[np.bool_] = to_numpy(active)
        feature = self._spec.action
        if not mask.any():
            return Decision(np.zeros((len(mask), *feature.shape), feature.dtype))
        with torch.inference_mode():
            batch = self._batch(observation, len(mask))
            if self._before is not None:
                batch = self._before(batch)
            actions = self._lanes.act(batch, mask)
            if self._after is not None:
                actions = self._after(actions.to(self._device))
        found = actions.to("cpu").numpy().astype(feature.dtype)
        if found.shape[1:] != feature.shape:
            raise InputError(
                f"The policy gave actions of shape {found.shape[1:]}, '{self._spec.id}' takes {feature.shape}."
            )
        return Decision(found)

    def _batch(self, observation: Batch, count: int) -> Tensors:
        """The observation as LeRobot's datasets have it: float32 tensors, images (lanes, 3, h, w) in [0, 1]."""
        import torch

        batch: Tensors = {}
        for key in self._states:
            batch[key] = torch.from_numpy(np.ascontiguousarray(to_numpy(observation[key]), np.float32))
        for name in self._cameras:
            image = torch.from_numpy(np.ascontiguousarray(to_numpy(observation[IMAGES + name])))
            batch[IMAGES + name] = image.permute(0, 3, 1, 2).to(torch.float32) / 255
        batch = {key: value.to(self._device) for key, value in batch.items()}
        batch["task"] = [self._words.get(lane, "") for lane in range(count)]
        return batch


def make(
    spec: EnvSpec,
    checkpoint: str | Path = "",
    device: str = "cpu",
    revision: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> LeRobotPolicy:
    """The policy of a checkpoint for an environment.

    Args:
        spec: The environment's.
        checkpoint: A folder that LeRobot wrote, or "owner/name" or "owner/name@revision" on the hub.
        device: "cpu", "cuda" or "cuda:N".
        revision: Of a hub's checkpoint.
        settings: In the place of the checkpoint's own, by LeRobot's names, such as {"n_action_steps": 1}.

    Raises:
        MissingExtraError: LeRobot is not installed.
        InputError: No checkpoint, one in pickle form, features that do not fit, a device that is not there, settings
            that there are not or that the weights are not for.
        SimError: The hub cannot be reached.
    """
    folder = folder_of(str(checkpoint), revision)
    check_files(folder)
    try:
        import torch
        from lerobot.configs.policies import PreTrainedConfig
        from lerobot.policies.factory import get_policy_class, make_pre_post_processors
    except ImportError as error:
        raise MissingExtraError("lerobot", "lerobot", "A policy of LeRobot's") from error
    check_device(torch, device)
    config: Any = with_settings(PreTrainedConfig, folder, settings or {})
    config.device = device
    cameras, states = check_features(spec, config)
    try:
        with redirect_stdout(sys.stderr):  # LeRobot prints; standard output is the command's
            # LeRobot leaves weights that are missing as they were drawn: strict where another network may be asked for
            policy = get_policy_class(config.type).from_pretrained(folder, config=config, strict=bool(settings))
    except (RuntimeError, ValueError) as error:
        if not settings:
            raise
        why = str(error).splitlines()[0]
        raise InputError(
            f"The weights in {folder} are not for a network with {said_settings(settings)}: {why} "
            "How a trained policy acts can be set, such as n_action_steps; what it is cannot."
        ) from error
    before, after = None, None
    if (folder / "policy_preprocessor.json").exists():
        override = {"device_processor": {"device": device}}
        before, after = make_pre_post_processors(config, pretrained_path=str(folder), preprocessor_overrides=override)
    else:
        _logger.warning("%s has no processors: observations and actions are taken as they are.", folder)
    return LeRobotPolicy(policy.eval(), spec, cameras=cameras, states=states, before=before, after=after, device=device)


def check_device(torch: Any, device: str) -> None:
    """Refuses a device that is not there.

    Raises:
        InputError: The message names "cpu".
    """
    kind = device.partition(":")[0]
    if kind not in ("cpu", "cuda", "mps"):
        raise unknown_name("device", device, ["cpu", "cuda", "cuda:0", "mps"])
    there = (
        kind == "cpu"
        or (kind == "cuda" and torch.cuda.is_available())
        or (kind == "mps" and torch.backends.mps.is_available())
    )
    if not there:
        raise InputError(f"There is no device '{device}' here. Give --device cpu.")


def check_features(spec: EnvSpec, config: Any) -> tuple[dict[str, Camera], tuple[str, ...]]:
    """What a LeRobot config reads of an environment: cameras at its size, and keys of states.

    Raises:
        InputError: A feature that the environment has not, or has in another shape.
    """
    cameras: dict[str, Camera] = {}
    states: list[str] = []
    problems: list[str] = []
    for key, feature in (config.input_features or {}).items():
        shape = tuple(feature.shape)
        if key.startswith(IMAGES):
            name = key.removeprefix(IMAGES)
            if name in spec.cameras:
                cameras[name] = Camera(height=shape[1], width=shape[2], look=spec.cameras[name].look)
            else:
                problems.append(f"it reads the camera '{name}', there are {sorted(spec.cameras)}")
        elif key in (STATE, ENVIRONMENT_STATE) and key in spec.observation:
            states.append(key)
            if shape != spec.observation[key].shape:
                problems.append(f"it reads '{key}' of shape {shape}, here it is {spec.observation[key].shape}")
        else:
            problems.append(f"it reads '{key}', there are {sorted(spec.observation)}")
    wanted: Any = (config.output_features or {}).get(ACTION)
    if wanted is not None and tuple(wanted.shape) != spec.action.shape:
        problems.append(f"its action has shape {tuple(wanted.shape)}, here it is {spec.action.shape}")
    if problems:
        hint = _hint(spec, wanted)
        raise InputError(f"This '{config.type}' policy does not fit '{spec.id}': {'; '.join(problems)}.{hint}")
    return cameras, tuple(states)


def _hint(spec: EnvSpec, action: Any) -> str:
    """What mends it where a policy's action has as many numbers as the arm has joints."""
    names = spec.observation[STATE].names if STATE in spec.observation else ()
    joints = sum(name.endswith(".pos") for name in names)
    if not joints or action is None or tuple(action.shape) != (joints,):
        return ""
    return " It moves the arm's joints: where it was trained in a robot's units, give --units (degrees is LeRobot's)."
