"""Tiny packages, locks of them and families, made on the spot: environments without a network."""

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from lerobot_sim.simulators.family import Family

PYTHON = "3.12"


def wheel(folder: Path, name: str, version: str = "1.0", files: dict[str, str] | None = None, size: int = 0) -> Path:
    """A wheel, written by hand: `name` with a package of that name."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    content = {
        f"{module}/__init__.py": f"VERSION = {version!r}\n",
        **(files or {}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if size:
        content[f"{module}/filling.txt"] = "x" * size
    digest = lambda text: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")  # noqa: E731
    listed = [f"{path},sha256={digest(text)},{len(text.encode())}" for path, text in content.items()]
    content[f"{info}/RECORD"] = "\n".join([*listed, f"{info}/RECORD,,", ""])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name_in_archive, text in content.items():
            archive.writestr(name_in_archive, text)
    return path


def lock(path: Path, *wheels: Path) -> Path:
    """A lock of those wheels, with their hashes and without an index."""
    lines = []
    for each in wheels:
        name, version = each.name.split("-")[:2]
        lines.append(f"{name}=={version} --hash=sha256:{hashlib.sha256(each.read_bytes()).hexdigest()}\n")
    path.write_text("".join(lines))
    return path


def family(lock_path: Path, name: str = "tiny", packages: tuple[str, ...] = ("tiny",), **options) -> Family:
    return Family(
        **{
            "name": name,
            "packages": packages,
            "lock": str(lock_path),
            "about": "A tiny one.",
            "python": PYTHON,
            **options,
        }
    )


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A data folder, a package cache and a folder of wheels of the test's own; no index is asked."""
    for name in (
        "PIP_FIND_LINKS",
        "PIP_INDEX_URL",
        "PIP_EXTRA_INDEX_URL",
        "UV_INDEX",
        "UV_DEFAULT_INDEX",
        "LEROBOT_SIM_SETUP",
    ):
        monkeypatch.delenv(name, raising=False)
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setenv("LEROBOT_SIM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    return tmp_path
