"""Isaac Sim (PhysX and RTX), where it is installed. Written to Isaac Lab 3.0.0's documentation; never run by us.

Isaac Sim's Kit wants to start before torch is imported.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError
from lerobot_sim.spec import Camera

from .config import View
from .views import facing

NOT_VERIFIED = "physics='physx' is not verified: it was written without an NVIDIA GPU with RTX to run it on."

_apps: list[Any] = []


def start(device: str, *, cameras: bool) -> None:
    """Starts Kit, once a process.

    Raises:
        InputError: Isaac Sim is not installed, or torch was imported first.
    """
    if _apps:
        return
    if find_spec("isaacsim") is None:
        raise InputError(
            "physics='physx' needs Isaac Sim 6.2 (isaacsim[all,extscache], from NVIDIA's package index) in the "
            "environment of isaac-lab, and a GPU with RTX. physics='newton' needs neither. " + NOT_VERIFIED
        )
    if "torch" in sys.modules:
        raise InputError(
            "Isaac Sim has to start before torch is imported, and this process has torch already: "
            "make the environment first, or with host='own'. " + NOT_VERIFIED
        )
    from isaaclab.app import AppLauncher

    _apps.append(AppLauncher(headless=True, enable_cameras=cameras, device=device))


def camera_cfg(view: View, robot: str) -> Any:
    """Isaac Lab's camera of a view, drawn by RTX at the view's own size."""
    from isaaclab.sensors import CameraCfg
    from isaaclab.sim import PinholeCameraCfg
    from isaaclab_physx.renderers import IsaacRtxRendererCfg

    parent = f"{robot}/{view.link}" if view.link else "{ENV_REGEX_NS}"
    rotation = tuple(float(v) for v in facing(np.asarray(view.position), np.asarray(view.target)))
    aperture = 2 * 24.0 * float(np.tan(np.radians(view.fov_deg) / 2))
    return CameraCfg(
        prim_path=f"{parent}/camera_{view.name}",
        offset=CameraCfg.OffsetCfg(pos=view.position, rot=rotation, convention="opengl"),
        spawn=PinholeCameraCfg(focal_length=24.0, horizontal_aperture=aperture),
        width=view.width,
        height=view.height,
        data_types=["rgb"],
        renderer_cfg=IsaacRtxRendererCfg(),
    )


def picture(sim: Any, scene: Any, view: View, camera: Camera) -> NDArray[np.uint8]:
    """RTX's pictures (lanes, h, w, 3); only at the size that the camera was made with."""
    if (camera.height, camera.width) != (view.height, view.width):
        raise InputError(
            f"Camera '{view.name}' draws {view.width}x{view.height} under Isaac Sim, {camera.width}x{camera.height} "
            "was asked for: set its resolution in robot_config.cameras. " + NOT_VERIFIED
        )
    sim.render()
    sensor = scene[f"camera_{view.name}"]
    sensor.update(0.0, force_recompute=True)
    images = sensor.data.output["rgb"]
    tensor = images.torch if hasattr(images, "torch") else images
    return tensor.cpu().numpy()[..., :3].astype(np.uint8)
