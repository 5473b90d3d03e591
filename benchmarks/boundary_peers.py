"""Those whose round trips `boundary` measures: the bare primitive, ours, gymnasium's, and pickle over a pipe."""

from __future__ import annotations

import json
import multiprocessing
import os
import select
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from boundary_env import SPEC, Still

from lerobot_sim.simulators.host.hosted_env import HostedEnv, Program
from lerobot_sim.simulators.host.worker import Service


def program(factory: str = "Still", **keywords: Any) -> Program:
    """A worker of `boundary_env`."""
    modules = {"boundary_env": Path(__file__).with_name("boundary_env.py")}
    return Program(python=Path(sys.executable), factory=f"boundary_env:{factory}", keywords=keywords, modules=modules)


class PingPong:
    """One byte each way through two pipes; the asking side polls with a limit first, as the host does."""

    def __init__(self) -> None:
        theirs, self._out = os.pipe()
        self._in, ours = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(self._out)
            while os.read(theirs, 1):
                os.write(ours, b".")
            os._exit(0)
        os.close(theirs)
        os.close(ours)
        self._poll = select.poll()
        self._poll.register(self._in, select.POLLIN)

    def turn(self) -> None:
        os.write(self._out, b"s")
        self._poll.poll(250)
        os.read(self._in, 1)

    def close(self) -> None:
        os.close(self._out)
        os.waitpid(self.pid, 0)
        os.close(self._in)


def answer(pipe: Connection) -> None:
    """Pickles a step over a pipe until it is closed."""
    env = Still()
    try:
        while True:
            action = pipe.recv()
            step = env.step(action, np.ones(1, bool))
            pipe.send((step, env.render(env.spec.cameras)))
    except EOFError:
        return


class Pickled:
    """A worker that pickles all that it has to say."""

    def __init__(self) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=answer, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._action = np.zeros((1, 4), np.float32)
        self.turn()

    def turn(self) -> None:
        self._pipe.send(self._action)
        self._pipe.recv()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def close(self) -> None:
        self._pipe.close()
        self._process.join(5)


def still_gymnasium() -> Any:
    """The same as a gymnasium environment."""
    import gymnasium
    from gymnasium import spaces

    class StillGymnasium(gymnasium.Env[Any, Any]):
        action_space = spaces.Box(-1, 1, (4,), np.float32)
        observation_space = spaces.Dict(
            {
                "state": spaces.Box(-1, 1, (39,), np.float32),
                "left": spaces.Box(0, 255, (224, 224, 3), np.uint8),
                "right": spaces.Box(0, 255, (224, 224, 3), np.uint8),
            }
        )

        def __init__(self) -> None:
            picture = np.full((224, 224, 3), 50, np.uint8)
            self._seen = {"state": np.zeros(39, np.float32), "left": picture, "right": picture + 100}

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            return self._seen, {}

        def step(self, action: Any) -> Any:
            return self._seen, 0.0, False, False, {}

    return StillGymnasium()


class Asynchronous:
    """Gymnasium's AsyncVectorEnv with one environment, in shared memory."""

    def __init__(self) -> None:
        from gymnasium.vector import AsyncVectorEnv

        self._env = AsyncVectorEnv([still_gymnasium], shared_memory=True)
        self._env.reset(seed=1)
        self._action = np.zeros((1, 4), np.float32)

    def turn(self) -> None:
        self._env.step(self._action)

    @property
    def pid(self) -> int:
        pid = self._env.processes[0].pid
        assert pid is not None
        return pid

    def close(self) -> None:
        self._env.close()


class Ours:
    """A worker of the host, stepped, its pictures with every step."""

    def __init__(self, factory: str = "Still", pictures: bool = True) -> None:
        self._env = HostedEnv(program(factory))
        self._env.reset(np.zeros(1, np.int64), np.ones(1, np.int64))
        self._action, self._active = np.zeros((1, 4), np.float32), np.ones(1, bool)
        self._cameras = dict(SPEC.cameras) if pictures else {}
        self.turn()

    def turn(self) -> None:
        self._env.step(self._action, self._active)
        if self._cameras:
            self._env.render(self._cameras)

    @property
    def pid(self) -> int:
        assert self._env.pid is not None
        return self._env.pid

    def close(self) -> None:
        self._env.close()


class OneProcess(Ours):
    """Both ends of the host in this process, the wire a function call: Python and copies are left, no switch."""

    def __init__(self) -> None:
        super().__init__()
        session: Any = self._env.ready()
        outcomes, pictures = session.outcomes, session._pictures
        still: Any = Still()
        still.reset([0], [1])
        self._service = Service(still, session.process.wire, session.process.block)
        for name, layout in (("_lay_out", outcomes.layout), ("_look_at", pictures.to_json())):
            getattr(self._service, name)(json.loads(json.dumps(layout)), {})
        self._wire, session.process.wire = session.process.wire, _Call(self._service)

    def close(self) -> None:
        process: Any = self._env.ready().process
        process.wire = self._wire
        super().close()


class _Call:
    """Stands for a wire."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self._answer = b""

    def signal(self, byte: bytes) -> None:
        self._answer = self._service._guarded_step(byte[0] - 128)

    def answer(self, _limit_s: float) -> bytes:
        return self._answer


def copy_images() -> Callable[[], None]:
    """Copies as many bytes as the pictures have, between two places of memory."""
    source, place = (np.full((2, 224, 224, 3), shade, np.uint8) for shade in (50, 150))

    def copy() -> None:
        place[...] = source

    return copy
