"""Datasets from the Hugging Face hub.

A pull fetches one commit into a folder beside the wanted one, checks it, and renames: the dataset is there
whole or not at all, and a pull that was broken off goes on where it was.
"""

from __future__ import annotations

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lerobot_sim.errors import StorageError

from . import hub_api, sidecar
from .files import read_json, write_whole
from .hub_api import CARD, FOLDERS, KIND, PULLED, HubError, Show, check_repo_id, client, download, explained, listing
from .layout import read_info
from .reader import read_columns, read_episodes
from .swap import sync_tree

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_WORKERS = 4


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One commit of a dataset on the hub.

    Attributes:
        repo_id: "OWNER/NAME".
        revision: The branch, tag or commit that was asked for.
        commit: The commit.
        files: Path -> bytes, of what belongs to the dataset.
    """

    repo_id: str
    revision: str
    commit: str
    files: dict[str, int]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(self.files.values())


def find(repo_id: str, revision: str | None = None, *, endpoint: str | None = None, offer: str = "") -> Snapshot:
    """Which commit a revision is, and what it holds.

    Args:
        repo_id: "OWNER/NAME".
        revision: Branch, tag or commit; by default the newest tag of format 3, as LeRobot takes it, else "main".
        endpoint: The hub's address; by default the library's.
        offer: A sentence for where the hub cannot be reached.

    Raises:
        InputError: The name cannot be one.
        HubError: The hub cannot be reached or refuses, or what is there is no LeRobotDataset v3.
    """
    check_repo_id(repo_id)
    api = client(endpoint)
    with explained(api, repo_id, offer, revision):
        found = api.repo_info(repo_id, repo_type=KIND, revision=revision, timeout=hub_api.REACH_TIMEOUT_S)
        if revision is None:
            tags = {tag.name: tag.target_commit for tag in api.list_repo_refs(repo_id, repo_type=KIND).tags}
            versions = sorted(name for name in tags if re.fullmatch(r"v3\.\d+", name))
            revision = versions[-1] if versions else "main"
            found = api.repo_info(repo_id, repo_type=KIND, revision=revision, timeout=hub_api.REACH_TIMEOUT_S)
        commit = str(found.sha)
        files = listing(api, repo_id, commit)
    wanted = {name: size for name, size in files.items() if _belongs(name)}
    if "meta/info.json" not in wanted:
        raise HubError(f"{repo_id} at {revision} is no LeRobotDataset v3: it has no meta/info.json.")
    return Snapshot(repo_id=repo_id, revision=revision, commit=commit, files=wanted)


def pulled_from(root: Path | str) -> tuple[str, str] | None:
    """(repo_id, commit) of a dataset that was pulled, None of another folder."""
    path = Path(root) / PULLED
    if not path.exists():
        return None
    record = read_json(path, "Delete it.")
    try:
        return str(record["repo_id"]), str(record["commit"])
    except (KeyError, TypeError) as error:
        raise StorageError(f"{path} is damaged: {type(error).__name__} {error}. Delete it.") from error


def pull(snapshot: Snapshot, root: Path | str, *, show: Show = lambda _: None, endpoint: str | None = None) -> bool:
    """Brings a commit into a folder, checks that it reads, and returns whether anything was fetched.

    Raises:
        HubError: The hub cannot be reached or refuses.
        StorageError: The folder holds something else, or what came is damaged.
    """
    folder = Path(root)
    if is_there(snapshot, folder):
        check_readable(folder)
        return False
    parts = folder.with_name(f".{folder.name}.pull-{snapshot.commit[:12]}")
    api = client(endpoint)
    with explained(api, snapshot.repo_id, f"What came lies in {parts}; the same command goes on from there."):
        _fetch(api, snapshot, parts, show)
    check_readable(parts)
    shutil.rmtree(parts / ".cache", ignore_errors=True)
    record = {"repo_id": snapshot.repo_id, "revision": snapshot.revision, "commit": snapshot.commit}
    write_whole(parts / PULLED, json.dumps(record, indent=2).encode(), sync=True)
    sync_tree(parts)
    if folder.exists():
        folder.rmdir()  # it is empty
    parts.rename(folder)
    for left in folder.parent.glob(f".{folder.name}.pull-*"):
        shutil.rmtree(left, ignore_errors=True)
    return True


def is_there(snapshot: Snapshot, root: Path | str) -> bool:
    """Whether a folder holds this commit already.

    Raises:
        StorageError: It holds something else.
    """
    folder = Path(root)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if not folder.is_dir():
        raise StorageError(f"{folder} is a file. Give a folder.")
    origin = pulled_from(folder)
    if origin is None:
        raise StorageError(f"{folder} is not empty, and was not pulled from the hub. Give another --output-dir.")
    if origin != (snapshot.repo_id, snapshot.commit):
        raise StorageError(
            f"{folder} holds {origin[0]} at commit {origin[1][:12]}; {snapshot.repo_id} at {snapshot.commit[:12]} "
            "was asked for. Give another --output-dir."
        )
    return True


def check_readable(root: Path | str) -> None:
    """Reads a dataset's tables whole, and looks for its videos.

    Raises:
        StorageError: Something is missing or damaged.
    """
    folder = Path(root)
    info = read_info(folder)
    read_episodes(folder)
    read_columns(folder)
    if (folder / sidecar.RUN).exists():
        sidecar.read_lines(folder, info.total_episodes)
    for name, column in info.columns.items():
        if column.dtype == "video" and not any((folder / "videos" / name).rglob("*.mp4")):
            raise StorageError(f"{folder} has no video of '{name}', which its info.json names. Pull or copy it again.")


def _fetch(api: HfApi, snapshot: Snapshot, parts: Path, show: Show) -> None:
    done = 0
    with ThreadPoolExecutor(_WORKERS) as pool:
        running = {
            pool.submit(download, api, snapshot.repo_id, name, snapshot.commit, parts): size
            for name, size in snapshot.files.items()
        }
        try:
            for future in as_completed(running):
                future.result()
                done += running[future]
                show(done)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _belongs(name: str) -> bool:
    """Whether a file on the hub is part of a dataset, and stays inside its folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]:
        raise HubError(f"A file on the hub is named '{name}', which lies outside the dataset. Do not use it.")
    return name == CARD or (path.parts[0] in FOLDERS and name not in (sidecar.LOCK, PULLED))
