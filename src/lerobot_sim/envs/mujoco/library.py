"""MuJoCo's package as `mj` and its `batch` module: most of it carries no types, so both are Any in this room."""

from __future__ import annotations

from importlib import import_module
from typing import Any

mj: Any = import_module("mujoco")
batch: Any = import_module("mujoco.batch")
