"""A policy's side of its worker: makes it, says what it reads, and decides until the other side is gone.

Byte 128 asks for a decision on the observation that lies in the block. It is answered by "." where the decision lies
there, too, or by a message that holds it: the first, and whenever its arrays have other names, kinds or shapes.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import sys
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import to_numpy
from lerobot_sim.env import Batch
from lerobot_sim.policy import Decision, Policy
from lerobot_sim.spec import EnvSpec

from .channel import Block, Part, Wire, pack, unpack
from .worker import ANSWER, guarded, make

DECIDE, DECIDED = bytes([128]), b"."
THINKS = "thinks"
"""The array of a decision that tells which lanes decide anew the next time, bool (B,)."""


def parts_of(decision: Decision) -> dict[str, NDArray[Any]]:
    """A decision as arrays by name."""
    parts = {"action": to_numpy(decision.action)}
    parts |= {f"c.{name}": to_numpy(value) for name, value in decision.columns.items()}
    return parts | {f"e.{name}": to_numpy(value) for name, value in decision.events.items()}


def decided(policy: Policy, observation: Batch, active: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """What a policy decides, as arrays by name; with which lanes decide anew the next time, where it tells."""
    parts = parts_of(policy.act(observation, active))
    if tells_when_it_thinks(policy):
        parts[THINKS] = to_numpy(cast("Any", policy).thinks(active))
    return parts


def decision_of(parts: Mapping[str, NDArray[Any]]) -> Decision:
    """The decision that `parts_of` took apart, in memory of its own."""
    columns = {name[2:]: value.copy() for name, value in parts.items() if name.startswith("c.")}
    events = {name[2:]: value.copy() for name, value in parts.items() if name.startswith("e.")}
    return Decision(parts["action"].copy(), columns, events)


def kinds_of(arrays: Mapping[str, NDArray[Any]]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Dtype and shape of arrays by name."""
    return {name: (value.dtype.str, value.shape) for name, value in arrays.items()}


def reads_instructions(policy: Policy) -> bool:
    """Whether a policy asks for the instruction of an episode."""
    return callable(getattr(policy, "instruct", None))


def tells_when_it_thinks(policy: Policy) -> bool:
    """Whether a policy tells which lanes decide anew and which take an action of a chunk that is there."""
    return callable(getattr(policy, "thinks", None))


class PolicyService:
    """Answers for one policy."""

    def __init__(self, policy: Policy, wire: Wire, block: Block) -> None:
        self._policy, self._wire, self._block = policy, wire, block
        self._inputs: dict[str, NDArray[Any]] = {}
        self._outputs: dict[str, NDArray[Any]] = {}
        self._kinds: dict[str, tuple[str, tuple[int, ...]]] = {}

    def serve(self) -> None:
        """Answers until the other side is gone or asks to close."""
        while True:
            byte = self._wire.listen()
            if not byte:
                return
            if byte == DECIDE:
                kind, payload = guarded(self._decide)
                if payload:
                    self._wire.send(kind, payload)
                else:
                    self._wire.signal(DECIDED)
                continue
            header, arrays = unpack(self._wire.rest())
            if header["call"] == "close":
                self._wire.send(ANSWER, pack({}))
                return
            self._wire.send(*guarded(self._call(header, arrays)))

    def _call(self, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Callable[[], bytes]:
        def reset() -> bytes:
            self._policy.reset(arrays["lanes"], arrays["seeds"])
            return pack({})

        def lay_out() -> bytes:
            for side in ("inputs", "outputs"):
                if side in header:
                    part = Part(**header[side])
                    setattr(self, f"_{side}", part.arrays(self._block.map(part.offset, part.length)))
            self._kinds = kinds_of(self._outputs)
            return pack({})

        def instruct() -> bytes:
            cast("Any", self._policy).instruct(arrays["lanes"], header["instructions"])
            return pack({})

        return {"reset": reset, "instruct": instruct, "lay_out": lay_out}[header["call"]]

    def _decide(self) -> bytes:
        observation = {name[2:]: value.copy() for name, value in self._inputs.items() if name != "active"}
        parts = decided(self._policy, observation, self._inputs["active"].copy())
        if kinds_of(parts) != self._kinds:
            return pack({}, parts)
        for name, value in parts.items():
            self._outputs[name][...] = value
        return b""


def main(arguments: Mapping[str, Any]) -> None:
    """Makes the policy, says what it reads, serves."""
    reads, writes, block = arguments["fds"]
    wire = Wire(reads, writes)
    made: list[Policy] = []

    def begin() -> bytes:
        keywords = dict(arguments["keywords"])
        if "spec" in keywords:
            keywords["spec"] = EnvSpec.from_dict(keywords["spec"])
        policy: Policy = make({**arguments, "keywords": keywords})
        made.append(policy)
        cameras = {name: dataclasses.asdict(camera) for name, camera in policy.cameras.items()}
        about: dict[str, Any] = {"python": platform.python_version(), "numpy": np.__version__}
        about |= {"instructed": reads_instructions(policy), "thinks": tells_when_it_thinks(policy)}
        return pack({"cameras": cameras, "batch_invariant": policy.batch_invariant, **about})

    kind, payload = guarded(begin)
    wire.send(kind, payload)
    if kind == ANSWER:
        PolicyService(made[0], wire, Block(block)).serve()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # no library's exit handlers, threads or prompts may hold it up
