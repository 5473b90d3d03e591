"""Draws one model's lanes in three looks; used inside a render process that has a current OpenGL context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import SimError
from lerobot_sim.spec import Camera, Look

from .library import mj

_MOST_GEOMS = 10_000
_DRAWN = int(mj.mjtCatBit.mjCAT_STATIC | mj.mjtCatBit.mjCAT_DYNAMIC)  # no decoration such as range finders' rays


class _Quality(NamedTuple):
    """What is fixed when an OpenGL context is made.

    Attributes:
        shadow: Side of the shadow map, 0 for no shadows.
        samples: Samples a pixel.
        slices: Sides of the prism that stands for a round thing; with 20 it is 1.2% of its radius too thin at most.
        stacks: Rings of the polyhedron that stands for a ball.
    """

    shadow: int
    samples: int
    slices: int
    stacks: int


QUALITY: dict[Look, _Quality] = {
    "draft": _Quality(0, 0, 20, 10),
    "standard": _Quality(1024, 4, 20, 10),
    "full": _Quality(4096, 8, 28, 16),
}


class ModelPictures:
    """A model with what is needed to draw it.

    Args:
        model: Its own copy: Params are written into it.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._data = mj.MjData(model)
        self._scene = mj.MjvScene(model, maxgeom=_MOST_GEOMS)
        self._option = mj.MjvOption()
        self._camera = mj.MjvCamera()
        self._camera.type = mj.mjtCamera.mjCAMERA_FIXED
        self._contexts: dict[Look, Any] = {}
        self._textures: dict[Look, NDArray[np.uint8]] = {}
        self._size = mj.mj_stateSize(model, mj.mjtState.mjSTATE_INTEGRATION)

    def draw(
        self,
        states: NDArray[np.float64],
        fields: Mapping[str, NDArray[Any]],
        camera_id: int,
        camera: Camera,
        out: NDArray[Any],
    ) -> None:
        """Draws lanes into `out` (n, h, w, c).

        Args:
            states: MuJoCo's integration state, (n, size).
            fields: Fields of the model that Params write, (n, ...): always the same ones.
            camera_id: The camera in the model.
            camera: Size, look and kind. Look plays no part in depth and segmentation.
            out: uint8 rgb, float32 depth or int32 segmentation.
        """
        look: Look = camera.look if camera.kind == "rgb" else "draft"
        context = self._context(look, camera)
        mj.mjr_setBuffer(mj.mjtFramebuffer.mjFB_OFFSCREEN, context)
        if (context.offWidth, context.offHeight) != (camera.width, camera.height):
            mj.mjr_resizeOffscreen(camera.width, camera.height, context)
        self._camera.fixedcamid = camera_id
        for row, state in enumerate(states):
            self._write({name: values[row] for name, values in fields.items()})
            if "tex_data" in fields:
                self._upload(look, context)
            self._pose(state)
            self._paint(look, camera, context, out[row])

    def close(self) -> None:
        """Frees what OpenGL holds; may be called again."""
        for context in self._contexts.values():
            context.free()
        self._contexts.clear()

    def _context(self, look: Look, camera: Camera) -> Any:
        if look not in self._contexts:
            vis = self._model.vis
            quality = QUALITY[look]
            vis.quality.shadowsize, vis.quality.offsamples = quality.shadow, quality.samples
            vis.quality.numslices, vis.quality.numstacks = quality.slices, quality.stacks
            vis.global_.offwidth, vis.global_.offheight = camera.width, camera.height
            context = mj.MjrContext(self._model, mj.mjtFontScale.mjFONTSCALE_50)
            context.readDepthMap = mj.mjtDepthMap.mjDEPTH_ZEROFAR  # keeps the precision of what is far
            self._contexts[look] = context
            self._textures[look] = np.array(self._model.tex_data)
        return self._contexts[look]

    def _write(self, fields: Mapping[str, NDArray[Any]]) -> None:
        for name, value in fields.items():
            owner, _, attribute = name.rpartition(".")
            target = getattr(self._model, owner) if owner else self._model
            field = getattr(target, attribute)
            if isinstance(field, np.ndarray):
                field[...] = value
            else:
                setattr(target, attribute, value.item())

    def _upload(self, look: Look, context: Any) -> None:
        """Gives OpenGL the textures that are not those it has."""
        model, known = self._model, self._textures[look]
        for texture in range(model.ntex):
            start = int(model.tex_adr[texture])
            count = int(model.tex_height[texture] * model.tex_width[texture] * model.tex_nchannel[texture])
            part = slice(start, start + count)
            if not np.array_equal(known[part], model.tex_data[part]):
                mj.mjr_uploadTexture(model, context, texture)
                known[part] = model.tex_data[part]

    def _pose(self, state: NDArray[np.float64]) -> None:
        """Only what a picture needs of the forward kinematics."""
        model, data = self._model, self._data
        mj.mj_setState(model, data, state, mj.mjtState.mjSTATE_INTEGRATION)
        mj.mj_kinematics(model, data)
        mj.mj_comPos(model, data)
        mj.mj_camlight(model, data)
        if model.nflex:
            mj.mj_flex(model, data)
        if model.ntendon:
            mj.mj_tendon(model, data)

    def _paint(self, look: Look, camera: Camera, context: Any, out: NDArray[Any]) -> None:
        model, scene = self._model, self._scene
        mj.mjv_updateScene(model, self._data, self._option, None, self._camera, _DRAWN, scene)
        if scene.status:
            raise SimError(f"The scene has more than {_MOST_GEOMS} geoms to draw.")
        flags, plain = scene.flags, camera.kind == "rgb"
        flags[mj.mjtRndFlag.mjRND_SHADOW] = flags[mj.mjtRndFlag.mjRND_REFLECTION] = plain and look != "draft"
        flags[mj.mjtRndFlag.mjRND_SKYBOX] = plain
        flags[mj.mjtRndFlag.mjRND_SEGMENT] = flags[mj.mjtRndFlag.mjRND_IDCOLOR] = not plain
        rect = mj.MjrRect(0, 0, camera.width, camera.height)
        mj.mjr_render(rect, scene, context)
        if camera.kind == "depth":
            z = np.empty((camera.height, camera.width), np.float32)
            mj.mjr_readPixels(None, z, rect, context)
            out[...] = _metres(z, scene.camera[0])[::-1, :, None]
            return
        rgb = np.empty((camera.height, camera.width, 3), np.uint8)
        mj.mjr_readPixels(rgb, None, rect, context)
        out[...] = (rgb if plain else self._bodies(rgb))[::-1]

    def _bodies(self, rgb: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Colours that encode parts of the scene as ids of bodies, (h, w, 1)."""
        model, scene = self._model, self._scene
        owners = {int(mj.mjtObj.mjOBJ_GEOM): model.geom_bodyid, int(mj.mjtObj.mjOBJ_SITE): model.site_bodyid}
        body: NDArray[np.int32] = np.full(int(scene.ngeom) + 1, -1, np.int32)
        for geom in scene.geoms[: scene.ngeom]:
            if geom.segid >= 0 and geom.objtype in owners:
                body[geom.segid + 1] = owners[geom.objtype][geom.objid]
        code = rgb.astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], np.int32)
        return body[code][..., None]


def _metres(z: NDArray[np.float32], camera: Any) -> NDArray[np.float64]:
    """Distance along the camera's axis of what OpenGL's depth buffer holds: 1 at the near plane, 0 at the far one."""
    near, far = float(camera.frustum_near), float(camera.frustum_far)
    wide = z.astype(np.float64)
    if camera.orthographic:
        return far - wide * (far - near)
    return near * far / (near + wide * (far - near))
