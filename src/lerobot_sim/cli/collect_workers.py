"""Several processes that make one collection: each runs every n-th seed, the parent takes them in turn.

Episode k is made by process k mod n, and each process gives its episodes in the order of its seeds. So the parent
reads one pipe after the other and holds nothing back; a process that is ahead waits when its pipe and its short queue
are full. A process that dies is started again at the first seed that it still owed: an episode is a function of its
seed, so the result is the same.

A process ends with its parent, however that died, and closes its environment before.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import shutil
import signal
import threading
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lerobot_sim.errors import SimError
from lerobot_sim.loop import Profile

if TYPE_CHECKING:  # it reads options: another half a second in every process
    from .collect_recipe import Made, Recipe

_DEATHS = 3
"""A process that dies so often without one episode between is not started again."""

_LEAVE_S = 10.0
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerError(SimError):
    """What an environment or a policy raised in another process."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class _Failure:
    message: str
    exit_code: int
    trace: str


Produce = Callable[[Any, Sequence[int], Path, Profile], "Generator[Made]"]
"""(recipe, seeds, folder, profile) -> a result a seed, in their order; a function of a module."""


def produce_in_processes(
    recipe: Recipe | Any,
    seeds: range,
    workers: int,
    folder: Path,
    on_death: Callable[[str], None],
    produce: Produce | None = None,
) -> Generator[Made]:
    """One result a seed, in the order of the seeds.

    Args:
        recipe: How episodes are made; plain data with `num_envs`.
        seeds: Their seeds.
        workers: Number of processes.
        folder: Where their unfinished videos lie; what is left there is removed.
        on_death: Told in words of a process that died and is started again.
        produce: What each process does; it collects by default.

    Raises:
        WorkerError: The environment or the policy raised, or a process died again and again.
    """
    if produce is None:
        from .collect_recipe import produce_alone as produce
    workers = min(workers, len(seeds))
    hands: list[_Hand] = []
    try:
        hands.extend(
            _Hand(recipe, seeds[number::workers], folder / f"worker-{number}", on_death, produce)
            for number in range(workers)
        )
        for number in range(len(seeds)):
            yield hands[number % workers].take()
    finally:
        for hand in hands:
            hand.end()
        for hand in hands:
            hand.join()


class _Hand:
    """The parent's side of a process."""

    def __init__(
        self, recipe: Any, seeds: range, folder: Path, on_death: Callable[[str], None], produce: Produce
    ) -> None:
        self._recipe, self._seeds, self._folder, self._on_death = recipe, seeds, folder, on_death
        self._produce = produce
        self._taken = 0
        self._deaths = 0
        self._start()

    def take(self) -> Made:
        """The result of the process's next seed."""
        while True:
            try:
                message = self._channel.recv()
            except (EOFError, OSError):
                self._start_again()
                continue
            if isinstance(message, _Failure):
                error = WorkerError(message.message, message.exit_code)
                error.add_note(message.trace)
                raise error
            self._taken += 1
            self._deaths = 0
            return message

    def end(self) -> None:
        """Asks the process to close its environment and leave."""
        if self._process.is_alive():
            self._process.terminate()

    def join(self) -> None:
        """Waits until it is gone, not for ever."""
        self._process.join(_LEAVE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._channel.close()
        shutil.rmtree(self._folder, ignore_errors=True)  # what a process that was killed had begun

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._channel, other = context.Pipe(duplex=False)
        owed = self._seeds[self._taken :]
        self._process = context.Process(target=_work, args=(other, self._produce, self._recipe, owed, self._folder))
        with _one_thread_in_children():
            self._process.start()
        other.close()  # so that the process's death is heard as the end of the pipe

    def _start_again(self) -> None:
        self.join()
        self._deaths += 1
        seed, code = self._seeds[self._taken], self._process.exitcode
        how = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        if self._deaths >= _DEATHS:
            raise WorkerError(
                f"The process of seed {seed} died {self._deaths} times on end, the last time {how}. What was finished "
                "is kept. Too little memory ends processes so: try fewer --num-envs or --workers."
            )
        self._on_death(f"A process died {how}; its episodes are made again from seed {seed}.")
        self._start()


@contextlib.contextmanager
def _one_thread_in_children() -> Generator[None]:
    """BLAS in the processes that are started within uses one thread, unless the user said otherwise."""
    ours = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(ours, "1"))
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]


def _work(channel: Connection[Any, Any], produce: Produce, recipe: Any, seeds: range, folder: Path) -> None:
    """What a process does: results go through a short queue to a thread that writes them to the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends this process
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    outbox: queue.Queue[Any] = queue.Queue(maxsize=2 * recipe.num_envs)
    sender = threading.Thread(target=_send, args=(channel, outbox), daemon=True)
    sender.start()
    try:
        with contextlib.closing(produce(recipe, seeds, folder, Profile())) as results:
            for made in results:
                outbox.put(made)
    except Exception as error:  # noqa: BLE001 - the parent raises it
        outbox.put(_failure(error))
    outbox.put(None)
    sender.join()


def _send(channel: Connection[Any, Any], outbox: queue.Queue[Any]) -> None:
    while (message := outbox.get()) is not None:
        try:
            channel.send(message)
        except OSError:  # nobody reads any more
            os.kill(os.getpid(), signal.SIGTERM)
            return


def _failure(error: Exception) -> _Failure:
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, SimError):
        return _Failure(str(error), error.exit_code, trace)
    text = f"{type(error).__name__}: {error}. It was raised in a worker process: --debug shows where."
    return _Failure(text, 1, trace)


def _leave(_signal: int, _frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    raise SystemExit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_LEAVE_S)
    os._exit(1)
