"""`lerobot-sim collect TASK`: demonstrations into a LeRobot dataset, each committed when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .options import SteppingOptions, Task, at_least, env_options, filled, read

ABOUT = """Record episodes of a policy into a LeRobotDataset v3.

Every episode is committed when it ends: after a crash, a kill or Ctrl-C the dataset
loads with all that was finished, and the same command goes on. A larger --episodes
adds to what is there.

examples:
  lerobot-sim collect push-t --episodes 50
  lerobot-sim collect numpy/reach --policy random --output-dir outputs/noise"""


@dataclass(kw_only=True)
class CollectOptions(SteppingOptions):
    """Options of `collect`."""

    task: Task
    """Environment, such as push-t or numpy/push-t."""

    episodes: int = 50
    """How many episodes the dataset is to hold."""

    policy: str = "expert"
    """Who acts: expert, random, or a checkpoint's path."""

    output_dir: Path = Path("outputs/<task>/dataset")
    """The dataset's folder."""

    num_envs: int = 32
    """Lanes that run in lockstep; the dataset is the same whatever their number."""

    overwrite: bool = False
    """Replace a dataset of another task, policy or seed that an earlier run left in the folder."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and collects."""
    options = read(CollectOptions, "collect", ABOUT, argv)
    from .console import Console

    console = Console(options.json)
    result = collect(options, console)
    console.result(result)
    return 1 if result["broken"] else 0


def collect(options: CollectOptions, console: Any) -> dict[str, Any]:
    """Fills the dataset up to the wanted number of episodes."""
    at_least(1, episodes=options.episodes, num_envs=options.num_envs)
    at_least(0, seed=options.seed)
    from lerobot_sim import registry
    from lerobot_sim.datasets.origin import remove_if_begun_otherwise
    from lerobot_sim.datasets.writer import DatasetWriter
    from lerobot_sim.env import End
    from lerobot_sim.evaluation.score import demonstration_seeds
    from lerobot_sim.loop import Profile, rollout

    from .console import EpisodeProgress
    from .policy_argument import policy_for

    num_envs = min(options.num_envs, options.episodes)
    env = registry.make(options.task, num_envs, **env_options(options.robot))
    policy, identity = policy_for(options.policy, env.spec)
    root = filled(options.output_dir, env.spec.id)
    settings = {"policy": identity, "seed": options.seed}
    if options.overwrite:
        remove_if_begun_otherwise(root, env.spec, settings)
    profile = Profile()
    broken: list[str] = []
    with DatasetWriter(root, env.spec, settings=settings) as writer:
        before = writer.num_episodes
        wanted = demonstration_seeds(options.seed, options.episodes)
        seeds = range(writer.records[-1].seed + 1, wanted.stop) if before else wanted
        if before:
            console.say(f"{root} holds {before} episodes already; {len(seeds)} to go.")
        if seeds:
            with console.progress("Collecting", len(seeds), "episodes") as show:
                watch = EpisodeProgress(show, env.spec.max_steps)
                for episode in rollout(env, policy, seeds, sinks=[watch], profile=profile):
                    if episode.end in (End.TERMINATED, End.TIME_LIMIT):
                        writer.add(episode)
                    else:
                        broken.append(f"seed {episode.seed} ({episode.end.name}): {episode.explanation}")
        successes = sum(bool(record.success) for record in writer.records)
        result = {
            "env_id": env.spec.id,
            "env_version": env.spec.version,
            "policy": identity,
            "dataset": str(root),
            "episodes": writer.num_episodes,
            "frames": writer.num_frames,
            "successes": successes,
            "new_episodes": writer.num_episodes - before,
            "broken": broken,
        }
    env.close()
    console.say(f"Dataset: {result['episodes']} episodes ({successes} successes), {result['frames']} frames in {root}")
    if broken:
        console.say(f"{len(broken)} episodes were broken off and left out. The first: {broken[0]}")
    console.profile(profile, options.profile)
    return result
