"""Instructions in other words: shuffled, empty, paraphrased.

An environment's module may say what its instructions mean: `meaning(words) -> str`, equal for words that ask for the
same, and `paraphrases(words) -> Sequence[str]`, other words that ask for the same. Without them every text is a meaning
of its own, and a paraphrase sets the text into one of `FRAMES`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import registry, rng
from lerobot_sim.arrays import Array
from lerobot_sim.env import Batch, Env, State, Step
from lerobot_sim.errors import InputError
from lerobot_sim.spec import Camera, EnvSpec

from .pairing import LANGUAGE, VARIANTS

FRAMES = ("Please {words}", "Your task: {words}", "Could you {words}, please?", "I want you to {words}")
"""Words around an instruction, in lower case and without its full stop, that leave its meaning as it is."""

_PROBED = 16
"""Seeds of a task whose instructions are asked for."""


@dataclass(frozen=True, kw_only=True)
class Language:
    """The instructions of a protocol's tasks.

    Attributes:
        pool: Every instruction that was seen, sorted.
        paraphrases: Instruction -> other words for it, where a protocol gives them.
    """

    pool: Sequence[str]
    paraphrases: Mapping[str, Sequence[str]] = field(default_factory=dict[str, "Sequence[str]"])

    def meanings(self, env_id: str) -> int:
        """How many instructions of different meaning there are."""
        return len({meaning_of(env_id, words) for words in self.pool})

    def variant(self, kind: str, env_id: str, words: str, seed: int) -> str:
        """An instruction's variant, a function of the seed: "shuffled", "empty" or "paraphrased"."""
        if kind == "empty":
            return ""
        if kind == "paraphrased":
            choices = self.paraphrases.get(words) or paraphrases_of(env_id, words)
        else:
            own = meaning_of(env_id, words)
            choices = [other for other in self.pool if meaning_of(env_id, other) != own]
        if not choices:
            raise InputError(f"There is no {kind} instruction for '{words}' of '{env_id}'.")
        drawn = rng.words(np.array([seed], np.int64), f"evaluation/{kind}")[0, 0]
        return choices[int(drawn) % len(choices)]


def meaning_of(env_id: str, words: str) -> str:
    """What an instruction asks for: equal where it is the same."""
    own: Callable[[str], str] | None = getattr(_module(env_id), "meaning", None)
    return own(words) if own else words.strip().rstrip(".").lower()


def paraphrases_of(env_id: str, words: str) -> Sequence[str]:
    """Other words for an instruction."""
    own: Callable[[str], Sequence[str]] | None = getattr(_module(env_id), "paraphrases", None)
    if own:
        return own(words)
    plain = words.strip().rstrip(".")
    return [frame.format(words=plain[:1].lower() + plain[1:]) for frame in FRAMES]


def known_instructions(env_id: str) -> Sequence[str]:
    """A task's instructions where a family's catalogue holds them, by `instructions(task)`; else none."""
    family, _, task = env_id.partition("/")
    if family not in registry.FAMILIES:
        return ()
    told: Callable[[str], Sequence[str]] | None = getattr(
        import_module(registry.FAMILIES[family]), "instructions", None
    )
    return told(task) if told else ()


def instructions_of(env: Env, seeds: Sequence[int]) -> list[str]:
    """The instructions of a task's first seeds."""
    found: set[str] = set()
    rest = list(seeds[:_PROBED])
    while rest:
        some, rest = rest[: env.num_envs], rest[env.num_envs :]
        env.reset(np.arange(len(some)), np.array(some, np.int64))
        found.update(env.instructions[lane] for lane in range(len(some)))
    return sorted(found)


class Worded:
    """An environment whose instructions are replaced by their variants.

    Args:
        env: The environment; not closed with this one.
        language: The tasks' instructions.
        arm: "language:<variant>".
    """

    def __init__(self, env: Env, language: Language, arm: str) -> None:
        self._env = env
        self._language = language
        self._kind = arm.removeprefix(LANGUAGE)
        if self._kind not in VARIANTS:
            raise InputError(f"An instruction's variant is one of {', '.join(VARIANTS)}; '{self._kind}' came.")
        self._seeds: NDArray[np.int64] = np.zeros(env.num_envs, np.int64)

    @property
    def spec(self) -> EnvSpec:
        return self._env.spec

    @property
    def num_envs(self) -> int:
        return self._env.num_envs

    @property
    def instructions(self) -> Sequence[str]:
        words = zip(self._env.instructions, self._seeds.tolist(), strict=True)
        return [self._language.variant(self._kind, self._env.spec.id, text, seed) for text, seed in words]

    def reset(self, lanes: Array, seeds: Array, params: Mapping[str, Array] | None = None) -> Batch:
        self._seeds[lanes] = seeds
        return self._env.reset(lanes, seeds, params)

    def step(self, action: Array, active: Array) -> Step:
        return self._env.step(action, active)

    def set_params(self, lanes: Array, values: Mapping[str, Array]) -> None:
        self._env.set_params(lanes, values)

    def render(self, cameras: Mapping[str, Camera], lanes: Array | None = None) -> Batch:
        return self._env.render(cameras, lanes)

    def get_state(self, lanes: Array) -> State:
        return self._env.get_state(lanes)

    def set_state(self, lanes: Array, state: State) -> None:
        self._env.set_state(lanes, state)

    def explain(self, lane: int) -> str:
        return self._env.explain(lane)

    def close(self) -> None:
        """The environment stays open: other arms use it."""


def _module(env_id: str) -> object:
    target = registry.ENVIRONMENTS.get(env_id, "").partition(":")[0]
    return (sys.modules.get(target) or import_module(target)) if target else None
