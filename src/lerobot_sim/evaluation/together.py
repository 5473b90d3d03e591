"""Several tasks at once that share one policy, which decides for all of them in one batch.

Each task has an environment and a thread of its own and goes at its own pace: while one opens its scene or waits for
its last episode, the others go on. The policy's batch holds all lanes, always in the same places; lanes that do not ask
at the moment are zeros.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import groupby
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, like, to_numpy, zeros_like_batch
from lerobot_sim.env import Batch
from lerobot_sim.policy import Decision, Policy
from lerobot_sim.spec import EnvSpec

from .guards import Around
from .plan import Plan
from .real_time import MEASURED
from .results import EpisodeRecord
from .running import Acting, Todo, Worlds, produce

_Ask = tuple[Batch, NDArray[np.bool_]]


def can_share(plan: Plan, acting: Acting, todo: Sequence[Todo]) -> bool:
    """Whether tasks can run at once with one policy.

    The policy has to be one for all environments (`Acting.shared`), and their features and keys the same. Where the
    policy's own time is measured it has to be alone.
    """
    tasks = [plan.tasks[number] for number in sorted({one.task for one in todo})]
    if plan.envs < 2 or len(tasks) < 2 or not acting.shared:
        return False
    if plan.real_time == MEASURED or "inference_latency" in plan.protocol.metrics:
        return False
    first = tasks[0]
    kinds = [(task.spec.observation, task.spec.action, task.spec.cameras, task.keys) for task in tasks]
    return all(kind == kinds[0] for kind in kinds) and all(plan.lanes(task) == plan.lanes(first) for task in tasks)


def produce_together(
    plan: Plan, acting: Acting, todo: Sequence[Todo], *, on_share: Callable[[float], None] = lambda _share: None
) -> Generator[EpisodeRecord]:
    """As `running.produce`, with `plan.envs` tasks at once; episodes come in the order in which they end.

    Task k runs beside others in seat k mod `plan.envs`, so that a lane is at the same place in every run.
    """
    groups = [list(group) for _, group in groupby(todo, key=lambda one: (one.task, one.arm))]
    seats, first = min(plan.envs, len(groups)), plan.tasks[groups[0][0].task]
    shared = Shared(acting.make(first.spec), plan.lanes(first), seats)
    results: queue.Queue[EpisodeRecord | BaseException | None] = queue.Queue()
    telling = threading.Lock()

    def told(share: float) -> None:
        with telling:
            on_share(share)

    threads = [
        threading.Thread(
            target=_work,
            args=(shared, seat, replace(plan, envs=1), acting, groups[seat::seats], results.put, told),
            name=f"task-{seat}",
        )
        for seat in range(seats)
    ]
    running = seats
    with ExitStack() as stack:
        stack.callback(_end, shared, threads)
        for thread in threads:
            thread.start()
        while running:
            came = results.get()
            if isinstance(came, BaseException):
                raise came
            if came is None:
                running -= 1
            else:
                yield came


def _work(
    shared: Shared,
    seat: int,
    plan: Plan,
    acting: Acting,
    groups: Sequence[Sequence[Todo]],
    put: Callable[[EpisodeRecord | BaseException | None], None],
    told: Callable[[float], None],
) -> None:
    """What a thread does: the tasks of a seat, one after the other."""

    def seated(_spec: EnvSpec) -> Policy:
        return Seat(shared, seat)

    try:
        with closing(Worlds(plan)) as worlds:
            for group in groups:
                with closing(produce(plan, replace(acting, make=seated), group, worlds, on_share=told)) as records:
                    for record in records:
                        put(record)
                shared.leave(seat)
    except Left:
        pass
    except BaseException as error:  # noqa: BLE001 - raised where the results are taken
        put(error)
    finally:
        shared.leave(seat)
        put(None)


def _end(shared: Shared, threads: Sequence[threading.Thread]) -> None:
    shared.close()
    for thread in threads:
        if thread.ident is not None:
            thread.join()


class Left(Exception):  # noqa: N818 - no error: nobody takes the results any more
    """Ends the threads of a run that was left."""


class Shared:
    """One policy that decides for several seats of the same number of lanes in one batch.

    Whoever asks waits for the seats that are about to ask, but no longer than the policy's last act took. Seats come
    in while the policy decides for others, so that no one keeps them out by asking again at once.

    Args:
        policy: The policy.
        lanes: Lanes of a seat.
        seats: How many there are.
    """

    def __init__(self, policy: Policy, lanes: int, seats: int) -> None:
        self.policy, self.lanes, self._seats = policy, lanes, seats
        self._turn = threading.Condition()
        self._asked: dict[int, _Ask] = {}
        self._answers: dict[int, Decision | Exception] = {}
        self._busy: set[int] = set()
        self._patience_s = 0.0
        self._deciding = self._closed = False

    def reset(self, seat: int, lanes: NDArray[np.int64], seeds: Array) -> None:
        """Begins episodes in a seat's lanes."""
        with self._turn:
            self._check_open()
            self._busy.add(seat)
            self._wait_for_the_policy()
            self.policy.reset(lanes + seat * self.lanes, seeds)

    def instruct(self, seat: int, lanes: NDArray[np.int64], instructions: Sequence[str]) -> None:
        """Tells the policy what a seat's lanes are to do."""
        with self._turn:
            self._wait_for_the_policy()
            getattr(self.policy, "instruct")(lanes + seat * self.lanes, instructions)  # noqa: B009

    def thinks(self, seat: int, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of a seat's lanes decide anew."""
        tells = getattr(self.policy, "thinks", None)
        if tells is None:
            return active
        with self._turn:
            self._wait_for_the_policy()
            return to_numpy(tells(self._mask({seat: active})))[self._place(seat)]

    def act(self, seat: int, observation: Batch, active: Array) -> Decision:
        """Decides for a seat's lanes, together with all others that ask."""
        with self._turn:
            self._asked[seat] = (observation, to_numpy(active))
            self._turn.notify_all()
            since: float | None = None
            while seat not in self._answers:
                self._check_open()
                if self._deciding:
                    self._turn.wait()
                    continue
                since = since or perf_counter()
                rest = since + self._patience_s - perf_counter()
                if self._busy <= self._asked.keys() or rest <= 0:
                    self._decide()
                else:
                    self._turn.wait(rest)
            answer = self._answers.pop(seat)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def leave(self, seat: int) -> None:
        """A seat that asks for nothing for a while."""
        with self._turn:
            self._busy.discard(seat)
            self._turn.notify_all()

    def close(self) -> None:
        """Ends whoever waits."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()

    def _check_open(self) -> None:
        if self._closed:
            raise Left

    def _wait_for_the_policy(self) -> None:
        while self._deciding:
            self._turn.wait()
        self._check_open()

    def _decide(self) -> None:
        """Decides for all that have asked; others may come in meanwhile, but not touch the policy."""
        asked, self._asked = self._asked, {}
        since = perf_counter()
        self._deciding = True
        self._turn.release()
        try:
            answers = self._each_decided(asked)
        finally:
            self._turn.acquire()
            self._deciding = False
            self._turn.notify_all()
        self._answers |= answers
        self._patience_s = perf_counter() - since

    def _each_decided(self, asked: Mapping[int, _Ask]) -> dict[int, Decision | Exception]:
        answers: dict[int, Decision | Exception] = {}
        try:
            answers |= self._decided(asked)
        except Exception as error:  # noqa: BLE001 - whatever a policy raises; one seat's is not another's
            for seat, ask in asked.items():
                try:
                    answers |= {seat: error} if len(asked) == 1 else self._decided({seat: ask})
                except Exception as own:  # noqa: BLE001
                    answers[seat] = own
        return answers

    def _decided(self, asked: Mapping[int, _Ask]) -> dict[int, Decision]:
        batch: Batch = {}
        total = self.lanes * self._seats
        for seat, (observation, _) in asked.items():
            for name, value in observation.items():
                if name not in batch:
                    batch[name] = zeros_like_batch(value, total)
                batch[name][self._place(seat)] = value
        mask = self._mask({seat: active for seat, (_, active) in asked.items()})
        decision = self.policy.act(batch, like(mask, next(iter(batch.values()), mask)))
        return {seat: _part(decision, self._place(seat)) for seat in asked}

    def _place(self, seat: int) -> slice:
        return slice(seat * self.lanes, (seat + 1) * self.lanes)

    def _mask(self, active: Mapping[int, NDArray[np.bool_]]) -> NDArray[np.bool_]:
        mask = np.zeros(self.lanes * self._seats, np.bool_)
        for seat, lanes in active.items():
            mask[self._place(seat)] = lanes
        return mask


def _part(decision: Decision, place: slice) -> Decision:
    return Decision(
        decision.action[place],
        {name: value[place] for name, value in decision.columns.items()},
        {name: value[place] for name, value in decision.events.items()},
    )


class Seat(Around):
    """A shared policy as one environment's."""

    def __init__(self, shared: Shared, seat: int) -> None:
        super().__init__(shared.policy)
        self._shared, self._seat = shared, seat

    @property
    def reads(self) -> Any:
        """What the policy needs, where it says so."""
        return getattr(self.inner, "reads", {})

    @property
    def acts(self) -> Any:
        """The action's shape, where the policy says so."""
        return getattr(self.inner, "acts", None)

    def reset(self, lanes: Array, seeds: Array) -> None:
        self._shared.reset(self._seat, np.asarray(lanes), seeds)

    def instruct(self, lanes: Array, instructions: Sequence[str]) -> None:
        if hasattr(self.inner, "instruct"):
            self._shared.instruct(self._seat, np.asarray(lanes), instructions)

    def thinks(self, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return self._shared.thinks(self._seat, active)

    def act(self, observation: Batch, active: Array) -> Decision:
        return self._shared.act(self._seat, observation, active)
