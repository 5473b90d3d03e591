"""`lerobot-sim power`: how many episodes do I need?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lerobot_sim.errors import InputError

from .options import read

ABOUT = """Say how many episodes an evaluation needs, before it is run.

Five episodes that all succeed leave any success rate from 48% to 100% possible. How many
are enough depends on what you want to know; ask one of four questions:

  --baseline 0.6 --improvement 0.1   to show that a policy beats another (lerobot-sim compare)
  --baseline 0.6 --episodes 50       the other way round: what can so many episodes show?
  --rate 0.9 --half-width 0.05       to know a success rate to +- 5 points
  --rate 0.9 --pass-mark 0.8         to pass a mark with the interval's lower bound

Power is the probability of finding a difference that is there; alpha that of finding one
that is not. Halving a difference takes about four times the episodes. Running both
policies on the same seeds, as `eval` does by itself, saves most where they fail on the
same seeds: --agreement 0 says that their failures have nothing to do with each other (the
worst case), 1 that the worse fails wherever the better does.

examples:
  lerobot-sim power --baseline 0.6 --improvement 0.1
  lerobot-sim power --baseline 0.6 --improvement 0.1 --agreement 0.5 --policies 4
  lerobot-sim power --baseline 0.6 --episodes 50
  lerobot-sim power --rate 0.9 --half-width 0.05"""


@dataclass(kw_only=True)
class PowerOptions:
    """Options of `power`."""

    baseline: float | None = None
    """Success rate of the policy that is to be beaten."""

    improvement: float | None = None
    """By how much the other is better: 0.1 is from 60% to 70%."""

    episodes: int | None = None
    """How many episodes there will be: asks what they can show."""

    rate: float | None = None
    """The success rate that you expect of a policy."""

    half_width: float | None = None
    """How exactly its rate is to be known: 0.05 is +- 5 points."""

    pass_mark: float | None = None
    """What the lower bound of its interval has to reach."""

    power: float = 0.8
    """Probability of finding what is there."""

    alpha: float = 0.05
    """Probability of finding what is not there."""

    agreement: float = 0.0
    """How far policies fail on the same seeds, from 0 (not at all) to 1 (as far as their rates allow)."""

    policies: int = 2
    """How many policies are compared with each other: more comparisons need more episodes each."""

    json: bool = False
    """Print one JSON object on standard output, and all else on standard error."""

    debug: bool = False
    """Show the full traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and answers."""
    options = read(PowerOptions, "power", ABOUT, argv)
    from .console import Console

    console = Console(options.json)
    result, sentences = answer(options)
    for sentence in sentences:
        console.say(sentence)
    console.result(result)
    return 0


def answer(options: PowerOptions) -> tuple[dict[str, Any], list[str]]:
    """The numbers, and what they mean in words."""
    if options.policies < 2:
        raise InputError(f"--policies: expected at least 2, {options.policies} came.")
    if options.baseline is not None and options.improvement is not None:
        return _improvement(options, options.baseline, options.improvement)
    if options.baseline is not None and options.episodes is not None:
        return _episodes(options, options.baseline, options.episodes)
    if options.rate is not None and options.half_width is not None:
        return _half_width(options, options.rate, options.half_width)
    if options.rate is not None and options.pass_mark is not None:
        return _pass_mark(options, options.rate, options.pass_mark)
    raise InputError(
        "Expected --baseline with --improvement or --episodes, or --rate with --half-width or --pass-mark. "
        "For example: lerobot-sim power --baseline 0.6 --improvement 0.1"
    )


def _improvement(options: PowerOptions, baseline: float, improvement: float) -> tuple[dict[str, Any], list[str]]:
    from lerobot_sim.evaluation.power import episodes_to_tell_apart, episodes_unpaired

    better = round(baseline + improvement, 12)
    if not 0 <= better <= 1 or not 0 <= baseline <= 1:
        raise InputError(
            f"--baseline {baseline:g} with --improvement {improvement:g} is {better:g}, but rates are between 0 and 1. "
            "Give shares, not percent: 0.6 and 0.1."
        )
    alpha, comparisons = _each_alpha(options)
    paired = episodes_to_tell_apart(baseline, better, options.power, alpha, options.agreement)
    unpaired = episodes_unpaired(baseline, better, options.power, alpha)
    agreeing = episodes_to_tell_apart(baseline, better, options.power, alpha, 1.0)
    words = [
        f"{paired} episodes of each policy, on the same seeds, tell {baseline:.0%} from {better:.0%} "
        f"with probability {options.power:.0%} (McNemar's exact test at alpha {alpha:.3g}).",
        f"On different seeds it takes about {unpaired}.",
    ]
    if options.agreement < 1:
        words.append(
            f"If the worse policy failed wherever the better does, {agreeing} would be enough (--agreement 1)."
        )
    if comparisons > 1:
        words.append(
            f"Each of the {comparisons} comparisons of {options.policies} policies has alpha {options.alpha:g} / "
            f"{comparisons}, Holm's hardest step."
        )
    result = {"episodes": paired, "unpaired": unpaired, "full_agreement": agreeing, "alpha_each": alpha}
    return {**_asked(options), **result}, words


def _episodes(options: PowerOptions, baseline: float, episodes: int) -> tuple[dict[str, Any], list[str]]:
    from lerobot_sim.evaluation.power import smallest_improvement
    from lerobot_sim.evaluation.statistics import clopper_pearson

    if episodes < 1:
        raise InputError(f"--episodes: expected at least 1, {episodes} came.")
    alpha, _ = _each_alpha(options)
    found = smallest_improvement(baseline, episodes, options.power, alpha, options.agreement)
    low, high = clopper_pearson(round(baseline * episodes), episodes, 1 - options.alpha)
    words = [
        f"{episodes} episodes of each policy, on the same seeds, tell {baseline:.0%} from {baseline + found:.0%} or "
        f"more with probability {options.power:.0%}; smaller improvements mostly stay unseen."
        if found is not None
        else f"{episodes} episodes are too few: not even a perfect policy is told from {baseline:.0%} with "
        f"probability {options.power:.0%}.",
        f"A policy with {baseline:.0%} successes in them is known to be between {low:.1%} and {high:.1%}.",
    ]
    return {**_asked(options), "smallest_improvement": found, "interval": [low, high], "alpha_each": alpha}, words


def _half_width(options: PowerOptions, rate: float, half_width: float) -> tuple[dict[str, Any], list[str]]:
    from lerobot_sim.evaluation.power import episodes_for_width

    episodes = episodes_for_width(rate, half_width, 1 - options.alpha)
    words = f"{episodes} episodes give a {1 - options.alpha:.0%} interval of about +- {half_width:.1%} at {rate:.0%}."
    return {**_asked(options), "episodes": episodes}, [words]


def _pass_mark(options: PowerOptions, rate: float, mark: float) -> tuple[dict[str, Any], list[str]]:
    from lerobot_sim.evaluation.power import episodes_to_pass

    episodes = episodes_to_pass(rate, mark, options.power, 1 - options.alpha)
    words = (
        f"{episodes} episodes: then a policy of {rate:.0%} passes {mark:.0%} with its interval's lower bound with "
        f"probability {options.power:.0%}."
    )
    return {**_asked(options), "episodes": episodes}, [words]


def _each_alpha(options: PowerOptions) -> tuple[float, int]:
    comparisons = options.policies * (options.policies - 1) // 2
    return options.alpha / comparisons, comparisons


def _asked(options: PowerOptions) -> dict[str, Any]:
    shown = ("baseline", "improvement", "rate", "half_width", "pass_mark", "power", "alpha", "agreement", "policies")
    return {name: value for name in shown if (value := getattr(options, name)) is not None}
