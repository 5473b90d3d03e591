"""Pictures of a simulator's own MuJoCo model, at any size, drawn when they are asked for and as the simulator would.

The look "draft" has no shadows and one sample a pixel; "standard" and "full" are the simulator's own picture.
"""

# pyright: reportAttributeAccessIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# a simulator's own mujoco, of whatever version

from __future__ import annotations

import contextlib
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from lerobot_sim.spec import Camera

_MOST = 4
"""Sizes that are kept at the ready: each has an OpenGL context with the model's meshes."""


class Pictures:
    """Draws one model; the first picture of a size takes an OpenGL context.

    Args:
        model: MuJoCo's.
        shown: What of it is drawn, an `MjvOption`; MuJoCo's default where none is given.
    """

    def __init__(self, model: Any, shown: Any = None) -> None:
        self._model, self._shown = model, shown
        self._renderers: dict[tuple[int, int, bool], Any] = {}

    def draw(self, data: Any, camera_name: str, camera: Camera) -> NDArray[np.uint8]:
        """uint8 (h, w, 3) from a camera of the model."""
        renderer = self._renderer(camera.height, camera.width, camera.look == "draft")
        renderer.update_scene(data, camera=camera_name, scene_option=self._shown)
        if camera.look == "draft":
            renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        return renderer.render().copy()

    def close(self) -> None:
        """Frees the contexts; a second call does nothing."""
        while self._renderers:
            self._drop(next(iter(self._renderers)))

    def _renderer(self, height: int, width: int, draft: bool) -> Any:
        key = (height, width, draft)
        if key not in self._renderers:
            while len(self._renderers) >= _MOST:
                self._drop(next(iter(self._renderers)))
            visual = self._model.vis
            samples = visual.quality.offsamples
            visual.global_.offheight, visual.global_.offwidth = height, width
            visual.quality.offsamples = 0 if draft else samples
            try:
                self._renderers[key] = mujoco.Renderer(self._model, height=height, width=width)
            finally:
                visual.quality.offsamples = samples
        return self._renderers[key]

    def _drop(self, key: tuple[int, int, bool]) -> None:
        with contextlib.suppress(Exception):  # a context of OpenGL that is gone already
            self._renderers.pop(key).close()
