"""`bc`: behavior cloning by a small torch network, from states, pictures and, where there are several, the instruction.

A policy is a folder: `config.json` (`bc_config`) and `model.safetensors` (`bc_network`). The network gives a chunk of
actions; a lane does the first `n_action_steps` of it before the network is asked again.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# torch's types are partly unknown

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, to_numpy
from lerobot_sim.datasets.files import write_whole
from lerobot_sim.env import Batch
from lerobot_sim.errors import InputError, MissingExtraError, StorageError
from lerobot_sim.policy import Decision
from lerobot_sim.spec import IMAGES, Camera, EnvSpec

from .bc_config import CONFIG, WEIGHTS, BCConfig, acting_settings, bc_folder, read_config, words_of
from .lerobot import check_device
from .lerobot_files import check_files
from .threads import one_torch_thread

if TYPE_CHECKING:
    from .bc_network import BCNetwork

_logger = logging.getLogger(__name__)


class BCPolicy:
    """A network for the lanes of one environment.

    Args:
        config: What it reads.
        network: Its weights.
        spec: The environment's.
        device: Where the network is: "cpu", "cuda".

    Raises:
        InputError: The environment lacks something that it reads, or takes other actions.
    """

    def __init__(self, config: BCConfig, network: BCNetwork, spec: EnvSpec, device: str = "cpu") -> None:
        self.config, self.network, self.device = config, network, device
        self._spec = spec
        self._cameras = config.cameras_in(spec)
        self._said: set[str] = set()
        self._words = np.zeros((0, 1), np.int64)
        self._chunks = np.zeros((0, config.settings.n_action_steps, config.action_dim), np.float32)
        self._done = np.zeros(0, np.int64)  # actions of its chunk that a lane has done

    @property
    def cameras(self) -> Mapping[str, Camera]:
        return self._cameras

    @property
    def batch_invariant(self) -> bool:
        return False  # a network's numbers depend on the size of its batch

    def reset(self, lanes: Array, seeds: Array) -> None:
        rows = to_numpy(lanes)
        self._grow(int(np.max(rows, initial=-1)) + 1)
        self._done[rows] = self.config.settings.n_action_steps
        self._words[rows] = 0

    def instruct(self, lanes: Array, instructions: Sequence[str]) -> None:
        """Takes the tasks in words, one a lane."""
        if not self.config.words:
            return
        numbers = word_numbers(self.config.words, instructions)
        wider = numbers.shape[1] - self._words.shape[1]
        if wider > 0:
            self._words = np.pad(self._words, ((0, 0), (0, wider)))
        for lane, row, text in zip(to_numpy(lanes).tolist(), numbers, instructions, strict=True):
            self._words[lane] = 0
            self._words[lane, : len(row)] = row
            if text and not row.any() and text not in self._said:
                self._said.add(text)
                _logger.warning("No word of '%s' was in the demonstrations: the policy ignores it.", text)

    def thinks(self, active: Array) -> NDArray[np.bool_]:
        """Lanes whose next act asks the network; the others take an action of a chunk that is there."""
        mask: NDArray[np.bool_] = to_numpy(active)
        self._grow(len(mask))
        return mask & (self._done[: len(mask)] >= self.config.settings.n_action_steps)

    def act(self, observation: Batch, active: Array) -> Decision:
        mask: NDArray[np.bool_] = to_numpy(active)
        count = len(mask)
        due = self.thinks(mask)
        steps = self.config.settings.n_action_steps
        if due.any():
            # always of all lanes: a network's numbers depend on the size of its batch
            self._chunks[:count][due] = self._chunk(observation, count)[due, :steps]
            self._done[:count][due] = 0
        at = self._done[:count].clip(0, steps - 1)
        action = self._chunks[:count][np.arange(count), at]
        self._done[:count] += mask
        return Decision(action.astype(self._spec.action.dtype))

    def _chunk(self, observation: Batch, count: int) -> NDArray[np.float32]:
        states = [to_numpy(observation[key]).astype(np.float32) for key in self.config.states]
        batch = {IMAGES + name: to_numpy(observation[IMAGES + name]) for name in self._cameras}
        batch["state"] = np.concatenate(states, axis=1) if states else np.zeros((count, 0), np.float32)
        batch["words"] = self._words[:count]
        with one_torch_thread(not self._cameras):
            return predict(self.network, self.config, batch, self.device)

    def _grow(self, count: int) -> None:
        """Makes room for so many lanes: a Policy hears of a lane only as it begins."""
        missing = count - len(self._done)
        if missing > 0:
            self._done = np.pad(self._done, (0, missing))
            self._words = np.pad(self._words, ((0, missing), (0, 0)))
            self._chunks = np.pad(self._chunks, ((0, missing), (0, 0), (0, 0)))


def predict(
    network: BCNetwork, config: BCConfig, batch: Mapping[str, NDArray[Any]], device: str
) -> NDArray[np.float32]:
    """Chunks of actions (n, chunk, A) in the environment's units, for "state", "words" and pictures as they come."""
    import torch

    mean, std = (np.array(values, np.float32) for values in (config.action_mean, config.action_std))
    with torch.inference_mode():
        chunk = network(*tensors(config, batch, device)).cpu().numpy()
    return chunk * std + mean


def tensors(config: BCConfig, batch: Mapping[str, NDArray[Any]], device: str) -> tuple[Any, list[Any], Any]:
    """What the network takes: normalised states (n, S), pictures, words."""
    import torch

    mean, std = (np.array(values, np.float32) for values in (config.state_mean, config.state_std))
    state = torch.from_numpy((batch["state"] - mean) / std)
    pictures = [torch.from_numpy(np.ascontiguousarray(batch[IMAGES + name])).to(device) for name in config.cameras]
    return state.to(device), pictures, torch.from_numpy(batch["words"]).to(device)


def word_numbers(words: Sequence[str], texts: Sequence[str]) -> NDArray[np.int64]:
    """Numbers (n, W) of each text's known words, from 1 on; 0 fills up."""
    place = {word: number + 1 for number, word in enumerate(words)}
    found = [[place[word] for word in words_of(text) if word in place] for text in texts]
    numbers = np.zeros((len(texts), max(1, *map(len, found), 1)), np.int64)
    for row, own in zip(numbers, found, strict=True):
        row[: len(own)] = own
    return numbers


def save(folder: Path, config: BCConfig, network: BCNetwork) -> None:
    """Writes a policy's folder; each file is the old or the new one at every moment.

    Raises:
        StorageError: It could not be written.
    """
    from safetensors.torch import save as to_bytes

    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_whole(folder / CONFIG, config.to_json(), sync=True)
    write_whole(folder / WEIGHTS, to_bytes(weights), sync=True)


def load(folder: Path, device: str = "cpu") -> tuple[BCConfig, BCNetwork]:
    """Reads what `save` wrote.

    Raises:
        InputError: Weights in pickle form, or a device that is not there.
        MissingExtraError: torch is not installed.
        StorageError: A file is missing or damaged.
    """
    config = read_config(folder)
    check_files(folder)
    network = new_network(config, device)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        first = str(error).splitlines()[0]
        raise StorageError(f"{folder / WEIGHTS} is damaged or of another policy: {first}") from error
    return config, network.to(device).eval()


def new_network(config: BCConfig, device: str = "cpu", seed: int = 0) -> BCNetwork:
    """A network with first weights that are a function of the seed."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("torch", "lerobot", "The policy 'bc'") from error
    from .bc_network import BCNetwork

    check_device(torch, device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return BCNetwork(config).to(device)


def make(
    spec: EnvSpec, checkpoint: str | Path = "", device: str = "cpu", settings: Mapping[str, Any] | None = None
) -> BCPolicy:
    """The policy of a folder, or of the best one of a run's folder, for an environment.

    `settings` are taken in the place of its own; after training that is `n_action_steps` alone.

    Raises:
        InputError: There is none, it does not fit, the device is not there, or the settings cannot be.
        StorageError: It is damaged.
    """
    folder = bc_folder(Path(checkpoint)) if str(checkpoint) else None
    if folder is None:
        raise InputError(
            f"The policy 'bc' needs a folder with {CONFIG} and {WEIGHTS}, '{checkpoint}' came. "
            "Train one: lerobot-sim train --policy bc."
        )
    config, network = load(folder, device)
    config = replace(config, settings=acting_settings(settings or {}, config.settings))
    policy = BCPolicy(config, network, spec, device)
    if config.env_id == spec.id and config.env_version != spec.version:
        _logger.warning(
            "The policy was trained on version %d of '%s', this is %d.", config.env_version, spec.id, spec.version
        )
    return policy
