"""Datasets to and from the Hugging Face hub.

**Pushing** is one commit: whoever loads the dataset meanwhile gets the old one or the new one, never half of
each. Files are uploaded before it; a push that was broken off goes on where it was, for what the hub holds already is
not sent again. Then the tag that LeRobot looks for (the format's version, "v3.0") is moved to the commit.

**Pulling** fetches one commit into a folder beside the wanted one, checks it, and renames: the dataset is there
whole or not at all, and a pull that was broken off goes on where it was.

The token is the hub library's own (`hf auth login`, or the variable HF_TOKEN); it is never shown.
"""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from lerobot_sim.errors import StorageError

from . import hub_api, sidecar
from .card import MARK
from .files import PART, FolderLock, read_json, write_whole
from .hub_api import KIND, HubError, check_repo_id, client, explained, listing
from .layout import read_info
from .reader import read_columns, read_episodes

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = [
    "HubError",
    "Pushed",
    "Snapshot",
    "check_readable",
    "check_repo_id",
    "files_of",
    "find",
    "is_there",
    "pull",
    "pulled_from",
    "push",
]

FOLDERS = ("data", "images", "meta", "sim", "videos")
"""What a dataset is made of; nothing else is pushed or pulled, but the card."""

PULLED = "sim/pulled.json"
"""Says where a dataset was pulled from."""

CARD = "README.md"
_BATCH = 32
_WORKERS = 4
Show = Callable[[float], None]
"""Takes how many bytes are done by now."""


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """What a push came to.

    Attributes:
        repo_id: "OWNER/NAME".
        url: Where people see it.
        branch: The branch.
        commit: The commit that holds it.
        changed: Whether the hub lacked any of it.
        tag: The tag that names the commit.
        files: Files of the dataset.
        size: Their bytes.
        card: "written", or "kept" where the hub or the folder holds one by another hand.
    """

    repo_id: str
    url: str
    branch: str
    commit: str
    changed: bool
    tag: str
    files: int
    size: int
    card: str


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


def files_of(root: Path | str) -> dict[str, Path]:
    """Path on the hub -> file, of all that is pushed: no locks, no parts of files.

    Raises:
        StorageError: There is no dataset, or one without episodes, which LeRobot cannot load.
    """
    folder = Path(root)
    if read_info(folder).total_episodes == 0:
        raise StorageError(f"{folder} holds no episode yet: LeRobot could not load it. Record some first.")
    found: dict[str, Path] = {}
    for part in FOLDERS:
        for path in sorted((folder / part).rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and not name.endswith(PART) and name not in (sidecar.LOCK, PULLED):
                found[name] = path
    return found


def push(
    root: Path | str,
    repo_id: str,
    *,
    card: str,
    branch: str = "main",
    private: bool | None = None,
    tag: str | None = None,
    show: Show = lambda _: None,
    endpoint: str | None = None,
) -> Pushed:
    """Makes a dataset on the hub what the one in a folder is.

    Args:
        root: The dataset's folder.
        repo_id: "OWNER/NAME"; made if it does not exist.
        card: Content of the README. One by another hand, there or in the folder, is kept.
        branch: Made if it does not exist.
        private: Whether only its owner sees a new one; None: as the owner's settings say.
        tag: Moved to the commit; by default the format's version, which LeRobot looks for.
        show: Told how many bytes are uploaded.
        endpoint: The hub's address; by default the library's, so HF_ENDPOINT.

    Raises:
        InputError: The name cannot be one.
        HubError: The hub cannot be reached, refuses, or was changed meanwhile.
        StorageError: There is no dataset, or somebody writes to it.
    """
    check_repo_id(repo_id)
    folder = Path(root)
    with contextlib.ExitStack() as stack:
        if (folder / sidecar.LOCK).exists():  # a writer, if there is one, holds it
            stack.callback(FolderLock(folder / sidecar.LOCK).release)
        files = files_of(folder)
        tag = tag or read_info(folder).codebase_version
        api = client(endpoint)
        stack.enter_context(explained(api, repo_id, f"The dataset is whole in {folder}, and can be used from there."))
        head = _ready(api, repo_id, branch, private)
        there = listing(api, repo_id, head)
        keep_card, content = _card(api, repo_id, head, there, folder, card)
        commit = _commit(api, repo_id, branch, head, files, there, content, show)
        _move_tag(api, repo_id, tag, commit)
        return Pushed(
            repo_id=repo_id,
            url=f"{api.endpoint}/datasets/{repo_id}",
            branch=branch,
            commit=commit,
            changed=commit != head,
            tag=tag,
            files=len(files),
            size=sum(path.stat().st_size for path in files.values()),
            card="kept" if keep_card else "written",
        )


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
            pool.submit(_download, api, snapshot.repo_id, name, snapshot.commit, parts): size
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


def _download(api: HfApi, repo_id: str, name: str, commit: str, folder: Path) -> Path:
    return Path(api.hf_hub_download(repo_id, name, repo_type=KIND, revision=commit, local_dir=folder))


def _belongs(name: str) -> bool:
    """Whether a file on the hub is part of a dataset, and stays inside its folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]:
        raise HubError(f"A file on the hub is named '{name}', which lies outside the dataset. Do not use it.")
    return name == CARD or (path.parts[0] in FOLDERS and name not in (sidecar.LOCK, PULLED))


def _ready(api: HfApi, repo_id: str, branch: str, private: bool | None) -> str:
    """Makes the repository and the branch where they are missing; the branch's last commit."""
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        main = api.repo_info(repo_id, repo_type=KIND, timeout=hub_api.REACH_TIMEOUT_S)
    except RepositoryNotFoundError:
        api.create_repo(repo_id, repo_type=KIND, private=private, exist_ok=True)
        main = api.repo_info(repo_id, repo_type=KIND, timeout=hub_api.REACH_TIMEOUT_S)
    if branch == "main":
        return str(main.sha)
    try:
        return str(api.repo_info(repo_id, repo_type=KIND, revision=branch).sha)
    except RevisionNotFoundError:
        api.create_branch(repo_id, branch=branch, repo_type=KIND)
        return str(api.repo_info(repo_id, repo_type=KIND, revision=branch).sha)


def _card(
    api: HfApi, repo_id: str, head: str, there: dict[str, int], folder: Path, card: str
) -> tuple[bool, bytes | None]:
    """(kept, content to push): the folder's own card first, then the hub's, unless they are ours of an earlier push."""
    own = folder / CARD
    if own.exists():
        content = own.read_bytes()
        if MARK.encode() not in content:
            return True, content
    if CARD in there:
        with tempfile.TemporaryDirectory() as folder_of_card:
            held = _download(api, repo_id, CARD, head, Path(folder_of_card)).read_bytes()
        if MARK.encode() not in held:
            return True, None
    return False, card.encode()


def _commit(
    api: HfApi,
    repo_id: str,
    branch: str,
    head: str,
    files: dict[str, Path],
    there: dict[str, int],
    card: bytes | None,
    show: Show,
) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    additions = [CommitOperationAdd(name, path) for name, path in files.items()]
    done = 0
    for start in range(0, len(additions), _BATCH):
        batch = additions[start : start + _BATCH]
        api.preupload_lfs_files(repo_id, batch, repo_type=KIND, revision=branch, free_memory=False)
        done += sum(addition.upload_info.size for addition in batch)
        show(done)
    if card is not None:
        additions.append(CommitOperationAdd(CARD, card))
    gone = [name for name in there if name.split("/")[0] in FOLDERS and name not in files]
    operations: Sequence[Any] = [*(CommitOperationDelete(name) for name in gone), *additions]
    commit = api.create_commit(
        repo_id,
        operations,
        commit_message="Dataset pushed by lerobot-sim",
        repo_type=KIND,
        revision=branch,
        parent_commit=head,
    )
    return str(commit.oid)


def _move_tag(api: HfApi, repo_id: str, tag: str, commit: str) -> None:
    """The hub cannot move one: it is deleted and made again. What is killed between, the next push mends."""
    held = {ref.name: ref.target_commit for ref in api.list_repo_refs(repo_id, repo_type=KIND).tags}
    if held.get(tag) == commit:
        return
    if tag in held:
        api.delete_tag(repo_id, tag=tag, repo_type=KIND)
    api.create_tag(repo_id, tag=tag, revision=commit, repo_type=KIND)
