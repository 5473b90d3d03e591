"""How `collect` makes its episodes: plain data that is the same in every process, and the making itself."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lerobot_sim import registry
from lerobot_sim.datasets.codecs import VideoSettings
from lerobot_sim.datasets.recorder import EpisodeRecorder, Recording
from lerobot_sim.env import End, Env
from lerobot_sim.episode import Episode
from lerobot_sim.loop import Profile, Sink, rollout
from lerobot_sim.policy import Policy
from lerobot_sim.spec import Camera

from .collect_params import ranges_of, source_of
from .options import env_options
from .policy_argument import policy_for
from .shortened import Shortened

WHOLE = (End.TERMINATED, End.TIME_LIMIT)
"""Ends of episodes that a dataset takes; all others were broken off."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that an episode of a collection depends on, but for its seed.

    Attributes:
        task: The environment's name.
        robot: Who does it, as --robot takes it.
        policy: Who acts, as --policy takes it.
        settings: In the place of a checkpoint's own.
        num_envs: Lanes of one process.
        first_seed: The seed of the collection's first episode.
        episode_length: Steps of an episode at most, None: the task's.
        stop_at_success: Whether the first success ends an episode.
        success_only: Whether failures are left out.
        cameras: What is recorded of them, by name.
        video: How pictures are encoded.
        model_path: The user's own model of the robot.
        option: NAME=VALUE of the environment's own keywords.
        param: NAME=VALUE or NAME=LOW:HIGH of its Params.
        states: Whether every step's simulation state is kept; None: where the environment can restore it.
    """

    task: str
    robot: str
    policy: str
    num_envs: int
    first_seed: int
    episode_length: int | None = None
    stop_at_success: bool = False
    success_only: bool = False
    cameras: Mapping[str, Camera] = field(default_factory=dict[str, Camera])
    video: VideoSettings = field(default_factory=VideoSettings)
    states: bool | None = None
    model_path: str = ""
    option: Sequence[str] = ()
    param: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def make_env(self) -> Env:
        """The environment, shortened where that was asked."""
        env = registry.make(self.task, self.num_envs, **env_options(self.robot, self.model_path, self.option))
        if self.episode_length is None and not self.stop_at_success:
            return env
        try:
            return Shortened(env, max_steps=self.episode_length, stop_at_success=self.stop_at_success)
        except BaseException:
            env.close()
            raise


def acting(recipe: Recipe, env: Env) -> tuple[Policy, str]:
    """Who acts in an environment, and a word that says which; see `policy_for`."""
    if (
        recipe.policy == "expert"
        and not recipe.settings
        and str(env.spec.options.get("controller", "")).startswith("lerobot_")
    ):
        from lerobot_sim.experts.mujoco.joint_targets import JointTargets  # only a robot's joints need it

        return JointTargets(env), recipe.policy
    return policy_for(recipe.policy, env.spec, recipe.settings)


@dataclass(frozen=True, kw_only=True)
class Made:
    """What became of a seed.

    Attributes:
        seed: The seed.
        end: Why its episode ended.
        success: By the environment's success rule; None where the rule is "none".
        explanation: The end in words, where it was not the task's or the clock's.
        episode: The episode, None where it is left out.
        recording: What else is stored of it.
        seconds: Where the process's time went until now.
    """

    seed: int
    end: End
    success: bool | None
    explanation: str
    episode: Episode | None = None
    recording: Recording | None = None
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])


def produce(
    recipe: Recipe,
    env: Env,
    policy: Policy,
    seeds: Sequence[int],
    profile: Profile,
    recorder: EpisodeRecorder,
    sinks: Sequence[Sink] = (),
) -> Generator[Made]:
    """Runs one episode a seed; results come in the order of the seeds."""
    rule, params = env.spec.success_rule, source_of(ranges_of(env.spec, recipe.param))
    with closing(rollout(env, policy, seeds, params=params, sinks=[recorder, *sinks], profile=profile)) as episodes:
        for episode in episodes:
            success = None if rule == "none" else episode.succeeded(rule)
            made = Made(
                seed=episode.seed,
                end=episode.end,
                success=success,
                explanation=episode.explanation,
                seconds=dict(profile.seconds),
            )
            if episode.end in WHOLE and (success is not False or not recipe.success_only):
                # its place among all seeds, whoever ran it and after however many interruptions
                index = episode.seed - recipe.first_seed
                recording = replace(recorder.take(episode), index=index)
                yield replace(made, episode=replace(episode, index=index), recording=recording)
            else:
                recorder.discard(episode.index)
                yield made


def produce_alone(recipe: Recipe, seeds: Sequence[int], folder: Path, profile: Profile) -> Generator[Made]:
    """`produce` with an environment, a policy and a recorder of its own, closed at the end.

    Args:
        recipe: How episodes are made.
        seeds: Their seeds.
        folder: Where unfinished videos lie; nobody else's.
        profile: Filled while running.
    """
    env = recipe.make_env()
    try:
        policy, _ = acting(recipe, env)
        recorder = EpisodeRecorder(
            folder, env.spec, cameras=recipe.cameras, video=recipe.video, states=recipe.states, threads=1
        )
        with recorder, closing(produce(recipe, env, policy, seeds, profile, recorder)) as made:
            yield from made
    finally:
        env.close()
