"""What a command says: progress on standard error, its result on standard output, as text or as one JSON object."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Generator, Mapping
from typing import Any

from lerobot_sim.loop import Frames, Profile
from lerobot_sim.spec import Camera

from .failures import raise_interrupts


class Console:
    """Where a command's words go.

    Args:
        as_json: Text for people goes to standard error, so that standard output holds the JSON object alone.
    """

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def say(self, text: str = "") -> None:
        """A line for people."""
        print(text, file=sys.stderr if self._as_json else sys.stdout, flush=True)

    def result(self, values: Mapping[str, Any]) -> None:
        """The command's result; nothing unless --json was given."""
        if self._as_json:
            print(json.dumps(values, indent=2))

    @contextlib.contextmanager
    def progress(self, what: str, total: float, unit: str) -> Generator[Callable[..., None]]:
        """A progress bar on standard error; yields a function that takes how much is done by now (and of how much).

        That function raises a KeyboardInterrupt that was lost (`failures.raise_interrupts`).
        """
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description:<14}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=RichConsole(stderr=True)) as bar:
            task = bar.add_task(what, total=total)

            def show(done: float, total: float | None = None) -> None:
                raise_interrupts()
                bar.update(task, completed=done, total=total)

            yield show

    def profile(self, profile: Profile, asked: bool) -> None:
        """Where the time went, if it was asked."""
        if asked:
            total = sum(profile.seconds.values()) or 1.0
            parts = [f"{name} {seconds:.2f} s ({seconds / total:.0%})" for name, seconds in profile.seconds.items()]
            self.say("Time: " + ", ".join(parts))


class EpisodeProgress:
    """A Sink that turns frames into shares of episodes, so that a bar moves while lanes run in lockstep.

    Args:
        show: Takes how many episodes are done, parts of them counted.
        max_steps: Rows of a whole episode.
    """

    cameras: Mapping[str, Camera] = {}

    def __init__(self, show: Callable[[float], None], max_steps: int) -> None:
        self._show = show
        self._max_steps = max_steps
        self._rows = 0

    def begin(self, episodes: int) -> None:
        """Counts episodes that an earlier run left."""
        self._rows = episodes * self._max_steps
        self._show(episodes)

    def write(self, frames: Frames) -> None:
        """Counts the rows; an episode that ends early counts as whole, one that is run again not at all."""
        ended = frames.active & (frames.end != 0)
        rest = (self._max_steps - 1 - frames.t)[ended & ~frames.retry].sum()
        undone = (frames.t + 1)[ended & frames.retry].sum()
        self._rows += int(frames.active.sum() + rest - undone)
        self._show(self._rows / self._max_steps)
