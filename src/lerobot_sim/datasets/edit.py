"""Datasets written anew: compacted, with episodes deleted, tasks reworded, merged, split.

Each works on any LeRobotDataset v3 and is safe at every moment: see `swap`. It needs free space for the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lerobot_sim.errors import InputError, unknown_name

from .copying import Show, Written, write_dataset
from .picks import Pick
from .source import Source, open_source
from .swap import new_beside


def _silent(_done: float) -> None:
    pass


def compact(root: Path | str, output: Path | str | None = None, *, show: Show = _silent) -> Written:
    """Gathers a dataset's episodes in as few files as LeRobot's limits allow (100 MB of rows, 200 MB of video).

    Args:
        root: The dataset.
        output: Where the result goes; by default it takes the place of `root`.
        show: Takes how many episodes are done by now.

    Raises:
        StorageError: It is damaged or in use, or `output` is not free; `root` is as it was.
    """
    return _rewrite(root, output, lambda source: [_pick(source, number) for number in range(source.num_episodes)], show)


def delete(
    root: Path | str, episodes: Sequence[int], output: Path | str | None = None, *, show: Show = _silent
) -> Written:
    """Leaves episodes out; those behind them move up.

    Raises:
        InputError: There is no such episode, or none would be left.
        StorageError: As for `compact`.
    """

    def picks(source: Source) -> list[Pick]:
        gone = set(check_episodes(source, episodes))
        kept = [_pick(source, number) for number in range(source.num_episodes) if number not in gone]
        if not kept:
            raise InputError(
                f"All {source.num_episodes} episodes would be deleted, and LeRobot loads no empty dataset. Keep one, "
                "or remove the folder."
            )
        return kept

    return _rewrite(root, output, picks, show)


def edit_task(
    root: Path | str,
    new: str,
    *,
    old: str | None = None,
    episodes: Sequence[int] | None = None,
    output: Path | str | None = None,
    show: Show = _silent,
) -> Written:
    """Rewords instructions.

    Args:
        root: The dataset.
        new: The new text.
        old: The text that is replaced; by default whatever stands there.
        episodes: Where; by default in all.
        output: Where the result goes; by default it takes the place of `root`.
        show: Takes how many episodes are done by now.

    Raises:
        InputError: No text, neither `old` nor `episodes`, no such episode.
        UnknownNameError: None of the episodes has the task `old`.
        StorageError: As for `compact`.
    """
    if not new.strip():
        raise InputError("The new task is empty. Give the instruction in words.")
    if old is None and episodes is None:
        raise InputError("Which tasks are to be replaced? Give the old text, or the episodes.")

    def picks(source: Source) -> list[Pick]:
        numbers = range(source.num_episodes)
        chosen = set(numbers if episodes is None else check_episodes(source, episodes))
        there = {task for number in chosen for task in source.tasks_of(number)}
        if old is not None and old not in there:
            raise unknown_name("task in these episodes", old, there, "See lerobot-sim dataset info.")
        return [
            Pick(
                source=source,
                episode=number,
                tasks={task: new for task in source.tasks.values() if old in (None, task)} if number in chosen else {},
            )
            for number in numbers
        ]

    return _rewrite(root, output, picks, show)


def merge(roots: Sequence[Path | str], output: Path | str, *, show: Show = _silent) -> Written:
    """Writes the episodes of several datasets into one new, in the order of the datasets.

    Raises:
        InputError: Fewer than two datasets, or their fps or features differ; the message says in what.
        StorageError: One is damaged, or `output` is not free.
    """
    if len(roots) < 2:
        raise InputError(f"Merging needs at least two datasets; {len(roots)} came.")
    sources = [open_source(root) for root in roots]
    for source in sources[1:]:
        _check_alike(sources[0], source)
    picks = [_pick(source, number) for source in sources for number in range(source.num_episodes)]
    with new_beside(output, replace=False) as folder:
        return write_dataset(folder, picks, show)


def split(
    root: Path | str, parts: Mapping[str, Sequence[int]], output: Path | str, *, show: Show = _silent
) -> dict[str, Written]:
    """Writes a dataset's episodes into several new ones, `output`/NAME, which appear all at once.

    Args:
        root: The dataset.
        parts: Name -> episodes, in the order that they get.
        output: The folder for all of them; must be free.
        show: Takes how many episodes are done by now.

    Raises:
        InputError: A part is empty or its name no folder's, an episode is in two, or does not exist.
        StorageError: As for `compact`.
    """
    source = open_source(root)
    taken: dict[int, str] = {}
    if not parts:
        raise InputError("Give at least one part.")
    for name, episodes in parts.items():
        if not name or Path(name).name != name or name.startswith("."):
            raise InputError(f"A part's name becomes a folder's; '{name}' cannot be one.")
        if not episodes:
            raise InputError(f"The part '{name}' would be empty. Give it a larger share, or some episodes.")
        for episode in check_episodes(source, episodes):
            if episode in taken:
                raise InputError(f"Episode {episode} is in '{taken[episode]}' and in '{name}'. Give it to one.")
            taken[episode] = name
    result: dict[str, Written] = {}
    with new_beside(output, replace=False) as folder:
        done = 0
        for name, episodes in parts.items():
            (folder / name).mkdir()
            picks = [_pick(source, episode) for episode in episodes]
            result[name] = write_dataset(folder / name, picks, lambda own, before=done: show(before + own))
            done += len(picks)
    return result


def by_shares(shares: Mapping[str, float], count: int, seed: int) -> dict[str, list[int]]:
    """Draws which of `count` episodes each part gets; inside a part they keep their order.

    Args:
        shares: Name -> share of the episodes, above 0, together at most 1. Rounded to the nearest whole numbers.
        count: Episodes to be given out.
        seed: Another number draws others.

    Raises:
        InputError: A share is not above 0, or they are more than 1 together.
    """
    total = sum(shares.values())
    if any(share <= 0 for share in shares.values()) or total > 1 + 1e-9:
        raise InputError(f"Shares must be above 0 and at most 1 together; {dict(shares)} came, which is {total:g}.")
    order = np.random.default_rng(seed).permutation(count)
    edges = np.rint(np.cumsum([0.0, *shares.values()]) * count).astype(int)
    return {name: sorted(order[edges[at] : edges[at + 1]].tolist()) for at, name in enumerate(shares)}


def check_episodes(source: Source, episodes: Sequence[int]) -> Sequence[int]:
    """The same, all of which exist.

    Raises:
        InputError: Some do not.
    """
    wrong = sorted({episode for episode in episodes if not 0 <= episode < source.num_episodes})
    if wrong:
        raise InputError(
            f"{source.root} holds the episodes 0 to {source.num_episodes - 1}; {', '.join(map(str, wrong[:10]))} came."
        )
    return episodes


def _pick(source: Source, episode: int) -> Pick:
    return Pick(source=source, episode=episode)


def _rewrite(
    root: Path | str, output: Path | str | None, choose: Callable[[Source], list[Pick]], show: Show
) -> Written:
    choose(open_source(root))  # refuses before anything is made
    with new_beside(root if output is None else output, replace=output is None) as folder:
        return write_dataset(folder, choose(open_source(root)), show)


def _check_alike(first: Source, other: Source) -> None:
    """Refuses datasets that cannot be one, with all that differs."""
    differing: list[str] = []
    if first.fps != other.fps:
        differing.append(f"fps is {first.fps:g} there, {other.fps:g} here")
    for name in sorted({*first.features, *other.features}):
        there, here = _shape(first, name), _shape(other, name)
        if there is None or here is None:
            differing.append(f"'{name}' is only in the {'first' if here is None else 'second'}")
        else:
            differing += [
                f"'{name}' has {key} {there[key]} there, {here[key]} here" for key in there if there[key] != here[key]
            ]
    if differing:
        raise InputError(
            f"{first.root} and {other.root} cannot be merged: {'; '.join(differing)}. Record them alike, or rerender "
            "the cameras alike first."
        )


def _shape(source: Source, name: str) -> dict[str, Any] | None:
    feature = source.features.get(name)
    if feature is None:
        return None
    info: dict[str, Any] = feature.get("info") or {}
    return {
        "dtype": feature["dtype"],
        "shape": list(feature["shape"]),
        "names": feature.get("names"),
        "is_depth_map": bool(info.get("is_depth_map") or info.get("video.is_depth_map")),
    }
