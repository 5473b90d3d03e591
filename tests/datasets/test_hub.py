"""Datasets to and from a hub: a small server of ours that speaks the hub's protocol, and LeRobot loading from it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time

import pytest
from huggingface_hub import HfApi

from lerobot_sim.datasets import hub, hub_api, hub_pull
from lerobot_sim.datasets.card import dataset_card
from lerobot_sim.datasets.files import FolderLock
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.envs.push_t import make
from lerobot_sim.errors import InputError, StorageError
from lerobot_sim.loop import rollout
from lerobot_sim.policies.random import RandomPolicy
from lerobot_sim.spec import Camera

from .conftest import tree
from .hub_server import TOKEN, Hub

NAME = "someone/push-t"


@pytest.fixture
def server(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with Hub() as running:
        yield running
        running.shutdown()


@pytest.fixture
def filmed(tmp_path, spec):
    """Two episodes with a video."""
    root, cameras = tmp_path / "filmed", {"front": Camera(height=16, width=24)}
    settings = {"policy": "random", "seed": 0, "success_only": False}
    with DatasetWriter(root, spec, cameras=cameras, settings=settings) as writer, writer.recorder() as recorder:
        env = make(3)
        for episode in rollout(env, RandomPolicy(env.spec), range(2), sinks=[recorder]):
            writer.add(episode, recorder.take(episode))
    return root


def push(server, root, repo_id=NAME, **options):
    card = options.pop("card", None) or dataset_card(root, repo_id)
    return hub.push(root, repo_id, card=card, endpoint=server.address, **options)


def pull(server, root, repo_id=NAME, revision=None, **options):
    snapshot = hub_pull.find(repo_id, revision, endpoint=server.address)
    hub_pull.pull(snapshot, root, endpoint=server.address, **options)
    return snapshot


def without(files, *names):
    return {name: content for name, content in files.items() if name not in names}


def test_what_is_pushed_and_pulled_is_the_same(server, saved, tmp_path):
    shown = []
    pushed = push(server, saved, show=shown.append)
    assert pushed.changed
    assert pushed.card == "written"
    assert shown[-1] == pushed.size
    assert server.repositories[NAME].tags == {"v3.0": pushed.commit}
    snapshot = pull(server, tmp_path / "pulled", show=shown.append)
    assert (snapshot.revision, snapshot.commit) == ("v3.0", pushed.commit)
    came = tree(tmp_path / "pulled")
    assert json.loads(came[hub_api.PULLED])["commit"] == pushed.commit
    assert without(came, hub_api.PULLED, "README.md") == tree(saved)
    assert not list(tmp_path.glob(".*"))


def test_locks_and_parts_stay_here(server, saved):
    (saved / "data" / "chunk-000" / "file-009.parquet.part").write_bytes(b"torn")
    (saved / "notes.txt").write_text("mine")
    push(server, saved)
    names = set(server.files(NAME))
    assert names == {
        *without(tree(saved), "data/chunk-000/file-009.parquet.part", "notes.txt"),
        "README.md",
        ".gitattributes",
    }
    assert "sim/lock" not in names


def test_a_second_push_sends_what_is_new_and_removes_what_is_gone(server, saved, spec, episodes):
    first = push(server, saved)
    again = push(server, saved)
    assert not again.changed
    assert again.commit == first.commit
    (saved / "sim" / "old.json").write_text("{}")
    push(server, saved)
    (saved / "sim" / "old.json").unlink()
    uploads = server.count("PUT ")
    with DatasetWriter(saved, spec, settings={"policy": "random"}) as writer:
        writer.add(episodes[3])
    last = push(server, saved)
    assert server.count("PUT ") == uploads + 2  # the data file and the episodes file
    assert "sim/old.json" not in server.files(NAME)
    assert server.repositories[NAME].tags == {"v3.0": last.commit}


def test_a_push_that_broke_off_goes_on(server, saved):
    server.refused_uploads_after = 1
    with pytest.raises(hub_api.HubError, match="whole in"):
        push(server, saved)
    assert list(server.files(NAME)) == [".gitattributes"]  # nothing by halves
    server.refused_uploads_after = None
    before = server.count("PUT ")
    push(server, saved)
    assert server.count("PUT ") - before == len(server.blobs) - 1


def test_a_pull_that_broke_off_goes_on(server, saved, tmp_path):
    push(server, saved)
    root = tmp_path / "pulled"
    server.cut_downloads_after = 1
    with pytest.raises(hub_api.HubError, match="goes on from there"):
        pull(server, root)
    assert not root.exists()
    server.cut_downloads_after = None
    before = server.count("GET /cdn/")
    pull(server, root)
    assert server.count("GET /cdn/") - before == 2  # of three large files one was there
    assert without(tree(root), hub_api.PULLED, "README.md") == tree(saved)


def test_branches_tags_and_commits(server, saved, spec, episodes, tmp_path):
    first = push(server, saved, tag="first")
    with DatasetWriter(saved, spec, settings={"policy": "random"}) as writer:
        writer.add(episodes[3])
    second = push(server, saved, branch="trial")
    assert server.repositories[NAME].branches == {"main": first.commit, "trial": second.commit}
    assert server.repositories[NAME].tags == {"first": first.commit, "v3.0": second.commit}
    for revision, commit in (("main", first.commit), ("first", first.commit), ("trial", second.commit)):
        assert pull(server, tmp_path / revision, revision=revision).commit == commit
    assert pull(server, tmp_path / "sha", revision=first.commit).commit == first.commit
    with pytest.raises(hub_api.HubError, match="no branch, tag or commit 'nonsense'"):
        hub_pull.find(NAME, "nonsense", endpoint=server.address)


def test_private_datasets_need_the_token(server, saved, tmp_path, monkeypatch):
    push(server, saved, private=True)
    pull(server, tmp_path / "mine")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(hub_api.HubError, match="private and the token is missing"):
        pull(server, tmp_path / "not-mine")


def test_without_or_with_a_wrong_token_nothing_is_pushed_and_none_is_shown(server, saved, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(hub_api.HubError, match="hf auth login"):
        push(server, saved)
    monkeypatch.setenv("HF_TOKEN", "hf_wrongwrongwrong")
    with pytest.raises(hub_api.HubError, match="token") as raised:
        push(server, saved)
    assert "hf_wrong" not in str(raised.value)
    assert not server.repositories.get(NAME)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("push-t", "YOUR-NAME/push-t"),
        ("my name/push t", "my-name/push-t"),
        ("a/b/c", "a/c"),
        ("datasets/me/push-t", "me/push-t"),
        ("me/push--t", "me/push-t"),
        ("me/push-t.git", "me/push-t"),
        ("me/../etc", "me/etc"),
        ("", "YOUR-NAME/my-dataset"),
        ("me/" + "x" * 100, "me/" + "x" * 40),
    ],
)
def test_bad_names_are_refused_with_the_nearest_good_one(name, nearest, saved):
    with pytest.raises(InputError, match="OWNER/NAME") as raised:
        hub.push(saved, name, card="")
    assert f"Try '{nearest}'" in str(raised.value)
    hub_api.check_repo_id(nearest)


def test_a_hub_that_is_not_there_is_said_at_once(saved, server, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"  # nobody listens
        with pytest.raises(hub_api.HubError, match="cannot be reached") as raised:
            hub.push(saved, NAME, card="", endpoint=address)
    assert str(saved) in str(raised.value)


def test_a_hub_that_does_not_answer_is_given_up(saved, server, monkeypatch):
    monkeypatch.setattr(hub_api, "REACH_TIMEOUT_S", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(hub_api.HubError, match="cannot be reached"):
            hub.push(saved, NAME, card="", endpoint=address)


def test_offline_is_respected(saved, server, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(hub_api.HubError, match="HF_HUB_OFFLINE"):
        push(server, saved)
    assert server.requests == []


def test_a_hub_that_fails_is_named(saved, server):
    server.answer = 503
    with pytest.raises(hub_api.HubError, match="503"):
        push(server, saved)


def test_a_dataset_that_somebody_writes_to_is_not_pushed(server, saved):
    lock = FolderLock(saved / "sim" / "lock")
    try:
        with pytest.raises(StorageError, match="in use"):
            push(server, saved)
    finally:
        lock.release()
    assert server.requests == []


def test_what_others_pushed_meanwhile_is_not_overwritten(server, saved, monkeypatch):
    push(server, saved)
    (saved / "sim" / "more.json").write_text("{}")
    repository = server.repositories[NAME]
    preupload = HfApi.preupload_lfs_files

    def meanwhile(*arguments, **options):
        repository.commit("main", dict(server.files(NAME), other=b"theirs"))
        return preupload(*arguments, **options)

    monkeypatch.setattr("huggingface_hub.HfApi.preupload_lfs_files", meanwhile)
    with pytest.raises(hub_api.HubError, match="changed meanwhile"):
        push(server, saved)
    assert server.files(NAME)["other"] == b"theirs"


def test_an_own_card_is_kept_and_ours_is_written_anew(server, saved):
    push(server, saved, card=dataset_card(saved, NAME) + "old")
    push(server, saved)
    assert not server.files(NAME)["README.md"].endswith(b"old")
    (saved / "README.md").write_text("---\nlicense: mit\n---\nmine\n")
    assert push(server, saved).card == "kept"
    assert server.files(NAME)["README.md"].endswith(b"mine\n")
    (saved / "README.md").unlink()
    assert push(server, saved).card == "kept"
    assert server.files(NAME)["README.md"].endswith(b"mine\n")


def test_pull_refuses_folders_that_hold_something_else(server, saved, spec, episodes, tmp_path):
    push(server, saved)
    before = tree(saved)
    with pytest.raises(StorageError, match="not pulled from the hub"):
        pull(server, saved)
    assert tree(saved) == before
    root = tmp_path / "pulled"
    root.mkdir()  # empty is free
    pull(server, root)
    pull(server, root)  # the same again
    with DatasetWriter(saved, spec, settings={"policy": "random"}) as writer:
        writer.add(episodes[3])
    push(server, saved)
    with pytest.raises(StorageError, match="was asked for"):
        pull(server, root)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="is a file"):
        pull(server, tmp_path / "file")


def test_what_is_damaged_on_the_hub_does_not_become_a_dataset(server, saved, tmp_path):
    push(server, saved)
    files = dict(server.files(NAME))
    files["data/chunk-000/file-000.parquet"] = files["data/chunk-000/file-000.parquet"][:-40]
    server.repositories[NAME].commit("main", files)
    with pytest.raises(StorageError, match="damaged"):
        pull(server, tmp_path / "pulled", revision="main")
    assert not (tmp_path / "pulled").exists()
    del files["meta/info.json"]
    server.repositories[NAME].commit("main", files)
    with pytest.raises(hub_api.HubError, match="no LeRobotDataset v3"):
        pull(server, tmp_path / "pulled", revision="main")


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/outside", "data/../../outside", "data\\..\\outside", "C:/x"])
def test_names_that_lead_out_of_the_folder_are_refused(server, saved, tmp_path, name):
    push(server, saved)
    server.extra_tree = [{"type": "file", "path": name, "size": 1, "oid": "0" * 40}]
    with pytest.raises(hub_api.HubError, match="outside"):
        pull(server, tmp_path / "pulled")


def test_a_dataset_without_episodes_is_not_pushed(server, tmp_path, spec):
    DatasetWriter(tmp_path / "new", spec).close()
    with pytest.raises(StorageError, match=r"info\.json"):
        hub.push(tmp_path / "new", NAME, card="", endpoint=server.address)


LOADER = """
import json, sys
from lerobot.datasets.lerobot_dataset import LeRobotDataset
dataset = LeRobotDataset(sys.argv[1])
row = dataset[dataset.num_frames - 1]
shape = list(row["observation.images.front"].shape)
found = [dataset.num_episodes, dataset.num_frames, row["action"].tolist(), row["task"], dataset.revision, shape]
print(json.dumps(found))
"""


@pytest.mark.slow
def test_lerobot_loads_what_was_pushed(server, filmed, episodes, tmp_path):
    pushed = push(server, filmed)
    assert pushed.tag == "v3.0"
    variables = {key: value for key, value in os.environ.items() if "OFFLINE" not in key and key != "HF_TOKEN"}
    variables |= {"HF_ENDPOINT": server.address, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", LOADER, NAME], env=variables, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, f"{time.monotonic() - began:.0f} s\n{done.stderr[-3000:]}"
    count, frames, action, task, revision, shape = json.loads(done.stdout.splitlines()[-1])
    assert (count, frames, revision) == (2, sum(map(len, episodes[:2])), "v3.0")
    assert action == episodes[1].action[-1].tolist()
    assert task == episodes[1].instruction
    assert shape == [3, 16, 24]


def test_a_pulled_dataset_can_be_pushed_again_and_gone_on_with(server, saved, spec, episodes, tmp_path):
    push(server, saved)
    root = tmp_path / "pulled"
    pull(server, root)
    with DatasetWriter(root, spec, settings={"policy": "random"}) as writer:
        assert writer.num_episodes == 3
        writer.add(episodes[3])
    push(server, root, "someone/more")
    assert hub_api.PULLED not in server.files("someone/more")
    shutil.rmtree(saved)
    pull(server, saved, "someone/more")
    assert without(tree(saved), hub_api.PULLED) == without(tree(root), hub_api.PULLED, "README.md") | {
        "README.md": server.files("someone/more")["README.md"]
    }


def test_videos_travel_too_and_their_absence_is_noticed(server, filmed, tmp_path):
    push(server, filmed)
    pull(server, tmp_path / "pulled")
    assert without(tree(tmp_path / "pulled"), hub_api.PULLED, "README.md") == tree(filmed)
    assert "--cameras front --image-size 16x24" in dataset_card(filmed, NAME)
    files = {name: content for name, content in server.files(NAME).items() if not name.endswith(".mp4")}
    server.repositories[NAME].commit("main", files)
    with pytest.raises(StorageError, match="no video"):
        pull(server, tmp_path / "blind", revision="main")


def test_a_dataset_of_others_travels_too(server, saved, tmp_path):
    shutil.rmtree(saved / "sim")
    push(server, saved)
    assert b"Making it again" not in server.files(NAME)["README.md"]
    pull(server, tmp_path / "deep" / "down" / "pulled")
    came = without(tree(tmp_path / "deep" / "down" / "pulled"), hub_api.PULLED, "README.md")
    assert came == tree(saved)
    assert not (saved / "sim").exists()
