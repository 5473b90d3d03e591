"""`--trust-remote-code`, which every command takes: an EnvHub's program may run in this process and its workers."""

from __future__ import annotations

import os
from collections.abc import Sequence

from lerobot_sim.errors import InputError

_FLAG = "--trust-remote-code"
_VARIABLE = "LEROBOT_SIM_TRUST_REMOTE_CODE"
_VALUES = {"": "1", "true": "1", "1": "1", "yes": "1", "false": "", "0": "", "no": ""}


def taken(argv: Sequence[str]) -> list[str]:
    """The arguments without the flag, which is noted for this process and those that it starts.

    LeRobot's spelling, `--trust_remote_code=true`, is understood.

    Raises:
        InputError: Its value is no truth value.
    """
    rest: list[str] = []
    for argument in argv:
        name, _, value = argument.partition("=")
        if name.replace("_", "-") != _FLAG:
            rest.append(argument)
        elif value.lower() not in _VALUES:
            raise InputError(f"{name}: expected true or false, '{value}' came.")
        else:
            os.environ[_VARIABLE] = _VALUES[value.lower()]
    return rest
