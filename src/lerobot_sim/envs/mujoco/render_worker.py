"""A render process: reads requests as lines of JSON, arrays in shared memory, and answers each with a line.

    python -m lerobot_sim.envs.mujoco.render_worker HANDLE

`MUJOCO_GL` says which OpenGL it uses. The first line it writes says that it can draw. It ends when its input does, or
when its parent is gone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import SimError
from lerobot_sim.spec import Camera

from .library import mj
from .render_memory import Pages
from .render_model import ModelPictures

_LOOK_FOR_PARENT_S = 2.0
_PROBE = """<mujoco><worldbody><geom size="1"/><camera name="eye" pos="0 0 3"/></worldbody></mujoco>"""


def main() -> None:
    """Serves until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and closes this process
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print must not mix with the answers
    context = mj.GLContext(64, 64)
    context.make_current()
    _probe()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    models: dict[int, ModelPictures] = {}
    pages = Pages(sys.argv[1])
    answer: dict[str, Any] = {}
    while True:
        answers.write(json.dumps({**answer, "cpu_s": time.process_time()}).encode() + b"\n")
        line = sys.stdin.buffer.readline()
        if not line:
            answers.close()
            os._exit(0)  # the system frees contexts faster, and more surely, than their libraries
        try:
            answer = _serve(models, pages, json.loads(line))
        except SimError as error:
            answer = {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - the parent raises it
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}


def _end_with(parent: int) -> None:
    """Ends this process once `parent` is gone.

    Its pipe says so, too, but not amid many pictures, nor where a process forked from the parent holds it open.
    """
    while os.getppid() == parent:
        time.sleep(_LOOK_FOR_PARENT_S)
    os._exit(0)


def _serve(models: dict[int, ModelPictures], pages: Pages, request: dict[str, Any]) -> dict[str, Any]:
    for number in request["unload"]:
        if number in models:
            models.pop(number).close()
    view = pages.view(request["size"])
    number: int = request["model"]
    arrays = {name: _array(view, *place) for name, place in request["arrays"].items()}
    if request["load"]:
        binary = arrays["binary"].tobytes()
        models[number] = ModelPictures(mj.MjModel.from_binary_path("scene.mjb", {"scene.mjb": binary}))
        return {}
    states, out = arrays.pop("states"), arrays.pop("pictures")
    models[number].draw(states, arrays, request["camera_id"], Camera(**request["camera"]), out)
    return {}


def _array(view: memoryview, offset: int, dtype: str, shape: list[int]) -> NDArray[Any]:
    return np.ndarray(shape, np.dtype(dtype), buffer=view, offset=offset)


def _probe() -> None:
    """Draws a ball, and ends the process where it cannot be seen."""
    model = mj.MjModel.from_xml_string(_PROBE)
    pictures = ModelPictures(model)
    camera = Camera(height=8, width=8, look="draft")
    out = np.zeros((1, 8, 8, 3), np.uint8)
    state = np.zeros((1, mj.mj_stateSize(model, mj.mjtState.mjSTATE_INTEGRATION)))
    pictures.draw(state, {}, 0, camera, out)
    pictures.close()
    if out[0, 4, 4].min() < 32:
        sys.exit(f"A lit ball was drawn, and is not in the picture (its colour there: {out[0, 4, 4].tolist()}).")


if __name__ == "__main__":
    main()
