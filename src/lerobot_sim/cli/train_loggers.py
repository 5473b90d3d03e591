"""`--logger`: who is told a training's loss and success beside its `log.jsonl`."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

from lerobot_sim.errors import InputError, MissingExtraError

Tell: TypeAlias = "Callable[[int, Mapping[str, float]], None]"
"""(updates done, name -> value)."""

PRODUCTS = ("tensorboard", "wandb", "wandb_run.txt")
"""What loggers leave in a run's folder."""

_TIMEOUT_S = 30


def check_logger(kind: str) -> None:
    """Refuses a logger that cannot be, before a run's folder is touched.

    Raises:
        MissingExtraError: Its package is not installed.
        InputError: Weights & Biases knows no user here.
    """
    if kind == "tensorboard":
        try:
            import_module("torch.utils.tensorboard")  # asks for the package
        except ImportError as error:
            raise MissingExtraError("tensorboard", "tensorboard", "--logger tensorboard") from error
    if kind == "wandb" and os.environ.get("WANDB_MODE", "online") in ("online", "shared"):
        with _wandb_begun() as wandb:
            wandb.login()
    elif kind == "wandb":
        with _wandb_begun():
            pass


def logger_of(
    kind: str, root: Path, settings: Mapping[str, Any], stack: ExitStack, *, project: str = "lerobot-sim", name: str
) -> Tell:
    """What loss and success are told to.

    Args:
        kind: "none", "tensorboard" or "wandb".
        root: The run's folder; loggers' files go there.
        settings: The run's, for those that show them.
        stack: Closes it.
        project: At Weights & Biases.
        name: The run's.

    Raises:
        MissingExtraError: Its package is not installed.
        InputError: Weights & Biases knows no user here, or cannot be reached.
    """
    if kind == "tensorboard":
        return _tensorboard(root, stack)
    if kind == "wandb":
        return _wandb(root, settings, stack, project, name)
    return _to_nobody


def _tensorboard(root: Path, stack: ExitStack) -> Tell:
    check_logger("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    writer: Any = SummaryWriter(str(root / "tensorboard"))
    stack.callback(writer.close)

    def tell(step: int, values: Mapping[str, float]) -> None:
        for key, value in values.items():
            writer.add_scalar(key, value, step)

    return tell


def _wandb(root: Path, settings: Mapping[str, Any], stack: ExitStack, project: str, name: str) -> Tell:
    known = root / PRODUCTS[-1]
    root.mkdir(parents=True, exist_ok=True)
    if not known.exists():
        known.write_text(uuid4().hex[:8], encoding="utf-8")
    with _wandb_begun() as wandb:
        run: Any = wandb.init(
            project=project,
            name=name,
            dir=str(root),
            config=dict(settings),
            id=known.read_text(encoding="utf-8").strip(),
            resume="allow",  # a run that goes on here goes on there
            settings=wandb.Settings(init_timeout=_TIMEOUT_S),
        )
    stack.callback(run.finish)

    def tell(step: int, values: Mapping[str, float]) -> None:
        run.log(dict(values), step=step)

    return tell


@contextmanager
def _wandb_begun() -> Generator[Any]:
    """wandb, and its refusals as ours."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its own faults go to nobody
    try:
        import wandb
        from wandb.errors import Error
    except ImportError as error:
        raise MissingExtraError("wandb", "lerobot", "--logger wandb") from error
    try:
        yield wandb
    except Error as error:
        words = (str(error) or repr(error)).splitlines()[0]
        raise InputError(
            f"Weights & Biases could not begin: {words} Log in with `wandb login`, or keep the run here: put "
            "WANDB_MODE=offline before the command, and `wandb sync` its folder later."
        ) from error


def _to_nobody(_step: int, _values: Mapping[str, float]) -> None:
    """The log in the folder is enough."""
