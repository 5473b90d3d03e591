"""An Env whose lanes live in a worker: another process, in another virtual environment.

When the worker dies or hangs, its running lanes end as FAULT with the reason, and another is started at once; the
next reset of a lane takes place there. Lanes of one worker share its fate, other Envs do not notice.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
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
from lerobot_sim.spec import Camera, EnvSpec

from .channel import LateError, LostError
from .outcomes import Outcomes
from .process import AbandonedError, Program, RaisedError, WorkerStartError
from .session import Limits, Session
from .worker import image_field

__all__ = ["HostedEnv", "Limits", "Program", "WorkerStartError"]

STARTS = 3
"""How often a worker that dies while it starts is tried."""

_TAKEN_DOWN = (LostError, LateError, RaisedError)
_logger = logging.getLogger(__name__)


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
        self._known, self._ahead = spec, pictures_with_step
        self._instructions = [""] * num_envs
        self._here: NDArray[np.bool_] = np.zeros(num_envs, np.bool_)  # lanes whose episode lives in the present worker
        self._all_here = False
        self._everyone = np.arange(num_envs)
        self._begun: NDArray[np.bool_] = np.zeros(num_envs, np.bool_)
        self._reasons = [""] * num_envs
        self._state_kinds: dict[str, tuple[Any, tuple[int, ...]]] = {}
        self._outcomes: Outcomes | None = None  # of the present worker, or of the last one that stood
        self._closed = False
        self.workers = 0
        """How many workers were started so far."""
        self._session: Session | None = self._start()
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
        if self._outcomes is None and not self._closed:
            self.ready()
        return list(self._instructions)

    @property
    def pid(self) -> int | None:
        """The worker's process, None while there is none."""
        return self._session.process.pid if self._session else None

    def ready(self) -> Session:
        """Waits until a worker stands; starts one where there is none.

        Raises:
            WorkerStartError: It raises, hangs, or dies again and again while it starts.
            InputError: Its factory refuses its keywords; or the environment was closed.
        """
        if self._closed:
            raise InputError("This environment was closed: make a new one.")
        reason = ""
        for _ in range(STARTS):
            session = self._session = self._session or self._start()
            if session.outcomes is not None:
                return session
            if session.process.is_answering:  # its start was interrupted here
                self._drop()
                continue
            try:
                self._known, instructions = session.begin(self._known)
            except LostError as error:
                reason = session.process.why(error, "start")
                self._drop()
                _logger.warning("%s", reason)
                continue
            except (LateError, RaisedError) as error:
                words = session.process.why(error, "start")
                self._drop()
                raise WorkerStartError(words) from error
            except SimError as error:
                self._drop()
                raise error if isinstance(error, InputError) else WorkerStartError(str(error)) from error
            self._take_over(session, instructions)
            return session
        raise WorkerStartError(f"{STARTS} times no worker came to stand. {reason}")

    def reset(self, lanes: Array, seeds: Array, params: Mapping[str, Array] | None = None) -> Batch:
        rows = check_lanes(self._num_envs, lanes)
        arrays = {"lanes": rows, "seeds": check_seeds(len(rows), seeds)}
        arrays |= check_params(self.spec, len(rows), params)
        self._settle()
        session = self._session
        if session is not None and session.outcomes is not None and not session.process.is_alive:
            self._lose(LostError("The process has ended."), "rest")
        self._move("reset", arrays, rows)
        assert self._outcomes is not None
        return self._outcomes.observation(self._mask())

    def step(self, action: Array, active: Array) -> Step:
        outcomes = self._outcomes or self.ready().outcomes
        assert outcomes is not None
        if not (_same_kind(action, outcomes.action) and _same_kind(active, outcomes.active)):  # a quick look first
            check_feature("action", self.spec.action, action, self._num_envs)
            check_active(self._num_envs, active)
        self._settle()
        outcomes.action[...] = to_numpy(action)
        outcomes.active[...] = to_numpy(active)
        if not self._all_here:
            if not self._here.any():
                return outcomes.standing_step()
            outcomes.active &= self._here
        try:
            self._present().step()
        except _TAKEN_DOWN as error:
            self._lose(error, "step")
            return outcomes.standing_step()
        return outcomes.step(self._mask())

    def set_params(self, lanes: Array, values: Mapping[str, Array]) -> None:
        rows = check_lanes(self._num_envs, lanes)
        checked = check_params(self.spec, len(rows), values, when="step")
        self._settle()
        kept = self._here[rows]
        if not kept.any():
            return
        session = self._present()
        arrays = {"lanes": rows[kept], **{name: value[kept] for name, value in checked.items()}}
        try:
            answer, _ = session.call("set_params", arrays, lanes=len(rows))
        except _TAKEN_DOWN as error:
            self._lose(error, "set_params")
            return
        session.spoil(rows)
        self._take_instructions(answer["instructions"], rows[kept])

    def render(self, cameras: Mapping[str, Camera], lanes: Array | None = None) -> Batch:
        self._settle()
        everyone = lanes is None or (self._num_envs == len(lanes) and _same_lanes(lanes, self._everyone))
        if everyone and self._all_here and cameras:
            ready = self._present().ready_images(cameras, None)
            if ready is not None:
                return ready
        check_cameras(self.spec, cameras)
        rows = np.arange(self._num_envs) if lanes is None else check_lanes(self._num_envs, lanes)
        self._require_begun(rows)
        there = self._here[rows]
        if not cameras or not there.any():
            return _black(cameras, len(rows))
        try:
            images = self._present().render(cameras, rows[there])
        except _TAKEN_DOWN as error:
            self._lose(error, "render")
            return _black(cameras, len(rows))
        if there.all():
            return images
        whole = _black(cameras, len(rows))  # pictures of lost lanes
        for name, image in whole.items():
            image[there] = images[name]
        return whole

    def get_state(self, lanes: Array) -> State:
        rows = check_lanes(self._num_envs, lanes)
        self._settle()
        self._require_begun(rows)
        if self._here[rows].all():
            try:
                _, state = self._present().call("get_state", {"lanes": rows}, lanes=len(rows))
            except _TAKEN_DOWN as error:
                self._lose(error, "get_state")
            else:
                if len(rows):
                    self._state_kinds = {name: (value.dtype, value.shape[1:]) for name, value in state.items()}
                return state
        if not self._state_kinds:
            gone = rows[~self._here[rows]]
            raise SimError(f"The state of lanes {gone.tolist()} went with their worker. {self._reasons[int(gone[0])]}")
        return {name: np.zeros((len(rows), *shape), dtype) for name, (dtype, shape) in self._state_kinds.items()}

    def set_state(self, lanes: Array, state: State) -> None:
        rows = check_lanes(self._num_envs, lanes)
        self._settle()
        arrays = {"lanes": rows, **{f"s.{name}": to_numpy(value) for name, value in state.items()}}
        self._move("set_state", arrays, rows)

    def explain(self, lane: int) -> str:
        row = int(check_lanes(self._num_envs, [lane])[0])
        self._settle()
        if self._here[row]:
            try:
                return str(self._present().call("explain", lane=row)[0]["words"])
            except _TAKEN_DOWN as error:
                self._lose(error, "explain")
        return self._reasons[row] or "The lane was never reset."

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            session, self._session, self._outcomes = self._session, None, None
            self._here[:] = self._all_here = False
            if session is not None:
                session.process.end(polite_s=1.5 if session.outcomes is not None else 0.0)

    def _start(self) -> Session:
        session = Session(self._program, self._num_envs, self._limits, ahead=self._ahead)
        self.workers += 1
        return session

    def _take_over(self, session: Session, instructions: Sequence[str]) -> None:
        """A new worker stands; lanes that were lost with the last one stay as they stood."""
        assert session.outcomes is not None
        if self._outcomes is None:
            self._instructions = list(instructions)
        else:
            session.outcomes.take_over(self._outcomes)
        self._outcomes = session.outcomes

    def _present(self) -> Session:
        """The worker that some lanes live in."""
        assert self._session is not None
        return self._session

    def _settle(self) -> None:
        """Gives up a worker whose last call was interrupted here, as by Ctrl-C in a notebook."""
        session = self._session
        if session is not None and session.process.is_answering and session.outcomes is not None:
            self._lose(AbandonedError("a call was interrupted before its answer had come"), "rest")

    def _mask(self) -> NDArray[np.bool_] | None:
        return None if self._all_here else self._here

    def _move(self, name: str, arrays: Mapping[str, Any], rows: NDArray[np.int64]) -> None:
        """Puts `rows` elsewhere by a "reset" or "set_state"; they stand as FAULT where the worker is lost over it."""
        session = self.ready()
        try:
            instructions = session.move(name, arrays, rows)
        except _TAKEN_DOWN as error:
            self._lose(error, name, rows)
            return
        self._here[rows] = True
        self._begun[rows] = True
        self._all_here = bool(self._here.all())
        self._take_instructions(instructions, rows)

    def _lose(self, error: SimError, doing: str, rows: NDArray[np.int64] | None = None) -> None:
        """The worker is dead or is killed: its lanes stand, those that ran as FAULT, and another is started."""
        session, outcomes = self._present(), self._outcomes
        assert outcomes is not None
        reason = session.process.why(error, doing)
        _logger.warning("'%s': %s", self.spec.id, reason)
        fault = np.zeros(self._num_envs, np.bool_)
        fault[[] if rows is None else rows] = True
        lost = self._here | fault
        outcomes.stand(self._here, fault)
        self._begun |= fault
        for lane, end in zip(np.flatnonzero(lost).tolist(), outcomes.standing_end[lost].tolist(), strict=True):
            gone = f"Ended ({End(end).name}); its worker was lost later."
            self._reasons[lane] = reason if end == End.FAULT else gone
        self._drop()
        try:
            self._session = self._start()
        except SimError:  # said again by the next reset
            _logger.warning("'%s': no other worker can be started.", self.spec.id, exc_info=True)

    def _drop(self) -> None:
        session, self._session = self._present(), None
        self._here[:] = self._all_here = False
        session.process.end()

    def _take_instructions(self, instructions: Sequence[str], rows: NDArray[np.int64]) -> None:
        for lane in rows.tolist():
            self._instructions[lane] = instructions[lane]

    def _require_begun(self, rows: NDArray[np.int64]) -> None:
        if not self._begun[rows].all():
            lanes = rows[~self._begun[rows]].tolist()
            raise InputError(f"'{self.spec.id}': lanes {lanes} were never reset. Reset a lane before it is looked at.")


def _same_kind(array: Array, like: NDArray[Any]) -> bool:
    if not isinstance(array, np.ndarray):
        return False
    return array.dtype == like.dtype and array.shape == like.shape  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def _same_lanes(lanes: Array, like: NDArray[np.int64]) -> bool:
    return _same_kind(lanes, like) and lanes.tobytes() == like.tobytes()


def _black(cameras: Mapping[str, Camera], count: int) -> Batch:
    fields = {name: image_field(camera, count) for name, camera in cameras.items()}
    return {name: np.zeros(shape, dtype) for name, (dtype, shape) in fields.items()}
