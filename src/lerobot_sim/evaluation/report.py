"""The report of an evaluation: one page of HTML that needs nothing else, Markdown and JSON."""

from __future__ import annotations

from pathlib import Path

from lerobot_sim.errors import InputError

from . import report_sections as sections
from . import report_tables as tables
from .report_data import as_json, title
from .report_markdown import markdown
from .report_page import page
from .report_videos import EMBED_MB, MOST, clips
from .results import load, write_json, write_text
from .summary import summarize

HTML, MARKDOWN, JSON = "report.html", "report.md", "report.json"


def write_report(folder: Path, *, videos: int = MOST, embed_mb: float = EMBED_MB) -> dict[str, Path]:
    """Writes `report.html`, `report.md` and `report.json` into a folder of results.

    Args:
        folder: That `lerobot-sim eval` wrote; a run that has not ended is reported as far as it got.
        videos: How many at most.
        embed_mb: MB of videos that go into the page; others are linked.

    Returns:
        "html", "markdown" and "json" -> path.

    Raises:
        InputError: No episode is there yet, or a limit below 0.
        StorageError: The folder holds no results, or damaged ones.
    """
    if videos < 0 or embed_mb < 0:
        raise InputError(f"Expected videos and embed_mb of at least 0, {videos} and {embed_mb} came.")
    run = load(folder)
    if not run.episodes:
        raise InputError(f"{folder} holds no episode yet: there is nothing to report.")
    whole = sum(task["episodes"] for task in run.summary.get("tasks", ())) == len(run.episodes)
    summary = run.summary if whole and run.summary["seconds"] == run.run.seconds else summarize(run)
    shown = clips(run, videos, embed_mb)
    parts = {
        "success": ("Success", sections.success(run, summary)),
        "tasks": ("Tasks", sections.tasks(summary)),
        "time": ("Time", sections.time_to_success(run)),
        "videos": ("Videos", sections.videos(run, shown, embed_mb)),
        "grid": ("Robustness", sections.grid(summary)),
        "metrics": ("Metrics", tables.metrics(summary)),
        "broken": ("Broken off", tables.broken(run)),
        "episodes": ("Episodes", tables.episodes(run, shown)),
        "repeat": ("Run it again", tables.repeat(run)),
        "reading": ("How to read this", tables.reading(run)),
    }
    there = {anchor: (word, part) for anchor, (word, part) in parts.items() if part is not None}
    nav = {anchor: word for anchor, (word, _) in there.items()}
    text = page(title(run), nav, sections.header(run, summary), *(part for _, part in there.values()))
    paths = {"html": folder / HTML, "markdown": folder / MARKDOWN, "json": folder / JSON}
    write_text(paths["html"], text)
    write_text(paths["markdown"], markdown(run, summary, shown))
    write_json(paths["json"], as_json(run, summary, shown, embed_mb))
    return paths
