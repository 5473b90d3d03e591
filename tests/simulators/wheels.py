"""Tiny packages, locks of them and families, made on the spot: environments without a network."""

import base64
import hashlib
import os
import sys
import zipfile
from importlib.metadata import files, version
from pathlib import Path

import pytest

from lerobot_sim import registry
from lerobot_sim.simulators.family import Family

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


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


@pytest.fixture(scope="session")
def numpy_wheel(tmp_path_factory):
    """The NumPy that is installed here, as a wheel again."""
    name = f"numpy-{version('numpy')}"
    info = f"{name}.dist-info"
    path = tmp_path_factory.mktemp("numpy") / f"{name}-py3-none-any.whl"
    record = []
    with zipfile.ZipFile(path, "w") as archive:
        for each in files("numpy"):
            if (
                each.parts[0] in ("numpy", "numpy.libs")
                and "tests" not in each.parts
                and each.suffix not in (".pyc", ".a", ".pyi")
            ):
                archive.write(each.locate(), str(each))
                record.append(f"{each},,")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: numpy\nVersion: {version('numpy')}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))
    return path


@pytest.fixture
def tiny_simulator(house, numpy_wheel, monkeypatch):
    """The family "tiny": a simulator that counts, with a lock and wheels of its own; not set up yet."""
    own = Path(__file__).with_name("tiny_simulator.py")
    engine = wheel(house / "wheels", "tiny-engine", files={"tiny_simulator.py": own.read_text()})
    (house / "wheels" / numpy_wheel.name).symlink_to(numpy_wheel)
    path = lock(house / "tiny.lock", engine, numpy_wheel)
    monkeypatch.setenv("TINY_LOCK", str(path))
    monkeypatch.syspath_prepend(own.parent)
    monkeypatch.delitem(sys.modules, own.stem, raising=False)
    monkeypatch.setattr(registry, "FAMILIES", {"tiny": own.stem})
    yield house
    sys.modules.pop(own.stem, None)


RUN = (
    "import sys; from lerobot_sim import registry; registry.FAMILIES = {'tiny': 'tiny_simulator'}; "
    "from lerobot_sim.cli.main import main; sys.exit(main(sys.argv[1:]))"
)
"""`lerobot-sim` in a process of its own that knows the family "tiny" alone."""


def in_a_process(*arguments) -> tuple[list[str], dict[str, str]]:
    """Command line and variables of `RUN`."""
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(Path(__file__).parent), str(root), os.environ.get("PYTHONPATH", "")])
    return [sys.executable, "-c", RUN, *map(str, arguments)], {**os.environ, "PYTHONPATH": path}
