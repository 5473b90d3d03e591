"""A Policy in a worker: another process, in another virtual environment, for pins that conflict with ours.

It decides for all lanes of all environments at once, since `steps` gathers them; lanes grow on demand. A policy's
memory dies with its process, so a worker that dies or hangs is an error, not the end of an episode.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lerobot_sim.arrays import Array, like, to_numpy
from lerobot_sim.env import Batch
from lerobot_sim.errors import InputError, SimError
from lerobot_sim.policy import Decision
from lerobot_sim.spec import Camera, EnvSpec

from .channel import LateError, LostError, Part
from .policy_worker import DECIDE, DECIDED, decision_of, kinds_of
from .process import AbandonedError, Process, Program, RaisedError, WorkerStartError
from .thinking import Thinking

_logger = logging.getLogger(__name__)


class PolicyLostError(SimError):
    """The policy's process died, hung or raised, and what it remembered is gone with it."""


class HostedPolicy:
    """A policy in a process of its own; see `lerobot_sim.policy.Policy` for its methods.

    Args:
        program: What runs in the worker: a factory of a Policy.
        spec: Given to the factory as `spec` where it is not None.
        start_s: Time limit of its start, weights included.
        act_s: Time limit of a decision, and of a reset.

    Raises:
        WorkerStartError: It does not start.
        InputError: Its factory refuses its keywords.
    """

    def __init__(
        self, program: Program, spec: EnvSpec | None = None, *, start_s: float = 300.0, act_s: float = 60.0
    ) -> None:
        keywords = dict(program.keywords) if spec is None else {"spec": spec.to_dict(), **program.keywords}
        module = "lerobot_sim.simulators.host.policy_worker"
        self._program = replace(program, keywords=keywords, serve=module, what="policy")
        self._start_s, self._act_s = start_s, act_s
        self._closed = False
        self._process: Process | None = None
        hello = self._start()
        self._cameras = {name: Camera(**camera) for name, camera in hello["cameras"].items()}
        self._batch_invariant = bool(hello["batch_invariant"])
        if hello["instructed"]:
            self.instruct = self._instruct  # a policy that does not read instructions has no such method
        self._thinking = Thinking()
        if hello["thinks"]:
            self.thinks = self._thinking  # nor has one that does not tell

    @property
    def cameras(self) -> Mapping[str, Camera]:
        return self._cameras

    @property
    def batch_invariant(self) -> bool:
        return self._batch_invariant

    @property
    def pid(self) -> int | None:
        """The worker's process, None after it was lost."""
        return self._process.pid if self._process else None

    def reset(self, lanes: Array, seeds: Array) -> None:
        if self._closed:
            raise InputError("This policy was closed: make a new one.")
        if self._process is None:
            self._start()
        self._thinking.reset(lanes)
        self._call("reset", {"lanes": np.asarray(lanes, np.int64), "seeds": np.asarray(seeds, np.int64)})

    def act(self, observation: Batch, active: Array) -> Decision:
        process = self._present()
        host = {f"o.{name}": to_numpy(value) for name, value in observation.items()}
        host["active"] = to_numpy(active)
        try:
            if kinds_of(host) != self._input_kinds:
                self._inputs = self._lay_out("inputs", kinds_of(host))
                self._input_kinds = kinds_of(host)
            for name, value in host.items():
                self._inputs[name][...] = value
            process.is_answering = True
            process.wire.signal(DECIDE)
            byte = process.wire.answer(self._act_s)
            if byte == DECIDED:
                process.is_answering = False
                parts = self._outputs
            else:
                parts = process.message(byte, self._act_s)[1]
                self._outputs = self._lay_out("outputs", kinds_of(parts))
        except (LostError, LateError, RaisedError) as error:
            raise self._lost(error, "act") from error
        self._thinking.note(active, parts)
        decision = decision_of(parts)
        return replace(decision, action=like(decision.action, active))

    def close(self) -> None:
        """Ends the process, within 5 s; a second call does nothing."""
        self._closed = True
        process, self._process = self._process, None
        if process is not None:
            process.end(polite_s=1.5)

    def _instruct(self, lanes: Array, instructions: Sequence[str]) -> None:
        self._call("instruct", {"lanes": np.asarray(lanes, np.int64)}, instructions=list(instructions))

    def _call(self, name: str, arrays: Mapping[str, Any], **header: Any) -> None:
        try:
            self._present().call({"call": name, **header}, arrays, limit_s=self._act_s)
        except (LostError, LateError, RaisedError) as error:
            raise self._lost(error, name) from error

    def _start(self) -> dict[str, Any]:
        process = Process(self._program)
        try:
            left = process.started_at + self._start_s - time.monotonic()
            hello, _ = process.receive(max(left, 0.0))
        except (LostError, LateError, RaisedError) as error:
            words = process.why(error, "start")
            process.end()
            raise WorkerStartError(words) from error
        except BaseException:
            process.end()
            raise
        self._process = process
        self._inputs: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        self._input_kinds: dict[str, Any] = {}
        self._parts: dict[str, Part] = {}
        return hello

    def _lay_out(self, side: str, kinds: Mapping[str, tuple[str, tuple[int, ...]]]) -> dict[str, Any]:
        """Room for one side's arrays: what there is, where they fit, so that batches of changing sizes cost nothing."""
        process = self._present()
        part, old = Part(kinds), self._parts.get(side)
        if old is not None and part.length <= old.length:
            part.offset, part.length = old.offset, old.length
        else:
            part.length *= 2 if old is not None else 1
            part.offset = process.block.add(part.length)
        process.call({"call": "lay_out", side: part.to_json()}, limit_s=self._act_s)
        self._parts[side] = part
        return part.arrays(process.block.map(part.offset, part.length))

    def _present(self) -> Process:
        if self._process is None:
            raise PolicyLostError("The policy's process is gone: reset the lanes that it is to decide for.")
        if self._process.is_answering:
            raise self._lost(AbandonedError("a call was interrupted before its answer had come"), "rest")
        return self._process

    def _lost(self, error: SimError, doing: str) -> PolicyLostError:
        process, self._process = self._process, None
        assert process is not None
        reason = process.why(error, doing)
        process.end()
        _logger.warning("%s", reason)
        return PolicyLostError(reason)
