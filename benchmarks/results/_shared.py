"""What the scripts of LeRobot's policies share: commands as a user gives them, finished parts, tables, a curve."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from lerobot_sim.evaluation.statistics import clopper_pearson

BIN = Path(sys.executable).parent
TASK = "mujoco/lift"
SCORED = ("--seed", "1", "--num-envs", "50")
"""Seeds that no checkpoint was chosen on, and one batch size for all."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Scored:
    """A success rate: whose, of how many episodes."""

    name: str
    successes: int
    episodes: int

    @property
    def cells(self) -> tuple[str, ...]:
        """Of a table: name, counts, rate, exact 95% interval."""
        low, high = clopper_pearson(self.successes, self.episodes)
        rate = self.successes / self.episodes
        return self.name, f"{self.successes} of {self.episodes}", f"{rate:.1%}", f"{low:.1%} to {high:.1%}"


RATES = ("policy", "successes", "rate", "95% interval")


@dataclass(frozen=True)
class Line:
    """A curve: its label and (updates, successes, episodes)."""

    label: str
    points: Sequence[tuple[int, int, int]]


def parser(about: str | None, out: str) -> argparse.ArgumentParser:
    """The options of every script."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--out", type=Path, default=Path(out), help=f"keeps what is finished; default {out}")
    made.add_argument("--quick", action="store_true", help="a toy that takes a minute, to see that all parts work")
    return made


def command(program: str, *arguments: str | Path) -> str:
    """Runs a command of the environment that this is run in, with one thread; its standard output.

    Its progress is shown. Ctrl-C is passed on, and its end waited for, so that it keeps what it has. The commands of a
    toy (--quick) run in this process: LeRobot is then imported once, not by each of them, which is most of their time.
    """
    words = [program, *map(str, arguments)]
    print("$ " + " ".join(words), file=sys.stderr, flush=True)
    environment = {**dict.fromkeys(_THREADS, "1"), "HF_HUB_OFFLINE": "1", "MUJOCO_GL": "egl", **os.environ}
    if "--quick" in sys.argv:
        os.environ.update(environment)
        return _here(words)
    with subprocess.Popen(
        [str(BIN / program), *words[1:]], stdout=subprocess.PIPE, text=True, env=environment
    ) as child:
        try:
            said, _ = child.communicate()
        except KeyboardInterrupt:
            child.wait()
            sys.exit("Interrupted. What is finished is kept; the same command goes on.")
    if child.returncode:
        sys.exit(f"{program} ended with exit code {child.returncode}; its words are above.")
    return said


def _here(words: list[str]) -> str:
    """Runs a command in this process; its standard output."""
    given, said = sys.argv, io.StringIO()
    (entry,) = entry_points(group="console_scripts", name=words[0])
    try:
        sys.argv = words
        with contextlib.redirect_stdout(said):
            code = entry.load()()
    finally:
        sys.argv = given
    if code:
        sys.exit(f"{words[0]} ended with exit code {code}; its words are above.")
    return said.getvalue()


def sim(*arguments: str | Path) -> dict[str, Any]:
    """`lerobot-sim … --json`: its result."""
    return json.loads(command("lerobot-sim", *arguments, "--json"))


def kept(out: Path, name: str, depends: Mapping[str, Any], make: Callable[[], Any]) -> Any:
    """A part's result: that of an earlier run where it depended on the same, else made now and kept."""
    path = out / "parts" / f"{name}.json"
    wanted = json.loads(json.dumps(depends, default=str))
    if path.exists():
        there = json.loads(path.read_text())
        if there["depends"] == wanted:
            return there["result"]
    result = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps({"depends": wanted, "result": result}, indent=1) + "\n")
    beside.replace(path)
    return result


def digest(policy: Path) -> str:
    """Which policy a folder holds: of its weights, and of how it acts."""
    total = hashlib.sha256()
    for name in ("model.safetensors", "config.json"):
        total.update((policy / name).read_bytes())
    return total.hexdigest()[:16]


def collected(out: Path, name: str, *arguments: str) -> Path:
    """A dataset of the expert's."""
    folder = out / name
    kept(out, name, {"arguments": arguments}, lambda: sim("collect", TASK, *arguments, "--output-dir", folder))
    return folder


def trained(
    out: Path, name: str, dataset: Path, settings: Mapping[str, Any], *options: str, begin: Path | None = None
) -> tuple[Path, list[tuple[int, float]]]:
    """An ACT: the run's folder, and (updates, success rate) of its checkpoints."""
    arguments = ["--policy", "act", *(f"--policy.{key}={value}" for key, value in settings.items()), *options]
    if begin is not None:
        arguments += ["--pretrained", str(begin)]
    depends = {"arguments": arguments, "dataset": dataset, "begin": digest(begin) if begin else ""}
    folder = out / name

    def make() -> Any:
        return sim("train", "--dataset", dataset, *arguments, "--output-dir", folder, "--overwrite")

    run = Path(kept(out, name, depends, make)["output_dir"])
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    rates = {int(line["step"]): float(line["success"]) for line in lines if "success" in line}
    return run, sorted(rates.items())


def scored(out: Path, name: str, policy: Path | str, episodes: int, *options: str, label: str = "") -> Scored:
    """A policy's score by `lerobot-sim eval`; the results lie in OUT/eval/NAME."""
    arguments = (*(options or (TASK, *SCORED)), "--episodes", str(episodes))
    depends = {"arguments": arguments, "policy": policy if isinstance(policy, str) else digest(policy)}
    where = ("--output-dir", out / "eval" / name, "--overwrite")
    found = kept(out, f"eval-{name}", depends, lambda: sim("eval", *arguments, "--policy", policy, *where))
    return Scored(label or name, round(found["success_rate"] * found["valid"]), found["valid"])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def written(out: Path, text: str) -> None:
    """Prints the page and keeps it as OUT/results.md."""
    (out / "results.md").write_text(text + "\n")
    print(text)


_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 720, 380, 60, 48, 24, 56
_COLOURS = ("#0b6fb8", "#c8541b", "#3d8a4e", "#7a4fa3")


def curve(path: Path, title: str, lines: Sequence[Line], marks: Mapping[str, float]) -> None:
    """Success over updates as an SVG: a line each, its 95% intervals as a band, marks as dashed lines.

    Args:
        path: The file.
        title: Above the plot.
        lines: At least one point each.
        marks: Label -> rate.
    """
    last = max(point[0] for line in lines for point in line.points)

    def place(step: float, rate: float) -> str:
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / last
        return f"{x:.1f},{_TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - rate):.1f}"

    def text(step: float, rate: float, words: str, *, dx: float = 0, dy: float = 4, anchor: str, fill: str) -> str:
        x, y = map(float, place(step, rate).split(","))
        return f'<text x="{x + dx:.1f}" y="{y + dy:.1f}" text-anchor="{anchor}" fill="{fill}">{escape(words)}</text>'

    def rule(rate: float, style: str) -> str:
        return f'<path d="M{place(0, rate)} L{place(last, rate)}" fill="none" {style}/>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="13"><title>{escape(title)}</title><rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="28" font-size="15" fill="#111111">{escape(title)}</text>',
    ]
    for rate in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts += [rule(rate, 'stroke="#dddddd"'), text(0, rate, f"{rate:.0%}", dx=-8, anchor="end", fill="#444444")]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(text(last * share, 0, f"{last * share:g}", dy=20, anchor="middle", fill="#444444"))
    for words, rate in marks.items():
        parts += [
            rule(rate, 'stroke="#666666" stroke-dasharray="5 4"'),
            text(0, rate, words, dx=6, dy=-5, anchor="start", fill="#444444"),
        ]
    for number, line in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        points = sorted(line.points)
        bounds = [clopper_pearson(successes, episodes) for _, successes, episodes in points]
        lower = [place(point[0], low) for point, (low, _) in zip(points, bounds, strict=True)]
        upper = [place(point[0], high) for point, (_, high) in zip(points, bounds, strict=True)]
        along = [place(step, successes / episodes) for step, successes, episodes in points]
        parts += [
            f'<path d="M{" L".join([*lower, *reversed(upper)])} Z" fill="{colour}" fill-opacity="0.14"/>',
            f'<path d="M{" L".join(along)}" fill="none" stroke="{colour}" stroke-width="2"/>',
            *(f'<circle cx="{a.split(",")[0]}" cy="{a.split(",")[1]}" r="3" fill="{colour}"/>' for a in along),
        ]
        key = _LEFT + 190 * number
        parts.append(f'<rect x="{key}" y="{_HEIGHT - 20}" width="14" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{key + 20}" y="{_HEIGHT - 13}" fill="#111111">{escape(line.label)}</text>')
    key = _WIDTH - _RIGHT
    parts.append(
        f'<text x="{key}" y="{_HEIGHT - 13}" text-anchor="end" fill="#444444">updates; bands: 95%</text></svg>'
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts) + "\n")
