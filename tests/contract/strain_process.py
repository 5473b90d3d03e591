"""A strain on the contract: an environment in another process, which may die at any moment.

The protocol is one message each way: a line of JSON, then the arrays' bytes one after another. A worker that
dies, or that does not answer in time, ends all its running lanes as FAULT; the next reset begins in a new one.
A reset cannot say that it failed: its lanes stand as FAULT, and the first step tells.
"""

import contextlib
import json
import multiprocessing
from importlib import import_module

import numpy as np

from lerobot_sim.env import (
    End,
    Step,
    check_active,
    check_cameras,
    check_feature,
    check_lanes,
    check_params,
    check_seeds,
)
from lerobot_sim.errors import InputError, SimError
from lerobot_sim.spec import Camera

_METHODS = multiprocessing.get_all_start_methods()
_CONTEXT = multiprocessing.get_context("forkserver" if "forkserver" in _METHODS else "spawn")
if "forkserver" in _METHODS:
    _CONTEXT.set_forkserver_preload(["pytest", "lerobot_sim.envs.push_t", "lerobot_sim.envs.push_t_image", __name__])


class WorkerDiedError(SimError):
    """The other process is gone, or silent for too long."""


def pack(header, batch):
    """A line of JSON and the arrays' bytes."""
    arrays = {name: np.ascontiguousarray(value) for name, value in batch.items()}
    kinds = [[name, value.dtype.str, value.shape] for name, value in arrays.items()]
    head = json.dumps({**header, "arrays": kinds}).encode()
    return b"\n".join([head, b"".join(value.tobytes() for value in arrays.values())])


def unpack(message):
    """The header and the arrays, each in memory of its own."""
    head, _, body = message.partition(b"\n")
    header, batch, at = json.loads(head), {}, 0
    for name, dtype, shape in header.pop("arrays"):
        count = int(np.prod(shape, dtype=np.int64))
        batch[name] = np.frombuffer(body, dtype, count, at).reshape(shape).copy()
        at += batch[name].nbytes
    return header, batch


def serve(pipe, module, factory, num_envs):
    """The worker: answers calls until its pipe is closed."""
    env = getattr(import_module(module), factory)(num_envs)
    with contextlib.suppress(EOFError, OSError):
        while True:
            header, batch = unpack(pipe.recv_bytes())
            try:
                answer = answer_of(env, header, batch)
            except SimError as error:
                answer = pack({"error": str(error)}, {})
            pipe.send_bytes(answer)


def answer_of(env, header, batch):
    """One call of the environment, packed."""
    call, params = header["call"], {name[2:]: value for name, value in batch.items() if name.startswith("p.")}
    if call == "reset":
        return pack({}, env.reset(batch["lanes"], batch["seeds"], params))
    if call == "step":
        step = env.step(batch["action"], batch["active"])
        parts = {f"o.{name}": value for name, value in step.observation.items()}
        parts |= {f"m.{name}": value for name, value in step.metrics.items()}
        return pack({}, {**parts, "reward": step.reward, "success": step.success, "end": step.end})
    if call == "set_params":
        return pack({}, env.set_params(batch["lanes"], params) or {})
    if call == "render":
        cameras = {name: Camera(**camera) for name, camera in header["cameras"].items()}
        return pack({}, env.render(cameras, batch["lanes"]))
    if call == "get_state":
        return pack({}, env.get_state(batch["lanes"]))
    if call == "set_state":
        lanes = batch.pop("lanes")
        return pack({}, env.set_state(lanes, batch) or {})
    return pack({"words": env.explain(header["lane"])}, {})


class Worker:
    """The other process and its pipe."""

    def __init__(self, module, factory, num_envs, timeout_s):
        self._pipe, theirs = _CONTEXT.Pipe()
        self._timeout_s = timeout_s
        self.process = _CONTEXT.Process(target=serve, args=(theirs, module, factory, num_envs), daemon=True)
        self.process.start()
        theirs.close()

    def call(self, header, batch=None):
        """Asks and waits."""
        try:
            self._pipe.send_bytes(pack(header, batch or {}))
            if not self._pipe.poll(self._timeout_s):
                raise WorkerDiedError(f"The worker was silent for {self._timeout_s} s.")
            answer, arrays = unpack(self._pipe.recv_bytes())
        except (EOFError, OSError) as error:
            raise WorkerDiedError(f"The worker died: {error!r}.") from error
        if "error" in answer:
            raise InputError(answer["error"])
        return answer, arrays

    def stop(self):
        """Ends the process, answering or not."""
        self._pipe.close()
        self.process.kill()
        self.process.join()


class ProcessEnv:
    """An Env whose lanes all live in one other process."""

    def __init__(self, spec, module, factory, num_envs, timeout_s=60.0):
        self.spec, self.num_envs = spec, num_envs
        self.instructions = ["Push the block onto its outline."] * num_envs
        self._make = lambda: Worker(module, factory, num_envs, timeout_s)
        self._worker = None
        self.workers = 0
        self._here = np.zeros(num_envs, np.bool_)  # lanes whose episode lives in the present worker
        self._last = Step(
            {name: np.zeros((num_envs, *f.shape), f.dtype) for name, f in spec.observation.items()},
            np.zeros(num_envs, np.float32),
            np.zeros(num_envs, np.bool_),
            np.full(num_envs, int(End.OPERATOR)),
            {},
        )

    @property
    def process(self):
        """The worker's process."""
        return self._worker.process

    def _call(self, header, batch=None):
        if self._worker is None:
            self._worker = self._make()
            self.workers += 1
        try:
            return self._worker.call(header, batch)
        except WorkerDiedError:
            self._worker.stop()
            self._worker = None
            end = np.where(self._here & (self._last.end == End.RUNNING), int(End.FAULT), self._last.end)
            self._last = self._last._replace(end=end)
            self._here[:] = False
            raise

    def _merge(self, step):
        """What the worker says of its own lanes; the others stand as they stood."""
        self._last = Step(
            {name: choose(self._here, value, self._last.observation[name]) for name, value in step.observation.items()},
            step.reward,
            choose(self._here, step.success, self._last.success),
            choose(self._here, step.end, self._last.end),
            {
                name: choose(self._here, value, self._last.metrics.get(name, np.zeros_like(value)))
                for name, value in step.metrics.items()
            },
        )

    def _copied(self, reward):
        last = self._last
        observation = {name: value.copy() for name, value in last.observation.items()}
        metrics = {name: value.copy() for name, value in last.metrics.items()}
        return Step(observation, reward, last.success.copy(), last.end.copy(), metrics)

    def reset(self, lanes, seeds, params=None):
        lanes = check_lanes(self.num_envs, lanes)
        seeds = check_seeds(len(lanes), seeds)
        values = {f"p.{name}": value for name, value in check_params(self.spec, len(lanes), params).items()}
        for attempt in range(2):
            try:
                _, observation = self._call({"call": "reset"}, {"lanes": lanes, "seeds": seeds, **values})
            except WorkerDiedError:
                if attempt:
                    self._last.end[lanes] = End.FAULT
                continue
            self._here[lanes] = True
            self._last.end[lanes] = End.RUNNING
            self._last.success[lanes] = False
            self._merge(self._last._replace(observation=observation))
            break
        return {name: value.copy() for name, value in self._last.observation.items()}

    def step(self, action, active):
        check_feature("action", self.spec.action, action, self.num_envs)
        check_active(self.num_envs, active)
        nothing = np.zeros(self.num_envs, np.float32)
        if not self._here.any():
            return self._copied(nothing)
        try:
            _, parts = self._call({"call": "step"}, {"action": action, "active": active & self._here})
        except WorkerDiedError:
            return self._copied(nothing)
        groups = {"o": {}, "m": {}}
        for name, value in parts.items():
            if name[1] == ".":
                groups[name[0]][name[2:]] = value
        reward = np.where(self._here, parts["reward"], np.float32(0))
        self._merge(Step(groups["o"], reward, parts["success"], parts["end"], groups["m"]))
        return self._copied(reward)

    def set_params(self, lanes, values):
        lanes = check_lanes(self.num_envs, lanes)
        checked = check_params(self.spec, len(lanes), values, when="step")
        self._call({"call": "set_params"}, {"lanes": lanes, **{f"p.{name}": value for name, value in checked.items()}})

    def render(self, cameras, lanes=None):
        check_cameras(self.spec, cameras)
        rows = np.arange(self.num_envs) if lanes is None else check_lanes(self.num_envs, lanes)
        asked = {name: vars(camera) for name, camera in cameras.items()}
        return self._call({"call": "render", "cameras": asked}, {"lanes": rows})[1]

    def get_state(self, lanes):
        rows = check_lanes(self.num_envs, lanes)
        if not self._here[rows].all():
            raise InputError(f"Lanes {rows[~self._here[rows]].tolist()} are in no worker: reset them first.")
        return self._call({"call": "get_state"}, {"lanes": rows})[1]

    def set_state(self, lanes, state):
        rows = check_lanes(self.num_envs, lanes)
        self._call({"call": "set_state"}, {"lanes": rows, **state})
        self._here[rows] = True

    def explain(self, lane):
        (row,) = check_lanes(self.num_envs, [lane])
        if self._here[row]:
            return self._call({"call": "explain", "lane": int(row)})[0]["words"]
        if self._last.end[row] == End.FAULT:
            return "The process of the simulator died or hung."
        return "The lane is in no worker."

    def close(self):
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
            self._here[:] = False


def choose(mask, new, old):
    """Lanes of the mask from `new`, the others from `old`."""
    return np.where(mask.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
