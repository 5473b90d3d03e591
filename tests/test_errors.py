"""Errors that teach."""

import pytest

from lerobot_sim.errors import (
    ArrayError,
    BrokenPromiseError,
    InputError,
    MissingExtraError,
    SimError,
    StorageError,
    UnknownNameError,
    unknown_name,
)


@pytest.mark.parametrize(
    ("kind", "base", "code"),
    [
        (InputError, ValueError, 2),
        (UnknownNameError, KeyError, 2),
        (ArrayError, TypeError, 2),
        (BrokenPromiseError, AssertionError, 1),
        (StorageError, OSError, 1),
        (MissingExtraError, ImportError, 1),
    ],
)
def test_one_base_and_the_builtin_beside_it(kind, base, code):
    assert issubclass(kind, SimError)
    assert issubclass(kind, base)
    assert kind.exit_code == code


def test_the_nearest_names_come_first_and_few_are_listed():
    error = unknown_name("camera", "frnt", ["front", "wrist", "top"], "See the spec.")
    assert str(error) == (
        "No camera is named 'frnt'. Did you mean 'front'? Valid names: front, top, wrist. See the spec."
    )


def test_many_names_are_not_listed():
    message = str(unknown_name("task", "t07x", [f"t{i:02}" for i in range(50)]))
    assert "Did you mean 't07'" in message
    assert "Valid names" not in message


def test_no_names_at_all():
    assert str(unknown_name("policy", "x", [])) == "No policy is named 'x'. There is no policy at all."


def test_messages_of_key_and_os_errors_are_plain():
    assert str(UnknownNameError("it's gone")) == "it's gone"
    assert str(StorageError("disk is full")) == "disk is full"


def test_a_missing_extra_says_how_to_install_it():
    message = str(MissingExtraError("torch", "lerobot", "Training"))
    assert "pip install 'lerobot-sim[lerobot]'" in message
    assert message.startswith("Training needs the package 'torch'")
