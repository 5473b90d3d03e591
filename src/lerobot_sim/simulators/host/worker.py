"""The worker's side: makes the environment, says what it is, and answers calls until the other side is gone.

Runs in a simulator's own environment: NumPy and the ground floor alone. A step is one byte each way; everything else
is a message (`channel.pack`). Byte 128 + b asks for a step into outcome b & 1 with pictures into slot (b >> 1) - 1.
"""

from __future__ import annotations

import os
import platform
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import to_numpy
from lerobot_sim.env import End, Env, Step
from lerobot_sim.errors import BrokenPromiseError, SimError
from lerobot_sim.spec import Camera, EnvSpec

from .channel import Block, LostError, Part, Wire, pack, unpack

DONE, DONE_IN_PART, DONE_WITHOUT_PICTURES = b".", b":", b","
"""A step's answers: with all that was wanted; with pictures of the lanes that ran and run on; with no pictures."""

ANSWER, REFUSED, RAISED, CALL = b"A", b"E", b"X", b"C"


def outcome_fields(spec: EnvSpec, num_envs: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Arrays of one step's outcome, without the metrics."""
    fields = {f"o.{key}": (f.dtype, (num_envs, *f.shape)) for key, f in spec.observation.items()}
    return {
        **fields,
        "reward": ("float32", (num_envs,)),
        "success": ("bool", (num_envs,)),
        "end": ("int64", (num_envs,)),
    }


def image_field(camera: Camera, num_envs: int) -> tuple[str, tuple[int, ...]]:
    """One camera's images of all lanes."""
    dtype, channels = {"rgb": ("uint8", 3), "depth": ("float32", 1), "segmentation": ("int32", 1)}[camera.kind]
    return dtype, (num_envs, camera.height, camera.width, channels)


class Service:
    """Answers calls on one environment, whose arrays lie in a shared block."""

    def __init__(self, env: Env, wire: Wire, block: Block) -> None:
        self._env, self._wire, self._block = env, wire, block
        self._inputs: dict[str, NDArray[Any]] = {}
        self._outcomes: list[dict[str, NDArray[Any]]] = []
        self._metrics: list[dict[str, NDArray[Any]]] = [{}, {}]
        self._slots: list[dict[str, NDArray[Any]]] = []
        self._cameras: dict[str, Camera] = {}
        self._everyone = np.arange(env.num_envs)
        self._all_run = np.full(env.num_envs, End.RUNNING, np.int64).tobytes()
        self._all_active = np.ones(env.num_envs, np.bool_).tobytes()
        self._render_into = getattr(env, "render_into", None)
        self._calls: dict[str, Callable[[dict[str, Any], dict[str, NDArray[Any]]], bytes]] = {
            name: getattr(self, f"_{name}")
            for name in (
                "lay_out",
                "lay_out_metrics",
                "look_at",
                "reset",
                "render",
                "render_apart",
                "set_params",
                "get_state",
                "set_state",
                "explain",
            )
        }

    def serve(self) -> None:
        """Answers until the other side is gone or asks to close."""
        while True:
            byte = self._wire.listen()
            if not byte:
                return
            number = byte[0]
            if number >= 128:
                self._wire.signal(self._guarded_step(number - 128))
                continue
            header, arrays = unpack(self._wire.rest())
            name = header.pop("call")
            if name == "close":
                self._env.close()
                self._wire.send(ANSWER, pack({}))
                return
            kind, payload = guarded(lambda name=name, header=header, arrays=arrays: self._calls[name](header, arrays))
            self._wire.send(kind, payload)

    def _guarded_step(self, number: int) -> bytes:
        """Steps; what it raises is sent as a message, whose last byte is then left to send."""
        try:
            return self._step(number & 1, (number >> 1) - 1)
        except BaseException as error:  # noqa: BLE001  exit() in a library, too, is told to the other side
            kind, payload = failure(error)
            self._wire.send(kind, payload)
            return b""

    def _step(self, into: int, slot: int) -> bytes:
        active = self._inputs["active"]
        step = self._env.step(self._inputs["action"], active)
        outcome, metrics = self._outcomes[into], self._metrics[into]
        for key, value in step.observation.items():
            outcome["o." + key][...] = value
        outcome["reward"][...] = step.reward
        outcome["success"][...] = step.success
        end = outcome["end"]
        end[...] = step.end
        for name, value in step.metrics.items():
            metrics[name][...] = value
        if slot < 0:
            return DONE
        if end.tobytes() == self._all_run and active.tobytes() == self._all_active:
            return DONE if self._draw_ahead(slot, self._everyone) else DONE_WITHOUT_PICTURES
        rows = np.flatnonzero(active & (end == End.RUNNING))
        return DONE_IN_PART if self._draw_ahead(slot, rows) else DONE_WITHOUT_PICTURES

    def _draw_ahead(self, slot: int, rows: NDArray[np.int64]) -> bool:
        """Pictures that nobody has asked for yet; what goes wrong is said when they are asked for."""
        try:
            self._draw(slot, rows)
        except Exception:  # noqa: BLE001  whatever a simulator raises
            return False
        return True

    def _draw(self, slot: int, rows: NDArray[np.int64]) -> None:
        if self._render_into is not None:
            self._render_into(self._cameras, rows, self._slots[slot])
            return
        images = self._env.render(self._cameras, rows)
        whole = len(rows) == self._env.num_envs
        for name, place in self._slots[slot].items():
            image = to_numpy(images[name])
            expected = place.shape if whole else (len(rows), *place.shape[1:])
            if image.shape != expected or image.dtype != place.dtype:
                raise BrokenPromiseError(
                    f"Camera '{name}': expected {place.dtype} {expected}, {image.dtype} {image.shape} came."
                )
            place[... if whole else rows] = image

    def _lay_out(self, header: dict[str, Any], _arrays: Any) -> bytes:
        """Where actions and outcomes lie."""
        inputs, outcomes = Part(**header["inputs"]), [Part(**part) for part in header["outcomes"]]
        self._inputs = inputs.arrays(self._block.map(inputs.offset, inputs.length))
        self._outcomes = [part.arrays(self._block.map(part.offset, part.length)) for part in outcomes]
        return pack({})

    def _lay_out_metrics(self, header: dict[str, Any], _arrays: Any) -> bytes:
        parts = [Part(**part) for part in header["parts"]]
        self._metrics = [part.arrays(self._block.map(part.offset, part.length)) for part in parts]
        return pack({})

    def _look_at(self, header: dict[str, Any], _arrays: Any) -> bytes:
        """From now on pictures of these cameras go to these slots."""
        part, step, count = Part(**header["part"]), int(header["slot_bytes"]), int(header["slots"])
        memory = self._block.map(part.offset, step * count)
        self._slots = [part.arrays(memory, step * slot) for slot in range(count)]
        self._cameras = {name: Camera(**camera) for name, camera in header["cameras"].items()}
        return pack({})

    def _reset(self, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bytes:
        lanes = arrays.pop("lanes")
        self._env.reset(lanes, arrays.pop("seeds"), arrays or None)
        look = idle_step(self._env)
        rows = lanes[to_numpy(look.end)[lanes] == End.RUNNING]
        drawn = header["slot"] >= 0 and self._draw_ahead(header["slot"], rows)
        return self._stood(look, header["into"], drawn)

    def _stood(self, look: Step, into: int, drawn: bool) -> bytes:
        """How all lanes stand, after a reset or `set_state`; the metrics may be new, so they are sent."""
        outcome = self._outcomes[into]
        for key, value in look.observation.items():
            outcome["o." + key][...] = to_numpy(value)
        outcome["success"][...], outcome["end"][...] = to_numpy(look.success), to_numpy(look.end)
        outcome["reward"][...] = 0
        metrics = _on_host(look.metrics)
        kinds = {name: (value.dtype.str, value.shape) for name, value in metrics.items()}
        return pack({"instructions": list(self._env.instructions), "drawn": drawn, "metrics": kinds}, metrics)

    def _render(self, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bytes:
        self._draw(header["slot"], arrays["lanes"])
        return pack({})

    def _render_apart(self, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bytes:
        """Images that are sent, where there is no room for them in the block."""
        cameras = {name: Camera(**camera) for name, camera in header["cameras"].items()}
        return pack({}, _on_host(self._env.render(cameras, arrays["lanes"])))

    def _set_params(self, _header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bytes:
        self._env.set_params(arrays.pop("lanes"), arrays)
        return pack({"instructions": list(self._env.instructions)})

    def _get_state(self, _header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bytes:
        return pack({}, _on_host(self._env.get_state(arrays["lanes"])))

    def _set_state(self, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bytes:
        lanes = arrays.pop("lanes")
        self._env.set_state(lanes, {name.removeprefix("s."): value for name, value in arrays.items()})
        return self._stood(idle_step(self._env), header["into"], drawn=False)

    def _explain(self, header: dict[str, Any], _arrays: Any) -> bytes:
        return pack({"words": self._env.explain(header["lane"])})


def idle_step(env: Env) -> Step:
    """How all lanes stand: a step of none."""
    feature = env.spec.action
    return env.step(np.zeros((env.num_envs, *feature.shape), feature.dtype), np.zeros(env.num_envs, np.bool_))


def _on_host(batch: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    return {name: to_numpy(value) for name, value in batch.items()}


def guarded(call: Callable[[], bytes]) -> tuple[bytes, bytes]:
    """The answer of a call, or what it raised."""
    try:
        return ANSWER, call()
    except LostError:
        raise
    except BaseException as error:  # noqa: BLE001  see `Service.serve`
        return failure(error)


def failure(error: BaseException) -> tuple[bytes, bytes]:
    """An error as a message: ours is a refusal, any other is a fault of the simulator."""
    if isinstance(error, SimError) and not isinstance(error, LostError):
        return REFUSED, pack({"kind": type(error).__name__, "words": str(error)})
    if isinstance(error, SystemExit):
        words = f"A library called exit({error.code!r})."
    else:
        words = f"{type(error).__name__}: {error}"
    stack = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return RAISED, pack({"words": words, "stack": stack[-8000:]})


def make(arguments: Mapping[str, Any]) -> Any:
    """Calls the factory "module:function"."""
    module, _, name = arguments["factory"].partition(":")
    return getattr(import_module(module), name)(**arguments["keywords"])


def main(arguments: Mapping[str, Any]) -> None:
    """Makes the environment, says what it is, serves."""
    reads, writes, block = arguments["fds"]
    wire = Wire(reads, writes)
    made: list[Env] = []

    def begin() -> bytes:
        env: Env = make(arguments)
        made.append(env)
        about = {"python": platform.python_version(), "numpy": np.__version__}
        return pack(
            {"spec": env.spec.to_dict(), "num_envs": env.num_envs, "instructions": list(env.instructions), **about}
        )

    kind, payload = guarded(begin)
    wire.send(kind, payload)
    if kind == ANSWER:
        Service(made[0], wire, Block(block)).serve()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # no library's exit handlers, threads or prompts may hold it up
