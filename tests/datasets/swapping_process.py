"""Swaps folders in forked processes that kill themselves before a step; a line of JSON in, a line out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lerobot_sim.datasets import swap

STEPS = ("rename", "unlink", "rmdir", "fsync", "mkdir")


def child(root: Path, kill_at: int | None, exchange: bool, report: int) -> None:
    """Writes "new" in place of what is in `root`; every change of the disk is a step."""
    count = 0

    def stepped(function: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **keywords: Any) -> Any:
            nonlocal count
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1
            return function(*arguments, **keywords)

        return step

    for name in STEPS:
        setattr(os, name, stepped(getattr(os, name)))
    swap._exchange = stepped(swap._exchange) if exchange else lambda one, other: False
    with swap.new_beside(root) as folder:
        for name in ("one", "two"):
            (folder / "meta").mkdir(exist_ok=True)
            (folder / "meta" / name).write_text("new")
    os.write(report, str(count).encode())


def run(root: str, kill_at: int | None, exchange: bool) -> dict[str, Any]:
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            child(Path(root), kill_at, exchange, write)
        finally:
            os._exit(0)
    os.close(write)
    status = os.waitpid(process, 0)[1]
    steps = os.read(read, 100)
    os.close(read)
    return {"steps": int(steps or 0), "killed": os.WIFSIGNALED(status)}


assert shutil._use_fd_functions, "rmtree's steps are those of os"
for line in sys.stdin:
    print(json.dumps(run(**json.loads(line))), flush=True)
