"""Pictures of MuJoCo lanes: what they show, that they are a function of the state, and that no process is left."""

import ctypes.util
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import mujoco
import numpy as np
import pytest

from lerobot_sim.envs.mujoco import render_backend
from lerobot_sim.envs.mujoco.model_params import ModelParam
from lerobot_sim.envs.mujoco.physics import INTEGRATION, Physics
from lerobot_sim.envs.mujoco.render_backend import BackendError, NoRenderingError, candidates, first_working
from lerobot_sim.envs.mujoco.render_pool import POOL, RenderError
from lerobot_sim.envs.mujoco.rendering import Renderer, body_names
from lerobot_sim.envs.mujoco.scene import add_camera, new_scene
from lerobot_sim.errors import InputError, UnknownNameError
from lerobot_sim.spec import Camera, Param

LOOKS = ("draft", "standard", "full")
SMALL = Camera(height=48, width=64, look="draft")
DOWN = Camera(height=96, width=96, look="draft", kind="depth")


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


def lanes(model, count, *, params=None, spread=0.02):
    """States of lanes whose cubes and arms differ; lane 0 has the cube under the camera "down"."""
    data = mujoco.MjData(model)
    size = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION)
    rows = np.empty((count, size))
    for lane in range(count):
        mujoco.mj_resetData(model, data)
        data.joint("cube").qpos[:2] += spread * lane
        data.joint("arm").qpos[0] = 0.3 * lane
        mujoco.mj_getState(model, data, rows[lane], mujoco.mjtState.mjSTATE_INTEGRATION)
    return {INTEGRATION: rows}


def paint(fields, value):
    """Colours the texture "patch", the last one in the model."""
    fields["tex_data"][:, -192:] = np.tile(value.astype(np.uint8), (1, 64))


PAINT = ModelParam(param=Param(nominal=(0, 160, 0), shape=(3,)), fields=("tex_data",), write=paint)


def grow(fields, value):
    fields["geom_size"][:] *= value[:, None, None]


def colour(fields, value):
    fields["geom_rgba"][:, :, :3] = value[:, None, :]


@pytest.fixture
def renderer(model):
    drawing = Renderer(model)
    yield drawing
    drawing.close()


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


def workers():
    return [worker.process for worker in POOL._workers]


def test_processes_end_with_the_last_renderer(model):
    first, second = Renderer(model), Renderer(model)
    first.render(lanes(model, 1), {}, "front", SMALL)
    second.render(lanes(model, 1), {}, "front", SMALL)
    (process,) = workers()
    first.close()
    first.close()
    assert process.poll() is None
    second.close()
    assert process.poll() == 0
    assert not workers()
    second.render(lanes(model, 1), {}, "front", SMALL)  # and begin again when they are needed
    second.close()


def test_a_renderer_that_is_dropped_is_closed(model):
    drawing = Renderer(model)
    drawing.render(lanes(model, 1), {}, "front", SMALL)
    (process,) = workers()
    del drawing
    assert process.poll() == 0


def test_models_that_are_closed_leave_the_process(model, renderer):
    renderer.render(lanes(model, 1), {}, "front", SMALL)
    for _ in range(3):
        other = Renderer(model)
        other.render(lanes(model, 1), {}, "front", SMALL)
        other.close()
    renderer.render(lanes(model, 1), {}, "front", SMALL)
    (worker,) = POOL._workers
    assert len(worker.loaded) == 1


def test_a_dead_process_is_replaced(model, caplog):
    drawing = Renderer(model, workers=2)
    state = lanes(model, 4)
    before = drawing.render(state, {}, "front", SMALL)
    first, second = workers()
    second.kill()
    np.testing.assert_array_equal(before, drawing.render(state, {}, "front", SMALL))
    assert f"Render process {second.pid} was killed by SIGKILL" in caplog.text
    assert workers()[0] is first
    assert workers()[1].pid != second.pid
    drawing.close()


def test_a_process_that_dies_amid_a_picture_is_replaced(model):
    drawing = Renderer(model)
    state = lanes(model, 40)
    camera = Camera(look="full")
    drawing.render({INTEGRATION: state[INTEGRATION][:1]}, {}, "front", camera)
    (process,) = workers()
    killer = subprocess.Popen(["sh", "-c", f"sleep 0.4; kill -9 {process.pid}"])
    pictures = drawing.render(state, {}, "front", camera)
    killer.wait()
    assert process.poll() == -signal.SIGKILL
    np.testing.assert_array_equal(
        pictures[:2], drawing.render({INTEGRATION: state[INTEGRATION][:2]}, {}, "front", camera)
    )
    drawing.close()


def test_what_opengl_refuses_is_an_error_and_the_next_picture_is_drawn(model, renderer):
    with pytest.raises(RenderError, match="could not draw"):
        renderer.render(lanes(model, 1), {}, "front", Camera(height=1, width=1 << 17, look="draft"))
    assert renderer.render(lanes(model, 1), {}, "front", SMALL).shape == (1, 48, 64, 3)


SCRIPT = """
    import os, sys, time, numpy as np, mujoco
    from lerobot_sim.envs.mujoco.rendering import Renderer
    from lerobot_sim.envs.mujoco.render_pool import POOL
    from lerobot_sim.envs.mujoco.physics import INTEGRATION
    from lerobot_sim.envs.mujoco.scene import new_scene
    from lerobot_sim.spec import Camera
    model = new_scene().compile()
    state = {INTEGRATION: np.zeros((%d, mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION)))}
    drawing = Renderer(model, workers=2)
    drawing.render({INTEGRATION: state[INTEGRATION][:2]}, {}, "front", Camera(look="draft"))
    print(*(worker.process.pid for worker in POOL._workers), flush=True)
    %s
"""


def started(lanes, then):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT % (lanes, then))], stdout=subprocess.PIPE, text=True
    )
    return process, [int(pid) for pid in process.stdout.readline().split()]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z" if Path("/proc").exists() else True


def gone(pids, within_s=15.0):
    until = time.monotonic() + within_s
    while any(alive(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(alive(pid) for pid in pids)


def names_in_shared_memory():
    folder = Path("/dev/shm")
    return set(folder.iterdir()) if folder.exists() else set()


@pytest.mark.parametrize(
    "then",
    [
        "time.sleep(60)",
        "drawing.render(state, {}, 'front', Camera(look='full'))",
        "os.fork() or (time.sleep(30), os._exit(0)); time.sleep(60)",
    ],
    ids=["idle", "amid pictures", "with a fork that holds the pipes"],
)
def test_nothing_is_left_when_the_parent_is_killed(then):
    before = names_in_shared_memory()
    process, pids = started(2000 if "full" in then else 2, then)
    assert len(pids) == 2
    assert all(alive(pid) for pid in pids)
    time.sleep(0.3)
    process.kill()
    process.wait()
    process.stdout.close()
    assert gone(pids)
    assert names_in_shared_memory() <= before


def test_nothing_is_left_when_nobody_closes():
    process, pids = started(2, "sys.exit(0)")
    assert process.wait() == 0
    process.stdout.close()
    assert gone(pids, 1.0)


def test_ctrl_c_ends_all_and_says_so_once():
    process, pids = started(2000, "drawing.render(state, {}, 'front', Camera(look='full'))")
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait() != 0
    process.stdout.close()
    assert gone(pids, 1.0)


def test_importing_the_room_makes_no_context():
    code = "import lerobot_sim.envs.mujoco.rendering, sys; print('OpenGL.EGL' in sys.modules)"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "False"


def test_mujoco_gl_overrules_the_choice(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    assert candidates() == ("egl", "osmesa", "glfw")
    monkeypatch.setenv("MUJOCO_GL", "OSMesa")
    assert candidates() == ("osmesa",)
    monkeypatch.setenv("MUJOCO_GL", "glx")
    assert candidates() == ("glfw",)
    monkeypatch.setenv("MUJOCO_GL", "cgl")
    with pytest.raises(InputError, match="set egl or osmesa or glfw"):
        candidates()
    monkeypatch.setenv("MUJOCO_GL", "off")
    with pytest.raises(NoRenderingError, match="Unset it"):
        candidates()


def test_the_first_that_works_is_kept(monkeypatch):
    monkeypatch.setattr(render_backend, "_chosen", {})
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    tried = []

    def start(backend):
        tried.append(backend)
        if backend == "egl":
            raise BackendError("Render process 7 was killed by SIGABRT.")
        return backend

    assert [first_working(start), first_working(start)] == ["osmesa", "osmesa"]
    assert tried == ["egl", "osmesa", "osmesa"]


def test_where_nothing_works_the_error_names_the_packages(monkeypatch):
    monkeypatch.setattr(render_backend, "_chosen", {})
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("MUJOCO_GL", raising=False)

    def start(backend):
        raise BackendError(f"{backend} is broken.")

    with pytest.raises(NoRenderingError) as caught:
        first_working(start)
    for words in ("libegl1", "libosmesa6", "xvfb-run", "egl is broken."):
        assert words in str(caught.value)


NO_EGL = """
    import os, sys
    os.environ["__EGL_VENDOR_LIBRARY_FILENAMES"] = "/nowhere.json"  # libEGL finds no driver
    os.environ.pop("DISPLAY", None), os.environ.pop("WAYLAND_DISPLAY", None)
    import numpy as np
    from lerobot_sim.envs.mujoco.rendering import Renderer
    from lerobot_sim.envs.mujoco.physics import INTEGRATION
    from lerobot_sim.envs.mujoco.scene import new_scene
    from lerobot_sim.spec import Camera
    try:
        Renderer(new_scene().compile()).render({INTEGRATION: np.zeros((1, 1))}, {}, "front", Camera())
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="breaks the libraries of Linux")
def test_a_machine_without_opengl_hears_what_to_install():
    """Real processes, in which EGL finds no driver and GLFW no display; OSMesa may be there, or not."""
    environment = {name: value for name, value in os.environ.items() if name != "MUJOCO_GL"}
    for wanted, words in (("egl", "libegl1"), ("glfw", "xvfb-run")):
        said = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(NO_EGL)],
            env={**environment, "MUJOCO_GL": wanted},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert said.startswith("NoRenderingError"), said
        assert f"MUJOCO_GL={wanted} does not work here" in said
        assert words in said


@pytest.mark.parametrize(("wanted", "words"), [("osmesa", "install OSMesa"), ("vulkan", "set egl or osmesa or glfw")])
def test_mujoco_gl_that_mujoco_cannot_load_is_explained(wanted, words):
    if ctypes.util.find_library("OSMesa") and wanted == "osmesa":
        pytest.skip("OSMesa is here")
    code = "import lerobot_sim.envs.mujoco.library"
    said = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "MUJOCO_GL": wanted}, capture_output=True, text=True
    )
    assert said.returncode == 1
    assert words in said.stderr.strip().rsplit("\n", 1)[-1]


def resident_kb(pid):
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1])


def grown_kb(model, rounds):
    """Growth of both processes over rounds of new textures, looks, kinds, sizes, and models that come and go."""
    drawing = Renderer(model, {"paint": PAINT})
    state, random = lanes(model, 2), np.random.default_rng(0)

    def once(number):
        values = {"paint": random.integers(0, 255, (2, 3)).astype(float)}
        size = 16 + 8 * (number % 2)
        for look, kind in (("draft", "rgb"), ("standard", "rgb"), ("draft", "depth"), ("draft", "segmentation")):
            drawing.render(state, values, "front", Camera(height=size, width=size, look=look, kind=kind))
        if number % 3 == 0:
            other = Renderer(model)
            other.render(state, {}, "front", SMALL)
            other.close()

    for number in range(60):
        once(number)
    pids = [os.getpid(), workers()[0].pid]
    before = [resident_kb(pid) for pid in pids]
    for number in range(rounds):
        once(number)
    after = [resident_kb(pid) for pid in pids]
    drawing.close()
    return [late - early for early, late in zip(before, after, strict=True)]


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_no_leak_over_60_rounds(model):
    assert max(grown_kb(model, 60)) < 15_000


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_no_leak_over_1000_rounds(model):
    assert max(grown_kb(model, 1000)) < 15_000
