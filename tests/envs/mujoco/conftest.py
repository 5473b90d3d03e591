"""Fixtures of the tests of pictures."""

import mujoco
import pytest

from lerobot_sim.envs.mujoco.rendering import Renderer
from lerobot_sim.envs.mujoco.scene import add_camera, new_scene


@pytest.fixture(scope="module")
def model():
    """The scene with a free red cube of 6 cm, a pointer on a hinge, a patch with a texture, and a camera from above."""
    spec = new_scene()
    add_camera(spec, "down", (0.2, 0.0, 1.0), (0.2, 1e-6, 0.0))
    body = spec.worldbody.add_body(name="cube", pos=(0.2, 0.0, 0.03))
    body.add_freejoint(name="cube")
    body.add_geom(name="cube", type=mujoco.mjtGeom.mjGEOM_BOX, size=(0.03,) * 3, rgba=(0.9, 0.1, 0.1, 1), mass=0.1)
    arm = spec.worldbody.add_body(name="arm", pos=(0.0, 0.0, 0.1))
    arm.add_joint(name="arm", axis=(0, 0, 1))
    arm.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=(0, 0, 0, 0.12, 0, 0), size=(0.02, 0, 0), rgba=(0.1, 0.2, 0.8, 1)
    )
    texture = spec.add_texture(name="patch", type=mujoco.mjtTexture.mjTEXTURE_2D, width=8, height=8, nchannel=3)
    texture.data = bytes([0, 160, 0] * 64)
    material = spec.add_material(name="patch")
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "patch"
    patch = spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=(0.05, 0.05, 0.002), pos=(0.3, 0.2, 0.002))
    patch.material = "patch"
    return spec.compile()


@pytest.fixture
def renderer(model):
    drawing = Renderer(model)
    yield drawing
    drawing.close()
