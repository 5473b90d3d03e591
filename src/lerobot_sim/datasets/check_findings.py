"""Verdicts: what a check found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum


class Verdict(IntEnum):
    """How bad; the worst is the largest."""

    OK = 0
    WARNING = 1
    BROKEN = 2


@dataclass(frozen=True)
class Finding:
    """One line of the table.

    Attributes:
        part: What was looked at, such as "data" or "video observation.images.top".
        verdict: OK, WARNING (it loads, look at it) or BROKEN (it does not load, or gives wrong values).
        what: What was found.
        where: File, episode or row.
        mend: What to do about it.
    """

    part: str
    verdict: Verdict
    what: str
    where: str = ""
    mend: str = ""


@dataclass
class Part:
    """Gathers the findings of one part; equal ones are counted, not repeated."""

    name: str
    mend: str = ""
    findings: list[Finding] = field(default_factory=list[Finding])
    left_out: int = 0

    def broken(self, what: str, where: str = "", mend: str | None = None) -> None:
        """It does not load, or gives wrong values."""
        self._add(Verdict.BROKEN, what, where, mend)

    def warn(self, what: str, where: str = "", mend: str | None = None) -> None:
        """It loads; look at it."""
        self._add(Verdict.WARNING, what, where, mend)

    def done(self, fine: str) -> list[Finding]:
        """What was found, or that all is fine."""
        if not self.findings:
            return [Finding(self.name, Verdict.OK, fine)]
        if self.left_out:
            worst = max(finding.verdict for finding in self.findings)
            self.findings.append(Finding(self.name, worst, f"and {self.left_out} findings more", "", self.mend))
        return self.findings

    def _add(self, verdict: Verdict, what: str, where: str, mend: str | None) -> None:
        same_kind = sum(finding.verdict == verdict for finding in self.findings)
        if same_kind >= _SHOWN:
            self.left_out += 1
            return
        self.findings.append(Finding(self.name, verdict, what, where, self.mend if mend is None else mend))


_SHOWN = 6


def worst(findings: Sequence[Finding]) -> Verdict:
    """The worst verdict."""
    return max((finding.verdict for finding in findings), default=Verdict.OK)
