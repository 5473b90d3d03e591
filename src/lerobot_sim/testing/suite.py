"""The table of checks, and the function that runs them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from lerobot_sim.errors import BrokenPromiseError, unknown_name

from . import (
    argument_checks,
    array_checks,
    ending_checks,
    image_checks,
    lane_checks,
    param_checks,
    seed_checks,
    spec_checks,
    state_checks,
    success_checks,
)
from .lab import ExpertFactory, Factory, Lab


class Check(Protocol):
    """One promise, checked on environments from a factory."""

    def __call__(self, factory: Factory, expert: ExpertFactory | None = None) -> str | None:
        """Checks it.

        Args:
            factory: num_envs -> a new environment; whatever is made is closed.
            expert: spec -> a policy that reaches success, where there is one.

        Returns:
            None, or why it, or a part of it, could not be checked.

        Raises:
            BrokenPromiseError: It is not kept; names the promise, what was seen and how to mend it.
        """
        ...


@dataclass(frozen=True)
class Checked:
    """What came of one check.

    Attributes:
        name: Its name in `CHECKS`.
        promise: What is promised, in words.
        skipped: Why it, or a part of it, was not checked; "" where all was.
    """

    name: str
    promise: str
    skipped: str


def promise_of(check: Callable[..., object]) -> str:
    """What a check's environment promises, in words."""
    return (check.__doc__ or "").strip().split("\n\n")[0]


def _check(body: Callable[[Lab], str | None]) -> Check:
    promise = promise_of(body)

    def check(factory: Factory, expert: ExpertFactory | None = None) -> str | None:
        lab = Lab(factory, expert, promise)
        try:
            with closing(lab):
                return body(lab)
        except BrokenPromiseError:
            raise
        except Exception as error:
            raise lab.broken(
                f"{type(error).__name__}: {error}", "the traceback above shows where it was raised."
            ) from error

    check.__doc__, check.__name__ = promise, body.__name__
    return check


_BODIES: tuple[Callable[[Lab], str | None], ...] = (
    spec_checks.spec_is_plain_data,
    spec_checks.closing_twice_is_fine,
    array_checks.arrays_match_the_spec,
    array_checks.arrays_belong_to_the_caller,
    seed_checks.seed_decides_the_episode,
    seed_checks.seeds_differ,
    seed_checks.lanes_are_independent,
    seed_checks.neighbours_do_not_matter,
    seed_checks.instances_are_separate,
    lane_checks.idle_lanes_stay_put,
    lane_checks.ended_lanes_stay_put,
    lane_checks.reset_leaves_other_lanes_alone,
    lane_checks.time_limit_is_exact,
    ending_checks.nan_ends_its_lane_alone,
    ending_checks.actions_are_clipped,
    ending_checks.explain_gives_words,
    argument_checks.bad_actions_are_refused,
    argument_checks.bad_lanes_and_seeds_are_refused,
    argument_checks.bad_params_are_refused,
    argument_checks.bad_states_are_refused,
    argument_checks.unknown_cameras_are_refused,
    argument_checks.nothing_runs_before_a_reset,
    param_checks.params_reach_the_episode,
    param_checks.params_do_not_linger,
    param_checks.params_stay_in_their_lane,
    state_checks.restore_goes_on_exactly,
    state_checks.restore_leaves_other_lanes_alone,
    state_checks.restore_keeps_clock_and_end,
    state_checks.state_is_a_copy,
    success_checks.no_reset_starts_in_success,
    success_checks.success_is_of_the_state_reached,
    success_checks.success_is_not_latched,
    image_checks.pictures_have_the_size_asked,
    image_checks.pictures_show_the_state,
)

CHECKS: Mapping[str, Check] = {body.__name__: _check(body) for body in _BODIES}
"""Name -> check, in the order in which they are best read."""


def check_env(
    factory: Factory, *, expert: ExpertFactory | None = None, only: Iterable[str] | None = None
) -> list[Checked]:
    """Runs the contract suite.

    Args:
        factory: num_envs -> a new environment.
        expert: spec -> a policy that reaches success; without one, what comes after success is not checked.
        only: Names in `CHECKS`; all by default.

    Returns:
        What was checked, and what was not and why.

    Raises:
        BrokenPromiseError: The first promise that is not kept.
        UnknownNameError: No such check.
    """
    names = list(CHECKS if only is None else only)
    for name in names:
        if name not in CHECKS:
            raise unknown_name("check", name, CHECKS)
    return [Checked(name, promise_of(CHECKS[name]), CHECKS[name](factory, expert) or "") for name in names]
