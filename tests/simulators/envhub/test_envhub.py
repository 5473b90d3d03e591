"""EnvHub folders and repositories as environments: the contract, trust, pins, and what is wrong with them."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import lerobot_sim
from lerobot_sim import registry
from lerobot_sim.errors import BrokenPromiseError, InputError, SimError, UnknownNameError
from lerobot_sim.simulators import envhub
from lerobot_sim.simulators.envhub.source import TRUST, HubError, UntrustedError
from lerobot_sim.spec import Camera
from lerobot_sim.testing import CHECKS

from .conftest import BODY, SINGLE, SUITES, VECTOR

ROOT = Path(__file__).parents[3]
STATE = "observation.state"


@pytest.fixture(autouse=True)
def family(monkeypatch):
    """The family by its name, and no trust that the machine's owner set."""
    monkeypatch.setitem(registry.FAMILIES, "hub", "lerobot_sim.simulators.envhub")
    monkeypatch.delenv(TRUST, raising=False)


def make(folder, num_envs=1, **options):
    return lerobot_sim.make(f"hub/{folder}", num_envs, trust_remote_code=True, **options)


def run(env, count, seeds=(3,)):
    """What `count` steps of a fixed action give."""
    rows = [env.reset(np.arange(env.num_envs), np.array(seeds))[STATE]]
    steps = []
    for t in range(count):
        action = np.full((env.num_envs, 2), np.cos(t), np.float32)
        steps.append(env.step(action, np.ones(env.num_envs, bool)))
        rows.append(steps[-1].observation[STATE])
    return np.stack(rows), steps


@pytest.mark.parametrize("name", CHECKS)
def test_the_contract_is_kept(name, write):
    folder = write()
    CHECKS[name](lambda num_envs: make(folder, num_envs))


def test_the_spec_says_what_it_is_and_makes_it_again(write):
    folder = write()
    env = make(folder, cfg={"gain": 0.2})
    spec = env.spec
    assert spec.id == "hub/local--point-world"
    assert (spec.fps, spec.max_steps, spec.success_rule) == (10, 30, "any")
    assert env.instructions == ["Go to the middle."]
    assert set(spec.cameras) == {"top", "front"}
    assert spec.options["source"] == str(folder)
    assert "trust_remote_code" not in spec.options
    again = registry.remake(spec.id, {**json.loads(json.dumps(dict(spec.options))), "trust_remote_code": True}, 1)
    assert again.spec == spec
    np.testing.assert_array_equal(run(env, 20)[0], run(again, 20)[0])
    assert env.render({"top": Camera(height=12, width=16)})["top"].max() == 255
    with pytest.raises(UntrustedError, match="trust"):
        registry.remake(spec.id, spec.options)  # as a dataset would: trust is not stored


@pytest.mark.parametrize("make_env", [SINGLE, *(VECTOR.format(mode=mode) for mode in ("SameStep", "Disabled"))])
def test_every_kind_of_environment_gives_the_same_episode(make_env, write):
    usual, other = make(write(name="usual")), make(write(make_env, name="other"))
    for seed in (1, 2**40):
        (rows, steps), (rows_there, steps_there) = run(usual, 33, [seed]), run(other, 33, [seed])
        np.testing.assert_array_equal(rows, rows_there)
        for one, there in zip(steps, steps_there, strict=True):
            assert (one.reward, one.end, one.success) == (there.reward, there.end, there.success)
        assert steps[-1].end[0] != 0  # the last observation is the episode's own, not the next one's


def test_success_is_the_infos(write):
    env = make(write())
    seen = env.reset(np.array([0]), np.array([5]))[STATE]
    for _ in range(30):
        step = env.step(np.clip(-seen / 0.1, -1, 1).astype(np.float32), np.ones(1, bool))
        seen = step.observation[STATE]
        if step.end[0]:
            break
    assert step.success[0]
    assert step.terminated[0]


def test_one_of_several_environments_is_chosen(write):
    folder = write(SUITES)
    with pytest.raises(InputError, match=r"suite=, one of fast, slow"):
        make(folder)
    with pytest.raises(InputError, match=r"task_id=, one of 0, 1"):
        make(folder, suite="slow")
    with pytest.raises(UnknownNameError, match="fast"):
        make(folder, suite="fat")
    moved = []
    for task_id in (0, 1):
        rows, _ = run(make(folder, suite="slow", task_id=task_id), 1)
        moved.append(np.abs(rows[1] - rows[0]).max())
    assert moved == pytest.approx([0.02, 0.05], rel=1e-3)


def test_our_own_env_py_is_one():
    ours = make(ROOT, 2, cfg={"task": "mujoco/lift", "robot": "so100"})
    native = lerobot_sim.make("mujoco/lift", 2, robot="so100")
    assert ours.spec.observation.keys() == native.spec.observation.keys()
    assert (ours.spec.fps, ours.spec.max_steps) == (native.spec.fps, native.spec.max_steps)
    for env in (ours, native):
        env.reset(np.arange(2), np.array([4, 9]))
    for t in range(100):
        action = np.full((2, 5), np.sin(t), np.float32)
        here, there = (env.step(action, np.ones(2, bool)) for env in (ours, native))
        for key, value in there.observation.items():
            assert here.observation[key].tobytes() == value.tobytes()
        np.testing.assert_array_equal(here.reward, there.reward)
        np.testing.assert_array_equal(here.end, there.end)
    ours.close(), native.close()


def test_nothing_runs_without_trust(write, tmp_path, monkeypatch):
    folder = write(body=f"open({str(tmp_path / 'ran')!r}, 'w')\n" + BODY)
    with pytest.raises(UntrustedError, match="--trust-remote-code"):
        lerobot_sim.make(f"hub/{folder}")
    with pytest.raises(InputError, match="True or False"):
        lerobot_sim.make(f"hub/{folder}", trust_remote_code="no")
    with pytest.raises(UntrustedError):
        envhub.spec(str(folder))
    assert not (tmp_path / "ran").exists()
    monkeypatch.setenv(TRUST, "1")
    lerobot_sim.make(f"hub/{folder}").close()
    assert (tmp_path / "ran").exists()


def test_a_file_that_changed_is_another_environment(write):
    folder = write()
    spec = make(folder).spec
    (folder / "env.py").write_text((folder / "env.py").read_text() + "\n# another\n")
    with pytest.raises(InputError, match="has changed"):
        registry.remake(spec.id, {**spec.options, "trust_remote_code": True})
    assert make(folder).spec.options["sha256"] != spec.options["sha256"]


def test_a_repository_at_a_commit_is_fetched_once(write, server, publish):
    commit = publish("me/point-world", {"env.py": (write() / "env.py").read_bytes()})
    env = make(f"me/point-world@{commit}")
    assert env.spec.id == f"hub/me--point-world--{commit[:12]}"
    assert env.spec.options["source"] == f"me/point-world@{commit}"
    np.testing.assert_array_equal(run(env, 5)[0], run(make(write()), 5)[0])
    asked = len(server.requests)
    again = registry.remake(env.spec.id, {**env.spec.options, "trust_remote_code": True})
    assert again.spec == env.spec
    assert len(server.requests) == asked


def test_another_file_of_a_repository(write, publish):
    commit = publish("me/worlds", {"worlds/point.py": (write() / "env.py").read_bytes()})
    assert make(f"me/worlds@{commit}:worlds/point.py").spec.max_steps == 30
    with pytest.raises(InputError, match=r"has no env\.py"):
        make(f"me/worlds@{commit}")


def test_what_is_not_pinned_is_refused_with_todays_commit(write, publish):
    commit = publish("me/point-world", {"env.py": (write() / "env.py").read_bytes()})
    for name in ("me/point-world", "me/point-world@main", f"me/point-world@{commit[:12]}"):
        with pytest.raises(InputError, match="40 hexadecimal digits"):
            make(name)
    with pytest.raises(InputError, match=f"Today it is hub/me/point-world@{commit}"):
        make("me/point-world@main")


def test_hubs_that_are_not_there_are_said_at_once(server, monkeypatch):
    from huggingface_hub import constants

    with pytest.raises(HubError, match=r"no repository me/nothing.*hub/\./FOLDER"):
        make(f"me/nothing@{'a' * 40}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        began = time.perf_counter()
        with pytest.raises(HubError, match=r"cannot be reached.*hub/\./FOLDER"):
            make(f"me/nothing@{'a' * 40}")
        with pytest.raises(InputError, match=r"40 hex.*cannot be reached.*hub/\./FOLDER"):
            make("me/nothing@main")
        assert time.perf_counter() - began < 15


def test_what_is_no_envhub_is_said(write, tmp_path):
    with pytest.raises(InputError, match="no folder"):
        make(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/other.py").touch()
    with pytest.raises(InputError, match=r"no env\.py: its programs are other\.py"):
        make(tmp_path / "empty")
    with pytest.raises(InputError, match="OWNER/NAME@COMMIT"):
        make("a/b/c@d")
    with pytest.raises(InputError, match="no function make_env"):
        make(write("", name="a"))
    with pytest.raises(InputError, match="'a_package_that_nobody_has'"):
        make(write(body="import a_package_that_nobody_has\n", name="b"))
    with pytest.raises(SimError, match="ZeroDivisionError"):
        make(write(body="1 / 0\n", name="c"))
    with pytest.raises(SimError, match="make_env raised"):
        make(write("def make_env(n_envs, use_async_envs): raise OSError('no')\n", name="d"))
    with pytest.raises(BrokenPromiseError, match="gave int"):
        make(write("def make_env(n_envs, use_async_envs): return 3\n", name="e"))
    with pytest.raises(BrokenPromiseError, match="gave 2 lanes"):
        make(write(VECTOR.format(mode="NextStep").replace("range(n_envs)", "range(2)"), name="f"))
    with pytest.raises(UnknownNameError, match="success_key"):
        make(write(), succes_key="x")


def test_bare_names_stay_what_they_were():
    assert envhub.resolve("push-tt") is None
    with pytest.raises(UnknownNameError, match="push-t"):
        registry.resolve("push-tt")


def test_the_environment_that_lerobot_would_make_is_the_same(write):
    """Seeds and actions as LeRobot's rollout gives them, on the module's own vector environment."""
    folder = write()
    namespace = {"__name__": "point_world"}
    exec((folder / "env.py").read_text(), namespace)
    theirs: gymnasium.vector.VectorEnv = namespace["make_env"](n_envs=1, use_async_envs=False)
    rows, _ = run(make(folder), 20, [7])
    observation, _ = theirs.reset(seed=[7])
    for t in range(20):
        np.testing.assert_array_equal(rows[t], observation["agent_pos"])
        observation, *_ = theirs.step(np.full((1, 2), np.cos(t), np.float32))


def test_commands_take_the_flag_and_keep_json_clean(write, tmp_path):
    folder = write()
    patched = (
        "import sys; from lerobot_sim import registry; registry.FAMILIES['hub'] = 'lerobot_sim.simulators.envhub'; "
        "from lerobot_sim.cli.main import main; sys.exit(main())"
    )

    def command(*arguments):
        whole = [sys.executable, "-c", patched, *arguments]
        return subprocess.run(whole, cwd=tmp_path, capture_output=True, text=True)

    name = f"hub/./{folder.name}"
    collect = ["collect", name, "--policy", "random", "--episodes", "2", "--output-dir", "data", "--json"]
    refused = command(*collect)
    assert refused.returncode == 2
    assert "--trust-remote-code" in refused.stderr
    assert "Traceback" not in refused.stderr
    done = command(*collect, "--trust-remote-code")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["env_id"] == "hub/local--point-world"
    assert command("replay", "data").returncode == 2
    assert command("replay", "data", "--trust-remote-code").returncode == 0
    scored = command(
        "eval", name, "--policy", "random", "--episodes", "2", "--trust_remote_code=true", "--output-dir", "scores"
    )
    assert scored.returncode == 0, scored.stderr
