"""What every benchmark here shares: rows, interleaved CPU times, `--json` and `--full`.

A script holds `def measure(full: bool) -> list[Row]` and ends with `main(measure, __doc__)`; it is run as
`python benchmarks/<name>.py [--json] [--full]` and takes about a minute unless `--full` is given.

Figures are CPU time of this process and of the children that it waited for. The machine's speed drifts, so what
is compared is run in turns, A B A B …, and medians are taken: quote ratios rather than seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # for libraries that are loaded later; `main` limits those loaded already


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure.

    Attributes:
        what: What was measured.
        unit: Unit of `ours` and `peer`.
        ours: Our figure.
        peer: The peer's, or the physical limit; None where there is none.
        peer_name: Who the peer is, with its version where it has one.
        ratio: How many times better than the peer, or the share of the limit.
        reach: What is to be reached, for the table only, such as ">= 6x".
    """

    what: str
    unit: str
    ours: float
    peer: float | None = None
    peer_name: str = ""
    ratio: float | None = None
    reach: str = ""

    def to_json(self) -> dict[str, Any]:
        """The row as JSON-ready data."""
        names = ("what", "unit", "ours", "peer", "peer_name", "ratio")
        return {name: getattr(self, name) for name in names}


def less_is_better(what: str, unit: str, ours: float, peer: float, peer_name: str, reach: str = "") -> Row:
    """A row of times or sizes: ratio = peer / ours."""
    return Row(what=what, unit=unit, ours=ours, peer=peer, peer_name=peer_name, ratio=peer / ours, reach=reach)


def more_is_better(what: str, unit: str, ours: float, peer: float, peer_name: str, reach: str = "") -> Row:
    """A row of rates or scores: ratio = ours / peer."""
    return Row(what=what, unit=unit, ours=ours, peer=peer, peer_name=peer_name, ratio=ours / peer, reach=reach)


def cpu_seconds() -> float:
    """CPU time so far of this process, all its threads, and the children that it waited for."""
    try:
        import resource
    except ImportError:  # Windows, where children cannot be counted
        return time.process_time()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def timed(function: Callable[[], object], others: Callable[[], float] = lambda: 0.0) -> float:
    """CPU seconds of one call; the garbage collector waits."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        since = cpu_seconds() + others()
        function()
        return cpu_seconds() + others() - since
    finally:
        if enabled:
            gc.enable()


def interleaved(
    functions: Mapping[str, Callable[[], object]],
    repeats: int,
    *,
    warm_up: int = 1,
    others: Callable[[], float] = lambda: 0.0,
) -> dict[str, float]:
    """Median CPU seconds of every function; they are called in turns, A B A B ….

    Args:
        functions: Name -> what to time.
        repeats: Rounds that count.
        warm_up: Rounds before them that do not.
        others: CPU seconds so far of processes that live on, such as those that render.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(warm_up + repeats):
        for name, function in functions.items():
            seconds = timed(function, others)
            if turn >= warm_up:
                times[name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def peer_python(name: str) -> str:
    """Python of an environment with a peer that cannot share ours, made from requirements/peers/<name>.lock."""
    root = Path(__file__).parent.parent
    folder = root / f".venv-{name}"
    python = folder / "bin" / "python"
    if not python.exists():
        uv = shutil.which("uv") or str(root / ".tools/uv/bin/uv")
        lock = root / "requirements/peers" / f"{name}.lock"
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(lock)]
        subprocess.run(install, check=True)
    return str(python)


def main(measure: Callable[[bool], list[Row]], about: str | None) -> None:
    """Runs a benchmark from the command line; whatever it prints meanwhile goes to standard error."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print a list of rows as JSON and nothing else")
    parser.add_argument("--full", action="store_true", help="more repeats and larger sizes, several minutes")
    arguments = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr), _one_thread():
        rows = measure(arguments.full)
    if arguments.json:
        print(json.dumps([row.to_json() for row in rows], indent=1))
    else:
        print(table(rows))


def table(rows: list[Row]) -> str:
    """The rows as aligned text."""
    head = ("what", "ours", "peer", "unit", "ratio", "reach", "peer is")
    body = [
        (row.what, _number(row.ours), _number(row.peer), row.unit, _number(row.ratio), row.reach, row.peer_name)
        for row in rows
    ]
    widths = [max(len(line[column]) for line in [head, *body]) for column in range(len(head))]
    numbers = {1, 2, 4}
    lines: list[str] = []
    for line in [head, *body]:
        cells = [
            text.rjust(w) if k in numbers else text.ljust(w)
            for k, (text, w) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.4g}"
    return f"{value:.3e}"


def _one_thread() -> contextlib.AbstractContextManager[Any]:
    """Thread pools of libraries already loaded, limited to one thread."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return contextlib.nullcontext()
    return threadpool_limits(limits=1)
