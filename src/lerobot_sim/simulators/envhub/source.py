"""Where an EnvHub's file lies, whether it is trusted, and how it comes here."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# huggingface_hub's types are partly unknown

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerobot_sim.errors import InputError, SimError

TRUST = "LEROBOT_SIM_TRUST_REMOTE_CODE"
"""The variable that trusts what a command or a program makes; "1"."""

MARK = "--"
"""Joins the parts of a repository's name in an environment's id; names on the hub hold none."""

FILE = "env.py"
REACH_TIMEOUT_S = 5.0
"""How long the first answer of the hub may take."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^:@]+))?(:(?P<file>[\w./-]+\.py))?")


class UntrustedError(InputError):
    """Somebody's program that was not trusted, and so was not run."""


class HubError(SimError):
    """The hub cannot be reached, or has no such repository."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A place with an EnvHub's file.

    Attributes:
        text: As a spec says it: "OWNER/NAME@COMMIT", with ":FILE" where it is another, or a whole path.
        task: Behind "hub/" in the environment's id.
        file: The file's path in its place.
        folder: The folder, None for one on the hub.
        repo_id: "OWNER/NAME" on the hub.
        commit: The commit there.
    """

    text: str
    task: str
    file: str = FILE
    folder: Path | None = None
    repo_id: str = ""
    commit: str = ""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """An EnvHub's file on this machine.

    Attributes:
        path: Where it lies.
        sha256: Of its content.
    """

    path: Path
    sha256: str


def source_of(text: str) -> Source:
    """The place that a name or path means; nothing is fetched.

    Raises:
        InputError: It is neither a folder nor a repository, or a repository at no commit.
    """
    if text.startswith((".", "/", "~")) or Path(text).is_dir():
        return _local(Path(text).expanduser().absolute())
    match = _REPOSITORY.fullmatch(text)
    if match is None:
        raise InputError(
            f"'hub/{text}': expected OWNER/NAME@COMMIT of a repository on the hub, such as "
            f"hub/lerobot/cartpole-env@{'0' * 39}1, or a folder, such as hub/./my_env."
        )
    repo_id, revision, file = match["repo"], match["revision"], match["file"] or FILE
    if revision is None or not _COMMIT.fullmatch(revision):
        raise InputError(_unpinned(repo_id, revision))
    named = f"{repo_id}@{revision}" + ("" if file == FILE else f":{file}")
    task = MARK.join((repo_id.replace("/", MARK), revision[:12]))
    return Source(text=named, task=task, file=file, repo_id=repo_id, commit=revision)


def trusted(source: Source, given: Any) -> None:
    """Returns where a source was trusted in so many words.

    Raises:
        UntrustedError: It was not; the message says how.
        InputError: The option is no truth value.
    """
    if not isinstance(given, bool):
        raise InputError(f"trust_remote_code: expected True or False, {given!r} came.")
    if given or os.environ.get(TRUST, "").lower() in ("1", "true", "yes"):
        return
    raise UntrustedError(
        f"{source.text}: its {source.file} is a program of its author's, and runs with all your rights. It was not "
        "run. Read it; where you trust it, say so: --trust-remote-code with a command, trust_remote_code=True in "
        f"Python, or {TRUST}=1."
    )


def fetched(source: Source, sha256: str | None = None) -> Fetched:
    """The file on this machine; of a repository it is fetched once and kept in the hub's cache.

    Args:
        source: Where.
        sha256: What it must hold, where that is known.

    Raises:
        InputError: There is none, or it holds something else.
        HubError: The hub cannot be reached or refuses.
    """
    path = _in_folder(source) if source.folder else _from_hub(source)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 is not None and found != sha256:
        raise InputError(
            f"{path} has changed: its content had SHA-256 {sha256[:12]}…, it has {found[:12]}… now. Put it back as it "
            "was, or begin anew with what it is."
        )
    return Fetched(path=path, sha256=found)


def _local(folder: Path) -> Source:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.name).strip("-") or "folder"
    return Source(text=str(folder), task=f"local{MARK}{name}", folder=folder)


def _in_folder(source: Source) -> Path:
    assert source.folder is not None
    path = source.folder / source.file
    if path.is_file():
        return path
    if not source.folder.is_dir():
        raise InputError(f"There is no folder {source.folder}. Give one that holds an {FILE} with make_env.")
    there = sorted(one.name for one in source.folder.glob("*.py"))
    has = f"its programs are {', '.join(there[:8])}" if there else "it holds no program"
    raise InputError(f"{source.folder} has no {source.file}: {has}. An EnvHub is an {FILE} with make_env.")


def _from_hub(source: Source) -> Path:
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:  # a commit does not change: what is here is it
        return Path(hf_hub_download(source.repo_id, source.file, revision=source.commit, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    try:
        HfApi().repo_info(source.repo_id, revision=source.commit, timeout=REACH_TIMEOUT_S)
        return Path(hf_hub_download(source.repo_id, source.file, revision=source.commit))
    except EntryNotFoundError as error:
        raise InputError(
            f"{source.repo_id} has no {source.file} at commit {source.commit[:12]}: it is no EnvHub. Name its file: "
            f"hub/{source.repo_id}@{source.commit}:FILE."
        ) from error
    except Exception as error:
        raise HubError(f"{_refusal(source.repo_id, source.commit, error)} {_OFFER}") from error


_OFFER = "A copy on this machine needs no hub: hub/./FOLDER."


def _unpinned(repo_id: str, revision: str | None) -> str:
    """What to write instead, with today's commit where the hub says it."""
    from huggingface_hub import HfApi

    said = f"'{revision}' can become another" if revision else "a name alone can become another"
    start = f"hub/{repo_id}: expected a commit (40 hexadecimal digits) behind '@', for {said} program tomorrow."
    try:
        commit = HfApi().repo_info(repo_id, revision=revision, timeout=REACH_TIMEOUT_S).sha
    except Exception as error:  # noqa: BLE001  whatever it is, the sentence above holds
        return f"{start} {_refusal(repo_id, revision or 'main', error)} {_OFFER}"
    return f"{start} Today it is hub/{repo_id}@{commit}."


def _refusal(repo_id: str, revision: str, error: Exception) -> str:
    """Why the hub gave nothing, in a sentence."""
    import httpx
    from huggingface_hub import constants, errors

    if isinstance(error, errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so the hub is not asked."
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repo_id} on the hub has no '{revision}'."
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"The hub shows no repository {repo_id}: it does not exist, or is private (hf auth login)."
    if isinstance(error, errors.HfHubHTTPError):
        return f"{constants.ENDPOINT} answered {error.response.status_code} for {repo_id}."
    if isinstance(error, (httpx.TransportError, OSError)):
        return f"{constants.ENDPOINT} cannot be reached ({type(error).__name__})."
    return f"{repo_id} could not be had from the hub ({type(error).__name__}: {str(error).partition(chr(10))[0]})."
