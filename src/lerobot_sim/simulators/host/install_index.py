"""The user's settings of where packages come from, as uv reads them; pip's are taken where uv has none of its own."""

from __future__ import annotations

import configparser
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

_OF_PIP: Mapping[str, str] = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
    "trusted-host": "UV_INSECURE_HOST",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
}
_WHERE = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX")

_NOT_OURS = re.compile(
    r"UV_(PYTHON|SYSTEM_PYTHON|BREAK_SYSTEM_PACKAGES|CONSTRAINT|OVERRIDE|EXCLUDE|BUILD_CONSTRAINT|EXCLUDE_NEWER|PRERELEASE"
    r"|RESOLUTION|NO_VERIFY_HASHES|NO_BINARY|TORCH_BACKEND|PROJECT.*|WORKING_DIR.*|VENV_.*|TARGET|PREFIX)"
)
"""Settings that choose versions or places: here the lock and this package do."""


def environment_of_uv() -> dict[str, str]:
    """The variables under which uv runs: the user's, those of pip's that stand for one of uv's, no other Python's."""
    kept = {name: value for name, value in os.environ.items() if not _NOT_OURS.fullmatch(name)}
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH"):
        kept.pop(name, None)
    if not any(name in kept for name in _WHERE) and not _has_configuration_of_uv():
        found = pip_settings()
        kept = {**{_OF_PIP[name]: _in_words_of_uv(name, found[name]) for name in found}, **kept}
    for name in ("UV_FIND_LINKS", "UV_INDEX", "UV_DEFAULT_INDEX"):
        if name in kept:  # uv runs in another folder
            kept[name] = _absolute(kept[name], "," if name == "UV_FIND_LINKS" else " ")
    # every package is held to its hash, so it does not matter which index has it
    kept.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return {**kept, "NO_COLOR": "1"}


def pip_settings() -> dict[str, str]:
    """pip's settings of where packages come from, by their names in its configuration; variables overrule files."""
    found: dict[str, str] = {}
    for path in _configuration_of_pip():
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip says what is wrong with its file; uv alone does without
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    for name in _OF_PIP:
        value = os.environ.get("PIP_" + name.upper().replace("-", "_"))
        if value:
            found[name] = value
    return {name: value for name, value in found.items() if name in _OF_PIP and value.strip()}


def _in_words_of_uv(name: str, value: str) -> str:
    if name == "no-index":
        return "1" if value.strip().lower() in ("1", "true", "yes", "on") else "0"
    return ("," if name == "find-links" else " ").join(value.split())


def _absolute(value: str, separator: str) -> str:
    parts = [part for part in re.split(r"[,\s]+" if separator == "," else r"\s+", value) if part]
    return separator.join(
        str(Path(part).absolute()) if "://" not in part and Path(part).exists() else part for part in parts
    )


def _configuration_of_pip() -> list[Path]:
    """pip's files, those that overrule others last."""
    chosen = os.environ.get("PIP_CONFIG_FILE")
    if chosen:
        return [] if chosen == os.devnull else [Path(chosen)]
    home = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    if sys.platform == "win32":
        users = [Path(os.environ.get("APPDATA") or home) / "pip" / "pip.ini", Path(sys.prefix) / "pip.ini"]
        return [Path(os.environ.get("PROGRAMDATA") or "C:/ProgramData") / "pip" / "pip.ini", *users]
    everyone = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf")]
    mac = [home / "Library" / "Application Support" / "pip" / "pip.conf"] if sys.platform == "darwin" else []
    return [*everyone, home / ".pip" / "pip.conf", config / "pip" / "pip.conf", *mac, Path(sys.prefix) / "pip.conf"]


def _has_configuration_of_uv() -> bool:
    if os.environ.get("UV_CONFIG_FILE"):
        return True
    home = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    roots = [config, Path("/etc"), Path("/etc/xdg")]
    if sys.platform == "win32":
        roots = [Path(os.environ.get(name) or home) for name in ("APPDATA", "PROGRAMDATA")]
    return any((root / "uv" / "uv.toml").is_file() for root in roots)
