"""Serves a policy to other machines: WebSocket, msgpack, a token; what several clients ask is decided as one batch.

    with PolicyServer(policy) as server:          # 127.0.0.1 and a free port, unless told otherwise
        print(server.uri, server.token)
        server.serve_forever()

    policy = RemotePolicy(uri, token)             # on the other side, see `remote_policy`

It is not encrypted by itself: beyond one machine give `ssl`, or go through an SSH tunnel to the loopback address.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hmac
import logging
import queue
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError, SimError
from lerobot_sim.policy import Policy
from lerobot_sim.spec import EnvSpec

from .policy_messages import MAX_BYTES, PROTOCOL, PROTOCOL_HEADER, decode, encode, library
from .policy_worker import decided, reads_instructions, tells_when_it_thinks

GATHER_S = 0.002
"""How long a decision waits for the next client that is expected to ask."""

MAX_LANES = 4096
"""Of one client."""

_logger = logging.getLogger(__name__)


@dataclass(eq=False)
class _Client:
    """One connection's lanes: its own numbers -> the policy's."""

    lanes: list[int] = field(default_factory=list[int])


@dataclass
class _Asked:
    """One call that waits to be carried out; `answer` holds the message, `done` tells that it is there."""

    client: _Client
    header: Mapping[str, Any]
    arrays: dict[str, NDArray[Any]]
    done: threading.Event = field(default_factory=threading.Event)
    answer: bytes = b""

    def finish(self, answer: bytes) -> None:
        """Hands the answer over."""
        self.answer = answer
        self.done.set()


class PolicyServer:
    """Serves one policy; only one thread ever calls it.

    Args:
        policy: Who decides.
        host: Address to listen on; the loopback one by default.
        port: 0 for a free one.
        token: What clients must show; drawn where it is None.
        ssl: An SSLContext, for `wss://`.
        identity: A word that says which policy it is, for clients that write it down.
        spec: Of the environment that it decides for, where clients of another are to be told.

    Raises:
        MissingExtraError: msgpack or websockets is not installed.
        OSError: The address cannot be listened on.
    """

    def __init__(
        self,
        policy: Policy,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        token: str | None = None,
        ssl: Any = None,
        identity: str = "",
        spec: EnvSpec | None = None,
    ) -> None:
        if token is not None and len(token) < 8:
            raise InputError("token: expected at least 8 characters, or None for one that is drawn.")
        library("msgpack")
        self.token = token or secrets.token_urlsafe(24)
        self._policy = policy
        self._asked: queue.Queue[_Asked | None] = queue.Queue()
        self._free: list[int] = []
        self._count = 0
        self._regulars: set[_Client] = set()  # those who may be about to ask: of the last decision, or just reset
        self._connections: set[Any] = set()
        self._hello = encode(
            {
                "cameras": {name: dataclasses.asdict(camera) for name, camera in policy.cameras.items()},
                "batch_invariant": policy.batch_invariant,
                "instructed": reads_instructions(policy),
                "thinks": tells_when_it_thinks(policy),
                "identity": identity,
                "env": [spec.id, spec.version] if spec is not None else None,
            }
        )
        self._server = library("websockets.sync.server").serve(
            self._talk,
            host,
            port,
            ssl=ssl,
            compression=None,
            max_size=MAX_BYTES,
            close_timeout=1.0,
            process_request=self._admit,
        )
        own_host, own_port = self._server.socket.getsockname()[:2]
        self.uri = f"{'wss' if ssl else 'ws'}://{f'[{own_host}]' if ':' in own_host else own_host}:{own_port}"
        """Where clients find it."""
        self._decider = threading.Thread(target=self._decide_for_ever, name="policy", daemon=True)
        self._decider.start()

    def serve_forever(self) -> None:
        """Serves until `close` is called in another thread."""
        self._server.serve_forever()

    def close(self) -> None:
        """Stops, and tells all clients; a second call does nothing."""
        self._server.shutdown()
        for connection in list(self._connections):
            connection.close(1001, "The policy server was closed.")
        self._asked.put(None)
        self._decider.join(5.0)
        while not self._asked.empty():
            left = self._asked.get()
            if left is not None:
                left.finish(encode({"refused": "The policy server was closed."}))

    def __enter__(self) -> PolicyServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _admit(self, connection: Any, request: Any) -> Any:
        """Refuses a client of another protocol, or without the token, before anything is read of it."""
        given = str(request.headers.get("Authorization", ""))
        if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
            return connection.respond(401, "The token is not the one that this policy server was started with.")
        theirs = request.headers.get(PROTOCOL_HEADER)
        if theirs != PROTOCOL:
            return connection.respond(
                426,
                f"This server speaks version {PROTOCOL}, the client {theirs}: install one lerobot-sim on both sides.",
            )
        return None

    def _talk(self, connection: Any) -> None:
        """Serves one client until it goes."""
        client = _Client()
        self._connections.add(connection)
        try:
            with contextlib.suppress(library("websockets.exceptions").ConnectionClosed):
                self._answer_all(connection, client)
        finally:
            self._connections.discard(connection)
            self._asked.put(_Asked(client, {"call": "gone"}, {}))

    def _answer_all(self, connection: Any, client: _Client) -> None:
        connection.send(self._hello)
        for message in connection:
            try:
                header, arrays = decode(message)
                if header.get("call") not in ("reset", "instruct", "act"):
                    raise InputError(f"Expected the call 'reset', 'instruct' or 'act', {header.get('call')!r} came.")
            except InputError as error:
                connection.send(encode({"refused": str(error)}))
                continue
            asked = _Asked(client, header, arrays)
            self._asked.put(asked)
            asked.done.wait()
            connection.send(asked.answer)

    def _decide_for_ever(self) -> None:
        ending = False
        while not ending:
            acts: list[_Asked] = []
            asked = self._asked.get()
            while asked is not None:
                acts += self._carry_out(asked)
                try:
                    asked = self._asked.get(timeout=self._patience(acts))
                except queue.Empty:
                    break
            ending = asked is None
            if acts:
                self._regulars = {asked.client for asked in acts}
                self._act(acts)

    def _patience(self, acts: list[_Asked]) -> float | None:
        """How long to wait for further calls: for ever without a decision to make, not at all once all have asked.

        All are those of the last decision, and those who have reset since: who then is silent holds others up once.
        """
        if not acts:
            return None
        return GATHER_S if self._regulars - {asked.client for asked in acts} else 0.0

    def _carry_out(self, asked: _Asked) -> list[_Asked]:
        """A reset, instructions, or the end of a client; an act is given back, to be gathered with others."""
        call = asked.header["call"]
        if call == "act":
            return [asked]
        if call == "gone":
            self._regulars.discard(asked.client)
            self._free += asked.client.lanes
            return []
        try:
            lanes = asked.arrays["lanes"]
            self._widen(asked.client, int(lanes.max(initial=-1)) + 1)
            own = np.array([asked.client.lanes[lane] for lane in lanes.tolist()], np.int64)
            order = np.argsort(own)
            if call == "reset":
                self._regulars.add(asked.client)
                self._policy.reset(own[order], asked.arrays["seeds"][order])
            else:
                words: list[str] = asked.header["instructions"]
                cast("Any", self._policy).instruct(own[order], [words[row] for row in order.tolist()])
            asked.finish(encode({}))
        except Exception as error:  # noqa: BLE001  a policy may raise anything; its client is told
            asked.finish(_refusal(error))
        return []

    def _widen(self, client: _Client, count: int) -> None:
        """Gives a client lanes of the policy's, at least `count`."""
        if count > MAX_LANES:
            raise InputError(f"A client may have {MAX_LANES} lanes, {count} were asked for.")
        while len(client.lanes) < count:
            if not self._free:
                self._free.append(self._count)
                self._count += 1
            client.lanes.append(self._free.pop(0))

    def _act(self, acts: list[_Asked]) -> None:
        """Decides for all clients that have asked, in one batch."""
        kinds = [{k: (v.dtype, v.shape[1:]) for k, v in asked.arrays.items()} for asked in acts]
        here = [asked for asked, kind in zip(acts, kinds, strict=True) if kind == kinds[0]]
        for asked in acts:
            if asked not in here:  # another observation: in a batch of its own
                self._act([asked])
        try:
            for asked in here:
                self._widen(asked.client, len(asked.arrays["active"]))
            batch = {k: np.zeros((self._count, *shape), dtype) for k, (dtype, shape) in kinds[0].items()}
            for asked in here:
                for name, value in asked.arrays.items():
                    batch[name][asked.client.lanes[: len(value)]] = value
            active = batch.pop("active")
            parts = decided(self._policy, {name.removeprefix("o."): v for name, v in batch.items()}, active)
            answers = [
                encode(
                    {},
                    {name: value[asked.client.lanes[: len(asked.arrays["active"])]] for name, value in parts.items()},
                )
                for asked in here
            ]
        except Exception as error:  # noqa: BLE001  a policy may raise anything; its clients are told
            answers = [_refusal(error)] * len(here)
        for asked, answer in zip(here, answers, strict=True):
            asked.finish(answer)


def _refusal(error: Exception) -> bytes:
    if not isinstance(error, SimError):
        _logger.warning("The policy raised.", exc_info=error)
    words = str(error) if isinstance(error, SimError) else f"The policy raised {type(error).__name__}: {error}."
    return encode({"refused": words})
