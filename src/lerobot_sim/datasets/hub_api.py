"""What pushing and pulling share: names of repositories, the hub's client, and its errors in one line."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lerobot_sim.errors import InputError, SimError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

KIND = "dataset"
"""The hub's word for its repositories of datasets."""

FOLDERS = ("data", "images", "meta", "sim", "videos")
"""What a dataset is made of; nothing else is pushed or pulled, but the card."""

PULLED = "sim/pulled.json"
"""Says where a dataset was pulled from."""

CARD = "README.md"

Show = Callable[[float], None]
"""Takes how many bytes are done by now."""

REACH_TIMEOUT_S = 5.0
"""How long the first answer of the hub may take."""


class HubError(SimError):
    """The hub cannot be reached, or refuses."""


def check_repo_id(repo_id: str) -> None:
    """Refuses what is no "OWNER/NAME".

    Raises:
        InputError: With what is valid, and the nearest of it.
    """
    names = repo_id.split("/")
    if len(names) == 2 and len(repo_id) <= 96 and not repo_id.endswith(".git") and all(map(_is_name, names)):
        return
    raise InputError(
        f"A dataset on the hub is named OWNER/NAME: letters, digits, '-', '_' and '.', beginning and ending with a "
        f"letter or digit, no '--' or '..', at most 96 in all, not ending in '.git'; '{repo_id}' came. "
        f"Try '{_nearest(repo_id)}'."
    )


def client(endpoint: str | None) -> HfApi:
    """The library's client; it takes the token from its usual places."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars, logging

    disable_progress_bars()  # commands show their own
    logging.set_verbosity_error()  # what matters is raised
    return HfApi(endpoint=endpoint, library_name="lerobot-sim")


def download(api: HfApi, repo_id: str, name: str, commit: str, folder: Path) -> Path:
    """Brings one file into a folder, and returns its path."""
    return Path(api.hf_hub_download(repo_id, name, repo_type=KIND, revision=commit, local_dir=folder))


def listing(api: HfApi, repo_id: str, commit: str) -> dict[str, int]:
    """Path -> bytes of a commit's files."""
    from huggingface_hub.hf_api import RepoFile

    entries: Iterator[Any] = iter(api.list_repo_tree(repo_id, recursive=True, revision=commit, repo_type=KIND))
    return {entry.path: entry.size for entry in entries if isinstance(entry, RepoFile)}


@contextlib.contextmanager
def explained(api: HfApi, repo_id: str, offer: str, revision: str | None = None) -> Generator[None]:
    """Turns what the hub's library raises into one line, without tokens or addresses with secrets."""
    try:
        yield
    except SimError:
        raise
    except Exception as error:
        text = _explanation(error, api.endpoint, repo_id, revision)
        if text is None:
            raise
        raise HubError(f"{text} {offer}".strip()) from error


def _explanation(error: BaseException, hub: str, repo_id: str, revision: str | None) -> str | None:
    """What the first error in the chain of causes that is known says; None where none is."""
    import httpx
    from huggingface_hub import errors

    if isinstance(error, errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so the hub is not asked. Unset it to go on."
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repo_id} on {hub} has no branch, tag or commit '{revision or 'main'}'."
    if isinstance(error, errors.RepositoryNotFoundError):
        return (
            f"{hub} shows no dataset {repo_id}: it does not exist, or it is private and the token is missing. "
            "Check the name, or log in: hf auth login."
        )
    if isinstance(error, errors.HfHubHTTPError):
        return _refusal(hub, repo_id, error)
    if isinstance(error, httpx.TransportError):
        return f"{hub} cannot be reached ({type(error).__name__}). Check the network, then run the same command again."
    cause = error.__cause__
    return _explanation(cause, hub, repo_id, revision) if cause else None


def _refusal(hub: str, repo_id: str, error: Any) -> str:
    status = error.response.status_code
    said = f" It says: {str(error.server_message).rstrip('.')}." if error.server_message else ""
    if status == 401:
        return f"{hub} does not take the token.{said} Log in again: hf auth login, or set HF_TOKEN."
    if status == 403:
        return f"{hub} refuses: this token may not do that with {repo_id}.{said} Use one with write access."
    if status in (409, 412):
        return f"{repo_id} was changed meanwhile.{said} Run the same command again."
    if status == 404:
        return f"{hub} does not know what it was asked: is it a hub?{said} Check HF_ENDPOINT."
    return f"{hub} answered {status}.{said} Run the same command again later."


def _is_name(name: str) -> bool:
    inside = re.fullmatch(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", name, re.ASCII) is not None
    return inside and "--" not in name and ".." not in name


def _nearest(repo_id: str) -> str:
    names = [re.sub(r"[-.]{2,}", "-", re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII)) for name in repo_id.split("/")]
    clean = [name.strip("-._")[:40].removesuffix(".git") for name in names]
    clean = [name for name in clean if name and name != "datasets"]
    owner = clean[0] if len(clean) > 1 else "YOUR-NAME"
    return f"{owner}/{clean[-1] if clean else 'my-dataset'}"
