"""A Policy on another machine, served by `policy_server`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, like, to_numpy
from lerobot_sim.env import Batch
from lerobot_sim.errors import InputError
from lerobot_sim.policy import Decision
from lerobot_sim.spec import Camera

from .hosted_policy import PolicyLostError
from .policy_messages import MAX_BYTES, PROTOCOL, PROTOCOL_HEADER, decode, encode, library
from .policy_worker import decision_of
from .thinking import Thinking


class ServerGoneError(PolicyLostError):
    """The policy's server does not answer any more: no fault of the policy's, so no failure of its episodes."""


class RemotePolicy:
    """A policy that decides elsewhere; see `lerobot_sim.policy.Policy` for its methods.

    Args:
        uri: Of its server, such as "ws://127.0.0.1:8000".
        token: What the server was started with.
        act_s: Time limit of an answer.
        ssl: An SSLContext for "wss://" with a certificate of one's own.

    Raises:
        ServerGoneError: No server is there.
        PolicyLostError: It does not know the token, or speaks another version.
        MissingExtraError: msgpack or websockets is not installed.
    """

    def __init__(self, uri: str, token: str, *, act_s: float = 60.0, ssl: Any = None) -> None:
        self._uri, self._act_s = uri, act_s
        self._closed = False
        self._open = ExitStack()
        headers = {"Authorization": f"Bearer {token}", PROTOCOL_HEADER: PROTOCOL}
        failures: Any = library("websockets.exceptions")
        try:
            connecting = library("websockets.sync.client").connect(
                uri, ssl=ssl, additional_headers=headers, compression=None, max_size=MAX_BYTES, proxy=None
            )
            self._connection = self._open.enter_context(connecting)
        except failures.InvalidStatus as error:
            words = bytes(error.response.body or b"").decode(errors="replace")
            raise PolicyLostError(f"The policy server at {uri} refuses: {words}") from error
        except failures.InvalidURI as error:
            raise InputError(f"uri: expected such as 'ws://127.0.0.1:8000', '{uri}' came.") from error
        except (OSError, failures.InvalidHandshake) as error:
            raise ServerGoneError(f"No policy server answers at {uri}: {error}.") from error
        hello, _ = self._receive()
        self._cameras = {str(name): Camera(**camera) for name, camera in hello["cameras"].items()}
        self._batch_invariant = bool(hello["batch_invariant"])
        self.identity = str(hello["identity"])
        """A word that says which policy it is; "" where its server was not told."""
        self.env: tuple[str, int] | None = (str(hello["env"][0]), int(hello["env"][1])) if hello["env"] else None
        """Id and version of the environment that it decides for, None where its server was not told."""
        if hello["instructed"]:
            self.instruct = self._instruct  # a policy that does not read instructions has no such method
        self._thinking = Thinking()
        if hello.get("thinks"):
            self.thinks = self._thinking  # nor has one that does not tell

    @property
    def cameras(self) -> Mapping[str, Camera]:
        return self._cameras

    @property
    def batch_invariant(self) -> bool:
        return self._batch_invariant

    def reset(self, lanes: Array, seeds: Array) -> None:
        self._thinking.reset(lanes)
        self._ask({"call": "reset"}, {"lanes": np.asarray(lanes, np.int64), "seeds": np.asarray(seeds, np.int64)})

    def act(self, observation: Batch, active: Array) -> Decision:
        arrays = {f"o.{name}": to_numpy(value) for name, value in observation.items()}
        parts = self._ask({"call": "act"}, {**arrays, "active": to_numpy(active)})
        self._thinking.note(active, parts)
        decision = decision_of(parts)
        return Decision(like(decision.action, active), decision.columns, decision.events)

    def _instruct(self, lanes: Array, instructions: Sequence[str]) -> None:
        header = {"call": "instruct", "instructions": list(instructions)}
        self._ask(header, {"lanes": np.asarray(lanes, np.int64)})

    def close(self) -> None:
        """Leaves the server; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._open.close()

    def _ask(self, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        if self._closed:
            raise InputError("This policy was closed: make a new one.")
        failures: Any = library("websockets.exceptions")
        try:
            self._connection.send(encode(header, arrays))
        except (OSError, failures.ConnectionClosed) as error:
            raise ServerGoneError(f"The policy server at {self._uri} has gone: {error}.") from error
        return self._receive()[1]

    def _receive(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        failures: Any = library("websockets.exceptions")
        try:
            header, arrays = decode(self._connection.recv(timeout=self._act_s))
        except TimeoutError as error:
            self.close()
            raise ServerGoneError(
                f"The policy server at {self._uri} did not answer within {self._act_s:g} s."
            ) from error
        except (OSError, failures.ConnectionClosed) as error:
            raise ServerGoneError(f"The policy server at {self._uri} has gone: {error}.") from error
        if "refused" in header:
            raise PolicyLostError(f"The policy server at {self._uri} refuses: {header['refused']}")
        return header, arrays
