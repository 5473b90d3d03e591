"""Datasets to the Hugging Face hub; `hub_pull` brings them back.

**Pushing** is one commit: whoever loads the dataset meanwhile gets the old one or the new one, never half of
each. Files are uploaded before it; a push that was broken off goes on where it was, for what the hub holds already is
not sent again. Then the tag that LeRobot looks for (the format's version, "v3.0") is moved to the commit.

The token is the hub library's own (`hf auth login`, or the variable HF_TOKEN); it is never shown.
"""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lerobot_sim.errors import StorageError

from . import hub_api, sidecar
from .card import MARK
from .files import PART, FolderLock
from .hub_api import CARD, FOLDERS, KIND, PULLED, Show, check_repo_id, client, download, explained, listing
from .layout import read_info

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_BATCH = 32


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
            held = download(api, repo_id, CARD, head, Path(folder_of_card)).read_bytes()
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
