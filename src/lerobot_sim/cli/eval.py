"""`lerobot-sim eval TASK`: a policy's success rate on held-out seeds, with its interval, and videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .options import SteppingOptions, Task, at_least, env_options, filled, read

ABOUT = """Score a policy on held-out seeds, which no demonstration has.

The success rate comes with its exact 95% interval (Clopper-Pearson). Results are
written as they are known: an evaluation that was interrupted goes on where it was.

examples:
  lerobot-sim eval push-t --policy expert --episodes 1000
  lerobot-sim eval push-t --policy outputs/push-t/best_policy.npz --videos 3"""


@dataclass(kw_only=True)
class EvalOptions(SteppingOptions):
    """Options of `eval`."""

    task: Task
    """Environment, such as push-t or numpy/push-t."""

    policy: str = "outputs/<task>/best_policy.npz"
    """Who acts: expert, random, or a checkpoint's path."""

    episodes: int = 200
    """Held-out episodes."""

    videos: int = 0
    """Write videos of the first so many episodes."""

    camera: str = "<first>"
    """The videos' camera."""

    video_size: int = 256
    """The videos' height and width in pixels."""

    output_dir: Path = Path("outputs/<task>/eval/<policy>")
    """Folder of results and videos."""

    num_envs: int = 100
    """Lanes that run in lockstep: the policy's batch size, which is recorded with the score."""

    overwrite: bool = False
    """Replace results that an earlier run with other settings left in the folder."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and evaluates."""
    options = read(EvalOptions, "eval", ABOUT, argv)
    from .console import Console

    console = Console(options.json)
    result = evaluate_policy(options, console)
    console.result(result)
    return 1 if result["policy_errors"] else 0


def evaluate_policy(options: EvalOptions, console: Any) -> dict[str, Any]:
    """Scores the policy and writes `eval.json`, `episodes.jsonl` and the videos."""
    at_least(1, episodes=options.episodes, num_envs=options.num_envs, video_size=options.video_size)
    at_least(0, seed=options.seed, videos=options.videos)
    from lerobot_sim import registry
    from lerobot_sim.evaluation.score import evaluate, held_out_seeds
    from lerobot_sim.loop import Profile

    from .console import EpisodeProgress
    from .policy_argument import policy_for
    from .run_folder import RunFolder

    env = registry.make(options.task, options.num_envs, **env_options(options.robot, options.model_path))
    spec = env.spec
    camera = _camera(options, spec) if options.videos else ""
    checkpoint = str(filled(options.policy, spec.id))
    policy, identity = policy_for(checkpoint, spec)
    root = filled(options.output_dir, spec.id, identity)
    settings = {
        "env_id": spec.id,
        "env_version": spec.version,
        "env_options": dict(spec.options),
        "policy": identity,
        "seed": options.seed,
        "num_envs": options.num_envs,
    }
    seeds = held_out_seeds(options.seed, options.episodes)
    profile = Profile()
    products = ("episodes.jsonl", "videos")
    with RunFolder(root, "eval", settings, overwrite=options.overwrite, products=products) as folder:
        with console.progress("Evaluating", len(seeds), "episodes") as show:
            watch = EpisodeProgress(show, spec.max_steps)
            score = evaluate(
                env,
                policy,
                seeds,
                sinks=[watch],
                profile=profile,
                journal=root / "episodes.jsonl",
                settings=settings,
                on_known=watch.begin,
            )
        videos = _videos(options, camera, env, policy, root, seeds[: options.videos], profile) if camera else []
        result = {
            "env_id": spec.id,
            "env_version": spec.version,
            "policy": checkpoint,
            **score.summary(),
            "policy_errors": len(score.policy_errors),
            "seeds": [seeds.start, seeds.stop],
            "results": str(root / "episodes.jsonl"),
            "videos": [str(path) for path in videos],
        }
        folder.finish(result)
    env.close()
    _report(result, score, console)
    console.profile(profile, options.profile)
    return result


def _camera(options: EvalOptions, spec: Any) -> str:
    """The name of the videos' camera; asked before anything runs."""
    from lerobot_sim.errors import InputError, unknown_name

    cameras = list(spec.cameras)
    if not cameras:
        raise InputError(f"--videos: '{spec.id}' has no camera. Leave --videos out.")
    name = cameras[0] if options.camera == "<first>" else options.camera
    if name not in cameras:
        raise unknown_name(f"camera of '{spec.id}'", name, cameras)
    return name


def _videos(
    options: EvalOptions, name: str, env: Any, policy: Any, root: Path, seeds: Sequence[int], profile: Any
) -> list[Path]:
    from lerobot_sim.evaluation.score import evaluate
    from lerobot_sim.evaluation.videos import EpisodeVideos
    from lerobot_sim.spec import Camera

    camera = Camera(height=options.video_size, width=options.video_size)
    with EpisodeVideos(root / "videos", name, camera, env.spec.fps) as videos:
        evaluate(env, policy, seeds, sinks=[videos], profile=profile)
    return videos.paths


def _report(result: dict[str, Any], score: Any, console: Any) -> None:
    if result["success_rate"] is None:
        console.say(f"{result['episodes']} episodes; '{result['env_id']}' defines no success.")
    else:
        low, high = result["interval"]
        console.say(
            f"Success: {result['success_rate']:.1%} of {len(score.valid)} held-out episodes "
            f"(95% interval {low:.1%} to {high:.1%}), at the last step {result['success_final_rate']:.1%}"
        )
    console.say(f"Mean return: {result['mean_return']:.1f}" if result["mean_return"] is not None else "No return.")
    for broken in score.policy_errors[:3]:
        console.say(f"Seed {broken.seed} was broken off by the policy: {broken.explanation}")
    if result["policy_errors"]:
        console.say(f"{result['policy_errors']} episodes were broken off by an action that is not finite.")
    faults = result["ends"].get("FAULT", 0)
    if faults:
        console.say(f"{faults} episodes ended in a fault of the simulator; they are in no rate.")
    for path in result["videos"]:
        console.say(f"Video: {path}")
