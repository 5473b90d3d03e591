"""`lerobot-sim eval`: a policy's success rate under a protocol, with its interval, metrics and videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from lerobot_sim.errors import InputError

from .options import CheckpointOptions, SteppingOptions, at_least, env_options, filled, read, values_of

ABOUT = """Score a policy: one task on held-out seeds, or all tasks of a protocol.

Success rates come with their 95% interval. Results are written as they are known: an
evaluation that was interrupted goes on where it was, and gives the same numbers.
`lerobot-sim eval protocols` lists protocols and metrics, `lerobot-sim eval merge` joins
shards. LeRobot's flags (--policy.path, --env.type, --eval.n_episodes …) are understood.

examples:
  lerobot-sim eval push-t --policy expert --episodes 1000
  lerobot-sim eval push-t --policy outputs/push-t/best_policy.npz --videos 3
  lerobot-sim eval mujoco/lift --policy expert --grid pad_friction=0.5,1,2 --real-time 100
  lerobot-sim eval --protocol metaworld-ml10 --policy expert --workers 4"""

POLICY = "outputs/<task>/best_policy.npz"


@dataclass(kw_only=True)
class EvalOptions(CheckpointOptions, SteppingOptions):
    """Options of `eval`."""

    task: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="[TASK]")] = ""
    """Environment, such as push-t or numpy/push-t; or give --protocol."""

    protocol: str = ""
    """Protocol by name, or your own .toml file; the task's own (200 held-out episodes) by default."""

    policy: str = POLICY
    """Who acts: expert, random, a checkpoint's path, or the address of a policy server (ws://…)."""

    episodes: int | None = None
    """Episodes of each task, in the place of the protocol's."""

    metrics: tuple[str, ...] = ()
    """What is measured, in the place of the protocol's, such as: success_rate action_smoothness safety."""

    grid: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Also under other Params: PARAM=VALUE,VALUE,…; give it again for a further axis."""

    real_time: str = ""
    """The world goes on while the policy thinks: a latency in ms, or "measured"."""

    map: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """POLICY_KEY=ENVIRONMENT_KEY, or FAMILY:POLICY_KEY=ENVIRONMENT_KEY; again for a further key."""

    videos: int = 0
    """Videos of so many episodes of each task: failures and successes in turn, the first of each."""

    camera: str = "<first>"
    """The videos' camera."""

    video_size: int = 256
    """The videos' height and width in pixels; a camera that the policy sees by is shown at the policy's size."""

    output_dir: Path = Path("outputs/<task>/eval/<policy>")
    """Folder of results and videos."""

    num_envs: int = 0
    """Lanes that run in lockstep: the policy's batch size, which is recorded with the score. 0: 100 of our own
    environments, 4 of somebody's simulator, 1 with --real-time measured."""

    envs: int = 1
    """Environments at once, each of --num-envs lanes, that run at their own pace and share one policy: of several tasks
    where a checkpoint acts and their features agree, else of one task after the other."""

    workers: int = 1
    """Processes, each with a policy of its own, that share the episodes."""

    shard: str = "1/1"
    """k/n: only every n-th episode, from the k-th on; `lerobot-sim eval merge` joins the shards' folders."""

    sequential: float | None = None
    """Stop as soon as the success rate is shown to be above or below this mark, such as 0.8, --episodes being the most;
    the error rate is kept. Few lanes (--num-envs 4) stop sooner than many."""

    overwrite: bool = False
    """Replace results that an earlier run with other settings left in the folder."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and evaluates."""
    if argv and argv[0] in ("merge", "protocols"):
        from . import eval_merge, eval_protocols

        return {"merge": eval_merge, "protocols": eval_protocols}[argv[0]].main(argv[1:])
    from .eval_flags import translated

    options = read(EvalOptions, "eval", ABOUT, translated(argv))
    from .console import Console

    console = Console(options.json)
    result = evaluate_policy(options, console, command=["lerobot-sim", "eval", *argv])
    console.result(result)
    return 1 if result["policy_errors"] else 0


def evaluate_policy(options: EvalOptions, console: Any, command: Sequence[str] = ()) -> dict[str, Any]:
    """Scores the policy and writes the folder; see `lerobot_sim.evaluation.results`."""
    _check(options)
    from lerobot_sim.evaluation.chosen_videos import VideoChoice
    from lerobot_sim.evaluation.early_stop import early_stop
    from lerobot_sim.evaluation.evaluating import Manner, Watching, run
    from lerobot_sim.evaluation.fitting import parse_map
    from lerobot_sim.evaluation.plan import make_plan
    from lerobot_sim.evaluation.real_time import parse_real_time
    from lerobot_sim.evaluation.report import write_report
    from lerobot_sim.loop import Profile

    from .eval_told import result_of, tell
    from .eval_workers import producer

    plan = make_plan(
        _protocol(options),
        seed=options.seed,
        episodes=options.episodes,
        metrics=options.metrics or None,
        maps=parse_map(options.map),
        grid=options.grid,
        num_envs=options.num_envs,
        envs=options.envs,
        real_time=parse_real_time(options.real_time),
    )
    videos = VideoChoice(
        count=options.videos,
        camera="" if options.camera == "<first>" else options.camera,
        size=options.video_size,
    )
    if options.videos:
        for task in plan.tasks:
            videos.name(task.spec)
    acting, name = _acting(options, plan)
    out = Path(_filled(options.output_dir, name, acting.identity))
    profile = Profile()
    shard = _shard(options.shard)
    stop = None
    if options.sequential is not None:
        stop = early_stop(plan, options.sequential, out, workers=options.workers, shards=shard[1])
    with console.progress("Evaluating", 1, "episodes") as bar:
        counted = _Counted(bar)
        done = run(
            plan,
            acting,
            out,
            manner=Manner(
                shard=shard,
                overwrite=options.overwrite,
                videos=videos if options.videos else None,
                command=command or _command(options, argument=acting.argument, out=out),
                execution={"workers": options.workers, "device": "cpu"},
                producer=producer(
                    acting.argument, values_of("--setting", options.setting), options.workers, out, console.say
                )
                if options.workers > 1
                else None,
                stop=stop,
            ),
            watching=Watching(profile=profile, on_known=counted.begin, on_share=counted.add, say=console.say),
        )
    result = {**result_of(done), "report": str(write_report(done.folder)["html"])}
    tell(done, result, console)
    if stop is not None:
        result["sequential"] = stop.told()
    console.profile(profile, options.profile)
    return result


def _command(options: EvalOptions, *, argument: str, out: Path) -> list[str]:
    """The command line of an evaluation that another command began."""
    words = ["lerobot-sim", "eval", options.task, "--policy", argument, "--output-dir", str(out)]
    given = {"seed": options.seed, "episodes": options.episodes, "videos": options.videos}
    who = {} if options.robot == "<usual>" else {"robot": options.robot}
    who |= {"robot.model-path": options.model_path} if options.model_path else {}
    return words + [part for name, value in {**given, **who}.items() if value for part in (f"--{name}", str(value))]


def _check(options: EvalOptions) -> None:
    at_least(0, seed=options.seed, videos=options.videos, num_envs=options.num_envs)
    at_least(1, envs=options.envs, workers=options.workers, video_size=options.video_size)
    if options.episodes is not None:
        at_least(1, episodes=options.episodes)
    if bool(options.task) == bool(options.protocol):
        raise InputError(
            "eval: expected a task (lerobot-sim eval push-t) or a protocol (lerobot-sim eval --protocol NAME); "
            f"{'both' if options.task else 'neither'} came. Lists: `lerobot-sim list`, `lerobot-sim eval protocols`."
        )
    if options.workers > 1 and options.profile:
        raise InputError("--profile looks at one process: leave out --workers.")


def _protocol(options: EvalOptions) -> Any:
    """The protocol, with the robot that was asked for."""
    from lerobot_sim import registry
    from lerobot_sim.evaluation.protocol import find, of_task

    who = env_options(options.robot, options.model_path, options.option)
    if options.task:
        return of_task(registry.resolve(options.task), who)
    protocol = find(options.protocol)
    entries = tuple(replace(entry, options={**who, **entry.options}) for entry in protocol.environments)
    return replace(protocol, environments=entries)


def _acting(options: EvalOptions, plan: Any) -> tuple[Any, str]:
    """Who acts, and what stands for <task> in the output folder."""
    from .eval_workers import acting_of
    from .policy_argument import SERVERS, policy_for

    spec = plan.tasks[0].spec
    name = spec.id if options.task else plan.protocol.id
    if options.protocol and options.policy == POLICY:
        raise InputError("--policy: a protocol needs to be told who acts: expert, random, or a checkpoint's path.")
    argument = options.policy if options.policy.startswith(SERVERS) else _filled(options.policy, name)
    settings = values_of("--setting", options.setting)
    _, identity = policy_for(argument, spec, settings)
    return acting_of(argument, spec, identity, settings), name


def _filled(pattern: Path | str, name: str, policy: str = "") -> str:
    """With <task> and <policy> filled in, of a task or a protocol."""
    return str(filled(str(pattern) if "/" in name else str(pattern).replace("<task>", name), name, policy))


def _shard(text: str) -> tuple[int, int]:
    first, slash, count = text.partition("/")
    if not slash or not first.isdigit() or not count.isdigit():
        raise InputError(f"--shard: expected k/n such as 2/4, '{text}' came.")
    return int(first), int(count)


class _Counted:
    """A progress bar of episodes, parts of them counted."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._done = 0.0

    def begin(self, wanted: int, known: int) -> None:
        """How many there are, and how many an earlier run left."""
        self._done = known
        self._bar(known, wanted)

    def add(self, share: float) -> None:
        """Some more."""
        self._done += share
        self._bar(round(self._done, 6))
