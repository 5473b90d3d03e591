"""A window that shows images as they come, at the environment's own pace; pygame-ce is imported when it opens."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError, MissingExtraError

_logger = logging.getLogger(__name__)


@dataclass
class _Desk:
    """Our windows of this process, and whether it was us who connected to the display."""

    windows: dict[int, Window] = field(default_factory=dict[int, "Window"])
    owned: bool = False


_desk = _Desk()


class Window:
    """Shows images, no faster than `fps`. Where a person closes it, it stays closed and `show` does nothing.

    Args:
        title: What the window's bar says.
        fps: Images a second; a caller that is faster waits.
    """

    def __init__(self, title: str, fps: float) -> None:
        self._title = title
        self._period_s = 1.0 / fps
        self._next_s = 0.0
        self._window: Any = None
        self._ended = False

    @property
    def is_open(self) -> bool:
        """Whether there is a window now."""
        return self._window is not None

    def show(self, image: NDArray[np.uint8]) -> None:
        """Shows one image, uint8 (h, w, 3).

        Raises:
            MissingExtraError: pygame-ce is not installed.
            InputError: There is no display to open a window on.
        """
        if self._ended:
            return
        pygame = _pygame()
        height, width = image.shape[:2]
        if self._window is None:
            self._start(pygame, (width, height))
        window: Any = self._window
        if window.size != (width, height):
            window.size = (width, height)
        window.get_surface().blit(pygame.surfarray.make_surface(image.swapaxes(0, 1)), (0, 0))
        window.flip()
        _listen(pygame)
        self._wait()

    def close(self) -> None:
        """Closes the window for good; a second call does nothing."""
        self._ended = True
        if self._window is None:
            return
        window, self._window = self._window, None
        del _desk.windows[window.id]
        window.destroy()
        if _desk.owned and not _desk.windows:
            _pygame().display.quit()
            _desk.owned = False

    def _start(self, pygame: ModuleType, size: tuple[int, int]) -> None:
        try:
            if not pygame.display.get_init():
                pygame.display.init()
                _desk.owned = True
                _refuse_invisible(pygame)
            self._window = pygame.Window(self._title, size)
        except pygame.error as error:
            raise InputError(
                f"No window can be opened here ({error}). Use render_mode='rgb_array', or set SDL_VIDEODRIVER=dummy."
            ) from error
        _desk.windows[self._window.id] = self

    def _close_by_person(self) -> None:
        _logger.info("The window '%s' was closed; the environment runs on without it.", self._title)
        self.close()

    def _wait(self) -> None:
        now = time.perf_counter()
        if self._next_s > now:
            time.sleep(self._next_s - now)
        self._next_s = max(self._next_s, now) + self._period_s


def _refuse_invisible(pygame: ModuleType) -> None:
    """Without a display SDL may take a driver that shows nothing; only who asks for that one gets it."""
    if pygame.display.get_driver() in ("dummy", "offscreen") and not os.environ.get("SDL_VIDEODRIVER"):
        pygame.display.quit()
        _desk.owned = False
        raise pygame.error("there is no display")


def _listen(pygame: ModuleType) -> None:
    """Takes what people did to our windows. Events of a host program's own windows are left to it."""
    events = pygame.event.get() if _desk.owned else pygame.event.get(pygame.WINDOWCLOSE)
    for event in events:
        if event.type != pygame.WINDOWCLOSE:
            continue
        window = _desk.windows.get(getattr(event.window, "id", -1))
        if window is not None:
            window._close_by_person()  # pyright: ignore[reportPrivateUsage]
        elif not _desk.owned:
            pygame.event.post(event)


def _pygame() -> ModuleType:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # it would greet on standard output
    try:
        return import_module("pygame")
    except ImportError as error:
        raise MissingExtraError("pygame-ce", "viz", "render_mode='human'") from error
