"""Runs stored episodes again from their seeds, Params and actions, and says whether the same comes out.

An episode is a function of (environment and version, seed, Params, actions). So on the machine and with the versions
that it was recorded with, everything is equal to the last bit, or something is wrong; elsewhere the verdict says at
which step they part and by how much.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, like, to_numpy
from lerobot_sim.env import Batch, End, Env, check_feature
from lerobot_sim.episode import Episode
from lerobot_sim.errors import InputError
from lerobot_sim.loop import ParamSource, Sink, rollout
from lerobot_sim.policy import Decision
from lerobot_sim.spec import ACTION, Camera, EnvSpec

from .layout import NEXT_REWARD, NEXT_SUCCESS
from .reader import EpisodeEntry, read_columns, read_episodes
from .replay_compare import FINAL, STATES, Difference, StateSink, column_difference, distance
from .sidecar import EpisodeRecord


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of an episode that was run again.

    Attributes:
        episode_index: Its number in the dataset.
        seed: What it began with.
        length: Recorded rows.
        replayed: Rows until the environment ended, `length` where it did not earlier.
        end: Why the replay ended; OPERATOR where the actions ran out before the environment ended.
        success: By the environment's success rule; None where the rule is "none".
        total_reward: The replay's undiscounted return.
        compared: What was compared; nothing in datasets that are not ours.
        differences: What differs, earliest first.
    """

    episode_index: int
    seed: int
    length: int
    replayed: int
    end: End
    success: bool | None
    total_reward: float
    compared: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = field(default=())

    @property
    def exact(self) -> bool | None:
        """Whether everything is equal to the last bit; None where nothing was compared."""
        return not self.differences if self.compared else None


class ReplayPolicy:
    """Gives stored actions, found by an episode's seed; ends the episode with the last one.

    Args:
        actions: Seed -> (T, *action shape).
    """

    cameras: Mapping[str, Camera] = {}
    batch_invariant = True

    def __init__(self, actions: Mapping[int, NDArray[Any]]) -> None:
        self._actions = actions
        self._lanes: dict[int, tuple[NDArray[Any], int]] = {}

    def reset(self, lanes: Array, seeds: Array) -> None:
        for lane, seed in zip(lanes, seeds, strict=True):
            self._lanes[int(lane)] = (self._actions[int(seed)], 0)

    def act(self, observation: Batch, active: Array) -> Decision:
        first = next(iter(self._actions.values()))
        mask = to_numpy(active)
        action = np.zeros((len(mask), *first.shape[1:]), first.dtype)
        last = np.zeros(len(mask), np.bool_)
        for lane in np.flatnonzero(mask):
            actions, at = self._lanes[int(lane)]
            action[lane], last[lane] = actions[at], at + 1 == len(actions)
            self._lanes[int(lane)] = (actions, at + 1)
        kin = next(iter(observation.values()), action)
        return Decision(like(action, kin), events={"terminate_episode": like(last, kin)})


def replay(
    root: Path | str,
    env: Env,
    numbers: Sequence[int],
    records: Sequence[EpisodeRecord] | None,
    *,
    sinks: Sequence[Sink] = (),
    seed: int = 0,
) -> Generator[Verdict]:
    """Runs episodes again and compares; verdicts come in the order of `numbers`.

    Args:
        root: The dataset's folder.
        env: Where; made as the dataset says (`registry.remake`) where it is ours.
        numbers: Which episodes, without repeats.
        records: One an episode of the dataset; None for datasets that are not ours: then only the actions are run,
            from the seeds `seed`, `seed` + 1, …, and nothing is compared.
        sinks: Who watches.
        seed: The first seed where there are no records.

    Raises:
        InputError: There is no such episode, or its actions are not the environment's.
        StorageError: The dataset is damaged.
    """
    root = Path(root)
    entries = read_episodes(root)
    for number in numbers:
        if not 0 <= number < len(entries):
            raise InputError(f"--episode: {root} holds episodes 0 to {len(entries) - 1}, {number} was asked for.")
    names = [ACTION] if records is None else [*env.spec.observation, ACTION, NEXT_REWARD, NEXT_SUCCESS]
    stored = read_columns(root, names)
    seeds = [records[number].seed if records else seed + at for at, number in enumerate(numbers)]
    for begin, stop in _rounds(seeds):
        chosen = [entries[number] for number in numbers[begin:stop]]
        parts = [{name: values[entry.start : entry.stop] for name, values in stored.items()} for entry in chosen]
        for entry, part in zip(chosen, parts, strict=True):
            check_feature(f"The actions of episode {entry.episode_index}", env.spec.action, part[ACTION], entry.length)
        policy = ReplayPolicy({seed: part[ACTION] for seed, part in zip(seeds[begin:stop], parts, strict=True)})
        own = [records[entry.episode_index] for entry in chosen] if records else None
        params = _params(env.spec, own) if own else None
        watch = StateSink(root, chosen) if own else None
        run = rollout(env, policy, seeds[begin:stop], params=params, sinks=[watch, *sinks] if watch else sinks)
        with closing(run) as episodes:
            for at, episode in enumerate(episodes):
                yield _verdict(env.spec, chosen[at], parts[at], own[at] if own else None, episode, watch)


def _rounds(seeds: Sequence[int]) -> Generator[tuple[int, int]]:
    """(begin, stop) of stretches without a seed that comes twice: the policy finds actions by their seeds."""
    begin = 0
    seen: set[int] = set()
    for at, seed in enumerate(seeds):
        if seed in seen:
            yield begin, at
            begin = at
            seen = set()
        seen.add(seed)
    if begin < len(seeds):
        yield begin, len(seeds)


def _params(spec: EnvSpec, records: Sequence[EpisodeRecord]) -> ParamSource | None:
    names = sorted({name for record in records for name in record.params})
    if not names:
        return None
    by_seed = {record.seed: record.params for record in records}

    def source(seeds: NDArray[np.int64]) -> Mapping[str, Array]:
        values: dict[str, Array] = {}
        for name in names:
            param = spec.params[name]
            rows = [by_seed[int(seed)].get(name, param.nominal) for seed in seeds]
            dtype = np.int64 if param.choices else np.float64
            values[name] = np.stack([np.broadcast_to(np.asarray(row, dtype), param.shape) for row in rows])
        return values

    return source


def _verdict(
    spec: EnvSpec,
    entry: EpisodeEntry,
    stored: Mapping[str, NDArray[Any]],
    record: EpisodeRecord | None,
    episode: Episode,
    watch: StateSink | None,
) -> Verdict:
    compared: list[str] = []
    found: list[Difference] = []
    if record is not None and watch is not None:
        came = {**episode.observation, NEXT_REWARD: episode.reward, NEXT_SUCCESS: episode.success}
        compared = list(came)
        for name, values in came.items():
            found += column_difference(name, stored[name], values)
        for name, value in episode.final_observation.items():
            there = np.asarray(record.final_observation[name]).astype(value.dtype)
            if by := distance(there, np.asarray(value)):
                found.append(Difference(what=FINAL + name, step=entry.length, at_first=by, at_worst=by))
        if watch.stored[episode.index]:
            compared.append(STATES)
            found += watch.differences(episode.index)
    return Verdict(
        episode_index=entry.episode_index,
        seed=episode.seed,
        length=entry.length,
        replayed=len(episode),
        end=episode.end,
        success=None if spec.success_rule == "none" else episode.succeeded(spec.success_rule),
        total_reward=episode.total_reward,
        compared=tuple(compared),
        differences=tuple(sorted(found, key=lambda difference: difference.step)),
    )
