"""`eval --workers N`: episodes spread over processes, each with environments and a policy of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerobot_sim.evaluation.plan import Plan
from lerobot_sim.evaluation.results import EpisodeRecord
from lerobot_sim.evaluation.running import Acting, Todo, Worlds, produce, remembered
from lerobot_sim.loop import Profile
from lerobot_sim.spec import EnvSpec

from .collect_workers import produce_in_processes
from .policy_argument import SERVERS, named_policies, policy_for


@dataclass(frozen=True)
class _Recipe:
    """What a process needs to run its share.

    Attributes:
        plan: What is run.
        policy: The --policy argument.
        settings: In the place of a checkpoint's own.
        todo: All episodes, of which a process runs every n-th.
    """

    plan: Plan
    policy: str
    settings: Mapping[str, Any]
    todo: Sequence[Todo]

    @property
    def num_envs(self) -> int:
        """Lanes: results wait in a queue of twice as many."""
        return max(self.plan.lanes(task) for task in self.plan.tasks)


def producer(
    policy: str, settings: Mapping[str, Any], workers: int, out: Path, say: Callable[[str], None]
) -> Callable[[Plan, Sequence[Todo]], Iterable[EpisodeRecord]]:
    """A producer for `evaluating.Manner`; a process that dies is told of and started again."""

    def made(plan: Plan, todo: Sequence[Todo]) -> Iterable[EpisodeRecord]:
        if not todo:
            return ()
        recipe = _Recipe(plan.shared_by(workers), policy, settings, todo)
        return produce_in_processes(recipe, range(len(todo)), workers, out / ".workers", say, _work)  # pyright: ignore[reportReturnType, reportArgumentType]

    return made


def _work(recipe: _Recipe, numbers: Sequence[int], _folder: Path, profile: Profile) -> Generator[EpisodeRecord]:
    """What a process does."""
    todo = [recipe.todo[number] for number in numbers]
    acting = remembered(acting_of(recipe.policy, recipe.plan.tasks[todo[0].task].spec, settings=recipe.settings))
    with closing(Worlds(recipe.plan)) as worlds:
        yield from produce(recipe.plan, acting, todo, worlds, profile=profile)


def acting_of(argument: str, spec: EnvSpec, identity: str = "", settings: Mapping[str, Any] | None = None) -> Acting:
    """Who acts, by the --policy argument: a checkpoint is one policy for all environments, a name or server is not."""
    shared = argument not in named_policies(spec.id) and not argument.startswith(SERVERS)
    return Acting(
        make=lambda spec: policy_for(argument, spec, settings)[0], identity=identity, argument=argument, shared=shared
    )
