"""What a `bc` policy is beside its weights: what it reads, in which units, how large it is. Plain data, no torch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from lerobot_sim.errors import InputError, StorageError, unknown_name
from lerobot_sim.spec import Camera, EnvSpec

CONFIG, WEIGHTS = "config.json", "model.safetensors"
POLICY, SCHEMA = "bc", 1
_KINDS = {"weight_decay": "a number", "state": "true or false", "language": "true, false or null"}
"""Settings that are no whole numbers -> what they are."""


@dataclass(frozen=True, kw_only=True)
class BCSettings:
    """What one may choose; the defaults suit tasks of some seconds.

    Attributes:
        chunk_size: Actions that the network predicts at once, from the present one on.
        n_action_steps: How many of them are done before it is asked again.
        hidden_dim: Width of the network.
        blocks: Residual blocks of the network.
        keypoints: Points that it finds in a picture, each as x and y.
        image_shift: Pixels by which training shifts pictures at random, against learning them by heart; 0 for none.
        weight_decay: AdamW's.
        state: Whether it reads states; without, it sees pictures alone.
        language: Whether it reads the instruction; None: where the dataset has more than one.
    """

    chunk_size: int = 4
    n_action_steps: int = 2
    hidden_dim: int = 256
    blocks: int = 2
    keypoints: int = 32
    image_shift: int = 4
    weight_decay: float = 1e-2
    state: bool = True
    language: bool | None = None

    def __post_init__(self) -> None:
        for name in ("chunk_size", "n_action_steps", "hidden_dim", "blocks", "keypoints"):
            _expect(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        for name in ("image_shift", "weight_decay"):
            _expect(name, getattr(self, name), getattr(self, name) >= 0, "at least 0")
        if self.n_action_steps > self.chunk_size:
            raise InputError(f"n_action_steps is {self.n_action_steps}, more than chunk_size {self.chunk_size}.")


def settings_from(given: Mapping[str, Any], base: BCSettings | None = None) -> BCSettings:
    """The settings with some of them chosen; `n_action_steps` follows a shorter chunk.

    Raises:
        InputError: There is no such setting, or not of this kind.
    """
    usual = BCSettings() if base is None else base
    chosen = asdict(usual)
    for name, value in given.items():
        if name not in chosen:
            raise unknown_name("setting of 'bc'", name, chosen)
        kind = _KINDS.get(name, "a whole number")
        fine = {
            "true or false": isinstance(value, bool),
            "true, false or null": value is None or isinstance(value, bool),
            "a number": isinstance(value, (int, float)) and not isinstance(value, bool),
            "a whole number": isinstance(value, int) and not isinstance(value, bool),
        }
        _expect(name, repr(value), fine[kind], kind)
        chosen[name] = value
    if "n_action_steps" not in given:
        chosen["n_action_steps"] = min(usual.n_action_steps, chosen["chunk_size"])
    return BCSettings(**chosen)


def acting_settings(given: Mapping[str, Any], trained: BCSettings) -> BCSettings:
    """A trained policy's settings with `n_action_steps` chosen anew: no other can be, its weights are for them.

    Raises:
        InputError: Another setting, none at all of that name, or a value that cannot be.
    """
    fixed = [name for name in given if name in asdict(trained) and name != "n_action_steps"]
    if fixed:
        raise InputError(
            f"{', '.join(fixed)}: what a 'bc' policy is was settled as it was trained. How it acts can be set: "
            "n_action_steps."
        )
    return settings_from({"n_action_steps": trained.n_action_steps, **given}, trained)


@dataclass(frozen=True, kw_only=True)
class BCConfig:
    """All of a policy but its weights, as `config.json` holds it.

    Attributes:
        settings: What was chosen.
        states: Key of a state -> how many numbers it has, in the order in which they are read.
        cameras: Camera -> (height, width).
        words: Words that it knows, sorted; none for a policy that reads no instruction.
        state_mean: Of the demonstrations' states, one after the other.
        state_std: Likewise, positive.
        action_mean: Of the demonstrations' actions.
        action_std: Likewise, positive.
        env_id: What it was trained on; "" where that is not known.
        env_version: Likewise; 0 where that is not known.
    """

    settings: BCSettings
    states: Mapping[str, int]
    cameras: Mapping[str, tuple[int, int]]
    words: tuple[str, ...]
    state_mean: tuple[float, ...]
    state_std: tuple[float, ...]
    action_mean: tuple[float, ...]
    action_std: tuple[float, ...]
    env_id: str = ""
    env_version: int = 0
    schema: int = field(default=SCHEMA)

    @property
    def action_dim(self) -> int:
        return len(self.action_mean)

    def to_json(self) -> bytes:
        """The content of `config.json`."""
        return json.dumps({"policy": POLICY, **asdict(self)}, indent=2).encode()

    def cameras_in(self, spec: EnvSpec) -> dict[str, Camera]:
        """The cameras that it reads of an environment, which has to have all that it reads.

        Raises:
            InputError: A feature that is not there, or of another size.
        """
        problems = [
            f"it reads '{key}' of {size} numbers, there {_there(spec, key)}"
            for key, size in self.states.items()
            if key not in spec.observation or spec.observation[key].shape != (size,)
        ]
        problems += [
            f"it sees by the camera '{name}', there are {sorted(spec.cameras)}"
            for name in self.cameras
            if name not in spec.cameras
        ]
        if spec.action.shape != (self.action_dim,):
            problems.append(f"its action has {self.action_dim} numbers, there it has shape {spec.action.shape}")
        if problems:
            raise InputError(f"This 'bc' policy does not fit '{spec.id}': {'; '.join(problems)}.")
        return {
            name: Camera(height=height, width=width, look=spec.cameras[name].look)
            for name, (height, width) in self.cameras.items()
        }


def words_of(text: str) -> list[str]:
    """An instruction's words, in lower case and without punctuation."""
    return re.findall(r"[^\W_]+", text.lower())


def vocabulary(texts: Iterable[str]) -> tuple[str, ...]:
    """Every word of some instructions, sorted."""
    return tuple(sorted({word for text in texts for word in words_of(text)}))


def is_bc(folder: Path) -> bool:
    """Whether a folder holds a `bc` policy."""
    try:
        content: Any = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return content["policy"] == POLICY
    except (OSError, ValueError, KeyError, TypeError):
        return False


def bc_folder(path: Path) -> Path | None:
    """The policy's folder in `path`: itself, or the best or last one of a run."""
    return next((place for place in (path, path / "best", path / "last") if is_bc(place)), None)


def read_config(folder: Path) -> BCConfig:
    """What `to_json` gave.

    Raises:
        InputError: A newer version wrote it.
        StorageError: It is missing or damaged.
    """
    path = folder / CONFIG
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        known = {one.name for one in fields(BCConfig)}
        values: dict[str, Any] = {key: _tuple(value) for key, value in content.items() if key in known}
        schema = int(values["schema"])
        if schema <= SCHEMA:
            values["settings"] = BCSettings(**values["settings"])
            return BCConfig(**values)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"{path} is no 'bc' policy or is damaged ({type(error).__name__}: {error}). Train one: lerobot-sim train."
        ) from error
    raise InputError(f"{path} has schema {schema}, this version reads up to {SCHEMA}: update lerobot-sim.")


def _tuple(value: Any) -> Any:
    """JSON's lists as tuples, also those in an object."""
    if isinstance(value, dict):
        return {key: _tuple(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _there(spec: EnvSpec, key: str) -> str:
    if key not in spec.observation:
        return f"are {', '.join(spec.observation) or 'none'}"
    return f"it has shape {spec.observation[key].shape}"


def _expect(name: str, value: Any, fine: bool, expected: str) -> None:
    if not fine:
        raise InputError(f"{name}: expected {expected}, {value} came.")
