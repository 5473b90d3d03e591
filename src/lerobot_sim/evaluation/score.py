"""Episodes on held-out seeds, scored by the environment's success rule.

An episode that ended as FAULT says nothing of the policy: it is reported apart and in no rate. One that
ended as POLICY (an action that is not finite) is a failure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lerobot_sim.env import End, Env
from lerobot_sim.episode import Episode
from lerobot_sim.errors import InputError, StorageError
from lerobot_sim.loop import Profile, Sink, rollout
from lerobot_sim.policy import Policy

from .statistics import clopper_pearson, standard_error

HELD_OUT = 2**40
"""Held-out seeds begin here; no demonstration of ours has a seed so high."""

SEEDS_A_RUN = 2**20
"""How far apart the seeds of two runs with neighbouring `--seed` are."""


def demonstration_seeds(seed: int, episodes: int) -> range:
    """Seeds of the demonstrations of run `seed`."""
    return range(seed * SEEDS_A_RUN, seed * SEEDS_A_RUN + episodes)


def held_out_seeds(seed: int, episodes: int) -> range:
    """Seeds of the evaluation `seed`; disjoint from every run's demonstrations."""
    first = HELD_OUT + seed * SEEDS_A_RUN
    return range(first, first + episodes)


@dataclass(frozen=True, kw_only=True)
class EpisodeResult:
    """What one episode came to.

    Attributes:
        seed: What it began with.
        success: By the environment's success rule.
        success_ever: At some step.
        success_final: At the last step.
        total_reward: The undiscounted return.
        length: Steps.
        end: Name of its `End`.
        explanation: The end in words, where it was not the task's or the clock's.
    """

    seed: int
    success: bool
    success_ever: bool
    success_final: bool
    total_reward: float
    length: int
    end: str
    explanation: str = ""


def result_of(episode: Episode, rule: str) -> EpisodeResult:
    """An episode's result by a success rule."""
    return EpisodeResult(
        seed=episode.seed,
        success=rule != "none" and episode.succeeded(rule),
        success_ever=episode.succeeded("any"),
        success_final=episode.succeeded("final"),
        total_reward=episode.total_reward,
        length=len(episode),
        end=episode.end.name,
        explanation=episode.explanation,
    )


@dataclass(frozen=True, kw_only=True)
class Score:
    """The results of an evaluation and what follows from them.

    Attributes:
        success_rule: The environment's; with "none" no success rate is given.
        results: One an episode, in the order of the seeds.
    """

    success_rule: str
    results: Sequence[EpisodeResult]

    @property
    def valid(self) -> list[EpisodeResult]:
        """The results that count: all but FAULTs."""
        return [result for result in self.results if result.end != End.FAULT.name]

    @property
    def policy_errors(self) -> list[EpisodeResult]:
        """Episodes that the policy broke off."""
        return [result for result in self.results if result.end == End.POLICY.name]

    def summary(self) -> dict[str, Any]:
        """Rates, their exact 95% intervals, mean return and counts, JSON-ready; None where there is nothing to say."""
        valid = self.valid
        returns = [result.total_reward for result in valid]
        ends: dict[str, int] = {}
        for result in self.results:
            ends[result.end] = ends.get(result.end, 0) + 1
        no_success = self.success_rule == "none"
        return {
            "success_rule": self.success_rule,
            "success_rate": None if no_success else _rate([result.success for result in valid]),
            "interval": None if no_success or not valid else _interval([result.success for result in valid]),
            "success_ever_rate": None if no_success else _rate([result.success_ever for result in valid]),
            "success_final_rate": None if no_success else _rate([result.success_final for result in valid]),
            "mean_return": math.fsum(returns) / len(returns) if returns else None,
            "return_standard_error": standard_error(returns) if len(returns) > 1 else None,
            "mean_length": sum(result.length for result in valid) / len(valid) if valid else None,
            "episodes": len(self.results),
            "ends": ends,
        }


def evaluate(
    envs: Env | Sequence[Env],
    policy: Policy,
    seeds: Iterable[int],
    *,
    sinks: Sequence[Sink] = (),
    profile: Profile | None = None,
    journal: Path | None = None,
    settings: Mapping[str, Any] | None = None,
    on_known: Callable[[int], None] | None = None,
) -> Score:
    """Runs one episode a seed and scores them.

    Args:
        envs: Where; several environments must have one spec.
        policy: Who acts.
        seeds: Held-out seeds.
        sinks: Who watches; not called for episodes that the journal holds already.
        profile: Filled while running.
        journal: A JSON-lines file to which each result is added when it is known; results that a run with
            the same settings left there are taken, and only the rest is run.
        settings: What the journal's results depend on, such as the checkpoint's digest.
        on_known: Called once, before anything runs, with how many results the journal holds already.

    Raises:
        InputError: No seeds.
        StorageError: The journal is of other settings, or damaged.
    """
    wanted = list(seeds)
    if not wanted:
        raise InputError("An evaluation needs at least one seed, none came.")
    spec = (envs[0] if isinstance(envs, Sequence) else envs).spec
    header = {"env_id": spec.id, "env_version": spec.version, **(settings or {})}
    results = _read_journal(journal, header, wanted) if journal else []
    if on_known:
        on_known(len(results))
    rest = wanted[len(results) :]
    for episode in rollout(envs, policy, rest, sinks=sinks, profile=profile) if rest else ():
        result = result_of(episode, spec.success_rule)
        results.append(result)
        if journal:
            with journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
    return Score(success_rule=spec.success_rule, results=results)


def _rate(successes: Sequence[bool]) -> float | None:
    return sum(successes) / len(successes) if successes else None


def _interval(successes: Sequence[bool]) -> list[float]:
    return list(clopper_pearson(sum(successes), len(successes)))


def _read_journal(path: Path, header: Mapping[str, Any], seeds: Sequence[int]) -> list[EpisodeResult]:
    """The results that a journal holds for the first of `seeds`; begins the file where there is none."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]  # a kill may have torn the last line
    if not whole:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(header) + "\n", encoding="utf-8")
        return []
    try:
        first, *lines = [json.loads(line) for line in whole.splitlines()]
        results = [EpisodeResult(**line) for line in lines]
    except (ValueError, TypeError) as error:
        raise StorageError(f"The evaluation's journal {path} is damaged ({error}). Remove it to begin anew.") from error
    differing = sorted(key for key in {*first, *header} if first.get(key) != header.get(key))
    if differing:
        pairs = ", ".join(f"{key}: {first.get(key)} there, {header.get(key)} now" for key in differing)
        raise StorageError(f"{path} holds results of other settings ({pairs}). Choose another output folder.")
    if len(whole) != len(text):
        path.write_text(whole, encoding="utf-8")
    results = results[: len(seeds)]
    if [result.seed for result in results] != list(seeds[: len(results)]):
        raise StorageError(f"{path} holds results of other seeds. Choose another output folder, or remove it.")
    return results
