"""Any MJCF, URDF or `.mjb` as an environment, from a TOML or JSON file or from Python; see `any_model_config`.

What a file leaves out is as in the custom MuJoCo environment of LeRobot's simulation guide: a reward of minus the
distance of the first site to (0.5, 0, 0.1), 10 more within 5 cm of it, which ends the episode, and 10 s of time. The
model's own physics options stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.arrays import Array, namespace
from lerobot_sim.env import Batch
from lerobot_sim.envs.task_env import Arrays, TaskEnv
from lerobot_sim.errors import InputError
from lerobot_sim.spec import Capabilities, EnvSpec, Feature

from .any_model_config import ModelConfig, read_config
from .any_model_load import actuators_of, cameras_of, find, load_model, names_of
from .any_model_terms import end_effector, features, make_judge, observation_parts, observe
from .controllers import Controller
from .drive import Floats, control_range
from .kinematics import constant
from .library import mj
from .mujoco_task import MujocoTask, make_env
from .physics import Physics
from .world import World, from_state

USUAL_HZ = 50
_WHOLE = 1e-6


def from_mjcf(
    source: Path | str | Mapping[str, Any],
    num_envs: int = 1,
    threads: int = 0,
    render_workers: int = 1,
    **overrides: Any,
) -> TaskEnv:
    """`num_envs` lanes of the environment `custom/<name>` that a file describes.

    Args:
        source: Path of a `.toml` or `.json` file, or of a model (`.xml`, `.urdf`, `.mjb`); or the file's keys.
        num_envs: Number of lanes.
        threads: Physics threads, all processors by default.
        render_workers: Processes that share the lanes' pictures.
        overrides: Keys of the file, such as `fps=25`, that replace those of `source`.

    Raises:
        InputError: A value that its key does not take, or a model that MuJoCo cannot read.
        UnknownNameError: A key, or a part of the model, that there is not; the nearest and all are named.
    """
    return make_env(task(read_config(source, **overrides)), num_envs, threads, render_workers)


def task(config: ModelConfig) -> MujocoTask:
    """The task of a configuration."""
    model = load_model(config)
    effector = end_effector(config, model)
    parts = observation_parts(config, model, effector)
    judge = make_judge(config, model, effector)
    keyframe = find(model, "key", config.keyframe) if config.keyframe else -1
    draw, is_random = _make_draw(config, model, keyframe)
    substeps = control_substeps(model.opt.timestep, config.fps)
    ctrl = model.key_ctrl[keyframe] if keyframe >= 0 else np.zeros(model.nu)
    controller = make_controller(config, model)
    fps = 1 / (model.opt.timestep * substeps)
    fps = float(round(fps)) if abs(fps - round(fps)) < _WHOLE * fps else fps
    name = effector.name if effector and config.measures_distance else config.name
    made = MujocoTask(
        spec=EnvSpec(
            id=f"custom/{re.sub(r'[^A-Za-z0-9._-]+', '-', config.name)}",
            version=config.version,
            fps=fps,
            max_steps=max(1, round(config.time_limit_s * fps)),
            observation=features(parts),
            action=controller.action,
            cameras=cameras_of(config, model),
            success_rule=config.success_rule,
            capabilities=Capabilities(fixed_start=not is_random),
            about=config.instruction or f"The model {config.model_path.name}.",
            options={"config": dict(config.given)},
        ),
        model=model,
        instruction=config.instruction or (f"Move {name} to its target." if name != config.name else f"Move {name}."),
        controller=controller,
        draw=draw,
        observe=lambda world, _memory, _params: observe(world, parts),
        judge=lambda world, _memory, _params: judge(world),
        describe=lambda world, _memory, success: _describe(judge(world)[2], success, name),
        initial_ctrl=lambda qpos: np.repeat(ctrl[None], len(qpos), axis=0),
        ends_on_success=config.ends_on_success,
        substeps=substeps,
        keyframe=keyframe,
    )
    if not is_random:
        _refuse_solved_start(made, judge)
    return made


def control_substeps(timestep: float, fps: float | None) -> int:
    """Physics steps of a control step: as `fps` says, or such that `USUAL_HZ` is neared from below by a whole rate.

    Raises:
        InputError: A control step is no whole number of physics steps; the nearest rates are named.
    """
    rate = 1 / timestep
    least = max(1, int(np.ceil(rate / USUAL_HZ - _WHOLE)))
    if fps is None:
        whole = [n for n in range(least, int(rate) + 1) if abs(rate / n - round(rate / n)) < _WHOLE]
        return whole[0] if whole else least
    substeps = round(rate / fps)
    if substeps < 1 or abs(substeps * fps / rate - 1) > _WHOLE:
        around = sorted({max(1, int(rate / fps)), max(1, int(rate / fps) + 1)})
        rates = " or ".join(f"{rate / n:.6g}" for n in around)
        raise InputError(
            f"'fps': a control step must be a whole number of the model's time steps of {timestep:g} s; "
            f"{fps:g} Hz is {rate / fps:.4g} of them. Nearest: {rates}."
        )
    return substeps


def make_controller(config: ModelConfig, model: Any) -> Controller:
    """What the action means: ctrl itself, or [-1, 1] over the actuators' ctrlrange; other actuators stay.

    A raw action is bounded by ctrlrange, and by [-1, 1] where an actuator has none.
    """
    actuators = actuators_of(config, model)
    chosen: NDArray[np.int64] = np.array(actuators, np.int64)
    low, high = control_range(model, chosen)
    labels = names_of(model, "actuator")
    names = tuple(labels[index] or f"actuator{index}" for index in actuators)
    unit = config.action_scale == "unit"
    unbounded = [name for name, bound in zip(names, high, strict=True) if not np.isfinite(bound)]
    if unit and unbounded:
        raise InputError(
            f"action_scale = 'unit' needs a ctrlrange of each actuator; these have none: {', '.join(unbounded)}. "
            "Give them one in the model, or take action_scale = 'raw'."
        )
    if not unit:
        low, high = _representable(np.where(np.isfinite(low), low, -1.0), np.where(np.isfinite(high), high, 1.0))
    order: NDArray[np.int64] = np.arange(int(model.nu))
    order[chosen] = model.nu + np.arange(len(chosen))
    middle, half = (high + low) / 2, (high - low) / 2

    def command(world: World, memory: Batch, action: Array) -> tuple[Array, Batch]:
        ctrl = constant(middle, action) + constant(half, action) * action if unit else action
        return namespace(action).concat([world.ctrl, ctrl], axis=1)[:, order], memory

    return Controller(
        name=config.action_scale,
        action=Feature(
            shape=(len(chosen),),
            dtype="float32",
            names=names,
            low=-1.0 if unit else tuple(low.tolist()),
            high=1.0 if unit else tuple(high.tolist()),
        ),
        start=lambda _world: {},
        command=command,
    )


def _representable(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Bounds that float32 actions can reach, inside of the given ones: those beyond then do the same as those at it."""
    least, most = low.astype(np.float32), high.astype(np.float32)
    least = np.where(least < low, np.nextafter(least, np.float32(np.inf)), least)
    most = np.where(most > high, np.nextafter(most, np.float32(-np.inf)), most)
    return least.astype(np.float64), most.astype(np.float64)


def _make_draw(
    config: ModelConfig, model: Any, keyframe: int
) -> tuple[Callable[[NDArray[np.int64], int, Arrays], tuple[Floats, Arrays]], bool]:
    """The start's draw, and whether anything in it is random."""
    start = np.array(model.key_qpos[keyframe] if keyframe >= 0 else model.qpos0)
    simple = [index for index in range(model.njnt) if model.jnt_type[index] >= int(mj.mjtJoint.mjJNT_SLIDE)]
    noise = config.joint_noise
    if isinstance(noise, Mapping):
        amounts = {find(model, "joint", name): amount for name, amount in noise.items()}
        for joint in set(amounts) - set(simple):
            name = names_of(model, "joint")[joint]
            raise InputError(f"'joint_noise': '{name}' is neither a hinge nor a slide.")
    else:
        amounts = dict.fromkeys(simple, noise)
    joints = np.array(list(amounts), np.int64)
    spread = np.abs(np.array(list(amounts.values()), np.float64))
    limited = model.jnt_limited[joints] != 0
    low = np.where(limited, model.jnt_range[joints, 0], -np.inf)
    high = np.where(limited, model.jnt_range[joints, 1], np.inf)
    places = model.jnt_qposadr[joints]

    def draw(seeds: NDArray[np.int64], attempt: int, _params: Arrays) -> tuple[Floats, Arrays]:
        qpos = np.repeat(start[None], len(seeds), axis=0)
        if len(joints):
            share = rng.uniform(seeds, "custom/joints", attempt, shape=(len(joints),), low=-1.0, high=1.0)
            # a start that is out of its range already is not moved into it
            nearest, furthest = np.minimum(low, start[places]), np.maximum(high, start[places])
            qpos[:, places] = np.clip(start[places] + spread * share, nearest, furthest)
        return qpos, {}

    return draw, bool(spread.any())


def _refuse_solved_start(made: MujocoTask, judge: Callable[[World], tuple[Array, Array, Batch]]) -> None:
    lane = np.zeros(1, np.int64)
    qpos, _ = made.draw(lane, 0, {})
    state = Physics(made.model, 1, threads=1).settle(lane, qpos, made.initial_ctrl(qpos), made.keyframe)
    if judge(from_state(state))[1].any():
        raise InputError(
            f"'{made.spec.id}' starts in success, always. Move 'target_position', lower 'success_threshold', "
            "or begin elsewhere by 'keyframe' or 'joint_noise'."
        )


def _describe(metrics: Batch, success: bool, name: str) -> str:
    solved = "in success" if success else "not in success"
    if "distance" in metrics:
        return f"{name} is {float(metrics['distance'][0]):.3f} m from its target, {solved}."
    return f"It is {solved}."
