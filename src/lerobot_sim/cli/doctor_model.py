"""A MuJoCo model: what is in it, which of its files are missing, and whether it stands still when it is let go."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .doctor_findings import ChildError, Finding, ask, listed
from .doctor_model_files import MODELS, missing_files

_PARTS = ("body", "joint", "actuator", "camera", "site", "sensor")
_MANY = {"body": "bodies"}
_NEEDED = {
    "actuator": ("none: no action can move it", "add an <actuator>, or 'motors' in a TOML file"),
    "camera": ("none: there is no picture of it", "add a <camera>, or 'cameras' in a TOML file"),
}
_SETTLE_S = 1.0
_DEEP_M = 0.005


def look(path: Path) -> list[Finding]:
    """What is in the model; a process of its own loads and steps it."""
    if not path.is_file():
        return [Finding("broken", "file", f"there is no file {path.absolute()}", f"ls {path.parent}")]
    if path.suffix.lower() not in MODELS:
        return [Finding("broken", "file", f"a model is {', '.join(MODELS)}; '{path.suffix}' came (--scene takes USD)")]
    missing = missing_files(path)
    found = [Finding("broken", "file", f"missing: {name}", f"put it at {where}") for name, where in missing]
    try:
        said = ask([sys.executable, "-P", "-m", "lerobot_sim.cli.doctor_model", path.absolute()])
    except ChildError as error:
        return [*found, Finding("broken", "MuJoCo", f"could not look at it: {error}")]
    if "error" in said:
        mend = "" if missing else f"mend it in {path}"
        return [*found, Finding("broken", "MuJoCo", f"cannot read it: {said['error']}", mend)]
    return [*found, *_said(said, path)]


def _said(said: dict[str, Any], path: Path) -> list[Finding]:
    found = [
        Finding("ok", "MuJoCo", f"{said['mujoco']} reads it: {said['mass']:.3g} kg, time step {said['timestep']:g} s")
    ]
    for kind in _PARTS:
        names: list[str] = said["names"][kind]
        many = _MANY.get(kind, f"{kind}s")
        if names or kind not in _NEEDED:
            found.append(Finding("ok", many, _named(names)))
        else:
            found.append(Finding("note", many, *_NEEDED[kind]))
    found += [Finding("note", "warning", text) for text in said["warnings"]]
    if said["deepest"] > _DEEP_M:
        words = f"{said['pair']} overlap by {said['deepest'] * 1000:.0f} mm at the start"
        found.append(Finding("note", "contacts", words, "move them apart, or <exclude> the pair"))
    if said["diverged"]:
        found.append(
            Finding(
                "broken",
                "stepping",
                f"diverges within {_SETTLE_S:g} s: {said['diverged']}",
                "a smaller <option timestep>",
            )
        )
    else:
        found.append(Finding("ok", "stepping", f"{_SETTLE_S:g} s of it, let go, takes {said['step_s'] * 1000:.0f} ms"))
    if "env" in said:
        found.append(Finding("ok", "environment", f"runs: lerobot-sim collect {path} --policy random --episodes 1"))
    elif said["names"]["actuator"]:
        found.append(Finding("note", "environment", f"needs a word more: {said['env_error']}"))
    return found


def _named(names: list[str]) -> str:
    """How many there are, and their names."""
    named = [name for name in names if name]
    nameless = f" ({len(names) - len(named)} without a name)" if len(named) < len(names) else ""
    return f"{len(names) or 'none'}{nameless}{': ' if named else ''}{listed(named)}"


def _facts(path: Path) -> dict[str, Any]:
    """Loads and steps the model; runs in the process of its own."""
    import time
    import warnings

    import mujoco  # pyright: ignore[reportMissingTypeStubs]
    import numpy as np

    mj: Any = mujoco
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            load = mj.MjModel.from_binary_path if path.suffix.lower() == ".mjb" else mj.MjModel.from_xml_path
            model = load(str(path))
        except (ValueError, mj.FatalError) as error:
            return {"error": " ".join(str(error).split())}
    from lerobot_sim.envs.mujoco.any_model_load import names_of

    facts: dict[str, Any] = {
        "mujoco": mj.__version__,
        "timestep": model.opt.timestep,
        "mass": float(model.body_mass.sum()),
    }
    facts["names"] = {kind: names_of(model, kind) for kind in _PARTS}
    facts["names"]["body"] = facts["names"]["body"][1:]  # the first is the world
    model.opt.disableflags |= mj.mjtDisableBit.mjDSBL_AUTORESET
    data = mj.MjData(model)
    if model.nkey:
        mj.mj_resetDataKeyframe(model, data, 0)
    mj.mj_forward(model, data)
    depths = -np.array(data.contact.dist)
    facts["deepest"], facts["pair"] = 0.0, ""
    if len(depths) and depths.max() > 0:
        pair = data.contact.geom[int(depths.argmax())]
        facts["deepest"], facts["pair"] = (
            float(depths.max()),
            " and ".join(_geom(mj, model, int(geom)) for geom in pair),
        )
    began = time.monotonic()
    for _ in range(min(20_000, max(1, round(_SETTLE_S / model.opt.timestep)))):
        mj.mj_step(model, data)
    facts["step_s"] = time.monotonic() - began
    counts = {
        mj.mjtWarning(kind).name.removeprefix("mjWARN_"): data.warning[kind].number for kind in range(len(data.warning))
    }
    bad = [name for name, count in counts.items() if count and name.startswith("BAD")]
    facts["diverged"] = ", ".join(bad) if bad or not np.isfinite(data.qpos).all() else ""
    log = Path("MUJOCO_LOG.TXT")
    told = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    told = [line.partition("WARNING:")[2].strip() for line in told if "WARNING:" in line]
    others = [f"{name}, {count} times" for name, count in counts.items() if count and name not in bad]
    facts["warnings"] = list(dict.fromkeys([*(str(each.message) for each in caught), *told, *others]))[:5]
    return {**facts, **_environment(path)}


def _environment(path: Path) -> dict[str, Any]:
    """Whether it runs as an environment of ours."""
    import lerobot_sim
    from lerobot_sim.errors import SimError

    try:
        env = lerobot_sim.make(str(path))
        env.reset([0], [0])
        env.close()
    except (SimError, ValueError, RuntimeError) as error:
        return {"env_error": f"{error}"}
    return {"env": True}


def _geom(mj: Any, model: Any, geom: int) -> str:
    """A geom by its name, or its body's."""
    name = mj.mj_id2name(model, mj.mjtObj.mjOBJ_GEOM, geom)
    body = mj.mj_id2name(model, mj.mjtObj.mjOBJ_BODY, int(model.geom_bodyid[geom]))
    return f"'{name}'" if name else f"a geom of '{body or 'world'}'"


if __name__ == "__main__":
    print(json.dumps(_facts(Path(sys.argv[1]))))
