"""A worker process as its owner sees it: started, watched, its log, why it went, and ended with all that it started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from lerobot_sim import errors
from lerobot_sim.errors import InputError, SimError

from .channel import Block, LateError, LostError, Wire, pack, unpack
from .worker import ANSWER, CALL, REFUSED

PATIENCE = "LEROBOT_SIM_PATIENCE"
"""Variable: what a simulator's time limits are multiplied with, for slow or busy machines; see `workers.limits_of`."""

PACKAGE = Path(__file__).resolve().parents[2]
"""Our package's folder, all of ours that a worker may import."""

_REST_S = 5.0  # for the rest of a message that has begun, however late
_LOG_BYTES, _TAIL_BYTES, _TAIL_LINES = 1 << 20, 1 << 14, 25
_SIGNALS = {
    "SIGKILL": "was killed (SIGKILL: by kill -9, or because memory ran out)",
    "SIGABRT": "aborted in C (SIGABRT)",
    "SIGSEGV": "crashed in C (SIGSEGV)",
    "SIGTERM": "was asked to end from outside (SIGTERM)",
}


class RaisedError(SimError):
    """Something in the worker raised, and it was no error of ours."""


class AbandonedError(SimError):
    """A call was interrupted here, so its answer is still to come and nothing else can be asked."""


class WorkerStartError(SimError):
    """A worker does not start; the message holds the end of what it printed."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What runs in a worker.

    Attributes:
        python: Interpreter of its environment.
        factory: "module:function"; what it returns is served.
        keywords: Its keywords, JSON values.
        modules: Further packages (folders) and modules (.py files) that it may import, by top-level name.
        environment: Variables that are set in it.
        serve: The module whose `main` makes and serves.
        what: What it is, for errors.
    """

    python: Path
    factory: str
    keywords: Mapping[str, Any] = field(default_factory=dict[str, Any])
    modules: Mapping[str, Path] = field(default_factory=dict[str, Path])
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    serve: str = "lerobot_sim.simulators.host.worker"
    what: str = "simulator"


class Process:
    """A running worker and the way to talk to it.

    Args:
        program: What runs in it.
    """

    def __init__(self, program: Program) -> None:
        if os.name != "posix":
            raise InputError(
                "Simulators in processes of their own need Linux or macOS; run this under the Windows Subsystem for "
                "Linux, or install the simulator beside lerobot-sim and give host='here'."
            )
        self.block = Block.create()
        self._what = program.what
        self.is_answering = False
        """Whether an answer is still to come."""
        self.started_at = time.monotonic()
        self._log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  lives as long as the process
        import fcntl  # there is none on Windows, where this module is imported all the same

        fcntl.fcntl(self._log.fileno(), fcntl.F_SETFL, os.O_APPEND)
        theirs_read, ours_write = os.pipe()
        ours_read, theirs_write = os.pipe()
        try:
            self._popen = self._start(program, (theirs_read, theirs_write, self.block.fd))
        except BaseException:
            os.close(ours_read)
            os.close(ours_write)
            self.block.close()
            raise
        finally:
            os.close(theirs_read)
            os.close(theirs_write)
        self.wire = Wire(ours_read, ours_write, self._look)
        KEEPER.add(self.pid)
        self._owner = os.getpid()
        self._finalizer = weakref.finalize(self, _end_group, self._popen, self._owner)

    def _start(self, program: Program, fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
        modules = {"lerobot_sim": str(PACKAGE), **{name: str(path) for name, path in program.modules.items()}}
        what = {"fds": fds, "factory": program.factory, "keywords": dict(program.keywords), "modules": modules}
        command = [str(program.python), "-I", str(Path(__file__).with_name("bootstrap.py"))]
        try:
            return subprocess.Popen(  # noqa: S603
                [*command, json.dumps({**what, "serve": program.serve})],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=fds,
                start_new_session=True,
                env=_environment(program),
            )
        except OSError as error:
            raise WorkerStartError(f"'{program.python}' cannot be run: {error.strerror}.") from error

    @property
    def pid(self) -> int:
        """The process's id, which is its group's, too."""
        return self._popen.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def call(
        self, header: Mapping[str, Any], arrays: Mapping[str, Any] | None = None, *, limit_s: float
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Asks and waits for the answer.

        Raises:
            LostError: The process has died.
            LateError: It did not answer in time.
            RaisedError: Something in it raised.
            SimError: It refused, with an error of ours.
        """
        self.is_answering = True
        self.wire.send(CALL, pack(header, arrays), limit_s)
        return self.receive(limit_s)

    def receive(self, limit_s: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """The next message; see `call`."""
        return self.message(self.wire.answer(limit_s), max(limit_s, _REST_S))

    def message(self, kind: bytes, limit_s: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """The message whose first byte has come; see `call`."""
        header, arrays = unpack(self.wire.rest(limit_s))
        self.is_answering = False
        if kind == ANSWER:
            return header, arrays
        if kind == REFUSED:
            raise _refusal(header["kind"])(header["words"])
        raise RaisedError(f"{header['words']}\n{header['stack']}".rstrip())

    def end(self, polite_s: float = 0.0) -> None:
        """Ends it and all that it started: by itself within `polite_s`, else killed, which takes 3 s at most."""
        if os.getpid() == self._owner:  # a fork holds copies of what is not its own
            if polite_s and not self.is_answering:
                self._ask_to_go(time.monotonic() + polite_s)
            self._finalizer()
        self.wire.close()
        self.block.close()
        self._log.close()

    def _ask_to_go(self, until: float) -> None:
        def left() -> float:
            return max(until - time.monotonic(), 0.0)

        with contextlib.suppress(SimError, subprocess.TimeoutExpired):
            self.wire.send(CALL, pack({"call": "close"}), left())
            self.wire.answer(left())
            self.wire.rest(left())
            self._popen.wait(left())

    def why(self, error: SimError, doing: str) -> str:
        """What became of it, in words, with the end of its log; to be asked before `end`."""
        if isinstance(error, RaisedError):
            what = f"raised at {doing}: {error}"
        elif isinstance(error, AbandonedError):
            what = f"was ended: {error}"
        elif isinstance(error, LateError):
            what = self._why_late(error, doing)
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(1.0)
            what = f"{_ending(self._popen.returncode)} at {doing}"
        printed = self.log_tail()
        return f"The {self._what}'s process {what}." + (f"\nThe end of what it printed:\n{printed}" if printed else "")

    def _why_late(self, error: LateError, doing: str) -> str:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T":
                return f"was stopped (SIGSTOP) and did not answer at {doing}"
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGUSR1)  # its Python stack goes to the log
            time.sleep(0.1)
        return f"hung at {doing}: {str(error).rstrip('.')} ({PATIENCE}=3 waits three times as long)"

    def log_tail(self) -> str:
        """The last lines that it printed."""
        size = os.fstat(self._log.fileno()).st_size
        last = os.pread(self._log.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES)).decode(errors="replace")
        return "\n".join(last.splitlines()[-_TAIL_LINES:])

    def trim_log(self) -> None:
        """Keeps the log bounded."""
        fd = self._log.fileno()
        size = os.fstat(fd).st_size
        if size > _LOG_BYTES:
            kept = os.pread(fd, _TAIL_BYTES, size - _TAIL_BYTES)
            os.ftruncate(fd, 0)
            os.write(fd, kept)

    def _look(self) -> None:
        self.trim_log()
        if not self.is_alive:  # a process that it started may hold the pipe open
            raise LostError("The process has ended.")


class _Keeper:
    """The one process that ends our workers when we are killed; see `keeper`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._popen: subprocess.Popen[bytes] | None = None
        self._groups: set[int] = set()

    def add(self, group: int) -> None:
        """Watches over a process group."""
        with self._lock:
            if self._popen is None or self._popen.poll() is not None:
                self._popen = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-I", "-S", str(Path(__file__).with_name("keeper.py")), str(os.getpid())],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    bufsize=0,
                )
                for known in self._groups:
                    self._write(b"+%d\n" % known)
            self._groups.add(group)
            self._write(b"+%d\n" % group)

    def remove(self, group: int) -> None:
        """The group has ended; without any the keeper ends, too."""
        with self._lock:
            self._groups.discard(group)
            if self._popen is None:
                return
            self._write(b"-%d\n" % group)
            if not self._groups:
                assert self._popen.stdin is not None
                self._popen.stdin.close()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._popen.wait(1.0)
                self._popen = None

    def forget(self) -> None:
        """In a fork: the workers are the other process's."""
        self.__init__()

    def _write(self, line: bytes) -> None:
        assert self._popen is not None
        pipe: IO[bytes] | None = self._popen.stdin
        assert pipe is not None
        with contextlib.suppress(OSError):
            pipe.write(line)


KEEPER = _Keeper()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=KEEPER.forget)


def _end_group(popen: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(popen.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        popen.wait(2.0)
    KEEPER.remove(popen.pid)


def _environment(program: Program) -> dict[str, str]:
    """Ours without Python's own variables, with the environment's folder first on the path."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "CONDA"))
    }
    kept["PATH"] = os.pathsep.join([str(program.python.parent), kept.get("PATH", os.defpath)])
    return {**kept, **program.environment}


def _ending(code: int | None) -> str:
    if code is None:
        return "closed its pipe"
    if code >= 0:
        return f"ended by itself with code {code} (os._exit, or exit in C)"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return _SIGNALS.get(name, f"was ended by {name}")


def _refusal(kind: str) -> type[SimError]:
    found = getattr(errors, kind, None)
    simple = (errors.InputError, errors.BrokenPromiseError, errors.StorageError)
    return found if isinstance(found, type) and issubclass(found, simple) else SimError
