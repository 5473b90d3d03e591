"""`policy-server` and its clients, each a process: the same numbers as here; whoever may not ask is told why."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from lerobot_sim.cli.policy_argument import TOKEN
from tests.training.lerobot_dataset import ACT, record

pytest.importorskip("msgpack", reason="needs msgpack: pip install 'lerobot-sim[remote]'")
pytest.importorskip("websockets", reason="needs websockets: pip install 'lerobot-sim[remote]'")

COMMAND = [sys.executable, "-m", "lerobot_sim"]


@pytest.fixture
def serve(monkeypatch):
    """Starts `policy-server` processes, and shows their token to clients in this process."""
    made = []

    def start(*words, port=0):
        command = [*COMMAND, "policy-server", *words, "--port", str(port), "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        made.append(process)
        text = ""
        while not text.endswith("}\n"):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            text += line
        said = json.loads(text)
        monkeypatch.setenv(TOKEN, said["token"])
        return process, said

    yield start
    for process in made:
        process.kill()
        process.communicate(timeout=250)


def episodes(folder):
    """What an evaluation wrote of its episodes."""
    records = [json.loads(line) for line in (folder / "episodes.jsonl").read_text().splitlines()[1:]]
    return sorted((record["index"], record["end"], record["total_reward"], record["success"]) for record in records)


def test_a_served_policy_is_scored_as_here(command, serve, tmp_path):
    process, said = serve("numpy/reach", "--policy", "expert")
    assert said["env_id"] == "numpy/reach"
    assert said["uri"].startswith("ws://127.0.0.1:")
    common = ("eval", "numpy/reach", "--episodes", "6")
    for policy, folder in (("expert", "here"), (said["uri"], "there")):
        told = command(*common, "--policy", policy, "--output-dir", tmp_path / folder, "--json")
        assert told.code == 0, told.err
    assert episodes(tmp_path / "here") == episodes(tmp_path / "there")
    told = command(*common, "--policy", said["uri"], "--workers", "2", "--output-dir", tmp_path / "two")
    assert told.code == 0, told.err
    assert episodes(tmp_path / "here") == episodes(tmp_path / "two")
    recorded = command(
        "collect", "numpy/reach", "--policy", said["uri"], "--episodes", "2", "--output-dir", tmp_path / "set", "--json"
    )
    assert json.loads(recorded.out)["policy"] == "expert"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


def test_ctrl_c_ends_it_though_a_client_is_connected(serve):
    from lerobot_sim.simulators.host.remote_policy import RemotePolicy

    process, said = serve("numpy/reach", "--policy", "expert")
    client = RemotePolicy(said["uri"], said["token"])
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    client.close()


def test_who_may_not_ask_is_told_why(command, serve, tmp_path, monkeypatch):
    _, said = serve("numpy/reach", "--policy", "expert")
    out = ("--output-dir", tmp_path / "out")
    told = command("eval", "push-t", "--policy", said["uri"], *out)
    assert told.code == 2
    assert "decides for version 1 of 'numpy/reach'" in told.err
    assert "lerobot-sim policy-server numpy/push-t" in told.err
    monkeypatch.setenv(TOKEN, "not the token")
    told = command("eval", "numpy/reach", "--policy", said["uri"], *out)
    assert told.code == 1
    assert "The token is not the one" in told.err
    monkeypatch.delenv(TOKEN)
    told = command("eval", "numpy/reach", "--policy", said["uri"], *out)
    assert told.code == 2
    assert TOKEN in told.err
    assert not (tmp_path / "out").exists()


def test_a_port_in_use_is_named(command):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = command("policy-server", "numpy/reach", "--policy", "expert", "--port", port)
    assert told.code == 2
    assert f"127.0.0.1:{port} cannot be listened on" in told.err
    assert "--port" in told.err
    assert "expected 0 to 65535" in command("policy-server", "numpy/reach", "--port", "65536").err


def test_a_server_that_is_killed_stops_the_evaluation_and_fails_no_episode(command, serve, tmp_path):
    process, said = serve("push-t", "--policy", "expert")
    words = ["eval", "push-t", "--policy", said["uri"], "--episodes", "200", "--num-envs", "1"]
    running = subprocess.Popen(
        [*COMMAND, *words, "--output-dir", str(tmp_path / "out")], stderr=subprocess.PIPE, text=True, env=os.environ
    )
    journal = tmp_path / "out" / "episodes.jsonl"
    until = time.monotonic() + 60
    while not (journal.exists() and len(journal.read_text().splitlines()) > 2):
        assert time.monotonic() < until
        time.sleep(0.01)
    process.kill()
    _, err = running.communicate(timeout=250)
    assert running.returncode == 1
    assert f"The policy server at {said['uri']} has gone" in err
    known = episodes(tmp_path / "out")
    assert 1 < len(known) < 200
    assert {end for _, end, _, _ in known} == {"TIME_LIMIT"}
    _, again = serve("push-t", "--policy", "expert")
    words[3], words[5] = again["uri"], str(len(known) + 2)
    told = command(*words, "--output-dir", tmp_path / "out")
    assert told.code == 0, told.err
    assert len(episodes(tmp_path / "out")) == len(known) + 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "small"),
    [
        ("bc", ("--policy.hidden_dim=8", "--policy.chunk_size=4", "--policy.n_action_steps=4")),
        ("act", tuple(f"--policy.{name}={json.dumps(value)}" for name, value in ACT.items())),
    ],
)
def test_a_checkpoint_is_served_with_settings_in_the_place_of_its_own(command, serve, tmp_path, policy, small):
    pytest.importorskip({"bc": "torch", "act": "lerobot"}[policy], reason="pip install 'lerobot-sim[lerobot]'")
    data, out = record(tmp_path / "data"), tmp_path / "out"
    few = ("--steps", "2", "--batch-size", "4", "--eval-episodes", "0", "--output-dir", out)
    told = command("train", "--dataset", data, "--policy", policy, *small, *few)
    assert told.code == 0, told.err
    checkpoint = str(out / policy / {"bc": "last", "act": "checkpoints/last/pretrained_model"}[policy])
    often = "--policy.n_action_steps=1"
    _, said = serve("numpy/reach", "--policy", checkpoint, often)
    assert said["policy"].startswith({"bc": "bc:", "act": "lerobot:"}[policy])
    assert said["policy"].endswith(",n_action_steps=1")
    asked = {"there": (said["uri"],), "here": (checkpoint, often), "as trained": (checkpoint,)}
    for folder, words in asked.items():
        told = command("eval", "numpy/reach", "--episodes", "2", "--policy", *words, "--output-dir", tmp_path / folder)
        assert told.code == 0, told.err
    assert episodes(tmp_path / "there") == episodes(tmp_path / "here") != episodes(tmp_path / "as trained")
