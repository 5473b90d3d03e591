"""One policy on several environments: its keys mapped to theirs, and words for what does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lerobot_sim.arrays import Array
from lerobot_sim.env import Batch
from lerobot_sim.errors import InputError
from lerobot_sim.policy import Decision, Policy
from lerobot_sim.spec import IMAGES, Camera, EnvSpec

from .guards import Around


class Mapped(Around):
    """A policy that reads an environment's keys under its own.

    Args:
        inner: The policy.
        keys: The policy's key -> the environment's.
    """

    def __init__(self, inner: Policy, keys: Mapping[str, str]) -> None:
        super().__init__(inner)
        self._keys = dict(keys)

    @property
    def cameras(self) -> Mapping[str, Camera]:
        return {self._keys.get(IMAGES + name, IMAGES + name).removeprefix(IMAGES): one for name, one in _cameras(self)}

    def act(self, observation: Batch, active: Array) -> Decision:
        named = {own: observation[theirs] for own, theirs in self._keys.items() if theirs in observation}
        taken = set(self._keys.values())
        return self.inner.act({**{key: v for key, v in observation.items() if key not in taken}, **named}, active)


def _cameras(policy: Around) -> list[tuple[str, Camera]]:
    return list(policy.inner.cameras.items())


def fitted(policy: Policy, spec: EnvSpec, keys: Mapping[str, str]) -> Policy:
    """The policy with its keys mapped, or an error that lists the features that do not fit.

    A policy may say what it needs: `reads` (key -> shape, of low-dimensional features) and `acts` (the action's shape);
    its cameras it always says.

    Raises:
        InputError: A key of the map, a camera, a shape that the environment does not have.
    """
    problems = [
        f"--map {own}={theirs}: '{spec.id}' has no '{theirs}'"
        for own, theirs in keys.items()
        if theirs not in available(spec)
    ]
    for name in policy.cameras:
        theirs = keys.get(IMAGES + name, IMAGES + name)
        if theirs not in available(spec):
            problems.append(f"the policy reads '{IMAGES + name}', which '{spec.id}' does not have")
    reads: Mapping[str, Sequence[int]] = getattr(policy, "reads", {})
    for key, shape in reads.items():
        feature = spec.observation.get(keys.get(key, key))
        if feature is None:
            problems.append(f"the policy reads '{key}' {tuple(shape)}, which '{spec.id}' does not have")
        elif tuple(shape) != feature.shape:
            problems.append(f"'{key}': the policy reads shape {tuple(shape)}, '{spec.id}' has {feature.shape}")
    acts = getattr(policy, "acts", None)
    if acts is not None and tuple(acts) != spec.action.shape:
        problems.append(f"'action': the policy gives shape {tuple(acts)}, '{spec.id}' takes {spec.action.shape}")
    if problems:
        raise InputError(
            f"The policy does not fit '{spec.id}': {'; '.join(problems)}. It has {', '.join(available(spec))}. "
            "Keys of another name are mapped by --map POLICY_KEY=ENVIRONMENT_KEY."
        )
    return Mapped(policy, keys) if keys else policy


def available(spec: EnvSpec) -> list[str]:
    """Every key that a policy may read of an environment."""
    return [*spec.observation, *(IMAGES + name for name in spec.cameras)]


def parse_map(pairs: Sequence[str]) -> dict[str, dict[str, str]]:
    """`--map`: environment or family ("" for all) -> policy's key -> environment's key.

    A pair is POLICY_KEY=ENVIRONMENT_KEY, or metaworld:POLICY_KEY=ENVIRONMENT_KEY for one family or environment.
    """
    result: dict[str, dict[str, str]] = {}
    for pair in pairs:
        where, colon, rest = pair.rpartition(":")
        own, equals, theirs = rest.partition("=")
        if not equals or not own or not theirs or (colon and not where):
            raise InputError(
                "--map: expected POLICY_KEY=ENVIRONMENT_KEY, or FAMILY:POLICY_KEY=ENVIRONMENT_KEY; "
                f"'{pair}' came. Example: --map observation.images.top=observation.images.front"
            )
        result.setdefault(where, {})[own] = theirs
    return result


def keys_for(env_id: str, maps: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The map of an environment: that of all, then its family's, then its own."""
    return {**maps.get("", {}), **maps.get(env_id.partition("/")[0], {}), **maps.get(env_id, {})}
