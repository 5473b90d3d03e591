"""Python, packages, GPU, memory and disk."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from lerobot_sim.errors import SimError
from lerobot_sim.simulators.host.install_places import environments_folder
from lerobot_sim.simulators.host.install_uv import find_uv

from .doctor_findings import ChildError, Finding, Verdict, ask
from .setup_list import size_words

_BASE = (
    "numpy",
    "mujoco",
    "gymnasium",
    "pyarrow",
    "av",
    "tyro",
    "rich",
    "huggingface-hub",
    "threadpoolctl",
    "array-api-compat",
)
_EXTRAS = {"lerobot": "lerobot", "pygame-ce": "viz", "h5py": "hdf5"}
_LOW_DISK = 5e9
_TORCH = (
    "import json, torch; cuda = torch.cuda.is_available(); "
    "print(json.dumps({'version': torch.__version__, 'cuda': cuda, 'built': torch.version.cuda, "
    "'mps': torch.backends.mps.is_available(), "
    "'cards': [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if cuda else []}))"
)


def packages() -> list[Finding]:
    """Our own dependencies, and the extras."""
    there = {name: _version(name) for name in _BASE}
    absent = [name for name, found in there.items() if found is None]
    versions = ", ".join(f"{name} {found}" for name, found in there.items() if found)
    found = [Finding("ok", "Python", f"{platform.python_version()} at {sys.executable}")]
    found.append(
        Finding("ok", "lerobot-sim", f"{_version('lerobot-sim') or 'not installed, only importable'} with {versions}")
    )
    if absent:
        found.append(Finding("broken", "missing", ", ".join(absent), "pip install --upgrade lerobot-sim"))
    for name, extra in _EXTRAS.items():
        known = _version(name)
        mend = "" if known else f"pip install 'lerobot-sim[{extra}]'"
        found.append(Finding("ok" if known else "note", name, known or "not installed", mend))
    found.append(_uv())
    return found


def machine() -> list[Finding]:
    """Cores, memory, disk and graphics cards."""
    found = [
        Finding("ok", "processor", f"{_cores()} cores, {platform.machine()}, {platform.system()} {platform.release()}")
    ]
    memory = _memory()
    if memory:
        found.append(Finding("ok", "memory", f"{size_words(memory[1])} free of {size_words(memory[0])}"))
    folder = environments_folder()
    existing = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    free = shutil.disk_usage(existing).free
    verdict: Verdict = "ok" if free > _LOW_DISK else "note"
    found.append(
        Finding(verdict, "disk", f"{size_words(free)} free for simulators ({folder})", "" if verdict == "ok" else _ROOM)
    )
    found.append(_gpu())
    return found


_ROOM = "uv cache prune"


def _uv() -> Finding:
    try:
        return Finding("ok", "uv", f"{find_uv()}")
    except SimError as error:
        return Finding("broken", "uv", str(error), "pip install uv")


def _gpu() -> Finding:
    if find_spec("torch") is None:
        card = "nvidia-smi is here" if shutil.which("nvidia-smi") else "no NVIDIA driver found"
        return Finding("note", "GPU", f"{card}; torch is not installed", "pip install 'lerobot-sim[lerobot]'")
    try:
        said = ask([sys.executable, "-P", "-c", _TORCH])
    except ChildError as error:
        return Finding("broken", "GPU", f"torch cannot be imported: {error}", "pip install --force-reinstall torch")
    if said["cuda"]:
        return Finding("ok", "GPU", f"{', '.join(said['cards'])}; torch {said['version']}, CUDA {said['built']}")
    if said["mps"]:
        return Finding("ok", "GPU", f"Apple's, by torch {said['version']}")
    if shutil.which("nvidia-smi"):
        words = f"there is an NVIDIA driver, but torch {said['version']} (CUDA {said['built'] or 'none'}) cannot use it"
        return Finding("broken", "GPU", words, "nvidia-smi")
    return Finding("ok", "GPU", f"none: torch {said['version']} runs on the CPU")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> tuple[int, int] | None:
    """Bytes of memory in all, and those that are free; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    sizes = {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith("kB")}
    return sizes["MemTotal"], sizes["MemAvailable"]
