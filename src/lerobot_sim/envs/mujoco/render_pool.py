"""The render processes of this process: started when first needed, shared by all its environments.

They end with the last environment that draws, and with this process however it ends. One that dies is replaced, once a
picture: pictures depend on nothing that a render process holds.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import SimError
from lerobot_sim.spec import Camera

from .library import mj
from .render_backend import BackendError, environment, first_working
from .render_memory import Pages

_log = logging.getLogger(__name__)
_START_S = 120.0
_CLOSE_S = 5.0
_ALIGN = 64
Arrays = Mapping[str, NDArray[Any]]


class RenderError(SimError):
    """A picture could not be drawn."""


class WorkerDiedError(RenderError):
    """A render process is gone; the message names it and how it ended."""


class Worker:
    """One render process.

    Args:
        backend: The OpenGL that it uses.

    Raises:
        BackendError: It cannot draw with it.
    """

    def __init__(self, backend: str) -> None:
        self.loaded: set[int] = set()
        self.cpu_s = 0.0
        self._pages = Pages()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        root = str(Path(__file__).parents[3])
        variables = environment(backend)
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, [root, variables.get("PYTHONPATH", "")]))
        module = f"{__package__}.render_worker"
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", module, self._pages.handle],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=variables,
            pass_fds=self._pages.descriptors,
        )
        impatience = threading.Timer(_START_S, self.process.kill)
        impatience.start()
        try:
            self._receive()
        except WorkerDiedError as error:
            self.close()
            raise BackendError(str(error)) from None
        finally:
            impatience.cancel()

    def send(self, request: dict[str, Any], inputs: Arrays, output: tuple[str, tuple[int, ...]] | None) -> None:
        """Hands over a request with its arrays; `output` is the dtype and shape of the pictures asked for."""
        layout = {name: (array.dtype.str, array.shape) for name, array in inputs.items()}
        if output:
            layout["pictures"] = output
        places, size = _places(layout)
        self._view = self._pages.view(size)
        for name, array in inputs.items():
            self._array(places[name])[...] = array
        self._out = places.get("pictures")
        stdin = self.process.stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps({**request, "size": size, "arrays": places}).encode() + b"\n")
            stdin.flush()
        except OSError:
            raise self._death() from None

    def receive(self) -> NDArray[Any] | None:
        """What it drew, in memory that the next request overwrites."""
        answer = self._receive()
        if "error" in answer:
            raise RenderError(f"Render process {self.process.pid} could not draw: {answer['error']}")
        return self._array(self._out) if self._out else None

    def close(self) -> None:
        """Ends the process; may be called again."""
        process = self.process
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._view = None
        self._pages.close()
        self._log.close()

    def _array(self, place: tuple[int, str, tuple[int, ...]]) -> NDArray[Any]:
        offset, dtype, shape = place
        return np.ndarray(shape, np.dtype(dtype), buffer=self._view, offset=offset)

    def _receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._death()
        answer = json.loads(line)
        self.cpu_s = answer["cpu_s"]
        return answer

    def _death(self) -> WorkerDiedError:
        try:
            code = self.process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        how = f"ended with exit code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
        self._log.seek(0)
        last = self._log.read().decode(errors="replace").strip().rsplit("\n", 1)[-1]
        return WorkerDiedError(f"Render process {self.process.pid} {how}" + (f" ({last})." if last else "."))


class Pool:
    """The render processes, and the models whose pictures they draw. Calls of several threads take turns."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._owner = os.getpid()
        self._workers: list[Worker] = []
        self._models: dict[int, Any] = {}
        self._count = 0

    def add(self, model: Any) -> int:
        """Takes in a model and gives its number."""
        with self._lock:
            self._count += 1
            self._models[self._count] = model
            return self._count

    def remove(self, number: int) -> None:
        """Forgets a model; the processes end with the last one. May be called by the garbage collector."""
        with self._lock:
            self._models.pop(number, None)
            if not self._models:
                self.close()

    def close(self, *, kill: bool = False) -> None:
        """Ends the processes, amid a picture where `kill` is set; the next picture starts new ones."""
        with self._lock:
            workers, self._workers = self._workers, []
            if self._owner == os.getpid():
                for worker in workers:
                    if kill:
                        worker.process.kill()
                    worker.close()

    def draw(
        self, number: int, count: int, states: NDArray[Any], fields: Arrays, camera_id: int, camera: Camera, out: Any
    ) -> None:
        """Draws the lanes of model `number` into `out`, an equal share on each of `count` processes."""
        request = {"load": False, "model": number, "camera_id": camera_id, "camera": asdict(camera)}
        bounds = np.linspace(0, len(states), min(count, len(states)) + 1).astype(int)
        shares = [slice(int(start), int(stop)) for start, stop in pairwise(bounds)]
        jobs = [{"states": states[rows], **{name: value[rows] for name, value in fields.items()}} for rows in shares]
        with self._lock:
            try:
                self._start(len(shares))
                for index, rows in enumerate(shares):
                    self._ask(index, request, jobs[index], out[rows])
                for index, rows in enumerate(shares):
                    out[rows] = self._answer(index, request, jobs[index], out[rows])
            except BaseException:  # answers may be on their way that nobody reads
                self.close(kill=True)
                raise

    def cpu_s(self) -> float:
        """CPU seconds that the processes running now have used, as of their last pictures."""
        with self._lock:
            return sum(worker.cpu_s for worker in self._workers)

    def _start(self, count: int) -> None:
        if self._owner != os.getpid():  # forked: those processes answer the parent
            self._owner, self._workers = os.getpid(), []
        while len(self._workers) < count:
            self._workers.append(first_working(Worker))

    def _ask(self, index: int, request: dict[str, Any], inputs: Arrays, out: NDArray[Any]) -> None:
        """Sends one request, and before it the model where it is not there; who reads the answer notices a death."""
        worker, number = self._workers[index], int(request["model"])
        with contextlib.suppress(WorkerDiedError):
            gone = sorted(worker.loaded - self._models.keys())
            worker.loaded.difference_update(gone)
            if number not in worker.loaded:
                binary: NDArray[np.uint8] = np.empty(int(mj.mj_sizeModel(self._models[number])), np.uint8)
                mj.mj_saveModel(self._models[number], None, binary)
                worker.send({"load": True, "model": number, "unload": gone}, {"binary": binary}, None)
                worker.receive()
                worker.loaded.add(number)
                gone = []
            worker.send({**request, "unload": gone}, inputs, (out.dtype.str, out.shape))

    def _answer(self, index: int, request: dict[str, Any], inputs: Arrays, out: NDArray[Any]) -> Any:
        try:
            return self._workers[index].receive()
        except WorkerDiedError as death:
            _log.warning("%s Another takes its place.", death)
            self._workers[index].close()
            self._workers[index] = first_working(Worker)
            self._ask(index, request, inputs, out)
            return self._workers[index].receive()


def _places(layout: Mapping[str, tuple[str, tuple[int, ...]]]) -> tuple[dict[str, Any], int]:
    """Name -> (offset, dtype, shape) of arrays that lie one after another, and the bytes that they take."""
    places: dict[str, Any] = {}
    end = 0
    for name, (dtype, shape) in layout.items():
        places[name] = (end, dtype, shape)
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        end += -(-size // _ALIGN) * _ALIGN
    return places, max(end, 1)


POOL = Pool()
atexit.register(POOL.close)
