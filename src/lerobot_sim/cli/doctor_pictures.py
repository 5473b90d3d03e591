"""Whether pictures can be drawn and stored: OpenGL without a window, and video codecs."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from lerobot_sim.errors import SimError

from .doctor_findings import ChildError, Finding, ask

_DRAW = """
import json, time
import mujoco
from OpenGL import GL
model = mujoco.MjModel.from_xml_string(
    "<mujoco><worldbody><light pos='0 0 3'/><geom type='sphere' size='.3' rgba='1 0 0 1'/></worldbody></mujoco>")
data = mujoco.MjData(model)
with mujoco.Renderer(model, 64, 64) as renderer:
    said = {name: GL.glGetString(getattr(GL, "GL_" + name.upper())).decode() for name in ("renderer", "version")}
    mujoco.mj_forward(model, data)
    renderer.update_scene(data)
    picture = renderer.render()
    second = time.monotonic()
    for _ in range(3):
        renderer.render()
    each = (time.monotonic() - second) / 3
print(json.dumps({**said, "contrast": int(picture.max()) - int(picture.min()), "frame_s": each}))
"""


def rendering() -> list[Finding]:
    """Each OpenGL that may be used, tried in a process of its own; the first that works is taken."""
    from lerobot_sim.envs.mujoco.render_backend import candidates

    try:
        names = candidates()
    except SimError as error:
        return [Finding("broken", "MUJOCO_GL", str(error), "unset MUJOCO_GL")]
    with ThreadPoolExecutor(len(names)) as pool:
        tried = list(pool.map(_drawn, names))
    works = [finding.verdict == "ok" for finding in tried]
    if not any(works):
        return [replace(each, verdict="broken") for each in tried]
    used = tried[works.index(True)]
    return [
        replace(each, words=f"{each.words}; this one is used")
        if each is used
        else replace(each, mend="", words=f"{each.words}; not needed")
        if each.verdict != "ok"
        else each
        for each in tried
    ]


def _drawn(backend: str) -> Finding:
    from lerobot_sim.envs.mujoco.render_backend import environment, mending

    try:
        said = ask([sys.executable, "-P", "-c", _DRAW], environment=environment(backend), limit_s=60)
    except ChildError as error:
        return Finding("note", backend, f"does not work: {error}", mending(backend))
    if said["contrast"] < 10:
        return Finding("note", backend, "draws pictures of one colour", mending(backend))
    soft = " (software: no GPU)" if any(word in said["renderer"].lower() for word in ("llvmpipe", "softpipe")) else ""
    version = said["version"].split(" ")[0]
    return Finding(
        "ok", backend, f"{said['renderer']}{soft}, OpenGL {version}, {said['frame_s'] * 1000:.1f} ms a small picture"
    )


def codecs() -> list[Finding]:
    """Every codec, tried on a few pictures; h264 is needed, the others are choices."""
    from lerobot_sim.datasets.codecs import CODECS, EncoderError, VideoSettings, probe
    from lerobot_sim.spec import Camera

    camera = Camera(height=128, width=128)
    works: list[str] = []
    fails: dict[str, str] = {}
    for name in CODECS:
        try:
            probe(VideoSettings(codec=name), camera, 10.0)
        except EncoderError as error:
            fails[name] = str(error)
        else:
            works.append(name)
    software = {"h264", "hevc", "av1", "ffv1", "png"}
    cards = "" if any(name not in software for name in works) else " (none of a graphics card's)"
    found = [Finding("ok", "codecs", f"{', '.join(works)}{cards}")]
    mend = "pip install --force-reinstall 'av>=15,<16'"
    found += [
        Finding("broken" if name == "h264" else "note", name, fails[name], mend) for name in fails if name in software
    ]
    return found
