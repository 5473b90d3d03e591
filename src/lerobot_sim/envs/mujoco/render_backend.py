"""Which OpenGL renders without a window: EGL, OSMesa, GLFW or Apple's CGL, whichever works first.

A broken one may abort its process, so each is tried in the render process that is to use it. `MUJOCO_GL` overrules
the choice. What worked is kept for as long as this process lives.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TypeVar

from lerobot_sim.errors import InputError, SimError

Started = TypeVar("Started")

_CANDIDATES = {"linux": ("egl", "osmesa", "glfw"), "darwin": ("cgl", "glfw")}
_SYNONYMS = {"glx": "glfw", "wgl": "glfw"}
_AUTOMATIC = ("", "enable", "enabled", "on", "true", "1")
_OFF = ("disable", "disabled", "off", "false", "0")
_MENDING = {
    "egl": "install Mesa's EGL (Debian, Ubuntu: 'apt-get install libegl1 libgl1-mesa-dri'; Fedora: "
    "'dnf install mesa-libEGL mesa-dri-drivers') or the graphics driver's own",
    "osmesa": "install OSMesa (Debian, Ubuntu: 'apt-get install libosmesa6'; Fedora: 'dnf install mesa-libOSMesa')",
    "glfw": "give it a display: set DISPLAY, or run under 'xvfb-run' (Debian, Ubuntu: 'apt-get install xvfb')",
    "cgl": "run in a session that may use the GPU",
}

_chosen: dict[str, str] = {}


class BackendError(SimError):
    """One OpenGL does not work here."""


class NoRenderingError(SimError):
    """No OpenGL works here; the message says why of each, and what to install."""


def candidates() -> tuple[str, ...]:
    """What may be tried here, best first.

    Raises:
        InputError: `MUJOCO_GL` is set to what this system has not.
        NoRenderingError: `MUJOCO_GL` switches rendering off.
    """
    here = _CANDIDATES.get(sys.platform, ("glfw",))
    wanted = os.environ.get("MUJOCO_GL", "").lower().strip()
    if wanted in _AUTOMATIC:
        return here
    if wanted in _OFF:
        raise NoRenderingError(f"MUJOCO_GL={wanted} switches rendering off. Unset it to render.")
    wanted = _SYNONYMS.get(wanted, wanted)
    if wanted not in here:
        raise InputError(f"MUJOCO_GL is '{wanted}', which this system has not. Unset it, or set {' or '.join(here)}.")
    return (wanted,)


def first_working(start: Callable[[str], Started]) -> Started:
    """What `start` gives for the first candidate with which it does not raise BackendError.

    Raises:
        NoRenderingError: None works.
    """
    wanted = os.environ.get("MUJOCO_GL", "")
    if wanted in _chosen:
        return start(_chosen[wanted])
    reasons: list[str] = []
    for backend in candidates():
        try:
            started = start(backend)
        except BackendError as error:
            reasons.append(f"\n  {backend}: {error} To mend it, {_MENDING[backend]}.")
        else:
            _chosen[wanted] = backend
            return started
    what = f"MUJOCO_GL={wanted} does" if wanted.lower().strip() not in _AUTOMATIC else "None of the OpenGLs tried does"
    raise NoRenderingError(f"Pictures need OpenGL without a window. {what} not work here:{''.join(reasons)}")


def mending(backend: str) -> str:
    """What to do where a backend does not work, in words."""
    return _MENDING[backend]


def explained(error: Exception) -> Exception:
    """What to say where MuJoCo itself could not be imported: `MUJOCO_GL` may name what this machine has not."""
    wanted = os.environ.get("MUJOCO_GL", "").lower().strip()
    if wanted in (*_AUTOMATIC, *_OFF):
        return error
    (backend,) = candidates()
    reason = f"MuJoCo cannot be imported with MUJOCO_GL={wanted} ({error})."
    return NoRenderingError(f"{reason} Unset it, or {_MENDING[backend]}.")


def environment(backend: str) -> dict[str, str]:
    """Environment variables of a process that renders with `backend`."""
    variables = {name: value for name, value in os.environ.items() if name != "PYOPENGL_PLATFORM"}
    if backend in ("egl", "osmesa"):
        variables["PYOPENGL_PLATFORM"] = backend
    return {**variables, "MUJOCO_GL": backend}
