"""`lerobot-sim rerender DATASET`: new cameras, sizes, looks and visual Params from stored simulation states."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from lerobot_sim.errors import InputError
from lerobot_sim.spec import Camera, EnvSpec

from .options import CommonOptions, at_least, picture_size, read

if TYPE_CHECKING:
    from lerobot_sim.datasets.recorder import Recording
    from lerobot_sim.datasets.rerender import Recorded, Rerendering
    from lerobot_sim.datasets.writer import DatasetWriter
    from lerobot_sim.env import Env
    from lerobot_sim.episode import Episode

ABOUT = """Draw the episodes of a dataset again: other cameras, sizes, looks, visual Params.

Nothing is simulated: every stored state is drawn, so all columns, tasks and records of
the new dataset are those of the old. What is not given stays as it was recorded. After
a crash, a kill or Ctrl-C the same command goes on.

examples:
  lerobot-sim rerender outputs/lift/dataset --output-dir outputs/lift/large \\
      --cameras front wrist --image-size 480x640 --look full
  lerobot-sim rerender outputs/lift/dataset --output-dir outputs/lift/red \\
      --cameras front --params key_light=1,0.4,0.4"""


@dataclass(kw_only=True)
class RerenderOptions(CommonOptions):
    """Options of `rerender`."""

    dataset: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DATASET")]
    """The dataset's folder; it is only read."""

    output_dir: Path
    """The new dataset's folder."""

    cameras: tuple[str, ...] = ()
    """Cameras to draw; by default those that were recorded."""

    depth: tuple[str, ...] = ()
    """Cameras to draw as depth in m instead of colour."""

    image_size: str = "<recorded>"
    """Pixels: a square's side, or HEIGHTxWIDTH such as 480x640."""

    look: Literal["<recorded>", "draft", "standard", "full"] = "<recorded>"
    """How much is spent on a picture."""

    params: tuple[str, ...] = ()
    """Visual Params, NAME=VALUE or NAME=VALUE,VALUE,…: lights, colours, where cameras are."""

    codec: str = "<recorded>"
    """h264, av1, hevc, ffv1 (lossless), a graphics card's such as h264_nvenc, or png: images instead of videos."""

    crf: float | None = None
    """The codec's quality, lower is better; by default the codec's, or as it was recorded."""

    preset: str | None = None
    """The encoder's word for its speed; by default the codec's, or as it was recorded."""

    gop: int | None = None
    """Frames from one that stands alone to the next; by default 2, or as it was recorded."""

    workers: int = 1
    """Processes that draw and encode; the dataset is the same whatever their number."""

    num_envs: int = 16
    """States that each process draws at once."""

    overwrite: bool = False
    """Replace a dataset of ours that was made otherwise and lies in --output-dir."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and draws."""
    options = read(RerenderOptions, "rerender", ABOUT, argv)
    from .console import Console

    console = Console(options.json)
    console.result(rerender(options, console))
    return 0


def rerender(options: RerenderOptions, console: Any) -> dict[str, Any]:
    """Draws every episode that the new dataset does not hold yet."""
    at_least(1, workers=options.workers, num_envs=options.num_envs)
    from lerobot_sim import registry
    from lerobot_sim.datasets.origin import read_origin, remove_if_begun_otherwise
    from lerobot_sim.datasets.rerender import check_source, settings_of
    from lerobot_sim.datasets.sidecar import recording_content
    from lerobot_sim.datasets.writer import DatasetWriter

    root = options.output_dir
    _check_paths(options.dataset, root)
    origin = read_origin(options.dataset)
    # with several processes this one draws nothing: its environment only says what it is
    lanes = options.num_envs if options.workers == 1 else 1
    with closing(registry.remake(origin.env_id, origin.env_options, lanes)) as env:
        check_source(options.dataset, env.spec)
        work = _work(options, env.spec)
        settings = settings_of(work, origin)
        pictures: dict[str, Any] = {"cameras": work.cameras, "video": work.video}
        if options.overwrite:
            recording = recording_content(work.cameras, work.video)
            remove_if_begun_otherwise(root, env.spec, settings, recording)
        with DatasetWriter(root, env.spec, settings=settings, **pictures) as writer:
            before = writer.num_episodes
            _fill(writer, work, env, options.workers, console)
            result = {
                "env_id": env.spec.id,
                "source": str(options.dataset),
                "dataset": str(root),
                "cameras": {name: vars(camera) for name, camera in work.cameras.items()},
                "params": dict(work.params),
                "codec": work.video.codec,
                "episodes": writer.num_episodes,
                "frames": writer.num_frames,
                "new_episodes": writer.num_episodes - before,
            }
    names = ", ".join(f"{name} {camera.height}x{camera.width}" for name, camera in work.cameras.items())
    console.say(f"Dataset: {result['episodes']} episodes, {result['frames']} frames of {names} in {root}")
    return result


def _work(options: RerenderOptions, spec: EnvSpec) -> Rerendering:
    from lerobot_sim.datasets.rerender import Rerendering, check_visual, read_recorded

    recorded = read_recorded(options.dataset)
    return Rerendering(
        root=options.dataset,
        env_id=spec.id,
        env_options=spec.options,
        cameras=_cameras(options, spec, recorded.cameras),
        video=_video(options, recorded),
        params=check_visual(spec, _params(options.params, spec)),
        num_envs=options.num_envs,
    )


def _fill(writer: DatasetWriter, work: Rerendering, env: Env, workers: int, console: Any) -> None:
    from lerobot_sim.datasets.reader import read_records

    records, before, done = read_records(work.root), writer.num_episodes, 0
    if before:
        console.say(f"{writer.root} holds {before} episodes already; {len(records) - before} to go.")
    numbers = range(before, len(records))
    if not numbers:
        return
    with ExitStack() as stack:
        show = stack.enter_context(console.progress("Drawing", sum(records[n].length for n in numbers), "frames"))
        if workers > 1:
            source = _several(work, numbers, workers, writer.root, console)
        else:
            source = _alone(work, env, numbers, writer.root)
        for number, (episode, recording) in zip(numbers, stack.enter_context(closing(source)), strict=True):
            writer.add(episode, recording, policy=records[number].policy)
            done += len(episode)
            show(done)


def _alone(work: Rerendering, env: Env, numbers: Sequence[int], root: Path) -> Generator[tuple[Episode, Recording]]:
    from lerobot_sim.datasets.recorder import FOLDER, EpisodeRecorder
    from lerobot_sim.datasets.rerender import rerendered

    with EpisodeRecorder(root / FOLDER, env.spec, cameras=work.cameras, video=work.video, states=True) as recorder:
        yield from rerendered(work, env, recorder, numbers)


def _several(
    work: Rerendering, numbers: range, workers: int, root: Path, console: Any
) -> Generator[tuple[Episode, Recording]]:
    from lerobot_sim.datasets.recorder import FOLDER

    from .collect_workers import produce_in_processes
    from .rerender_process import produce

    with closing(produce_in_processes(work, numbers, workers, root / FOLDER, console.say, produce)) as results:
        for made in results:
            assert made.episode is not None  # nothing is left out here
            assert made.recording is not None
            yield made.episode, made.recording


def _check_paths(source: Path, target: Path) -> None:
    there, new = source.resolve(), target.resolve()
    if there == new or there in new.parents or new in there.parents:
        raise InputError(f"--output-dir: a folder apart from the dataset was expected, {target} came for {source}.")


def _cameras(options: RerenderOptions, spec: EnvSpec, recorded: Mapping[str, Camera]) -> dict[str, Camera]:
    names = list(dict.fromkeys((*options.cameras, *options.depth))) or list(recorded)
    if not names:
        there = ", ".join(spec.cameras) or "none"
        raise InputError(f"{options.dataset} was recorded without pictures: name --cameras. '{spec.id}' has: {there}.")
    size = {} if options.image_size == "<recorded>" else picture_size("--image-size", options.image_size)
    look: dict[str, Any] = {} if options.look == "<recorded>" else {"look": options.look}
    cameras: dict[str, Camera] = {}
    for name in names:
        camera = replace(recorded.get(name, Camera()), **size, **look)
        if name in options.depth:
            camera = replace(camera, kind="depth")
        elif name in options.cameras:
            camera = replace(camera, kind="rgb")
        cameras[name] = camera
    from lerobot_sim.env import check_cameras

    check_cameras(spec, cameras)
    return cameras


def _video(options: RerenderOptions, recorded: Recorded) -> Any:
    from lerobot_sim.datasets.codecs import VideoSettings

    given = {"crf": options.crf, "preset": options.preset, "gop": options.gop}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if options.codec in ("<recorded>", recorded.video.codec):
        return replace(recorded.video, **chosen)
    return VideoSettings(codec=options.codec, **chosen)


def _params(given: Sequence[str], spec: EnvSpec) -> dict[str, Any]:
    """NAME=VALUE,… as values; names of choices become their numbers."""
    params: dict[str, Any] = {}
    for text in given:
        name, equals, values = text.partition("=")
        choices = spec.params[name].choices if name in spec.params else None
        if equals and choices and values in choices:
            params[name] = choices.index(values)
            continue
        try:
            numbers = [float(value) for value in values.split(",")]
        except ValueError:
            numbers = []
        if not numbers:
            raise InputError(f"--params: expected NAME=VALUE or NAME=VALUE,VALUE,… in numbers, '{text}' came.")
        scalar = name in spec.params and not spec.params[name].shape and len(numbers) == 1
        params[name] = numbers[0] if scalar else numbers
    return params
