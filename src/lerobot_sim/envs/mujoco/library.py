"""MuJoCo's package as `mj` and its `batch` module: most of it carries no types, so both are Any in this room."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .render_backend import explained

try:
    mj: Any = import_module("mujoco")  # which loads the OpenGL that MUJOCO_GL names
except Exception as error:
    raise explained(error) from error
batch: Any = import_module("mujoco.batch")
