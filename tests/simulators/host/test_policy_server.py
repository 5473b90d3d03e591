"""A policy over WebSocket decides what it would decide here; whoever may not ask is told so in one sentence."""

import socket
import threading

import numpy as np
import pytest

from lerobot_sim import rollout
from lerobot_sim.errors import InputError
from lerobot_sim.simulators.host import policy_messages, policy_server, remote_policy
from lerobot_sim.simulators.host.hosted_policy import PolicyLostError
from lerobot_sim.simulators.host.policy_server import PolicyServer
from lerobot_sim.simulators.host.remote_policy import RemotePolicy, ServerGoneError
from lerobot_sim.spec import STATE

from . import toy
from .test_hosted_policy import gains

pytest.importorskip("msgpack", reason="needs msgpack: pip install 'lerobot-sim[remote]'")
pytest.importorskip("websockets", reason="needs websockets: pip install 'lerobot-sim[remote]'")


@pytest.fixture
def serve():
    """Starts servers in threads; they are closed after the test."""
    made = []

    def start(policy, **arguments):
        server = PolicyServer(policy, **arguments)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        made.append((server, thread))
        return server

    yield start
    for server, thread in made:
        server.close()
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def remote():
    """Connects; connections are closed after the test."""
    made = []

    def connect(server, token=None, **arguments):
        made.append(RemotePolicy(server.uri, token or server.token, **arguments))
        return made[-1]

    yield connect
    for one in made:
        one.close()


@pytest.mark.parametrize("pictures", [False, True])
def test_its_episodes_are_those_of_the_same_policy_here(serve, remote, pictures):
    there = remote(serve(toy.ToyPolicy(toy.SPEC, pictures=pictures)))
    here = toy.ToyPolicy(toy.SPEC, pictures=pictures)
    assert there.cameras == here.cameras
    pairs = [list(rollout([toy.make(2)], one, range(4))) for one in (there, here)]
    for one, other in zip(*pairs, strict=True):
        assert one.action.tobytes() == other.action.tobytes()
        assert one.reward.tobytes() == other.reward.tobytes()


class Counting(toy.ToyPolicy):
    """Keeps how many lanes were active at every act, and no observation."""

    def __init__(self, spec):
        super().__init__(spec)
        self.active = []

    def act(self, observation, active):
        self.active.append(int(active.sum()))
        self.kept = []
        return super().act(observation, active)


def test_clients_have_their_own_lanes_and_are_decided_together(serve, remote, monkeypatch):
    monkeypatch.setattr(policy_server, "GATHER_S", 5)
    policy = Counting(toy.SPEC)
    server = serve(policy)
    clients = [remote(server), remote(server)]
    for number, client in enumerate(clients):
        client.reset(np.arange(2), np.array([10 * number, 10 * number + 1]))
    found = {}

    def act(number):
        seen = {STATE: np.full((2, 2), 0.1 * number, np.float32)}
        found[number] = [clients[number].act(seen, np.ones(2, bool)).action for _ in range(2)]

    threads = [threading.Thread(target=act, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert policy.active == [4, 4]
    for number in range(2):
        alone = Counting(toy.SPEC)
        alone.reset(np.arange(2), np.array([10 * number, 10 * number + 1]))
        seen = {STATE: np.full((2, 2), 0.1 * number, np.float32)}
        for action in found[number]:
            np.testing.assert_array_equal(action, alone.act(seen, np.ones(2, bool)).action)


def test_it_is_told_its_instructions_if_it_reads_them(serve, remote):
    server = serve(toy.Obedient(toy.SPEC))
    remote(server).reset(np.arange(1), np.array([1]))  # so that the other client's lanes are not the policy's first
    there = remote(server)
    pairs = [list(rollout([toy.make(2)], one, range(4), params=gains)) for one in (there, toy.Obedient(toy.SPEC))]
    for one, other in zip(*pairs, strict=True):
        assert one.action.tobytes() == other.action.tobytes()
    assert len({episode.action.tobytes() for episode in pairs[0]}) == 2
    assert not hasattr(remote(serve(toy.ToyPolicy(toy.SPEC))), "instruct")


def test_nobody_waits_for_a_client_that_asks_nothing(serve, remote, monkeypatch):
    monkeypatch.setattr(policy_server, "GATHER_S", 3600)
    server = serve(toy.ToyPolicy(toy.SPEC))
    _idle, busy = remote(server), remote(server, act_s=60)
    seen, everyone = {STATE: np.zeros((1, 2), np.float32)}, np.ones(1, bool)
    busy.reset(np.arange(1), np.array([1]))
    for _ in range(5):
        assert busy.act(seen, everyone).action.shape == (1, 2)


def test_it_tells_which_policy_it_is_and_for_what(serve, remote):
    client = remote(serve(toy.ToyPolicy(toy.SPEC), identity="toy:1", spec=toy.SPEC))
    assert (client.identity, client.env) == ("toy:1", ("toy/point", 1))
    unnamed = remote(serve(toy.ToyPolicy(toy.SPEC)))
    assert (unnamed.identity, unnamed.env) == ("", None)


def test_lanes_of_a_client_that_has_gone_are_given_to_the_next(serve, remote):
    server = serve(toy.ToyPolicy(toy.SPEC))
    for _ in range(3):
        client = remote(server)
        client.reset(np.arange(2), np.array([1, 2]))
        client.close()
    remote(server).reset(np.arange(1), np.array([3]))
    assert server._count <= 4


def test_a_wrong_token_is_refused_in_words(serve, remote):
    server = serve(toy.ToyPolicy(toy.SPEC), token="the right one")
    assert remote(server).batch_invariant
    with pytest.raises(PolicyLostError, match="token is not the one"):
        remote(server, token="another one")
    with pytest.raises(InputError, match="at least 8"):
        PolicyServer(toy.ToyPolicy(toy.SPEC), token="short")


def test_another_version_is_refused_in_words(serve, remote, monkeypatch):
    server = serve(toy.ToyPolicy(toy.SPEC))
    monkeypatch.setattr(remote_policy, "PROTOCOL", "0")
    with pytest.raises(PolicyLostError, match="speaks version 2, the client 0"):
        remote(server)


def test_nobody_there_and_no_address(serve):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(PolicyLostError, match="No policy server answers"):
        RemotePolicy(f"ws://127.0.0.1:{port}", "some token")
    with pytest.raises(InputError, match="ws://127"):
        RemotePolicy("http://127.0.0.1", "some token")


def test_what_the_policy_raises_is_told_and_the_server_goes_on(serve, remote):
    client = remote(serve(toy.ToyPolicy(toy.SPEC, fault="raise")))
    seen, everyone = {STATE: np.zeros((1, 2), np.float32)}, np.ones(1, bool)
    client.reset(np.arange(1), np.array([1]))
    for _ in range(4):
        client.act(seen, everyone)
    with pytest.raises(PolicyLostError, match="raised ZeroDivisionError"):
        client.act(seen, everyone)
    assert client.act(seen, everyone).action.shape == (1, 2)


def test_a_server_that_has_gone_is_an_error(serve, remote):
    server = serve(toy.ToyPolicy(toy.SPEC))
    client = remote(server)
    server.close()
    with pytest.raises(ServerGoneError, match="has gone"):
        client.reset(np.arange(1), np.array([1]))


def test_listens_on_the_loopback_address_by_default(serve):
    assert serve(toy.ToyPolicy(toy.SPEC)).uri.startswith("ws://127.0.0.1:")


@pytest.mark.parametrize(
    "array",
    [
        {"dtype": "|O", "shape": [1], "data": b"\0" * 8},
        {"dtype": "<f4", "shape": [2], "data": b"\0" * 4},
        {"dtype": "<f4", "shape": [-1], "data": b""},
        {"dtype": "nonsense", "shape": [1], "data": b"\0"},
        {"dtype": "<f4"},
    ],
)
def test_arrays_that_are_none_are_refused(array):
    import msgpack

    with pytest.raises(InputError):
        policy_messages.decode(msgpack.packb({"arrays": {"a": array}}))


def test_messages_come_back_as_they_were():
    arrays = {"a": np.arange(6, dtype=np.int16).reshape(2, 3)[:, ::2], "b": np.array(True), "c": np.zeros((0, 3))}
    header, found = policy_messages.decode(policy_messages.encode({"call": "x"}, arrays))
    assert header == {"call": "x"}
    for name, value in arrays.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)
    for message in (b"", b"\xc1", b"\x01", "text", policy_messages.encode({})[:-1]):
        with pytest.raises(InputError):
            policy_messages.decode(message)
