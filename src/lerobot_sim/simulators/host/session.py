"""One worker and what is known of it: its process, where its outcomes lie, which pictures are ready."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.env import Batch, End
from lerobot_sim.spec import Camera, EnvSpec

from .outcomes import Outcomes
from .pictures import Pictures
from .process import Process, Program, WorkerStartError
from .worker import DONE, DONE_IN_PART, DONE_WITHOUT_PICTURES

RINGS = 8
"""Sets of cameras whose pictures get room in shared memory; those of further sets are sent."""

LOOK_AT_LOG = 256
"""Steps between two looks at how long the log has grown."""

_STEP = [bytes([128 + number]) for number in range(128)]
_STEPPED = (DONE, DONE_IN_PART, DONE_WITHOUT_PICTURES)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a worker may take, in s; beyond it, it counts as hung.

    Attributes:
        start_s: From its start until the environment stands.
        reset_s: A lane's reset.
        step_s: A lane's step, its pictures included; every other call, too.
    """

    start_s: float = 120.0
    reset_s: float = 60.0
    step_s: float = 30.0


class Session:
    """A worker from its start to its end.

    Args:
        program: What runs in it; its factory also gets `num_envs`.
        num_envs: Number of lanes.
        limits: How long it may take.
        ahead: Whether pictures that were asked for at the last state are drawn with the next one.
    """

    def __init__(self, program: Program, num_envs: int, limits: Limits, *, ahead: bool) -> None:
        self.process = Process(replace(program, keywords={**program.keywords, "num_envs": num_envs}))
        self.outcomes: Outcomes | None = None
        self._num_envs, self._limits, self._ahead = num_envs, limits, ahead
        self._step_s = limits.step_s * num_envs
        self._pictures: Pictures | None = None
        self._rings: dict[frozenset[Any], Pictures] = {}
        self._steps = 0

    def begin(self, known: EnvSpec | None) -> tuple[EnvSpec, list[str]]:
        """Waits until the environment stands: its spec and instructions.

        Args:
            known: What it must turn out to be, where that is known.
        """
        left = self.process.started_at + self._limits.start_s - time.monotonic()
        hello, _ = self.process.receive(max(left, 0.0))
        if hello["num_envs"] != self._num_envs:
            raise WorkerStartError(f"{self._num_envs} lanes were asked for, the worker has {hello['num_envs']}.")
        spec = EnvSpec.from_dict(hello["spec"])
        if known is not None:
            _check_same(known, hello["spec"])
        outcomes = Outcomes(self.process.block, spec, self._num_envs)
        self.process.call({"call": "lay_out", **outcomes.layout}, limit_s=self._limits.step_s)
        self.outcomes = outcomes
        return spec, list(hello["instructions"])

    def call(
        self, name: str, arrays: Mapping[str, Any] | None = None, *, lanes: int = 1, **header: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Asks for anything but a step; see `Process.call`."""
        a_lane = self._limits.reset_s if name in ("reset", "set_state") else self._limits.step_s
        return self.process.call({"call": name, **header}, arrays, limit_s=a_lane * max(1, lanes))

    def step(self) -> None:
        """Steps by the action and the mask that lie in the outcomes' arrays."""
        outcomes, pictures, process = self.outcomes, self._pictures, self.process
        assert outcomes is not None
        into, slot = 1 - outcomes.front, -1
        if pictures is not None:
            if pictures.wanted and self._ahead:
                slot = pictures.next_slot()
                pictures.wanted = False
            pictures.spoil()
        process.is_answering = True
        process.wire.signal(_STEP[into | (slot + 1) << 1])
        byte = process.wire.answer(self._step_s)
        if byte not in _STEPPED:
            process.message(byte, self._limits.step_s)
        process.is_answering = False
        outcomes.front = into
        if pictures is not None and slot >= 0:
            if byte == DONE:
                pictures.drawn(slot)
            elif byte == DONE_IN_PART:
                pictures.drawn(slot, np.flatnonzero(outcomes.active & (outcomes.present("end") == End.RUNNING)))
        self._steps += 1
        if self._steps % LOOK_AT_LOG == 0:
            process.trim_log()

    def move(self, name: str, arrays: Mapping[str, Any], rows: NDArray[np.int64]) -> list[str]:
        """Puts `rows` elsewhere by a "reset" or "set_state"; the instructions."""
        outcomes, pictures = self.outcomes, self._pictures
        assert outcomes is not None
        slot = -1
        if name == "reset" and pictures is not None and self._ahead and (pictures.wanted or pictures.any_fresh()):
            slot = pictures.next_slot() if pictures.is_lent(pictures.slot) else pictures.slot
        self.spoil(rows)
        answer, metrics = self.call(name, arrays, lanes=len(rows), into=1 - outcomes.front, slot=slot)
        outcomes.front = 1 - outcomes.front
        layout = outcomes.add_metrics(answer["metrics"])
        if layout is not None:
            self.call("lay_out_metrics", **layout)
        outcomes.write_metrics(metrics)
        if answer["drawn"]:
            assert pictures is not None
            pictures.drawn(slot, rows)
        return answer["instructions"]

    def spoil(self, rows: NDArray[np.int64]) -> None:
        """The pictures of `rows` no longer show how they stand."""
        if self._pictures is not None:
            self._pictures.spoil(rows)

    def ready_images(self, cameras: Mapping[str, Camera], rows: NDArray[np.int64] | None) -> Batch | None:
        """Images of `rows` (all lanes by default) where they are ready."""
        pictures = self._pictures
        if pictures is None or pictures.cameras != cameras:
            return None
        return pictures.lend(rows) if pictures.are_fresh(rows) else None

    def render(self, cameras: Mapping[str, Camera], rows: NDArray[np.int64]) -> Batch:
        """Images of `rows`, one at least: those that are ready, or drawn now."""
        ready = self.ready_images(cameras, rows)
        if ready is not None:
            return ready
        pictures = self._pictures
        key = frozenset(cameras.items())
        if key not in self._rings and len(self._rings) >= RINGS:
            asked = {name: asdict(camera) for name, camera in cameras.items()}
            return self.call("render_apart", {"lanes": rows}, lanes=len(rows), cameras=asked)[1]
        if pictures is None or pictures.cameras != cameras:
            pictures = self._rings.get(key) or Pictures(self.process.block, cameras, self._num_envs)
            self.call("look_at", **pictures.to_json())
            self._pictures = self._rings[key] = pictures
        slot = pictures.next_slot()
        self.call("render", {"lanes": rows}, lanes=len(rows), slot=slot)
        pictures.spoil()
        pictures.drawn(slot, rows)
        return pictures.lend(rows)


def _check_same(known: EnvSpec, seen: Mapping[str, Any]) -> None:
    """Refuses a worker whose spec is another one."""
    ours = json.loads(json.dumps(known.to_dict()))
    apart = [f"{name} ({seen.get(name)} instead of {ours[name]})" for name in ours if ours[name] != seen.get(name)]
    if apart:
        raise WorkerStartError(f"The worker's spec is not the one of '{known.id}' that is known: {'; '.join(apart)}.")
