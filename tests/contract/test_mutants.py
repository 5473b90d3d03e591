"""The suite is itself tested: the unbroken toy passes all of it, every mutant fails with words that say why."""

import pytest

from lerobot_sim.errors import BrokenPromiseError, UnknownNameError
from lerobot_sim.testing import CHECKS, check_env

from . import toy
from .mutants import MUTANTS


def expert(_spec):
    return toy.ToyExpert()


def test_the_unbroken_toy_passes_everything():
    report = check_env(toy.make, expert=expert)
    assert [checked.name for checked in report] == list(CHECKS)
    assert {checked.name: checked.skipped for checked in report if checked.skipped} == {}
    assert all(checked.promise.endswith(".") for checked in report)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_fails(name):
    mutant = MUTANTS[name]
    check = CHECKS[mutant.check]
    with pytest.raises(BrokenPromiseError) as caught:
        check(mutant.make, expert)
    message = str(caught.value)
    assert check.__doc__ in message, "the promise is named"
    assert mutant.words in message, "and what was seen"
    assert "To mend:" in message


def test_every_check_has_a_mutant():
    assert set(CHECKS) == {mutant.check for mutant in MUTANTS.values()}


def test_only_some_checks():
    (checked,) = check_env(toy.make, only=["success_is_not_latched"])
    assert "give check_env an expert" in checked.skipped
    with pytest.raises(UnknownNameError, match="success_is_not_latched"):
        check_env(toy.make, only=["success_is_latched"])


def test_what_is_made_is_closed():
    closed = []

    class Counted(type(toy.make(1))):
        def close(self):
            closed.append(id(self))

    made = []

    def factory(num_envs):
        made.append(Counted(toy.TASK, num_envs))
        return made[-1]

    check_env(factory, only=["seeds_differ", "restore_goes_on_exactly"])
    assert {id(env) for env in made} == set(closed)
