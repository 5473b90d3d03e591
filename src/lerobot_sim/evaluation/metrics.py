"""What can be measured of an episode: a table of names, what each needs of an environment, and what it gives.

Success, its first step, return and length are in every record (`results.EpisodeRecord`); all else is asked for by
name. A metric that the environment cannot supply is refused before the first episode.

What an environment offers for them, among its `Step.metrics` or where it is asked to `measure` it, all after the step:

    goal_distance         m (or rad): how far what matters is from where it should be, 0 at best
    contact_force         N: the greatest contact force that the robot felt during the step
    joint_limit           share of the robot's joints that are at their limit, 0 to 1
    workspace_violation   m by which the robot is beyond its workspace, 0 inside
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.episode import Episode
from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.spec import STATE, EnvSpec

from . import motion
from .pairing import EXPERT, LANGUAGE, VARIANTS

GOAL_DISTANCES = ("goal_distance", "distance", "bin_distance", "hole_distance", "drawer_distance", "obj_to_target")
"""Names of a goal's distance in `Step.metrics`, best first."""

TIMED = ("inference_latency", "inference_latency_max")
"""What is the machine's and not the seeds': lanes of a batch share it, so that episodes are no samples of it."""

Values = dict[str, "float | None"]


@dataclass(frozen=True)
class Offer:
    """What there is to measure with.

    Attributes:
        spec: The environment's.
        step_metrics: Names in its `Step.metrics`; None where that is not known yet.
        expert: Whether it has a scripted expert.
        instructed: Whether the policy reads instructions.
        meanings: How many instructions of different meaning the tasks have; None where that is not known yet.
    """

    spec: EnvSpec
    step_metrics: Collection[str] | None = None
    expert: bool = True
    instructed: bool = True
    meanings: int | None = None


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One name of the table.

    Attributes:
        about: One line for people.
        gives: Name in the records -> (unit, "more", "less" or "" for what is better).
        measure: (episode, spec) -> values of `gives`.
        lacks: (offer) -> in words what is missing, "" if nothing is.
        arms: Variations that it needs to be run beside the plain one.
        parts: Names in `Step.metrics` that it measures where they are offered; environments that can measure them are
            asked to, and those that cannot are told of.
        probes: Whether `Step.metrics` must be known to tell what is missing.
    """

    about: str
    gives: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, "tuple[str, str]"])
    measure: Callable[[Episode, EnvSpec], Values] = lambda _episode, _spec: {}
    lacks: Callable[[Offer], str] = lambda _offer: ""
    arms: Sequence[str] = ()
    parts: Sequence[str] = ()
    probes: bool = False


def time_to_success(episode: Episode, spec: EnvSpec) -> float | None:
    """Simulated time until the predicate first held: steps / fps. Unit: s. None if it never did."""
    steps = motion.first_success(episode)
    return None if steps is None else steps / spec.fps


def goal_distance(episode: Episode, _spec: EnvSpec) -> Values:
    """Distance to the goal, at the end d_T and at best min_t d_t. Unit: the environment's, mostly m."""
    name = next((name for name in GOAL_DISTANCES if name in episode.metrics), None)
    values = episode.metrics[name].astype(np.float64) if name else np.zeros(0)
    if not len(values):
        return {"goal_distance_end": None, "goal_distance_best": None}
    return {"goal_distance_end": float(values[-1]), "goal_distance_best": float(np.nanmin(values))}


def contact_force_peak(episode: Episode, _spec: EnvSpec) -> float | None:
    """The greatest contact force that the robot felt, max_t f_t. Unit: N."""
    return _reduced(episode, "contact_force", np.max)


def joint_limit_violations(episode: Episode, _spec: EnvSpec) -> float | None:
    """Share of the steps after which some joint was at its limit. Unit: none."""
    return _reduced(episode, "joint_limit", lambda values: np.mean(values > 0))


def workspace_violations(episode: Episode, _spec: EnvSpec) -> float | None:
    """Share of the steps after which the robot was outside of its workspace. Unit: none."""
    return _reduced(episode, "workspace_violation", lambda values: np.mean(values > 0))


def _reduced(episode: Episode, name: str, reduce: Callable[[NDArray[np.float64]], Any]) -> float | None:
    values = episode.metrics.get(name)
    return None if values is None or not len(values) else float(reduce(values.astype(np.float64)))


def _smoothness(episode: Episode, spec: EnvSpec) -> Values:
    return {
        "action_smoothness": motion.action_smoothness(episode, spec),
        "action_jerk": motion.action_jerk(episode, spec),
    }


def _efficiency(episode: Episode, spec: EnvSpec) -> Values:
    return {
        "time_to_success": time_to_success(episode, spec),
        "path_length": motion.path_length(episode, spec),
    }


def _safety(episode: Episode, spec: EnvSpec) -> Values:
    values: Values = {"action_saturation": motion.action_saturation(episode, spec)}
    for name, source, measure in _PHYSICAL:
        if source in episode.metrics:
            values[name] = measure(episode, spec)
    return values


_PHYSICAL = (
    ("contact_force_peak", "contact_force", contact_force_peak),
    ("joint_limit_violations", "joint_limit", joint_limit_violations),
    ("workspace_violations", "workspace_violation", workspace_violations),
)


def _lacks_any(names: Sequence[str]) -> Callable[[Offer], str]:
    def lacks(offer: Offer) -> str:
        if offer.step_metrics is None or set(names) & set(offer.step_metrics):
            return ""
        offered = ", ".join(sorted(offer.step_metrics)) or "nothing"
        return f"one of {', '.join(names)} among its Step.metrics (it offers {offered})"

    return lacks


def _lacks_expert(offer: Offer) -> str:
    if not offer.expert:
        return "a scripted expert to be compared with"
    return "" if STATE in offer.spec.observation else f"'{STATE}', along which the path is measured"


def _lacks_language(offer: Offer) -> str:
    if not offer.instructed:
        return "a policy that reads instructions, which one without `instruct(lanes, instructions)` does not"
    if offer.meanings is not None and offer.meanings < 2:
        return "at least two instructions of different meaning; its tasks have one"
    return ""


def _lacks_bounds(offer: Offer) -> str:
    low, high = motion.bounds(offer.spec.action)
    return "" if (np.isfinite(low) & np.isfinite(high)).any() else "bounds of its action"


def _single(
    name: str, unit: str, better: str, measure: Callable[[Episode, EnvSpec], float | None]
) -> tuple[Mapping[str, tuple[str, str]], Callable[[Episode, EnvSpec], Values]]:
    return {name: (unit, better)}, lambda episode, spec: {name: measure(episode, spec)}


def _physical(name: str, source: str, unit: str, measure: Callable[[Episode, EnvSpec], float | None]) -> Metric:
    gives, measured = _single(name, unit, "less", measure)
    about = (measure.__doc__ or "").strip().splitlines()[0]
    lacks = _lacks_any([source])
    return Metric(about=about, gives=gives, measure=measured, lacks=lacks, parts=(source,), probes=True)


_TIME = _single("time_to_success", "s", "less", time_to_success)
_PATH = _single("path_length", "", "less", motion.path_length)
_SATURATION = _single("action_saturation", "", "less", motion.action_saturation)

METRICS: Mapping[str, Metric] = {
    "success_rate": Metric(about="share of successes by the environment's rule, with its interval"),
    "episode_reward": Metric(about="undiscounted return"),
    "episode_length": Metric(about="steps of an episode"),
    "time_to_success": Metric(about="simulated time until the first success", gives=_TIME[0], measure=_TIME[1]),
    "path_length": Metric(about="how far the robot went", gives=_PATH[0], measure=_PATH[1]),
    "action_smoothness": Metric(
        about="spectral arc length (SPARC) and jerk of the actions",
        gives={"action_smoothness": ("", "more"), "action_jerk": ("1/s^2", "less")},
        measure=_smoothness,
    ),
    "efficiency": Metric(
        about="time and path against the expert's on the same seeds",
        gives={**_TIME[0], **_PATH[0]},
        measure=_efficiency,
        lacks=_lacks_expert,
        arms=(EXPERT,),
    ),
    "goal_distance": Metric(
        about="distance to the goal at the end and at best",
        gives={"goal_distance_end": ("m", "less"), "goal_distance_best": ("m", "less")},
        measure=goal_distance,
        lacks=_lacks_any(GOAL_DISTANCES),
        probes=True,
    ),
    "safety": Metric(
        about="saturated actions, and of contact forces, joint limits and workspace what the environment tells",
        gives={
            "action_saturation": ("", "less"),
            "contact_force_peak": ("N", "less"),
            "joint_limit_violations": ("", "less"),
            "workspace_violations": ("", "less"),
        },
        measure=_safety,
        lacks=_lacks_bounds,
        parts=tuple(source for _, source, _ in _PHYSICAL),
        probes=True,
    ),
    "action_saturation": Metric(
        about="share of actions at their bounds", gives=_SATURATION[0], measure=_SATURATION[1], lacks=_lacks_bounds
    ),
    **{
        name: _physical(name, source, "N" if name == "contact_force_peak" else "", measure)
        for name, source, measure in _PHYSICAL
    },
    "language_conditioning": Metric(
        about="success with the right instruction against shuffled, empty and paraphrased ones",
        lacks=_lacks_language,
        arms=tuple(LANGUAGE + variant for variant in VARIANTS),
    ),
    "inference_latency": Metric(
        about="wall time of the policy's act, mean and greatest; differs from run to run",
        gives=dict.fromkeys(TIMED, ("ms", "less")),
    ),
}
"""Name -> Metric, those of the guides among them."""


def chosen(names: Sequence[str]) -> dict[str, Metric]:
    """The metrics of some names, or an error that names the nearest."""
    for name in names:
        if name not in METRICS:
            raise unknown_name("metric", name, METRICS, "`lerobot-sim eval --help` tells more.")
    return {name: METRICS[name] for name in dict.fromkeys(names)}


def require(names: Sequence[str], offer: Offer) -> None:
    """Refuses metrics that an environment cannot supply, with what each lacks."""
    missing = {name: words for name, metric in chosen(names).items() if (words := metric.lacks(offer))}
    if missing:
        told = "; ".join(f"'{name}' needs {words}" for name, words in missing.items())
        raise InputError(
            f"'{offer.spec.id}' cannot supply what is to be measured: {told}. Leave it out with --metrics, "
            "or let the environment offer it."
        )


def parts_of(names: Sequence[str]) -> list[str]:
    """Names in `Step.metrics` that an environment should be asked to measure."""
    return list(dict.fromkeys(part for metric in chosen(names).values() for part in metric.parts))


def untold(names: Sequence[str], offer: Offer) -> str:
    """In words: which parts of the metrics the environment does not offer; "" if there are none, or it is not known."""
    told = set(offer.step_metrics or ())
    parts = {name: [part for part in metric.parts if part not in told] for name, metric in chosen(names).items()}
    if offer.step_metrics is None:
        return ""
    return "; ".join(
        f"'{name}' of '{offer.spec.id}' is without {', '.join(missing)}, which it does not tell"
        for name, missing in parts.items()
        if missing
    )


def measure(names: Sequence[str], episode: Episode, spec: EnvSpec) -> Values:
    """What the metrics give for an episode; None where one is undefined."""
    values: Values = {}
    for metric in chosen(names).values():
        for name, value in metric.measure(episode, spec).items():
            values[name] = value if value is not None and np.isfinite(value) else None
    return values


def describe(name: str) -> dict[str, str]:
    """Unit of a metric in the records, and what is better of it."""
    for metric in METRICS.values():
        if name in metric.gives:
            unit, better = metric.gives[name]
            return {"unit": unit, "better": better}
    return {"unit": "", "better": ""}


_SAYS: Mapping[str, Callable[..., object]] = {
    "time_to_success": time_to_success,
    "path_length": motion.path_length,
    "action_smoothness": motion.spectral_arc_length,
    "action_jerk": motion.action_jerk,
    "action_saturation": motion.action_saturation,
    "goal_distance_end": goal_distance,
    "goal_distance_best": goal_distance,
    **{name: measure for name, _, measure in _PHYSICAL},
}


def meaning(name: str) -> str:
    """The first line of the definition of a metric in the records; "" for one that is not ours."""
    if name in _SAYS:
        return (_SAYS[name].__doc__ or "").strip().splitlines()[0].replace("`", "")
    return next(
        (f"{metric.about[:1].upper()}{metric.about[1:]}." for metric in METRICS.values() if name in metric.gives), ""
    )
