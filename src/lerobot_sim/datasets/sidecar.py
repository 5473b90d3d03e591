"""What LeRobot's format has no place for, in `sim/` beside it, which LeRobot never reads.

    sim/run.json        the environment's spec, the settings and versions that the dataset was begun with
    sim/episodes.jsonl  a line an episode: seed, params, end, return, success, the final observation …
    sim/states/         a file an episode: every step's simulation state, see `states`
    sim/recording/      pictures of episodes that are not committed yet
    sim/lock            held by the process that writes

Lines beyond `info.json`'s number of episodes are of a commit that was interrupted: they do not count.
"""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lerobot_sim import __version__
from lerobot_sim.env import End
from lerobot_sim.episode import Episode
from lerobot_sim.errors import InputError, StorageError
from lerobot_sim.spec import Camera, EnvSpec

from .codecs import VideoSettings
from .files import PART, read_json
from .swap import recover

RUN = "sim/run.json"
EPISODES = "sim/episodes.jsonl"
LOCK = "sim/lock"
SCHEMA = 1
"""Raised when the files' meaning changes."""

_MEND = "Restore it from a copy, or collect again into another folder; LeRobot can still read the dataset as it is."


@dataclass(frozen=True, kw_only=True)
class EpisodeRecord:
    """What is known of a stored episode beyond its rows.

    Attributes:
        episode_index: Its number in the dataset.
        env_id: The environment's id.
        env_version: Its version.
        index: Position of its seed among those of the run.
        seed: What it began with.
        attempt: 0, or 1 where the first try ended in a FAULT.
        instruction: The task in words.
        params: Values of the Params that were given; the others were nominal.
        length: Rows.
        end: Why it ended.
        explanation: The end in words, where it was not the task's or the clock's.
        total_reward: The undiscounted return.
        success: By the spec's success rule; None where the rule is "none".
        final_observation: Where the last row led.
        policy: Who acted, where that is known.
        code_version: Version of this package that wrote it.
    """

    episode_index: int
    env_id: str
    env_version: int
    index: int
    seed: int
    attempt: int
    instruction: str
    params: Mapping[str, Any]
    length: int
    end: End
    explanation: str
    total_reward: float
    success: bool | None
    final_observation: Mapping[str, Any]
    policy: str = ""
    code_version: str = __version__

    def to_line(self) -> bytes:
        """The record as a line of JSON."""
        content = {**vars(self), "end": self.end.name}
        return (json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n").encode()


def record_of(episode: Episode, episode_index: int, success_rule: str, policy: str = "") -> EpisodeRecord:
    """The record of an episode that is to become number `episode_index`."""
    return EpisodeRecord(
        episode_index=episode_index,
        env_id=episode.env_id,
        env_version=episode.env_version,
        index=int(episode.index),
        seed=int(episode.seed),
        attempt=int(episode.attempt),
        instruction=episode.instruction,
        params={name: np.asarray(value).tolist() for name, value in episode.params.items()},
        length=len(episode),
        end=End(episode.end),
        explanation=episode.explanation,
        total_reward=episode.total_reward,
        success=None if success_rule == "none" else episode.succeeded(success_rule),
        final_observation={name: np.asarray(value).tolist() for name, value in episode.final_observation.items()},
        policy=policy,
    )


def read_lines(root: Path, count: int) -> tuple[list[EpisodeRecord], int]:
    """The first `count` records, and how many bytes they take.

    Raises:
        StorageError: There are fewer whole lines, or a line is damaged.
    """
    path = Path(root) / EPISODES
    if count == 0:
        return [], 0
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise StorageError(f"{path} is missing. {_MEND}") from error
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror}. Check its permissions.") from error
    lines = content.splitlines(keepends=True)[:count]
    if len(lines) < count or not lines[-1].endswith(b"\n"):
        raise StorageError(f"{path} is damaged: it holds {len(lines)} episodes, {count} were saved. {_MEND}")
    return [_record(path, number, line) for number, line in enumerate(lines)], sum(map(len, lines))


def recording_content(cameras: Mapping[str, Camera], video: VideoSettings) -> dict[str, Any]:
    """What `run.json` says of the pictures; nothing where there are none."""
    if not cameras:
        return {}
    own = {name: dataclasses.asdict(camera) for name, camera in cameras.items()}
    return {"cameras": own, "video": video.to_dict()}


def run_content(
    spec: EnvSpec, settings: Mapping[str, Any] | None, recording: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The content of a new `run.json`.

    Args:
        spec: The environment's.
        settings: Plain JSON values.
        recording: What `recording_content` gives.

    Raises:
        InputError: The settings are no JSON.
    """
    try:
        plain = json.loads(json.dumps(dict(settings or {}), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InputError(f"Settings of a dataset must be plain JSON values: {error}.") from error
    return {
        "schema": SCHEMA,
        "environment": spec.to_dict(),
        "settings": plain,
        "recording": dict(recording or {}),
        "versions": {
            "lerobot-sim": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "pyarrow")},
        },
    }


def check_run(root: Path, wanted: Mapping[str, Any]) -> None:
    """Refuses to go on with a dataset of another environment or of other settings.

    Raises:
        StorageError: It differs, with what was there and what came, or `run.json` is damaged.
    """
    path = root / RUN
    found = read_json(path, _MEND)
    try:
        if found["schema"] != SCHEMA:
            raise StorageError(f"{path} is of schema {found['schema']}; this version of lerobot-sim writes {SCHEMA}.")
        there, asked = found["environment"], wanted["environment"]
        keys = ("id", "version", "fps", "observation", "action", "success_rule", "options")
        differing = [_difference(key, there[key], asked[key]) for key in keys if there[key] != asked[key]]
        seen, asked = found.get("recording", {}), wanted.get("recording", {})
        for key in ("cameras", "video"):
            differing += _different_parts(key, seen.get(key, {}), asked.get(key, {}))
        old, new = found["settings"], wanted["settings"]
        differing += [
            _difference(f"setting '{key}'", old.get(key, "not set"), new.get(key, "not set"))
            for key in sorted({*old, *new})
            if key not in old or key not in new or old[key] != new[key]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{path} is damaged: {type(error).__name__} {error}. {_MEND}") from error
    if differing:
        raise StorageError(
            f"{root} holds another dataset, which cannot be gone on with: {'; '.join(differing)}. "
            "Give another folder, or the settings that it was begun with."
        )


def _different_parts(what: str, there: Mapping[str, Any], came: Mapping[str, Any]) -> list[str]:
    """Each entry that differs; all in one where there is none on one side."""
    if not there or not came:
        return [_difference(what, there or "none", came or "none")] if there != came else []
    return [
        _difference(f"{what} '{name}'", there.get(name, "none"), came.get(name, "none"))
        for name in sorted({*there, *came})
        if there.get(name) != came.get(name)
    ]


def _difference(what: str, there: object, came: object) -> str:
    shown = [json.dumps(value, ensure_ascii=False) for value in (there, came)]
    there_text, came_text = (text if len(text) <= 80 else f"{text[:77]}..." for text in shown)
    return f"{what} there is {there_text}, {came_text} came"


def _record(path: Path, number: int, line: bytes) -> EpisodeRecord:
    try:
        content = json.loads(line)
        if content["episode_index"] != number:
            raise ValueError(f"episode {content['episode_index']} stands there")
        fields: dict[str, Any] = {**content, "end": End[content["end"]]}
        return EpisodeRecord(**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{path} is damaged at line {number + 1}: {error}. {_MEND}") from error


def begins_new(root: Path) -> bool:
    """Whether a folder is free for a new dataset: not there, empty, or with our lock alone.

    Raises:
        StorageError: Something else is in it.
    """
    if not root.exists():
        recover(root)
    if not root.exists():
        return True
    if not root.is_dir():
        raise StorageError(f"{root} is a file. Give a folder.")
    if (root / RUN).exists():
        return False
    foreign = _foreign(root)
    if foreign:
        raise StorageError(
            f"{root} is not empty and holds no dataset of ours ({foreign[0]} is there, {RUN} is not). "
            "Give another folder."
        )
    return True


def _foreign(root: Path) -> Sequence[str]:
    paths = [*root.iterdir(), *(root / "sim").glob("*")]
    names = [path.relative_to(root).as_posix() for path in paths]
    return [name for name in names if name not in ("sim", LOCK, RUN + PART)]
