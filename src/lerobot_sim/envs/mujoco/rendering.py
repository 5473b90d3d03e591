"""Pictures of MuJoCo lanes: rgb, depth and segmentation, in three looks, at any size, from their state alone.

| look | shadow map | samples a pixel | sides of a cylinder |
|---|---|---|---|
| draft | none | 1 | 20 |
| standard | 1024 | 4 | 20 |
| full (MuJoCo's defaults) | 4096 | 8 | 28 |

OpenGL gives fewer samples where it has no more: Mesa's software rasteriser has four.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.spec import Camera

from .library import mj
from .model_params import ModelParam, fields_of, nominal_field
from .physics import INTEGRATION
from .render_pool import POOL

KINDS = {"rgb": (np.uint8, 3), "depth": (np.float32, 1), "segmentation": (np.int32, 1)}
_MOST_BYTES = 64 << 20  # handed to one render process at a time


class Renderer:
    """Draws the lanes of one model; the render processes start with the first picture.

    - "rgb": uint8 (h, w, 3).
    - "depth": float32 (h, w, 1), distance in m along the camera's axis; the far clip plane's where nothing is.
    - "segmentation": int32 (h, w, 1), index of the body that is seen (`body_names`), 0 for the world, -1 nothing.

    Depth and segmentation are sampled once a pixel, without shadows, whatever the look.

    Args:
        model: The compiled model, nominal.
        params: Params that are fields of the model.
        workers: Render processes that share the lanes. They are this process's, shared by all its environments.
    """

    def __init__(self, model: Any, params: Mapping[str, ModelParam] | None = None, workers: int = 1) -> None:
        if workers < 1:
            raise InputError(f"'render_workers' counts render processes: at least 1 is expected, {workers} came.")
        self._model = model
        self._params = params or {}
        self._workers = workers
        self._number: int | None = None
        self._release: Any = None
        names = {name for param in self._params.values() for name in param.fields}
        self._row_bytes = sum(nominal_field(model, name).nbytes for name in names)

    def render(
        self,
        state: Mapping[str, NDArray[Any]],
        params: Mapping[str, NDArray[Any]],
        name: str,
        camera: Camera,
    ) -> NDArray[Any]:
        """Pictures of lanes, (n, h, w, c), a function of these arguments alone.

        Args:
            state: Lanes' state, of which MuJoCo's integration state is read.
            params: Lanes' Params.
            name: The camera in the model.
            camera: Size, look and kind.

        Raises:
            UnknownNameError: The model has no camera of that name.
            NoRenderingError: No OpenGL works here.
            RenderError: A render process died twice, or OpenGL refused.
        """
        camera_id = mj.mj_name2id(self._model, mj.mjtObj.mjOBJ_CAMERA, name)
        if camera_id < 0:
            names = [self._model.camera(index).name for index in range(self._model.ncam)]
            raise unknown_name("camera in the model", name, filter(None, names))
        rows = state[INTEGRATION]
        dtype, channels = KINDS[camera.kind]
        out = np.empty((len(rows), camera.height, camera.width, channels), dtype)
        each = self._row_bytes + rows.shape[1] * 8 + out.itemsize * camera.height * camera.width * channels
        most = max(1, _MOST_BYTES // each) * self._workers
        own = {param: params[param] for param in self._params}
        for start in range(0, len(rows), most):
            part = slice(start, start + most)
            fields = fields_of(self._model, self._params, {param: value[part] for param, value in own.items()})
            POOL.draw(self._model_number(), self._workers, rows[part], fields, camera_id, camera, out[part])
        return out

    def close(self) -> None:
        """Frees what the render processes hold of it, and ends them with the last Renderer; may be called again."""
        if self._release:
            self._release()
        self._number = self._release = None

    def _model_number(self) -> int:
        if self._number is None:
            self._number = POOL.add(self._model)
            self._release = weakref.finalize(self, POOL.remove, self._number)
        return self._number


def body_names(model: Any) -> tuple[str, ...]:
    """Names of the bodies, by their index in segmentation."""
    return tuple(model.body(index).name for index in range(model.nbody))
