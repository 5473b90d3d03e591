"""Whether a LeRobotDataset v3, ours or another's, is whole: verdicts over every part of it. Nothing is changed.

OK: as it must be. WARNING: it loads, but look at it. BROKEN: it does not load, or gives wrong values without a word.
What is looked at: `info.json`, tables and indices, times, values and ranges, statistics (computed anew from the
rows; of pictures by samples), every packet of every video and some of its frames, our own records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .check_findings import Finding, Verdict, worst
from .check_records import bounds_of, check_leftovers, check_records
from .check_statistics import check_statistics, stored_statistics
from .check_survey import Survey, survey
from .check_tables import Rows, check_data, check_episodes, check_info, check_tasks
from .check_videos import check_images, check_video

__all__ = ["Finding", "Report", "Verdict", "check_dataset"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a check found.

    Attributes:
        root: The dataset's folder.
        findings: One or more for every part.
        survey: What was read on the way.
        rows: What one pass over the rows gathered.
    """

    root: Path
    findings: Sequence[Finding]
    survey: Survey
    rows: Rows

    @property
    def verdict(self) -> Verdict:
        """The worst one."""
        return worst(self.findings)

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        findings = [{**vars(finding), "verdict": finding.verdict.name.lower()} for finding in self.findings]
        return {"root": str(self.root), "verdict": self.verdict.name.lower(), "findings": findings}


def check_dataset(
    root: Path | str, *, decode: bool = False, show: Callable[[float, float], None] | None = None
) -> Report:
    """Looks at every part of a dataset.

    Args:
        root: The dataset's folder.
        decode: Decode every frame of every camera instead of some.
        show: Takes how much is done, and of how much.

    Raises:
        StorageError: There is no dataset in the folder at all.
    """
    found = survey(root)
    repair = f"lerobot-sim dataset check {root} --repair"
    total = len(found.episodes) * (1 + len(found.videos))
    done = 0

    def tell() -> None:
        if show is not None:
            show(min(done, total), total)

    def rows_done(count: int) -> None:
        nonlocal done
        done = count
        tell()

    findings = [*check_info(found, repair), *check_episodes(found, repair), *check_tasks(found, repair)]
    rows, of_data = check_data(found, bounds_of(found.root), repair, rows_done)
    findings += of_data
    findings += check_statistics(found, rows, repair)
    stored = stored_statistics(found)

    def file_done() -> None:
        nonlocal done
        done += 1
        tell()

    for camera in found.videos:
        findings += check_video(found, camera, decode, stored, repair, file_done)
    findings += check_images(found, decode, repair, file_done)
    findings += check_records(found)
    findings += check_leftovers(found, repair)
    done = total
    tell()
    return Report(root=found.root, findings=findings, survey=found, rows=rows)
