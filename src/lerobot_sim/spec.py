"""What an environment is, as plain data: features, Params, cameras, success rule, capabilities."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .errors import InputError

Bound: TypeAlias = "float | tuple[float, ...]"
Look = Literal["draft", "standard", "full"]
Kind = Literal["rgb", "depth", "segmentation"]
When = Literal["reset", "step"]
Restore = Literal["exact", "approximate", "none"]

STATE = "observation.state"
ENVIRONMENT_STATE = "observation.environment_state"
IMAGES = "observation.images."
ACTION = "action"


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One array of an observation, or the action, without its leading lane axis.

    Attributes:
        shape: Shape of one lane's array.
        dtype: NumPy's name of the type, such as "float32".
        unit: SI unit, "" where there is none.
        names: One name an element of a vector, or empty.
        low: Least value, one for all or one an element; actions below it are clipped.
        high: Greatest value, likewise.
    """

    shape: tuple[int, ...]
    dtype: str
    unit: str = ""
    names: tuple[str, ...] = ()
    low: Bound = -math.inf
    high: Bound = math.inf

    def __post_init__(self) -> None:
        size = math.prod(self.shape)
        if self.names and len(self.names) != size:
            raise InputError(f"A feature of shape {self.shape} needs {size} names, {len(self.names)} came.")
        for label, bound in (("low", self.low), ("high", self.high)):
            if isinstance(bound, tuple) and len(bound) != size:
                raise InputError(f"'{label}' of a feature of shape {self.shape} needs {size} values.")


@dataclass(frozen=True, kw_only=True)
class Param:
    """One thing that may vary between episodes, or between steps.

    Attributes:
        nominal: Value where nothing is given; an index into `choices` where there are choices.
        low: Least value that the environment accepts.
        high: Greatest value that the environment accepts.
        unit: SI unit, "" where there is none.
        shape: Shape of one lane's value.
        choices: Names of a discrete Param's values; arrays then hold indices into it.
        when: "reset": fixed for an episode. "step": `set_params` may change it during one.
        about: One line for people.
        visual: Whether nothing but pictures depends on it: stored states can be drawn with other values.
    """

    nominal: Bound
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    shape: tuple[int, ...] = ()
    choices: tuple[str, ...] | None = None
    when: When = "reset"
    about: str = ""
    visual: bool = False


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A picture to be rendered: `height` x `width` pixels.

    Attributes:
        height: Rows of the image.
        width: Columns of the image.
        look: How much is spent on it: "draft", "standard" or "full".
        kind: "rgb" gives uint8 (h, w, 3), "depth" float32 (h, w, 1) in m, "segmentation" int32 (h, w, 1).
    """

    height: int = 128
    width: int = 128
    look: Look = "standard"
    kind: Kind = "rgb"

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise InputError(f"A camera needs at least one pixel, {self.height}x{self.width} came.")


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What an environment can do; what it cannot, the contract suite does not ask of it.

    Attributes:
        seeding: The same seed gives the same reset, whatever ran before.
        restore: "exact": continues from `get_state` bit for bit. "approximate": near. "none": not at all.
        resets_in_success: A reset may start solved (never one of ours: those are drawn again).
        fixed_start: Every reset is the same, whatever the seed.
    """

    seeding: bool = True
    restore: Restore = "exact"
    resets_in_success: bool = False
    fixed_start: bool = False


@dataclass(frozen=True, kw_only=True)
class EnvSpec:
    """Everything that is known of an environment before it runs.

    Attributes:
        id: "family/task", such as "numpy/push-t".
        version: Raised whenever the dynamics, the reset or the success change.
        fps: Steps a second of simulated time.
        max_steps: An episode ends as TIME_LIMIT after so many steps.
        observation: LeRobot key -> Feature; images are not in it, they are rendered on demand.
        action: The action's Feature.
        params: What may vary, by name.
        cameras: The cameras that there are, at their default size.
        success_rule: "any" (success at some step), "final" (at the last), "hold(k)" (at k steps on end),
            "none" (no success is defined).
        capabilities: What it can do.
        about: One line for people.
        options: Keywords of the factory that make this environment again, such as the robot.
    """

    id: str
    version: int
    fps: float
    max_steps: int
    observation: Mapping[str, Feature]
    action: Feature
    params: Mapping[str, Param] = field(default_factory=dict[str, Param])
    cameras: Mapping[str, Camera] = field(default_factory=dict[str, Camera])
    success_rule: str = "any"
    capabilities: Capabilities = Capabilities()
    about: str = ""
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9-]+/[A-Za-z0-9._-]+", self.id):
            raise InputError(f"An environment's id is 'family/task', '{self.id}' came.")
        hold_length(self.success_rule)
        if self.fps <= 0 or self.max_steps < 1:
            raise InputError(f"'{self.id}' needs fps > 0 and max_steps >= 1, {self.fps} and {self.max_steps} came.")

    def to_dict(self) -> dict[str, Any]:
        """The spec as JSON-ready data; infinite bounds become None."""
        return _plain(dataclasses.asdict(self))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> EnvSpec:
        """The spec that `to_dict` gave.

        Raises:
            InputError: It is not one.
        """
        try:
            values = dict(content)
            observation = {name: _feature(value) for name, value in values.pop("observation").items()}
            return cls(
                **{name: value for name, value in values.items() if name not in _NESTED},
                observation=observation,
                action=_feature(values["action"]),
                params={name: _param(value) for name, value in values["params"].items()},
                cameras={name: Camera(**value) for name, value in values["cameras"].items()},
                capabilities=Capabilities(**values["capabilities"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"This is no environment's spec: {type(error).__name__} {error}.") from error


def hold_length(rule: str) -> int | None:
    """k of "hold(k)", None for the other rules.

    Raises:
        InputError: `rule` is none of "any", "final", "none", "hold(k)" with k >= 1.
    """
    match = re.fullmatch(r"hold\(([1-9]\d*)\)", rule)
    if match:
        return int(match.group(1))
    if rule not in ("any", "final", "none"):
        raise InputError(f"A success rule is 'any', 'final', 'hold(k)' or 'none', '{rule}' came.")
    return None


_NESTED = ("action", "params", "cameras", "capabilities")


def _feature(value: Mapping[str, Any]) -> Feature:
    own = dict(value)
    own |= {"shape": tuple(own["shape"]), "names": tuple(own["names"])}
    own |= {"low": _bound(own["low"], -math.inf), "high": _bound(own["high"], math.inf)}
    return Feature(**own)


def _param(value: Mapping[str, Any]) -> Param:
    own = dict(value)
    own |= {"shape": tuple(own["shape"]), "choices": own["choices"] and tuple(own["choices"])}
    own |= {"low": _bound(own["low"], -math.inf), "high": _bound(own["high"], math.inf)}
    own["nominal"] = _bound(own["nominal"], math.nan)
    return Param(**own)


def _bound(value: Any, missing: float) -> Any:
    if isinstance(value, list):
        return tuple(_bound(item, missing) for item in value)  # pyright: ignore[reportUnknownVariableType]
    return missing if value is None else value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
