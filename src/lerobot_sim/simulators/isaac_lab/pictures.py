"""Newton's own ray tracer, in Warp: pictures of every lane at any size, on a CPU as on a GPU.

Isaac Lab's camera sensor is bound to one size; this asks the sensor beneath it (`newton.sensors.SensorTiledCamera`).
The look "draft" casts no shadows.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false

from __future__ import annotations

from math import atan, radians, tan
from typing import Any

import newton
import numpy as np
import warp
from numpy.typing import NDArray

from lerobot_sim.spec import Camera

from .task import Floats

_SKY = 0xFFEEEEEE


class Pictures:
    """Draws the simulation of a Newton manager."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._model = manager.get_model()
        self._sensor: Any = newton.sensors.SensorTiledCamera(self._model)
        self._sensor.utils.create_default_light(enable_shadows=True)

    def draw(self, poses: Floats, fov_deg: float, camera: Camera) -> NDArray[np.uint8]:
        """Pictures (lanes, h, w, 3) of cameras at poses (lanes, 7) with (qx, qy, qz, qw).

        Args:
            poses: In the lanes' worlds.
            fov_deg: Horizontal field of view.
            camera: Size and look.
        """
        height, width = camera.height, camera.width
        upright = 2 * atan(tan(radians(fov_deg) / 2) * height / width)
        rays = self._sensor.utils.compute_camera_rays_pinhole(width, height, camera_fovs=upright)
        image = self._sensor.utils.create_color_image_output(width, height)
        device = self._model.device
        at = warp.array(poses[None].astype(np.float32), dtype=warp.transformf, device=device)
        state = self._manager.get_state_0()
        self._model.bvh_refit_shapes(state)
        self._sensor.default_render_config.enable_shadows = camera.look != "draft"
        clear = newton.sensors.SensorTiledCamera.ClearData(clear_color=_SKY)
        self._sensor.update(state, at, rays, color_image=image, clear_data=clear)
        packed = np.ascontiguousarray(image.numpy()[:, 0])
        return packed.view(np.uint8).reshape(len(poses), height, width, 4)[..., :3].copy()
