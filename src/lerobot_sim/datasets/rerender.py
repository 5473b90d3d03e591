"""Other pictures of stored episodes: new cameras, sizes, looks and visual Params, from their simulation states.

Nothing is simulated again: every stored state is put into an environment and drawn. So all columns, tasks and records
are those of the source, and its own cameras give the pictures that were recorded (before they were encoded).
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import registry
from lerobot_sim.arrays import to_numpy
from lerobot_sim.env import End, Env, check_cameras, check_params
from lerobot_sim.episode import Episode
from lerobot_sim.errors import InputError, StorageError, unknown_name
from lerobot_sim.lanes import Frames, Start
from lerobot_sim.spec import ACTION, IMAGES, Camera, EnvSpec

from . import layout, sidecar
from .codecs import VideoSettings
from .files import read_json
from .origin import Origin, read_origin
from .reader import EpisodeEntry, read_columns, read_episodes, read_info, read_records
from .recorder import EpisodeRecorder, Recording
from .sidecar import EpisodeRecord
from .states import path_of, read_states

_PARAMS = "params."
"""What a state's arrays of Params begin with."""


@dataclass(frozen=True, kw_only=True)
class Rerendering:
    """What is drawn; plain data that is the same in every process.

    Attributes:
        root: The source's folder.
        env_id: Its environment.
        env_options: Keywords of the environment's factory.
        cameras: What is drawn of it.
        video: How that is encoded.
        params: Visual Params and their values, which take the recorded ones' place.
        num_envs: How many states are drawn at once.
    """

    root: Path
    env_id: str
    env_options: Mapping[str, Any]
    cameras: Mapping[str, Camera]
    video: VideoSettings = field(default_factory=VideoSettings)
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    num_envs: int = 16

    def make_env(self) -> Env:
        """The environment that the source was recorded in."""
        return registry.remake(self.env_id, self.env_options, self.num_envs)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What a dataset says of its own pictures.

    Attributes:
        cameras: What was recorded.
        video: How it was encoded.
    """

    cameras: Mapping[str, Camera]
    video: VideoSettings


def read_recorded(root: Path | str) -> Recorded:
    """The cameras that a dataset of ours was recorded with; none where it has no pictures.

    Raises:
        StorageError: The dataset is not one of ours, or its record is damaged.
    """
    read_origin(root)  # refuses what is not ours
    path = Path(root) / sidecar.RUN
    mend = "Restore it from a copy, or collect again into another folder."
    try:
        recording: dict[str, Any] = read_json(path, mend).get("recording") or {}
        cameras = {name: Camera(**values) for name, values in recording.get("cameras", {}).items()}
        return Recorded(cameras=cameras, video=VideoSettings(**recording.get("video", {})))
    except (TypeError, AttributeError, InputError) as error:
        raise StorageError(f"{path} is damaged ({type(error).__name__}: {error}). {mend}") from error


def check_source(root: Path | str, spec: EnvSpec) -> Origin:
    """Refuses a dataset that cannot be drawn again.

    Raises:
        StorageError: It is not ours, of another version of the environment, or was recorded without states.
    """
    origin = read_origin(root)
    if origin.env_version != spec.version:
        raise StorageError(
            f"{root} was recorded with version {origin.env_version} of '{origin.env_id}', here is version "
            f"{spec.version}: their states differ. Install the lerobot-sim that recorded it."
        )
    entries = read_episodes(root)
    missing = [entry.episode_index for entry in entries if not path_of(root, entry.episode_index).exists()]
    if missing:
        raise StorageError(
            f"{root} holds no simulation states of {len(missing)} of its {len(entries)} episodes (the first: episode "
            f"{missing[0]}), and they are what is drawn. Record with states: `lerobot-sim collect` "
            "keeps them unless told otherwise, in every environment that can restore them."
        )
    return origin


def check_visual(spec: EnvSpec, params: Mapping[str, Any]) -> dict[str, Any]:
    """The Params as plain JSON values; refuses those that more than pictures depend on.

    Raises:
        UnknownNameError: The environment has no such Param.
        InputError: A Param is not visual, or a value is out of bounds.
    """
    visual = sorted(name for name, param in spec.params.items() if param.visual)
    for name in params:
        if name not in spec.params:
            raise unknown_name(f"Param of '{spec.id}'", name, spec.params)
        if not spec.params[name].visual:
            which = f"Visual are: {', '.join(visual)}." if visual else f"'{spec.id}' has no visual Params."
            raise InputError(
                f"Param '{name}' changes more than pictures: the stored states came of its recorded value. "
                f"{which} Collect again to change it."
            )
    checked = check_params(spec, 1, {name: np.asarray(value)[None] for name, value in params.items()})
    return {name: value[0].tolist() for name, value in checked.items()}


def settings_of(work: Rerendering, origin: Origin) -> dict[str, Any]:
    """The settings of the new dataset: the source's, and what is drawn of which source."""
    records = (work.root / sidecar.EPISODES).read_bytes().split(b"\n", 1)[0]
    source = hashlib.sha256((work.root / sidecar.RUN).read_bytes() + records).hexdigest()[:16]
    return {**origin.settings, "rerendered": {"source": source, "params": dict(work.params)}}


def rerendered(
    work: Rerendering, env: Env, recorder: EpisodeRecorder, numbers: Sequence[int]
) -> Generator[tuple[Episode, Recording]]:
    """Draws stored episodes; each comes with what `DatasetWriter.add` takes.

    Args:
        work: What is drawn.
        env: As `work.make_env` makes it.
        recorder: Of `work.cameras` and `work.video`.
        numbers: Which episodes.

    Raises:
        StorageError: The source is damaged.
        InputError: The environment has no such camera, or its states do not name the Params.
    """
    check_cameras(env.spec, work.cameras)
    info, entries, records = read_info(work.root), read_episodes(work.root), read_records(work.root)
    columns = read_columns(work.root)
    added = [name for name in info.columns if name in columns and name not in layout.columns_of(env.spec, {})]
    for number in numbers:
        entry = entries[number]
        own = {name: values[entry.start : entry.stop] for name, values in columns.items()}
        episode = _episode(env.spec, records[number], entry, own, added, work.params)
        states = _with_params(env.spec, read_states(work.root, number), work.params, path_of(work.root, number))
        if any(len(value) != len(episode) + 1 for value in states.values()):
            raise StorageError(f"{path_of(work.root, number)} does not fit the {len(episode)} rows of its episode.")
        for row, images in enumerate(_draw(env, work.cameras, states, len(episode))):
            recorder.write(_frames(episode, states, images, row))
        yield episode, recorder.take(episode)


def _draw(
    env: Env, cameras: Mapping[str, Camera], states: Mapping[str, NDArray[Any]], count: int
) -> Generator[dict[str, NDArray[Any]]]:
    """The pictures of each of the first `count` states: camera -> (1, h, w, c)."""
    lanes = np.arange(env.num_envs)
    for start in range(0, count, env.num_envs):
        rows = np.minimum(start + lanes, count - 1)  # the last state fills what is left of the lanes
        env.set_state(lanes, {name: value[rows] for name, value in states.items()})
        drawn = env.render(cameras, lanes[: count - start])
        images = {name: to_numpy(image) for name, image in drawn.items()}
        for lane in range(min(env.num_envs, count - start)):
            yield {name: image[lane : lane + 1] for name, image in images.items()}


def _episode(
    spec: EnvSpec,
    record: EpisodeRecord,
    entry: EpisodeEntry,
    columns: Mapping[str, NDArray[Any]],
    added: Sequence[str],
    params: Mapping[str, Any],
) -> Episode:
    """The stored episode as it was when it was added, with other visual Params."""
    rows = entry.length
    given = {
        name: np.asarray(value, np.int64 if spec.params[name].choices else np.float64)
        for name, value in {**record.params, **params}.items()
    }
    return Episode(
        env_id=record.env_id,
        env_version=record.env_version,
        index=record.index,
        seed=record.seed,
        attempt=record.attempt,
        instruction=record.instruction,
        params=given,
        observation={name: columns[name].reshape(rows, *feature.shape) for name, feature in spec.observation.items()},
        action=columns[ACTION].reshape(rows, *spec.action.shape),
        reward=columns[layout.NEXT_REWARD],
        success=columns[layout.NEXT_SUCCESS],
        metrics={},
        columns={name: columns[name] for name in added},
        end=record.end,
        final_observation={
            name: np.asarray(record.final_observation[name], feature.dtype)
            for name, feature in spec.observation.items()
        },
        explanation=record.explanation,
    )


def _with_params(
    spec: EnvSpec, states: Mapping[str, NDArray[Any]], params: Mapping[str, Any], path: Path
) -> dict[str, NDArray[Any]]:
    """The states with other values of some Params."""
    changed = dict(states)
    for name, value in params.items():
        key = _PARAMS + name
        if key not in changed:
            raise InputError(
                f"The states of '{spec.id}' in {path} do not name their Params, so '{name}' cannot be changed in them."
            )
        changed[key] = np.broadcast_to(np.asarray(value, states[key].dtype), states[key].shape).copy()
    return changed


def _frames(
    episode: Episode, states: Mapping[str, NDArray[Any]], images: Mapping[str, NDArray[Any]], row: int
) -> Frames:
    """One row as the recorder takes it: a tick of one lane."""
    last = row + 1 == len(episode)
    start = Start(episode.index, episode.seed, episode.attempt, episode.instruction, episode.params)
    no = np.zeros(1, np.bool_)
    frames = Frames(
        env=0,
        starts=(start,),
        active=~no,
        t=np.array([row]),
        observation={IMAGES + name: image for name, image in images.items()},
        action=episode.action[row : row + 1],
        columns={},
        events={},
        next_observation={},
        reward=episode.reward[row : row + 1],
        success=episode.success[row : row + 1],
        metrics={},
        end=np.array([episode.end if last else End.RUNNING], np.int64),
        retry=no,
        states={name: value[row : row + 1] for name, value in states.items()},
    )
    return replace(frames, final_states={name: value[-1:] for name, value in states.items()}) if last else frames
