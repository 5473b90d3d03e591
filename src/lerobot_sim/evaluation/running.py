"""Runs a plan: episodes of every task and arm, written down one by one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import registry
from lerobot_sim.env import End, Env
from lerobot_sim.episode import Episode
from lerobot_sim.loop import Frames, Profile, Sink, rollout
from lerobot_sim.policy import Policy
from lerobot_sim.simulators.families import make_several
from lerobot_sim.spec import Camera, EnvSpec

from .fitting import fitted
from .guards import Guard, StepLimit
from .language import Language, Worded, instructions_of, known_instructions
from .metrics import METRICS, TIMED, Offer, measure, parts_of, require, untold
from .motion import first_success
from .pairing import EXPERT, LANGUAGE
from .param_values import arrays_of, named
from .plan import Plan, PlannedTask
from .real_time import RealTime
from .results import EpisodeRecord


@dataclass(frozen=True, kw_only=True)
class Acting:
    """Who acts in every task.

    Attributes:
        make: Policy for an environment.
        identity: A word that says which: its name, or the checkpoint's digest.
        argument: As the user gave it.
        shared: Whether what `make` gives for one environment is the policy of all that have the same features, as a
            checkpoint is and an expert is not.
    """

    make: Callable[[EnvSpec], Policy]
    identity: str
    argument: str = ""
    shared: bool = False


def remembered(acting: Acting) -> Acting:
    """A checkpoint is read once for each kind of features, not once for each of a suite's tasks.

    A policy that was made for one environment alone says so by `require(spec)`, which raises for another.
    """
    if not acting.shared:
        return acting
    made: list[tuple[Any, Policy]] = []

    def make(spec: EnvSpec) -> Policy:
        features = spec.observation, spec.action, spec.cameras
        policy = next((policy for known, policy in made if known == features), None)
        if policy is None:
            policy = acting.make(spec)
            made.append((features, policy))
        elif hasattr(policy, "require"):
            cast("Any", policy).require(spec)
        return policy

    return replace(acting, make=make)


class Todo(NamedTuple):
    """One episode that is to be run: number of its task, arm, position of its seed."""

    task: int
    arm: str
    position: int


class Worlds:
    """The environments of one task at a time."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._of: PlannedTask | None = None
        self._envs: list[Env] = []

    def of(self, task: PlannedTask) -> list[Env]:
        """The task's environments; those of another task are closed."""
        if self._of is not task:
            self.close()
            self._of = task
            self._envs = self._made(task)
            for env in self._envs:
                ask(env, parts_of(self._plan.protocol.metrics))
        return self._envs

    def _made(self, task: PlannedTask) -> list[Env]:
        lanes, (family, _, name) = self._plan.lanes(task), task.spec.id.partition("/")
        if family in registry.FAMILIES:  # side by side: a simulator's start may take a minute
            return make_several(registry.FAMILIES[family], name, lanes, self._plan.envs, **task.options)
        return [registry.remake(task.spec.id, task.options, lanes) for _ in range(self._plan.envs)]

    def close(self) -> None:
        """Closes what is open."""
        envs, self._envs, self._of = self._envs, [], None
        for env in envs:
            env.close()


def produce(
    plan: Plan,
    acting: Acting,
    todo: Sequence[Todo],
    worlds: Worlds,
    *,
    sinks: Sequence[Sink] = (),
    profile: Profile | None = None,
    on_share: Callable[[float], None] = lambda _share: None,
) -> Generator[EpisodeRecord]:
    """Runs episodes and yields what each came to, task by task and arm by arm.

    Args:
        plan: What is run.
        acting: Who acts.
        todo: Which episodes, those of a task and arm on end.
        worlds: The environments.
        sinks: Who watches.
        profile: Filled while running.
        on_share: Told of progress in episodes, parts of them counted.
    """
    for (number, arm), group in groupby(todo, key=lambda one: (one.task, one.arm)):
        task = plan.tasks[number]
        indices = [one.position for one in group]
        envs = worlds.of(task)
        check_offer(plan, task, envs[0])
        yield from _group(plan, acting, task, arm, indices, envs, sinks, profile, on_share)


def _group(
    plan: Plan,
    acting: Acting,
    task: PlannedTask,
    arm: str,
    indices: Sequence[int],
    envs: Sequence[Env],
    sinks: Sequence[Sink],
    profile: Profile | None,
    on_share: Callable[[float], None],
) -> Generator[EpisodeRecord]:
    spec = envs[0].spec
    inner = registry.make_policy("expert", spec) if arm == EXPERT else fitted(acting.make(spec), spec, task.keys)
    guard, policy = guarded(plan, task, inner)
    if arm.startswith(LANGUAGE):
        assert plan.language is not None  # asked for before the first episode
        envs = [Worded(env, plan.language, arm) for env in envs]
    one = arrays_of(spec, plan.values(task, arm))
    seeds = [task.record.seeds[index] for index in indices]
    shares = _Shares(task.steps, on_share)
    ticks = rollout(
        envs,
        policy,
        seeds,
        params=(lambda given: {name: np.repeat(v, len(given), axis=0) for name, v in one.items()}) if one else None,
        sinks=[*sinks, shares],
        profile=profile,
    )
    with closing(ticks):
        for episode in ticks:
            yield record_of(episode, task, arm, indices[episode.index], guard, plan.protocol.metrics)


def guarded(plan: Plan, task: PlannedTask, inner: Policy) -> tuple[Guard, Policy]:
    """A policy whose errors end one episode, with the plan's latency and the task's time limit."""
    guard = Guard(inner, task.spec, timed="inference_latency" in plan.protocol.metrics)
    policy: Policy = guard
    if plan.real_time != "":
        latency = None if isinstance(plan.real_time, str) else plan.real_time
        policy = RealTime(policy, latency, task.spec.fps)
    if task.limit:
        policy = StepLimit(policy, task.limit)
    return guard, policy


def record_of(
    episode: Episode, task: PlannedTask, arm: str, index: int, guard: Guard, metrics: Sequence[str]
) -> EpisodeRecord:
    """What is written down of an episode."""
    spec, end, explanation = task.spec, episode.end.name, episode.explanation
    raised = guard.words.pop(episode.seed, None)
    if raised:
        end, explanation = End.POLICY.name, f"{raised} (step {len(episode)})."
    elif task.limit and episode.end == End.OPERATOR and len(episode) >= task.limit:
        end, explanation = End.TIME_LIMIT.name, ""
    rule = spec.success_rule
    values = measure(metrics, episode, spec)
    mean, greatest = guard.taken(episode.seed)
    guard.seconds.pop(episode.seed, None)
    if "inference_latency" in metrics:
        values |= dict(zip(TIMED, (mean, greatest), strict=True))
    return EpisodeRecord(
        task=task.record.task,
        arm=arm,
        env_id=episode.env_id,
        env_version=episode.env_version,
        index=index,
        seed=episode.seed,
        attempt=episode.attempt,
        params=named(spec, episode.params),
        instruction=episode.instruction,
        success=None if rule == "none" else end != End.POLICY.name and episode.succeeded(rule),
        success_ever=episode.succeeded("any"),
        success_final=episode.succeeded("final"),
        first_success_step=first_success(episode),
        total_reward=episode.total_reward,
        max_reward=float(episode.reward.max()) if len(episode) else 0.0,
        length=len(episode),
        end=end,
        explanation=explanation,
        metrics=values,
    )


def check_offer(plan: Plan, task: PlannedTask, env: Env | None, instructed: bool = True) -> str:
    """Refuses metrics that an environment cannot supply; in words which parts of them it does not tell.

    Args:
        plan: What is run.
        task: One of its tasks.
        env: Its environment; None: what only it could tell is left open.
        instructed: Whether the policy reads instructions.
    """
    metrics = plan.protocol.metrics
    probed = step_metrics(env) if env is not None and probes(plan) else None
    offer = Offer(
        spec=task.spec,
        step_metrics=probed,
        expert=not any(EXPERT in METRICS[name].arms for name in metrics)
        or "expert" in registry.policy_names(task.spec.id),
        instructed=instructed,
        meanings=plan.language.meanings(task.record.env_id) if plan.language else None,
    )
    require(metrics, offer)
    return untold(metrics, offer)


def ask(env: Env, names: Sequence[str]) -> None:
    """Has an environment measure what it can of these names and does not unasked."""
    wanted = [name for name in names if name in getattr(env, "measurable", ())]
    if wanted:
        getattr(env, "measure")(wanted)  # noqa: B009 - not every Env has it


def probes(plan: Plan) -> bool:
    """Whether an environment must be asked what it measures."""
    return any(METRICS[name].probes for name in plan.protocol.metrics)


def step_metrics(env: Env) -> list[str]:
    """Names in an environment's `Step.metrics`, from one step that leaves no trace: every episode is reset."""
    feature = env.spec.action
    env.reset(np.array([0]), np.array([0], np.int64))
    low, high = (np.broadcast_to(np.asarray(bound, np.float64), feature.shape) for bound in (feature.low, feature.high))
    still: NDArray[Any] = np.clip(np.zeros(feature.shape), low, high)
    active = np.arange(env.num_envs) == 0
    step = env.step(np.repeat(still[None], env.num_envs, axis=0).astype(feature.dtype), active)
    return sorted(step.metrics)


def language_of(plan: Plan, worlds: Worlds) -> Language:
    """The instructions of all tasks: a catalogue knows them without a simulator, others are asked for some seeds."""
    pool: set[str] = set()
    for task in plan.tasks:
        known = known_instructions(task.spec.id)
        pool.update(known or instructions_of(worlds.of(task)[0], task.record.seeds))
    return Language(pool=sorted(pool), paraphrases=dict(plan.protocol.paraphrases))


class _Shares:
    """A Sink that tells how many episodes were done since it was last asked, parts of them counted."""

    cameras: Mapping[str, Camera] = {}

    def __init__(self, steps: int, on_share: Callable[[float], None]) -> None:
        self._steps = steps
        self._on_share = on_share

    def write(self, frames: Frames) -> None:
        """An episode that ends early counts as whole, one that is run again not at all."""
        rows = int(np.count_nonzero(frames.active))
        if frames.end.any():
            ended = frames.active & (frames.end != End.RUNNING)
            rows += int((self._steps - 1 - frames.t)[ended & ~frames.retry].sum())
            rows -= int((frames.t + 1)[ended & frames.retry].sum())
        self._on_share(rows / self._steps)
