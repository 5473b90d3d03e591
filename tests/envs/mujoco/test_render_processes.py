"""Render processes and back ends: none is left behind, a dead one is replaced, nothing leaks."""

import ctypes.util
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim.envs.mujoco import render_backend
from lerobot_sim.envs.mujoco.physics import INTEGRATION
from lerobot_sim.envs.mujoco.render_backend import BackendError, NoRenderingError, candidates, first_working
from lerobot_sim.envs.mujoco.render_pool import POOL, RenderError
from lerobot_sim.envs.mujoco.rendering import Renderer
from lerobot_sim.errors import InputError
from lerobot_sim.spec import Camera
from tests.envs.mujoco.pictures import PAINT, SMALL, lanes


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


def gone(pids, within_s=60.0):
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
    until = time.monotonic() + 60  # what other tests have there goes by itself
    while names_in_shared_memory() - before:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_nothing_is_left_when_nobody_closes():
    process, pids = started(2, "sys.exit(0)")
    assert process.wait() == 0
    process.stdout.close()
    assert gone(pids)


def test_ctrl_c_ends_all_and_says_so_once():
    process, pids = started(2000, "drawing.render(state, {}, 'front', Camera(look='full'))")
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait() != 0
    process.stdout.close()
    assert gone(pids)


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
    before, after = [resident_kb(pid) for pid in pids], []
    for number in range(rounds):
        once(number)
        if number >= rounds // 2 and number % 10 == 0:
            after.append([resident_kb(pid) for pid in pids])  # the least counts: memory that comes and goes is no leak
    drawing.close()
    return [late - early for early, late in zip(before, np.min(after, axis=0).tolist(), strict=True)]


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_no_leak_over_60_rounds(model):
    assert max(grown_kb(model, 60)) < 15_000


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_no_leak_over_1000_rounds(model):
    assert max(grown_kb(model, 1000)) < 15_000
