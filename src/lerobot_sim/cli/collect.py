"""`lerobot-sim collect TASK`: demonstrations into a LeRobot dataset, each committed when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from lerobot_sim.spec import Look

from .collect_guides import without_env_type
from .eval_flags import translated
from .options import CheckpointOptions, SteppingOptions, Task, at_least, read

ABOUT = """Record episodes of a policy into a LeRobotDataset v3.

Every episode is committed when it ends: after a crash, a kill or Ctrl-C the dataset
loads with all that was finished, and the same command goes on. A larger --episodes
adds to what is there.

examples:
  lerobot-sim collect push-t --episodes 50
  lerobot-sim collect mujoco/lift --cameras front wrist --image-size 128 --workers 2
  lerobot-sim collect numpy/reach --policy random --output-dir outputs/noise
  lerobot-sim collect mujoco/push --success-only --stop-at-success
  lerobot-sim collect mujoco/lift --robot so100 --units lerobot --cameras front
  lerobot-sim collect mujoco/lift --param cube_mass=0.15 --param pad_friction=0.8:1.2

In place of TASK, --env-type mujoco takes mujoco/lift; there are isaac and gym_hil, too."""


@dataclass(kw_only=True)
class CollectOptions(CheckpointOptions, SteppingOptions):
    """Options of `collect`."""

    task: Task
    """Environment, such as push-t or numpy/push-t."""

    episodes: Annotated[int, tyro.conf.arg(aliases=["--num-episodes"])] = 50
    """How many episodes the dataset is to hold."""

    policy: str = "expert"
    """Who acts: expert, random, a checkpoint's path, or the address of a policy server (ws://…)."""

    output_dir: Path = Path("outputs/<task>/dataset")
    """The dataset's folder."""

    param: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """NAME=VALUE: every episode in a changed world, such as cube_mass=0.15; again for a further Param. VALUE is a
    number, a list (gravity=0,0,-5), the name of a choice, or LOW:HIGH, drawn uniformly by the episode's seed."""

    num_envs: int = 0
    """Lanes of a process that run in lockstep; the dataset is the same whatever their number. 0: 32 of our own
    environments, 4 of somebody's simulator, each of which is a simulator of its own."""

    workers: int = 1
    """Processes that make episodes at their own pace, each with a simulator and a policy of its own; the dataset is
    the same whatever their number. (A network's actions may differ in their last bits with the number of lanes: an
    expert's do not.)"""

    success_only: bool = False
    """Keep successes only, and go on to further seeds until there are --episodes of them."""

    max_tries: int = 0
    """With --success-only: give up after so many seeds; 0: ten for every episode, and at least 100."""

    stop_at_success: bool = False
    """End an episode as soon as it is a success."""

    episode_length: int | None = None
    """Steps of an episode at most; by default the task's."""

    cameras: tuple[str, ...] = ()
    """Cameras to record, as videos; `lerobot-sim list --json` names those of a task. By default none of our own
    worlds', and of somebody's simulator those that LeRobot's datasets of it have; `none` for none."""

    depth: tuple[str, ...] = ()
    """Cameras to record as depth in m instead of colour."""

    image_size: str = "<usual>"
    """Pixels: a square's side, or HEIGHTxWIDTH such as 480x640. By default each camera's own size: 128x128 in our
    worlds, 480x640 in aloha; `lerobot-sim list --json` names it."""

    look: Look = "standard"
    """How much is spent on a picture."""

    codec: str = "h264"
    """h264, av1, hevc, ffv1 (lossless), a graphics card's such as h264_nvenc, or png: images instead of videos."""

    crf: float | None = None
    """The codec's quality, lower is better; by default the codec's."""

    preset: str | None = None
    """The encoder's word for its speed, such as ultrafast; by default the codec's."""

    gop: int = 2
    """Frames from one that stands alone to the next; 2 reads fast at random."""

    states: bool = True
    """Leave out what lies beside the dataset: every step's simulation state, which replay and rerender use."""

    overwrite: bool = False
    """Replace a dataset of another task, policy or seed that an earlier run left in the folder."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and collects."""
    options = read(CollectOptions, "collect", ABOUT, translated(without_env_type(argv), only="policy."))
    from .console import Console

    console = Console(options.json)
    result = collect(options, console)
    console.result(result)
    return 1 if result["broken"] or result["missing"] else 0


def collect(options: CollectOptions, console: Any) -> dict[str, Any]:
    """Fills the dataset up to the wanted number of episodes."""
    at_least(1, episodes=options.episodes, workers=options.workers, gop=options.gop)
    at_least(0, seed=options.seed, num_envs=options.num_envs, max_tries=options.max_tries)
    from .collect_run import run

    return run(options, console)
