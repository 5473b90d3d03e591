"""Pictures of MuJoCo lanes: what they show, and that they are a function of the state."""

import mujoco
import numpy as np
import pytest

from lerobot_sim.envs.mujoco.model_params import ModelParam
from lerobot_sim.envs.mujoco.physics import INTEGRATION, Physics
from lerobot_sim.envs.mujoco.rendering import Renderer, body_names
from lerobot_sim.errors import InputError, UnknownNameError
from lerobot_sim.spec import Camera, Param
from tests.envs.mujoco.pictures import DOWN, LOOKS, PAINT, SMALL, colour, grow, lanes


def test_depth_is_the_distance_along_the_cameras_axis(model, renderer):
    z = renderer.render(lanes(model, 1), {}, "down", DOWN)[0, :, :, 0]
    assert z.dtype == np.float32
    assert z[48, 48] == pytest.approx(1.0 - 0.06, abs=2e-4)
    assert z[5, 90] == pytest.approx(1.0, abs=2e-4)  # the table, far from the middle: not along the ray
    up = renderer.render(lanes(model, 1), {}, "front", Camera(height=64, width=64, kind="depth"))
    assert up[0, :, 0, 0].argmax() < up[0, :, 0, 0].argmin(), "what is far lies at the top of the picture"


def test_depth_of_nothing_is_the_far_plane():
    """An empty world: everything is as far as the model says one can see."""
    spec = mujoco.MjSpec()
    spec.worldbody.add_camera(name="eye")
    spec.worldbody.add_geom(size=(0.1, 0, 0), pos=(0, 0, 1))  # behind the camera
    spec.stat.extent = 2.0
    spec.visual.map.zfar = 7.0
    empty = spec.compile()
    drawing = Renderer(empty)
    state = {INTEGRATION: np.zeros((1, mujoco.mj_stateSize(empty, mujoco.mjtState.mjSTATE_INTEGRATION)))}
    depth = drawing.render(state, {}, "eye", Camera(height=4, width=4, kind="depth"))
    ids = drawing.render(state, {}, "eye", Camera(height=4, width=4, kind="segmentation"))
    drawing.close()
    np.testing.assert_allclose(depth, 14.0, rtol=1e-6)
    assert (ids == -1).all()


def test_segmentation_names_the_body_that_is_seen(model, renderer):
    ids = renderer.render(lanes(model, 1), {}, "down", Camera(height=384, width=384, kind="segmentation"))[0, :, :, 0]
    names = body_names(model)
    assert ids.dtype == np.int32
    assert names[ids[192, 192]] == "cube"
    assert names[ids[20, 360]] == "world"
    assert {names[number] for number in np.unique(ids)} == {"world", "cube", "arm"}
    pixels = (ids == names.index("cube")).sum()
    across = 384 * 0.06 / (2 * 0.94 * np.tan(np.radians(20)))
    assert pixels == pytest.approx(across**2, rel=0.04)


def test_all_kinds_agree_on_where_things_are(model, renderer):
    state = {INTEGRATION: lanes(model, 6)[INTEGRATION][5:]}  # the cube 10 cm off in x and y
    shown = {
        kind: renderer.render(state, {}, "down", Camera(height=90, width=120, look="draft", kind=kind))[0]
        for kind in ("rgb", "depth", "segmentation")
    }
    cube = shown["segmentation"][..., 0] == body_names(model).index("cube")
    assert cube.sum() > 40
    red = shown["rgb"][..., 0] > 3 * shown["rgb"][..., 1].astype(int)
    np.testing.assert_array_equal(red, cube)
    assert (shown["depth"][cube] < 0.96).all()
    rows, columns = (np.mean(index) for index in np.nonzero(cube))
    scale = 90 / (2 * 0.94 * np.tan(np.radians(20)))  # pixels a metre at the cube's top; +x is right, +y is up
    assert (columns - 59.5, 44.5 - rows) == pytest.approx((0.1 * scale, 0.1 * scale), abs=1.5)


def test_cube_is_red_where_segmentation_says_cube(model, renderer):
    for look in LOOKS:
        rgb = renderer.render(lanes(model, 1), {}, "down", Camera(height=96, width=96, look=look))[0]
        assert rgb.dtype == np.uint8
        assert rgb[48, 48, 0] > 3 * rgb[48, 48, 1]


def test_looks_differ_in_shadows_and_not_in_brightness(model, renderer):
    state = lanes(model, 1)
    pictures = {look: renderer.render(state, {}, "front", Camera(look=look))[0].astype(int) for look in LOOKS}
    error = {look: np.abs(pictures[look] - pictures["full"]).mean() for look in LOOKS}
    assert error["draft"] > error["standard"] > 0
    median = {look: np.median(picture) for look, picture in pictures.items()}
    assert max(median.values()) - min(median.values()) <= 3, "the table is equally bright in all looks"
    darker = (pictures["full"] < 0.75 * pictures["draft"]).any(axis=2).mean()
    assert 0.002 < darker < 0.1, "the shadow of a cube and a rod"


@pytest.mark.parametrize("kind", ["rgb", "depth", "segmentation"])
@pytest.mark.parametrize("look", LOOKS)
def test_same_bytes_whatever_the_lane_the_worker_and_what_was_drawn_before(model, look, kind):
    camera = Camera(height=40, width=56, look=look, kind=kind)
    state = lanes(model, 5)
    one, three = Renderer(model), Renderer(model, workers=3)
    pictures = one.render(state, {}, "front", camera)
    assert len({picture.tobytes() for picture in pictures}) == 5
    large = Camera(height=120, width=90, look=look, kind=kind)
    after_small = one.render(state, {}, "down", large)  # another size and camera in between
    np.testing.assert_array_equal(pictures, three.render(state, {}, "front", camera))
    np.testing.assert_array_equal(after_small, three.render(state, {}, "down", large))
    backwards = {INTEGRATION: state[INTEGRATION][::-1]}
    np.testing.assert_array_equal(pictures[::-1], one.render(backwards, {}, "front", camera))
    np.testing.assert_array_equal(
        pictures[2:3], one.render({INTEGRATION: state[INTEGRATION][2:3]}, {}, "front", camera)
    )
    one.close()
    three.close()


def test_lanes_are_drawn_in_parts_where_they_are_many(model, renderer, monkeypatch):
    state = lanes(model, 5)
    whole = renderer.render(state, {}, "front", SMALL)
    monkeypatch.setattr("lerobot_sim.envs.mujoco.rendering._MOST_BYTES", 2 * whole[0].nbytes + 5000)
    np.testing.assert_array_equal(whole, renderer.render(state, {}, "front", SMALL))


def test_params_are_seen_lane_by_lane_and_none_lingers(model):
    params = {
        "size": ModelParam(param=Param(nominal=1.0), fields=("geom_size",), write=grow),
        "colour": ModelParam(param=Param(nominal=(0.5,) * 3, shape=(3,)), fields=("geom_rgba",), write=colour),
        "paint": PAINT,
    }
    nominal = {"size": np.ones(3), "colour": np.full((3, 3), 0.5), "paint": np.tile([0.0, 160, 0], (3, 1))}
    state = lanes(model, 3, spread=0.0)
    drawing = Renderer(model, params)
    plain = drawing.render(state, nominal, "front", SMALL)
    for name, value in (("size", 0.5), ("colour", (0.1, 0.9, 0.1)), ("paint", (200.0, 0, 0))):
        changed = {key: np.array(values) for key, values in nominal.items()}
        changed[name][1] = value
        pictures = drawing.render(state, changed, "front", SMALL)
        assert (pictures[1] != plain[1]).any(), f"'{name}' is not seen"
        np.testing.assert_array_equal(pictures[[0, 2]], plain[[0, 2]], err_msg=f"'{name}' of lane 1 shows in others")
    np.testing.assert_array_equal(plain, drawing.render(state, nominal, "front", SMALL))
    drawing.close()


def test_texture_has_the_colour_that_its_param_says_in_every_look(model):
    drawing = Renderer(model, {"paint": PAINT})
    values = {"paint": np.array([[0.0, 160, 0], [160.0, 0, 0]])}
    for look in LOOKS:
        green, red = drawing.render(lanes(model, 2, spread=0.0), values, "front", Camera(look=look)).astype(int)
        assert (green[..., 1] > 2 * green[..., [0, 2]].max(axis=2)).sum() > 50
        assert (red[..., 1] > 2 * red[..., [0, 2]].max(axis=2)).sum() == 0
    drawing.close()


def test_physics_leaves_textures_to_the_pictures(model):
    physics = Physics(model, 2, {"paint": PAINT}, threads=1)
    physics.apply(np.arange(2), {"paint": np.zeros((2, 3))})


def test_a_camera_that_is_not_there_is_named_with_those_that_are(model, renderer):
    with pytest.raises(UnknownNameError, match=r"'frnt'.*Did you mean 'front'"):
        renderer.render(lanes(model, 1), {}, "frnt", SMALL)


def test_at_least_one_render_process(model):
    with pytest.raises(InputError, match="at least 1 is expected, 0 came"):
        Renderer(model, workers=0)
