"""`lerobot-sim policy-server`: a policy here decides for environments in other processes and on other machines."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lerobot_sim.errors import InputError

from .eval_flags import translated
from .options import CheckpointOptions, RobotOptions, Task, env_options, filled, read, values_of
from .policy_argument import TOKEN, policy_for

ABOUT = """Serve a policy: collect and eval take its address as --policy.

What several clients ask at the same time is decided as one batch. Clients must show a
token: the one in LEROBOT_SIM_POLICY_TOKEN, or else one that is drawn and printed. It is
not encrypted: reach another machine's server through a tunnel (ssh -L 8000:127.0.0.1:8000
MACHINE), which needs no other --host than the usual one. Ctrl-C ends it.

examples:
  lerobot-sim policy-server push-t --policy outputs/push-t/best_policy.npz
  LEROBOT_SIM_POLICY_TOKEN=… lerobot-sim eval push-t --policy ws://127.0.0.1:8000"""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(kw_only=True)
class ServerOptions(CheckpointOptions, RobotOptions):
    """Options of `policy-server`."""

    task: Task
    """Environment that it decides for, such as push-t or numpy/push-t."""

    policy: str = "outputs/<task>/best_policy.npz"
    """Who decides: expert, random, or a checkpoint's path."""

    host: str = "127.0.0.1"
    """Address to listen on; the usual one is reached from this machine alone."""

    port: int = 8000
    """Port to listen on; 0: a free one."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and serves until it is interrupted."""
    options = read(ServerOptions, "policy-server", ABOUT, translated(argv, only="policy."))
    from .console import Console

    serve(options, Console(options.json))
    return 0


def serve(options: ServerOptions, console: Any) -> None:
    """Serves the policy; the one JSON object says where."""
    if not 0 <= options.port < 65536:
        raise InputError(f"--port: expected 0 to 65535, {options.port} came.")
    from lerobot_sim import registry
    from lerobot_sim.evaluation.plan import spec_for
    from lerobot_sim.simulators.host.policy_server import PolicyServer

    env_id = registry.resolve(options.task)
    spec = spec_for(env_id, env_options(options.robot, options.model_path, options.option))
    argument = str(filled(options.policy, spec.id))
    policy, identity = policy_for(argument, spec, values_of("--setting", options.setting))
    token = os.environ.get(TOKEN) or None
    try:
        server = PolicyServer(policy, options.host, options.port, token=token, identity=identity, spec=spec)
    except OSError as error:
        where = f"{options.host}:{options.port}"
        raise InputError(f"{where} cannot be listened on ({error.strerror}): choose another --port.") from error
    with server:
        console.say(f"'{identity}' decides for '{spec.id}' at {server.uri}. Ctrl-C ends it.")
        if options.host not in _LOOPBACK:
            console.say("Beyond this machine nothing is encrypted, the token neither: a tunnel to 127.0.0.1 is safe.")
        shown = server.token if token is None else "…"
        console.say(f"Its clients: {TOKEN}={shown} lerobot-sim eval {options.task} --policy {server.uri}")
        console.result({"uri": server.uri, "token": server.token, "policy": identity, "env_id": spec.id})
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.say("Ended.")
