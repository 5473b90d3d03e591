"""The files that a model refers to: meshes, textures, height fields, includes; which of them are not there."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

MODELS = (".xml", ".mjcf", ".urdf", ".mjb")

_FOLDERS = {"mesh": "meshdir", "skin": "meshdir", "hfield": "assetdir", "texture": "texturedir"}
_SIDES = ("file", "fileup", "fileback", "filedown", "filefront", "fileleft", "fileright")


def missing_files(path: Path) -> list[tuple[str, Path]]:
    """(name in the model, where it would have to be) of every file that is not there; none of what cannot be parsed."""
    if path.suffix.lower() == ".mjb":
        return []
    try:
        root = ET.parse(path).getroot()  # noqa: S314
    except (ET.ParseError, OSError, UnicodeDecodeError):
        return []  # MuJoCo says what is wrong with it
    wanted = (
        _of_urdf(root, path.absolute().parent) if root.tag == "robot" else _of_mjcf(root, path.absolute().parent, set())
    )
    return list(dict.fromkeys((name, where) for name, where in wanted if not where.is_file()))


def _of_mjcf(root: ET.Element, folder: Path, seen: set[Path]) -> Iterator[tuple[str, Path]]:
    compiler = list(root.iter("compiler"))
    settings = {key: value for element in compiler for key, value in element.attrib.items()}
    strip = settings.get("strippath") == "true"
    for element in root.iter():
        if element.tag == "include":
            where = folder / element.get("file", "")
            yield element.get("file", ""), where
            if where.is_file() and where not in seen:
                seen.add(where)
                try:
                    inside = ET.parse(where).getroot()  # noqa: S314
                except ET.ParseError:
                    continue
                inside.extend(compiler)  # what is included follows the settings of the file that includes it
                yield from _of_mjcf(inside, folder, seen)
        elif element.tag in _FOLDERS:
            base = settings.get(_FOLDERS[element.tag]) or settings.get("assetdir") or ""
            for side in _SIDES:
                name = element.get(side)
                if name:
                    yield name, folder / base / (Path(name).name if strip else name)


def _of_urdf(root: ET.Element, folder: Path) -> Iterator[tuple[str, Path]]:
    settings = {key: value for element in root.iter("compiler") for key, value in element.attrib.items()}
    strip = settings.get("strippath", "true") == "true"  # MuJoCo's default for URDF
    for element in root.iter("mesh"):
        name = element.get("filename", "")
        plain = name.removeprefix("package://").removeprefix("file://")
        yield name, folder / settings.get("meshdir", "") / (Path(plain).name if strip else plain)
