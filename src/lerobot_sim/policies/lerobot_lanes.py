"""One LeRobot policy for many lanes, each with its own queue of actions and its own history.

LeRobot's policies keep one queue for a whole batch, which is right only while all of its episodes begin together. Here
each lane has its own, and what is due is asked of the network for all lanes at once: always a batch of all lanes, for a
network's numbers depend on the size of its batch.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# torch's and lerobot's types are partly unknown

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Tensors: TypeAlias = "dict[str, Any]"
"""LeRobot key -> tensor with a leading lane axis, or the instructions as "task"."""

_ACTION = "action"
_IMAGES = "observation.images"


class Lanes(Protocol):
    """How the actions of many lanes are made of one network."""

    def reset(self, lane: int) -> None:
        """Forgets all about a lane."""
        ...

    def thinks(self, lane: int) -> bool:
        """Whether a lane's next action is asked of the network, not taken from a chunk that is there."""
        ...

    def act(self, batch: Tensors, active: NDArray[np.bool_]) -> Any:
        """Actions (lanes, A) as the network gives them; rows of lanes that are not active mean nothing."""
        ...


def lanes_of(policy: Any) -> Lanes:
    """What suits a policy: chunks with a queue a lane, temporal ensembling a lane, or a copy of its memory a lane."""
    config: Any = getattr(policy, "config", None)
    if getattr(config, "temporal_ensemble_coeff", None) is not None:
        return Ensembled(policy)
    steps = getattr(config, "n_action_steps", None) or getattr(config, "action_chunk_size", None)  # VQ-BeT's name
    if callable(getattr(policy, "predict_action_chunk", None)) and steps and hasattr(policy, "reset"):
        return Chunked(policy, int(steps), _history_keys(policy))
    return Copied(policy)


class Chunked:
    """A queue of actions a lane, filled from the chunk that the network predicts.

    Args:
        policy: With `predict_action_chunk(batch) -> (lanes, chunk, A)`.
        steps: How many actions of a chunk are done before the next one.
        history: Key -> how many observations the network reads; those go into its own queues before it is asked.
    """

    def __init__(self, policy: Any, steps: int, history: Mapping[str, int]) -> None:
        self._policy, self._steps, self._history = policy, steps, history
        self._queues: dict[int, deque[Any]] = {}
        self._seen: dict[int, dict[str, deque[Any]]] = {}

    def reset(self, lane: int) -> None:
        self._queues[lane] = deque()
        self._seen[lane] = {}

    def thinks(self, lane: int) -> bool:
        return not self._queues.get(lane)

    def act(self, batch: Tensors, active: NDArray[np.bool_]) -> Any:
        import torch

        rows = np.flatnonzero(active).tolist()
        batch = {key: value for key, value in batch.items() if key != _ACTION}  # LeRobot's processors leave a None
        if self._history:
            batch = _with_image_stack(self._policy, batch)
            self._remember(batch, rows)
        empty = [row for row in rows if not self._queues.setdefault(row, deque())]
        if empty:
            if self._history:
                self._fill(batch, len(active))
            chunk = self._policy.predict_action_chunk(batch)[:, : self._steps]
            for row in empty:
                self._queues[row].extend(chunk[row].clone())
        size = next(self._queues[row][0] for row in rows)
        actions = torch.zeros((len(active), *size.shape), dtype=size.dtype)
        for row in rows:
            actions[row] = self._queues[row].popleft().cpu()
        return actions

    def _remember(self, batch: Tensors, rows: Sequence[int]) -> None:
        """Takes an observation into each lane's history; its first one stands for those before it."""
        for row in rows:
            seen = self._seen.setdefault(row, {})
            for key, length in self._history.items():
                if key in batch:
                    queue = seen.setdefault(key, deque([batch[key][row].clone()] * length, maxlen=length))
                    queue.append(batch[key][row].clone())

    def _fill(self, batch: Tensors, count: int) -> None:
        """Puts the lanes' histories into the policy's own queues, zeros for lanes that have none."""
        import torch

        for key, length in self._history.items():
            if key not in batch:
                continue
            blank = torch.zeros_like(batch[key][0])
            queue = self._policy._queues[key]
            queue.clear()
            for k in range(length):
                queue.append(torch.stack([self._at(row, key, k, blank) for row in range(count)]))

    def _at(self, row: int, key: str, k: int, blank: Any) -> Any:
        known = self._seen.get(row, {}).get(key)
        return known[k] if known else blank


class Ensembled:
    """Temporal ensembling (Zhao et al. 2023, Algorithm 2): a chunk at every step, averaged a lane."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy
        self._ensemblers: dict[int, Any] = {}

    def reset(self, lane: int) -> None:
        self._ensemblers.pop(lane, None)

    def thinks(self, lane: int) -> bool:
        return True

    def act(self, batch: Tensors, active: NDArray[np.bool_]) -> Any:
        import torch

        chunk = self._policy.predict_action_chunk(batch)
        actions = torch.zeros((len(active), chunk.shape[-1]), dtype=chunk.dtype)
        for row in np.flatnonzero(active).tolist():
            if row not in self._ensemblers:
                self._ensemblers[row] = copy.copy(self._policy.temporal_ensembler)
                self._ensemblers[row].reset()
            actions[row] = self._ensemblers[row].update(chunk[row : row + 1])[0].cpu()
        return actions


class Copied:
    """A shallow copy a lane, for anything with `select_action` and `reset`: one network, a memory each."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy
        self._copies: dict[int, Any] = {}

    def reset(self, lane: int) -> None:
        self._copies.pop(lane, None)

    def thinks(self, lane: int) -> bool:
        return True  # what it does inside is its own

    def act(self, batch: Tensors, active: NDArray[np.bool_]) -> Any:
        import torch

        found: dict[int, Any] = {}
        for row in np.flatnonzero(active).tolist():
            if row not in self._copies:
                self._copies[row] = copy.copy(self._policy)
                self._copies[row].reset()
            own = {key: value[row : row + 1] for key, value in batch.items() if key != _ACTION}
            found[row] = torch.as_tensor(self._copies[row].select_action(own)).reshape(-1).cpu()
        first = next(iter(found.values()))
        actions = torch.zeros((len(active), *first.shape), dtype=first.dtype)
        for row, action in found.items():
            actions[row] = action
        return actions


def _history_keys(policy: Any) -> dict[str, int]:
    """The policy's own queues of observations, and how long each is; none where it reads the present alone."""
    policy.reset()
    queues: Mapping[str, Any] = getattr(policy, "_queues", {})
    return {key: queue.maxlen for key, queue in queues.items() if key != _ACTION and queue.maxlen}


def _with_image_stack(policy: Any, batch: Tensors) -> Tensors:
    """The cameras' images as one tensor, as the policies with queues of their own keep them."""
    import torch

    images = list(getattr(policy.config, "image_features", None) or ())
    if not images or _IMAGES not in getattr(policy, "_queues", {}):
        return batch
    return {**batch, _IMAGES: torch.stack([batch[key] for key in images], dim=-4)}
