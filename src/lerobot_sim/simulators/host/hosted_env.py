"""An Env whose lanes live in a worker: another process, in another virtual environment.

When the worker dies or hangs, its running lanes end as FAULT with the reason, and another is started at once; the
next reset of a lane takes place there. Lanes of one worker share its fate, other Envs do not notice.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, to_numpy
from lerobot_sim.env import (
    Batch,
    End,
    State,
    Step,
    check_active,
    check_cameras,
    check_feature,
    check_lanes,
    check_params,
    check_seeds,
)
from lerobot_sim.errors import InputError, SimError
from lerobot_sim.simulators.family import Family
from lerobot_sim.spec import Camera, EnvSpec

from .channel import LateError, LostError
from .install import python_of
from .outcomes import Outcomes
from .pictures import Pictures
from .process import Process, Program, RaisedError, WorkerStartError
from .worker import DONE, DONE_WITHOUT_PICTURES, image_field

STARTS = 3
"""How often a worker that dies while it starts is tried."""

RINGS = 8
"""Sets of cameras whose pictures get room in shared memory; those of further sets are sent."""

_TAKEN_DOWN = (LostError, LateError, RaisedError)
_STEP = [bytes([128 + number]) for number in range(128)]
_logger = logging.getLogger(__name__)


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


class HostedEnv:
    """Lanes in a process of their own; see `lerobot_sim.env.Env` for its methods.

    Args:
        program: What runs in the worker; its factory also gets `num_envs`.
        num_envs: Number of lanes.
        limits: How long it may take.
        spec: What it must turn out to be, where that is known.
        pictures_with_step: Cameras that were asked for at the last state are drawn with the next one at once.
        wait: Whether to wait until the environment stands; without it `ready` does, or the first call.

    Raises:
        WorkerStartError: It does not start.
    """

    def __init__(
        self,
        program: Program,
        num_envs: int = 1,
        *,
        limits: Limits | None = None,
        spec: EnvSpec | None = None,
        pictures_with_step: bool = True,
        wait: bool = True,
    ) -> None:
        if num_envs < 1:
            raise InputError(f"num_envs: expected at least 1, {num_envs} came.")
        self._program, self._num_envs, self._limits = program, num_envs, limits or Limits()
        self._expected, self._known = spec, spec
        self._ahead = pictures_with_step
        self._instructions: list[str] = [""] * num_envs
        self._here: NDArray[np.bool_] = np.zeros(num_envs, np.bool_)  # lanes whose episode lives in the present worker
        self._all_here = False
        self._begun: NDArray[np.bool_] = np.zeros(num_envs, np.bool_)
        self._reasons = [""] * num_envs
        self._state_shapes: dict[str, tuple[Any, tuple[int, ...]]] = {}
        self._pictures: Pictures | None = None
        self._rings: dict[frozenset[Any], Pictures] = {}
        self._outcomes: Outcomes | None = None
        self._stands = False
        self._closed = False
        self._calls = 0
        self.workers = 0
        """How many workers were started so far."""
        self._process: Process | None = self._spawn()
        if wait:
            self.ready()

    @property
    def spec(self) -> EnvSpec:
        if self._known is None:
            self.ready()
        assert self._known is not None
        return self._known

    @property
    def num_envs(self) -> int:
        return self._num_envs

    @property
    def instructions(self) -> Sequence[str]:
        self.ready()
        return list(self._instructions)

    @property
    def pid(self) -> int | None:
        """The worker's process, None while there is none."""
        return self._process.pid if self._process else None

    def ready(self) -> Outcomes:
        """Waits until a worker stands; starts one where there is none.

        Raises:
            WorkerStartError: It raises, hangs, or dies again and again while it starts.
        """
        if self._stands and self._outcomes is not None:
            return self._outcomes
        if self._closed:
            raise InputError("This environment was closed: make a new one.")
        for _ in range(STARTS):
            if self._process is None:
                self._process = self._spawn()
            process = self._process
            try:
                left = process.started_at + self._limits.start_s - time.monotonic()
                hello, _ = process.receive(max(left, 0.0))
                self._introduce(hello)
                return self._lay_out(process)
            except LostError as error:
                reason = process.why(error, "start")
                self._end_process()
                _logger.warning("%s It is started again.", reason)
            except SimError as error:
                words = process.why(error, "start") if isinstance(error, (LateError, RaisedError)) else str(error)
                self._end_process()
                if isinstance(error, InputError):
                    raise
                raise WorkerStartError(words) from error
        raise WorkerStartError(f"After {STARTS} tries no worker stands. {reason}")  # pyright: ignore[reportPossiblyUnboundVariable]

    def reset(self, lanes: Array, seeds: Array, params: Mapping[str, Array] | None = None) -> Batch:
        rows = check_lanes(self._num_envs, lanes)
        arrays = {"lanes": rows, "seeds": check_seeds(len(rows), seeds)}
        arrays |= check_params(self.spec, len(rows), params)
        if self._stands and self._process is not None and not self._process.is_alive:
            self._lose(LostError("The process has ended."), "rest")
        outcomes = self.ready()
        slot = self._slot_of_reset()
        header = {"call": "reset", "into": 1 - outcomes.front, "slot": slot}
        self._spoil(rows)
        try:
            answer, metrics = self._call(header, arrays, self._limits.reset_s * max(1, len(rows)))
            self._moved(outcomes, rows, answer, metrics)
        except _TAKEN_DOWN as error:
            self._lose(error, "reset", rows)
            return self._present().observation(self._mask())
        if answer["drawn"]:
            self._drawn(rows, slot)
        return outcomes.observation(self._mask())

    def step(self, action: Array, active: Array) -> Step:
        check_feature("action", self.spec.action, action, self._num_envs)
        check_active(self._num_envs, active)
        outcomes = self._present()
        if not self._stands or not self._here.any():
            return outcomes.standing_step()
        assert self._process is not None
        into = 1 - outcomes.front
        outcomes.action[...] = to_numpy(action)
        mask = to_numpy(active)
        outcomes.active[...] = mask if self._all_here else mask & self._here
        pictures = self._pictures
        slot = -1
        if pictures is not None:
            pictures.fresh[:] = False
            if pictures.wanted and self._ahead:
                slot = pictures.next_slot()
                pictures.wanted = False
        try:
            self._process.wire.signal(_STEP[into | (slot + 1) << 1])
            byte = self._process.wire.answer(self._limits.step_s * self._num_envs)
            if byte not in (DONE, DONE_WITHOUT_PICTURES):
                self._process.message(byte, self._limits.step_s)
        except _TAKEN_DOWN as error:
            self._lose(error, "step")
            return self._present().standing_step()
        outcomes.front = into
        if slot >= 0 and byte == DONE:
            assert pictures is not None
            pictures.slot = slot
            pictures.fresh[...] = outcomes.active & (outcomes.present("end") == End.RUNNING)
        self._calls += 1
        if self._calls % 256 == 0:
            self._process.trim_log()
        return outcomes.step(self._mask())

    def set_params(self, lanes: Array, values: Mapping[str, Array]) -> None:
        rows = check_lanes(self._num_envs, lanes)
        checked = check_params(self.spec, len(rows), values, when="step")
        kept = self._here[rows]
        if not kept.any():
            return
        arrays = {"lanes": rows[kept], **{name: value[kept] for name, value in checked.items()}}
        try:
            answer, _ = self._call({"call": "set_params"}, arrays, self._limits.step_s)
        except _TAKEN_DOWN as error:
            self._lose(error, "set_params")
            return
        self._take_instructions(answer, rows[kept])
        self._spoil(rows)

    def render(self, cameras: Mapping[str, Camera], lanes: Array | None = None) -> Batch:
        check_cameras(self.spec, cameras)
        rows = np.arange(self._num_envs) if lanes is None else check_lanes(self._num_envs, lanes)
        self._require_begun(rows)
        if not cameras:
            return {}
        if not len(rows) or not self._here[rows].all():
            return self._render_with_gaps(cameras, rows)
        pictures = self._pictures
        if pictures is not None and pictures.cameras == cameras and pictures.fresh[rows].all():
            images = pictures.lend(rows)
        else:
            try:
                images = self._draw(cameras, rows)
            except _TAKEN_DOWN as error:
                self._lose(error, "render")
                return _black(cameras, len(rows))
        return {name: images[name] for name in cameras}

    def get_state(self, lanes: Array) -> State:
        rows = check_lanes(self._num_envs, lanes)
        self._require_begun(rows)
        if self._here[rows].all():
            try:
                _, state = self._call({"call": "get_state"}, {"lanes": rows}, self._limits.step_s)
            except _TAKEN_DOWN as error:
                self._lose(error, "get_state")
            else:
                self._state_shapes = {name: (value.dtype, value.shape[1:]) for name, value in state.items()}
                return state
        if not self._state_shapes:
            raise SimError(f"The state of lanes {rows.tolist()} went with their worker. {self._reasons[int(rows[0])]}")
        return {name: np.zeros((len(rows), *shape), dtype) for name, (dtype, shape) in self._state_shapes.items()}

    def set_state(self, lanes: Array, state: State) -> None:
        rows = check_lanes(self._num_envs, lanes)
        outcomes = self.ready()
        arrays = {"lanes": rows, **{f"s.{name}": to_numpy(value) for name, value in state.items()}}
        header = {"call": "set_state", "into": 1 - outcomes.front}
        try:
            answer, metrics = self._call(header, arrays, self._limits.reset_s * max(1, len(rows)))
            self._moved(outcomes, rows, answer, metrics)
        except _TAKEN_DOWN as error:
            self._lose(error, "set_state", rows)
            return
        self._spoil(rows)

    def explain(self, lane: int) -> str:
        (row,) = check_lanes(self._num_envs, [lane])
        if not self._here[row]:
            return self._reasons[row] or "The lane was never reset."
        try:
            answer, _ = self._call({"call": "explain", "lane": int(row)}, None, self._limits.step_s)
        except _TAKEN_DOWN as error:
            self._lose(error, "explain")
            return self._reasons[row]
        return answer["words"]

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            if self._process is not None:
                self._process.end(polite_s=1.5 if self._stands else 0.0)
                self._process = None
            self._stands = False
            self._here[:] = False

    def _spawn(self) -> Process:
        keywords = {**self._program.keywords, "num_envs": self._num_envs}
        process = Process(replace(self._program, keywords=keywords))
        self.workers += 1
        return process

    def _introduce(self, hello: Mapping[str, Any]) -> None:
        """Takes over what a new worker says of itself."""
        known = self._known or self._expected
        if hello["num_envs"] != self._num_envs:
            raise WorkerStartError(f"{self._num_envs} lanes were asked for, the worker has {hello['num_envs']}.")
        if known is None:
            self._known = EnvSpec.from_dict(hello["spec"])
        else:
            ours = json.loads(json.dumps(known.to_dict()))
            apart = [name for name in ours if ours[name] != hello["spec"].get(name)]
            if apart:
                raise WorkerStartError(
                    f"The worker's '{hello['spec']['id']}' differs from the spec of '{known.id}' in "
                    + ", ".join(f"{name} ({hello['spec'].get(name)} instead of {ours[name]})" for name in apart)
                )
        if self._outcomes is None:
            self._instructions = list(hello["instructions"])

    def _lay_out(self, process: Process) -> Outcomes:
        outcomes = Outcomes(process.block, self.spec, self._num_envs)
        process.call({"call": "lay_out", **outcomes.layout}, limit_s=self._limits.step_s)
        if self._outcomes is not None:
            outcomes.take_over(self._outcomes)
        self._outcomes, self._stands = outcomes, True
        return outcomes

    def _present(self) -> Outcomes:
        """The outcomes of the worker, or of the last one that stood."""
        return self._outcomes if self._outcomes is not None and not self._closed else self.ready()

    def _mask(self) -> NDArray[np.bool_] | None:
        return None if self._all_here else self._here

    def _call(
        self, header: Mapping[str, Any], arrays: Mapping[str, Any] | None, limit_s: float
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        assert self._process is not None
        return self._process.call(header, arrays, limit_s=limit_s)

    def _lose(self, error: SimError, doing: str, rows: NDArray[np.int64] | None = None) -> None:
        """The worker is dead or is killed: its lanes stand, those that ran as FAULT, and another is started."""
        assert self._process is not None and self._outcomes is not None
        reason = self._process.why(error, doing)
        _logger.warning("'%s': %s", self.spec.id, reason)
        fault = np.zeros(self._num_envs, np.bool_)
        fault[[] if rows is None else rows] = True
        lost = self._here | fault
        self._outcomes.stand(self._here, fault)
        self._begun |= fault
        ends = self._outcomes.standing_step().end
        for lane in np.flatnonzero(lost).tolist():
            end = End(int(ends[lane]))
            self._reasons[lane] = reason if end is End.FAULT else f"Ended ({end.name}); later its worker was lost."
        self._here[:] = False
        self._all_here = False
        self._end_process()
        try:
            self._process = self._spawn()
        except SimError:  # said again by the next reset
            _logger.warning("'%s': no other worker can be started.", self.spec.id, exc_info=True)

    def _end_process(self) -> None:
        assert self._process is not None
        self._process.end()
        self._process, self._stands, self._pictures, self._rings = None, False, None, {}

    def _moved(self, outcomes: Outcomes, rows: NDArray[np.int64], answer: Mapping[str, Any], metrics: Batch) -> None:
        """Takes over the outcome that a reset or `set_state` of `rows` has written."""
        outcomes.front = 1 - outcomes.front
        self._here[rows] = True
        self._begun[rows] = True
        self._all_here = bool(self._here.all())
        layout = outcomes.add_metrics(answer["metrics"])
        if layout is not None:
            self._call({"call": "lay_out_metrics", **layout}, None, self._limits.step_s)
        outcomes.write_metrics(metrics)
        self._take_instructions(answer, rows)

    def _take_instructions(self, answer: Mapping[str, Any], rows: NDArray[np.int64]) -> None:
        for lane in rows.tolist():
            self._instructions[lane] = answer["instructions"][lane]

    def _require_begun(self, rows: NDArray[np.int64]) -> None:
        if not self._begun[rows].all():
            lanes = rows[~self._begun[rows]].tolist()
            raise InputError(f"'{self.spec.id}': lanes {lanes} were never reset. Reset a lane before it is looked at.")

    def _spoil(self, rows: NDArray[np.int64]) -> None:
        for pictures in self._rings.values():
            pictures.fresh[rows] = False

    def _slot_of_reset(self) -> int:
        """Where the worker is to draw the lanes that are reset; -1: nowhere."""
        pictures = self._pictures
        if pictures is None or not self._ahead or not (pictures.wanted or pictures.fresh.any()):
            return -1
        return pictures.next_slot() if pictures.is_lent(pictures.slot) else pictures.slot

    def _drawn(self, rows: NDArray[np.int64], slot: int) -> None:
        """The worker has drawn `rows` into a slot."""
        assert self._pictures is not None
        if slot != self._pictures.slot:
            self._pictures.slot = slot
            self._pictures.fresh[:] = False
        self._pictures.fresh[rows] = True

    def _draw(self, cameras: Mapping[str, Camera], rows: NDArray[np.int64]) -> Batch:
        """Pictures that were not drawn with the last step."""
        assert self._process is not None
        limit_s = self._limits.step_s * max(1, len(rows))
        key = frozenset(cameras.items())
        if key not in self._rings and len(self._rings) >= RINGS:
            asked = {name: asdict(camera) for name, camera in cameras.items()}
            return self._call({"call": "render_apart", "cameras": asked}, {"lanes": rows}, limit_s)[1]
        pictures = self._rings.get(key) or Pictures(self._process.block, cameras, self._num_envs)
        if pictures is not self._pictures:
            self._call({"call": "look_at", **pictures.to_json()}, None, limit_s)
            self._pictures = self._rings[key] = pictures
            pictures.fresh[:] = False
        slot = pictures.next_slot()
        self._call({"call": "render", "slot": slot}, {"lanes": rows}, limit_s)
        pictures.fresh[:] = False
        self._drawn(rows, slot)
        return pictures.lend(rows)

    def _render_with_gaps(self, cameras: Mapping[str, Camera], rows: NDArray[np.int64]) -> Batch:
        """Pictures of lanes some of which were lost: theirs are black."""
        images = _black(cameras, len(rows))
        there = self._here[rows]
        if there.any():
            for name, image in self.render(cameras, rows[there]).items():
                images[name][there] = image
        return images


def _black(cameras: Mapping[str, Camera], count: int) -> Batch:
    fields = {name: image_field(camera, count) for name, camera in cameras.items()}
    return {name: np.zeros(shape, dtype) for name, (dtype, shape) in fields.items()}


def hosted_program(family: Family, module: str, task: str, options: Mapping[str, Any]) -> Program:
    """What runs in a worker of a family: its own `make`, in its own environment."""
    top = module.partition(".")[0]
    modules: dict[str, Path] = {}
    if top != "lerobot_sim":
        found = find_spec(top)
        origin = Path(str(found.origin)) if found and found.origin else Path()
        modules[top] = origin.parent if origin.name == "__init__.py" else origin
    return Program(
        python=python_of(family),
        factory=f"{module}:make",
        keywords={"task": task, **options},
        modules=modules,
        environment=family.environment,
    )


def hosted_family(
    family: Family, module: str, task: str, num_envs: int, options: Mapping[str, Any], *, wait: bool = True
) -> HostedEnv:
    """One worker of a family's simulator with `num_envs` lanes.

    Args:
        family: Its facts.
        module: The family's package.
        task: Bare name of the task.
        num_envs: Number of lanes.
        options: The family's keywords.
        wait: Whether to wait until it stands.

    Raises:
        NotSetUpError: The family's environment was never set up.
        WorkerStartError: The worker does not start.
    """
    program = hosted_program(family, module, task, options)
    spec: EnvSpec = import_module(module).spec(task, **options)
    limits = Limits(start_s=family.start_s, reset_s=family.reset_s, step_s=family.step_s)
    return HostedEnv(program, num_envs, limits=limits, spec=spec, wait=wait)
