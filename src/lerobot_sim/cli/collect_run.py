"""What `lerobot-sim collect` does: episodes from one process or several, committed in the order of their seeds."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lerobot_sim import registry
from lerobot_sim.datasets.codecs import VideoSettings
from lerobot_sim.datasets.origin import remove_if_begun_otherwise
from lerobot_sim.datasets.recorder import FOLDER
from lerobot_sim.datasets.sidecar import recording_content
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.env import Env
from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.evaluation.plan import HOSTED_LANES
from lerobot_sim.evaluation.score import SEEDS_A_RUN, demonstration_seeds
from lerobot_sim.loop import Profile
from lerobot_sim.policy import Policy
from lerobot_sim.spec import Camera, EnvSpec

from .collect_params import ranges_of, settings_of
from .collect_recipe import WHOLE, Made, Recipe, acting, produce
from .collect_workers import produce_in_processes
from .console import Console, EpisodeProgress
from .options import filled, picture_size, values_of

if TYPE_CHECKING:
    from .collect import CollectOptions


NO_CAMERAS = "none"
"""--cameras that records nothing, also of a simulator."""

LANES = 32
"""Of an environment of ours, where nobody says how many."""


@dataclass
class Tally:
    """What became of the seeds of this run.

    Attributes:
        tried: Episodes that ended.
        failures: Name of an `End` -> episodes that ended so and were no success.
        broken: In words: episodes that were broken off, and are left out.
        deaths: Processes that died and were started again.
    """

    tried: int = 0
    failures: dict[str, int] = field(default_factory=dict[str, int])
    broken: list[str] = field(default_factory=list[str])
    deaths: int = 0

    def add(self, made: Made) -> None:
        """Counts an episode."""
        self.tried += 1
        if made.end not in WHOLE:
            self.broken.append(f"seed {made.seed} ({made.end.name}): {made.explanation}")
        if made.end not in WHOLE or made.success is False:
            self.failures[made.end.name] = self.failures.get(made.end.name, 0) + 1


def run(options: CollectOptions, console: Console) -> dict[str, Any]:
    """Fills the dataset up to the wanted number of episodes."""
    recipe = _recipe(options)
    # with several processes this one makes no episode: its environment only says what it is
    env = (recipe if options.workers == 1 else replace(recipe, num_envs=1)).make_env()
    with closing(env):
        policy, identity = acting(recipe, env)
        recipe = replace(recipe, cameras=_cameras(options, env.spec, policy))
        _check_pictures(recipe.cameras, policy)
        params = settings_of(env.spec, ranges_of(env.spec, recipe.param))
        root = filled(options.output_dir, env.spec.id)
        settings = _settings(options, identity, params)
        if options.overwrite:
            recording = recording_content(recipe.cameras, recipe.video)
            remove_if_begun_otherwise(root, env.spec, settings, recording)
        profile, tally = Profile(), Tally()
        with DatasetWriter(root, env.spec, cameras=recipe.cameras, video=recipe.video, settings=settings) as writer:
            before = writer.num_episodes
            first = writer.records[-1].seed + 1 if before else recipe.first_seed
            seeds = range(first, max(first, recipe.first_seed + _tries(options)))
            if before:
                to_go = max(0, options.episodes - before) if options.success_only else len(seeds)
                console.say(f"{root} holds {before} episodes already; {to_go} to go.")
            if options.workers > 1:
                env.close()  # the processes have simulators of their own
            if seeds and before < options.episodes:
                _fill(writer, options, recipe, env, policy, identity, seeds, profile, tally, console)
            result = _result(options, env.spec, identity, writer, before, tally)
    _report(result, options, console)
    console.profile(profile, options.profile)
    return result


def _recipe(options: CollectOptions) -> Recipe:
    most = -(-options.episodes // options.workers)
    is_simulator = registry.resolve(options.task).partition("/")[0] in registry.FAMILIES
    lanes = options.num_envs or (HOSTED_LANES if is_simulator else LANES)
    return Recipe(
        task=options.task,
        robot=options.robot,
        model_path=str(options.model_path or ""),
        option=options.option,
        param=options.param,
        policy=options.policy,
        settings=values_of("--setting", options.setting),
        num_envs=min(lanes, most),
        first_seed=demonstration_seeds(options.seed, 1).start,
        episode_length=options.episode_length,
        stop_at_success=options.stop_at_success,
        success_only=options.success_only,
        video=VideoSettings(codec=options.codec, crf=options.crf, preset=options.preset, gop=options.gop),
        states=None if options.states else False,
    )


def _cameras(options: CollectOptions, spec: EnvSpec, policy: Policy) -> dict[str, Camera]:
    """The cameras that are recorded, colour first; --depth takes a camera's place among --cameras."""
    size = {} if options.image_size == "<usual>" else picture_size("--image-size", options.image_size)
    if not options.cameras and not options.depth:
        usual = {name: replace(spec.cameras[name], look=options.look, **size) for name in _usual_cameras(spec)}
        if size and not usual:
            names = " ".join(spec.cameras) or "there is none"
            raise InputError(f"--image-size: no camera is recorded. Name one of them: --cameras ({names}).")
        return usual if size else {name: policy.cameras.get(name, camera) for name, camera in usual.items()}
    cameras: dict[str, Camera] = {}
    asked = () if options.cameras == (NO_CAMERAS,) else options.cameras
    for name in dict.fromkeys((*asked, *options.depth)):
        if not spec.cameras:
            raise InputError(f"--cameras: '{spec.id}' has no camera. Leave --cameras out.")
        if name not in spec.cameras:
            raise unknown_name(f"camera of '{spec.id}'", name, spec.cameras)
        kind = "depth" if name in options.depth else "rgb"
        cameras[name] = replace(spec.cameras[name], look=options.look, kind=kind, **size)
    return cameras


def _usual_cameras(spec: EnvSpec) -> list[str]:
    """What is recorded where nothing was said: of a simulator what LeRobot's datasets of it have, else nothing."""
    module = registry.FAMILIES.get(spec.id.partition("/")[0])
    if module is None:
        return []
    from lerobot_sim.simulators.families import catalogue

    return [name for name in catalogue(module).FAMILY.cameras if name in spec.cameras]


def _check_pictures(recorded: Mapping[str, Camera], policy: Policy) -> None:
    """Refuses to record a camera otherwise than the policy sees by it: it is drawn once a step for both."""
    for name, seen in policy.cameras.items():
        camera = recorded.get(name, seen)
        if camera == seen:
            continue
        if camera.kind != seen.kind:
            how, mend = f"{camera.kind}, the policy sees {seen.kind}", f"leave '--depth {name}' out"
        elif (camera.height, camera.width) != (seen.height, seen.width):
            size = f"{seen.height}x{seen.width}"
            how, mend = f"{camera.height}x{camera.width}, the policy sees {size}", f"give --image-size {size}"
        else:
            how, mend = f"look '{camera.look}', the policy sees '{seen.look}'", f"give --look {seen.look}"
        raise InputError(
            f"--cameras {name}: it would be recorded at {how}. A camera is drawn once for both: {mend}, or leave "
            "this camera out and draw it afterwards (lerobot-sim rerender)."
        )


def _settings(options: CollectOptions, identity: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """What else than the environment makes the dataset what it is; what is usual is not written."""
    chosen = {
        "episode_length": options.episode_length,
        "stop_at_success": options.stop_at_success,
        "success_only": options.success_only,
        "params": params,
    }
    return {"policy": identity, "seed": options.seed, **{name: value for name, value in chosen.items() if value}}


def _tries(options: CollectOptions) -> int:
    """How many seeds may be run."""
    tries = options.episodes
    if options.success_only:
        tries = options.max_tries or max(100, 10 * options.episodes)
    return min(tries, SEEDS_A_RUN)


def _fill(
    writer: DatasetWriter,
    options: CollectOptions,
    recipe: Recipe,
    env: Env,
    policy: Policy,
    identity: str,
    seeds: range,
    profile: Profile,
    tally: Tally,
    console: Console,
) -> None:
    before, by_rows = writer.num_episodes, options.workers == 1 and not options.success_only
    total = options.episodes - before if options.success_only else len(seeds)
    with ExitStack() as stack:
        show = stack.enter_context(console.progress("Collecting", total, "episodes"))
        if options.workers > 1:

            def on_death(words: str) -> None:
                tally.deaths += 1
                console.say(words)

            folder = writer.root / FOLDER
            results = produce_in_processes(recipe, seeds, options.workers, folder, on_death)
        else:
            recorder = stack.enter_context(writer.recorder(states=recipe.states))
            watch = [EpisodeProgress(show, env.spec.max_steps)] if by_rows else []
            results = produce(recipe, env, policy, seeds, profile, recorder, watch)
        spent = stack.enter_context(_profiled(profile, options.workers))
        for made in stack.enter_context(closing(results)):
            tally.add(made)
            spent[made.seed % options.workers] = dict(made.seconds)
            if made.episode is not None:
                writer.add(made.episode, made.recording, policy=identity)
            if not by_rows:
                show(writer.num_episodes - before if options.success_only else tally.tried)
            if writer.num_episodes >= options.episodes:
                break


@contextmanager
def _profiled(profile: Profile, workers: int) -> Generator[dict[int, dict[str, float]]]:
    """Collects where each process's time went, and adds it up at the end."""
    spent: dict[int, dict[str, float]] = {}
    yield spent
    if workers > 1:
        for seconds in spent.values():
            for name, value in seconds.items():
                profile.seconds[name] += value


def _result(
    options: CollectOptions, spec: EnvSpec, identity: str, writer: DatasetWriter, before: int, tally: Tally
) -> dict[str, Any]:
    return {
        "env_id": spec.id,
        "env_version": spec.version,
        "policy": identity,
        "dataset": str(writer.root),
        "episodes": writer.num_episodes,
        "frames": writer.num_frames,
        "successes": sum(bool(record.success) for record in writer.records),
        "new_episodes": writer.num_episodes - before,
        "tried": tally.tried,
        "failures": tally.failures,
        "broken": tally.broken,
        "missing": max(0, options.episodes - writer.num_episodes),
        "worker_deaths": tally.deaths,
    }


def _report(result: dict[str, Any], options: CollectOptions, console: Console) -> None:
    counts = f"{result['episodes']} episodes ({result['successes']} successes), {result['frames']} frames"
    console.say(f"Dataset: {counts} in {result['dataset']}")
    if result["failures"]:
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(result["failures"].items()))
        count = sum(result["failures"].values())
        then = "They are left out." if options.success_only else "Those that ran to their end are kept."
        console.say(f"{count} of {result['tried']} episodes that were run are no success ({kinds}). {then}")
    if result["broken"]:
        console.say(f"{len(result['broken'])} episodes were broken off and left out. The first: {result['broken'][0]}")
    if result["missing"] and options.success_only:
        console.say(
            f"{result['missing']} of {options.episodes} successes are missing: the limit of {_tries(options)} seeds is "
            "reached. A larger --max-tries goes on; a better --policy needs fewer."
        )
