"""`lerobot-sim replay DATASET`: stored episodes, run again and compared."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from .options import CommonOptions, at_least, env_options, read, with_units

if TYPE_CHECKING:
    from lerobot_sim.datasets.replay import Verdict
    from lerobot_sim.env import Env
    from lerobot_sim.loop import Frames
    from lerobot_sim.spec import Camera

ABOUT = """Run stored episodes again from their seeds, Params and actions, and compare every row.

A dataset of ours says which environment it was made with, and what every step's
observation, reward, success and simulation state were: the verdict is "exact", or the
step at which they part and by how much. The exit code is 0 where all are exact.

A LeRobot dataset from elsewhere says none of it: --env names the environment, and its
actions are run there without a comparison.

examples:
  lerobot-sim replay outputs/push-t/dataset
  lerobot-sim replay outputs/push-t/dataset --episode 3 --video replay.mp4
  lerobot-sim replay ~/datasets/pusht --env push-t --episode 0:10"""


@dataclass(kw_only=True)
class ReplayOptions(CommonOptions):
    """Options of `replay`."""

    dataset: Annotated[Path, tyro.conf.Positional]
    """The dataset's folder."""

    episode: str = "all"
    """Which: a number, a range such as 0:10 (without 10), or all."""

    env: str = "<the dataset's>"
    """Environment to run in; for datasets that do not say theirs."""

    robot: str = "<usual>"
    """With --env: who does it, where a task has several robots."""

    units: Literal["environment", "lerobot", "degrees", "range_m100_100", "radians"] = "environment"
    """With --env: those of the dataset's joints, where a robot of LeRobot's was recorded; lerobot: degrees."""

    num_envs: int = 32
    """Lanes that run in lockstep; the verdict is the same whatever their number."""

    video: Path | None = None
    """Write a video of the replay here; of several episodes one each, with its number in the name."""

    camera: str = "<first>"
    """The video's camera."""

    video_size: int = 256
    """The video's height and width in pixels."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and replays."""
    options = read(ReplayOptions, "replay", ABOUT, argv)
    at_least(1, num_envs=options.num_envs, video_size=options.video_size)
    at_least(0, seed=options.seed)
    from .console import Console

    console = Console(options.json)
    result = replay_dataset(options, console)
    console.result(result)
    return 1 if result["parted"] else 0


def replay_dataset(options: ReplayOptions, console: Any) -> dict[str, Any]:
    """Replays, and says the verdict of every episode."""
    from lerobot_sim.datasets import sidecar
    from lerobot_sim.datasets.reader import read_info, read_records
    from lerobot_sim.datasets.replay import replay

    root = options.dataset
    total = read_info(root).total_episodes
    numbers = _numbers(options.episode, total)
    ours = (root / sidecar.RUN).exists() and options.env == "<the dataset's>"
    env, note = _environment(options, ours, min(options.num_envs, len(numbers)))
    verdicts: list[Verdict] = []
    with closing(env), ExitStack() as stack:
        sinks = [stack.enter_context(closing(_video(options, env, numbers)))] if options.video else []
        show = stack.enter_context(console.progress("Replaying", len(numbers), "episodes"))
        records = read_records(root) if ours else None
        for verdict in replay(root, env, numbers, records, sinks=sinks, seed=options.seed):
            verdicts.append(verdict)
            show(len(verdicts))
    return _report(verdicts, env.spec.id, note, [str(path) for sink in sinks for path in sink.paths], console)


def _numbers(episode: str, total: int) -> range:
    from lerobot_sim.errors import InputError

    if episode == "all":
        numbers = range(total)
    elif match := re.fullmatch(r"(\d+)(?::(\d+))?", episode):
        first = int(match[1])
        numbers = range(first, int(match[2]) if match[2] else first + 1)
    else:
        raise InputError(f"--episode: expected a number, a range such as 0:10, or all; '{episode}' came.")
    if not numbers or numbers[-1] >= total:
        raise InputError(f"--episode: the dataset holds episodes 0 to {total - 1}; '{episode}' was asked for.")
    return numbers


def _environment(options: ReplayOptions, ours: bool, num_envs: int) -> tuple[Env, str]:
    """The environment, and what must be said of it."""
    from lerobot_sim import registry
    from lerobot_sim.datasets.origin import read_origin
    from lerobot_sim.errors import InputError

    if ours:
        origin = read_origin(options.dataset)
        env = registry.remake(origin.env_id, origin.env_options, num_envs)
        now = env.spec.version
        return env, "" if now == origin.env_version else (
            f"'{origin.env_id}' was of version {origin.env_version} when this was recorded, and is of {now} now: "
            "another version has other dynamics."
        )
    if options.env == "<the dataset's>":
        raise InputError(
            f"{options.dataset} does not say which environment it was recorded in (sim/run.json is missing). Name one "
            "to run its actions there: --env TASK; `lerobot-sim list` shows all."
        )
    own = env_options(options.robot, option=with_units(options.units, (), options.env))
    env = registry.make(options.env, num_envs, **own)
    return env, "Only actions are run, from other starts than the recorded ones: nothing is compared."


class _Videos:
    """A sink that writes a video an episode."""

    def __init__(self, name: str, camera: Camera, fps: float, paths: Sequence[Path]) -> None:
        self._name, self._camera, self._fps = name, camera, fps
        self._all = paths
        self._open: dict[int, Any] = {}
        self.paths: list[Path] = []

    @property
    def cameras(self) -> Mapping[str, Camera]:
        return {self._name: self._camera}

    def write(self, frames: Frames) -> None:
        from lerobot_sim.arrays import to_numpy
        from lerobot_sim.datasets.video import VideoWriter
        from lerobot_sim.spec import IMAGES

        images = to_numpy(frames.observation[IMAGES + self._name])
        for lane, start in enumerate(frames.starts):
            if start is None or not frames.active[lane]:
                continue
            video = self._open.get(start.index)
            if video is None:
                path = self._all[start.index]
                video = VideoWriter(path, self._fps, self._camera.height, self._camera.width)
                self._open[start.index] = video
            video.write(images[lane])
            if frames.end[lane] != 0:
                self._open.pop(start.index).close()
                self.paths.append(self._all[start.index])

    def close(self) -> None:
        """Drops videos of episodes that did not end."""
        for video in self._open.values():
            video.discard()
        self._open.clear()


def _video(options: ReplayOptions, env: Env, numbers: Sequence[int]) -> _Videos:
    from lerobot_sim.errors import InputError, unknown_name
    from lerobot_sim.spec import Camera

    assert options.video is not None
    names = list(env.spec.cameras)
    if not names:
        raise InputError(f"--video: '{env.spec.id}' has no camera. Leave --video out.")
    name = names[0] if options.camera == "<first>" else options.camera
    if name not in names:
        raise unknown_name(f"camera of '{env.spec.id}'", name, names)
    path = options.video
    if path.suffix != ".mp4":
        raise InputError(f"--video: expected a name that ends in .mp4, '{path}' came.")
    several = [path.with_name(f"{path.stem}_{number:06d}.mp4") for number in numbers]
    camera = Camera(height=options.video_size, width=options.video_size)
    return _Videos(name, camera, env.spec.fps, several if len(numbers) > 1 else [path])


def _report(verdicts: Sequence[Verdict], env_id: str, note: str, videos: list[str], console: Any) -> dict[str, Any]:
    if note:
        console.say(note)
    for verdict in verdicts:
        console.say(_line(verdict))
    exact = sum(verdict.exact is True for verdict in verdicts)
    parted = sum(verdict.exact is False for verdict in verdicts)
    if exact or parted:
        names = ", ".join(dict.fromkeys(name for verdict in verdicts for name in verdict.compared))
        console.say(f"{exact} of {len(verdicts)} episodes are exact; compared to the last bit: {names}")
    for path in videos:
        console.say(f"Video: {path}")
    episodes = [_plain(verdict) for verdict in verdicts]
    return {"env_id": env_id, "exact": exact, "parted": parted, "note": note, "videos": videos, "episodes": episodes}


def _line(verdict: Verdict) -> str:
    success = {True: "success", False: "no success", None: ""}[verdict.success]
    head = f"episode {verdict.episode_index:<5} seed {verdict.seed:<8} {verdict.replayed:>5} steps  {success:<10}"
    if verdict.exact is None:
        return f"{head}  run, return {verdict.total_reward:.2f}"
    if verdict.exact:
        return f"{head}  exact"
    first = verdict.differences[0]
    others = f", and {len(verdict.differences) - 1} others" if len(verdict.differences) > 1 else ""
    apart = "missing on one side" if math.isinf(first.at_first) else f"by {first.at_first:.3g}"
    worst = "" if math.isinf(first.at_worst) else f", {first.at_worst:.3g} at worst"
    return f"{head}  parts at step {first.step}: {first.what} {apart}{worst}{others}"


def _plain(verdict: Verdict) -> dict[str, Any]:
    differences = [
        {
            **vars(difference),
            "at_first": _number(difference.at_first),
            "at_worst": _number(difference.at_worst),
        }
        for difference in verdict.differences
    ]
    return {
        **vars(verdict),
        "end": verdict.end.name,
        "exact": verdict.exact,
        "compared": list(verdict.compared),
        "differences": differences,
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
