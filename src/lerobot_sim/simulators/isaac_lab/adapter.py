"""An Env over lanes of Isaac Lab's simulation, which steps them all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array
from lerobot_sim.env import (
    Batch,
    End,
    State,
    Step,
    check_active,
    check_cameras,
    check_feature,
    check_lanes,
    check_params,
    check_seeds,
)
from lerobot_sim.errors import InputError
from lerobot_sim.spec import Camera, EnvSpec

from .config import View
from .pool import borrow
from .task import HELD, Seen, Task, judge, lost, observe, start, targets
from .world import Blueprint


class IsaacLabEnv:
    """`num_envs` lanes of a task; see `lerobot_sim.env.Env` for its methods."""

    def __init__(self, spec: EnvSpec, task: Task, blueprint: Blueprint, num_envs: int) -> None:
        if num_envs < 1:
            raise InputError(f"num_envs: expected at least 1, {num_envs} came.")
        self._spec, self._task, self._scene = spec, task, blueprint.scene
        self._views: Mapping[str, View] = {view.name: view for view in blueprint.views}
        self._exact = blueprint.physics == "newton"
        self._loan = borrow(blueprint, num_envs)
        self._count = num_envs
        self._low, self._high = np.asarray(spec.action.low), np.asarray(spec.action.high)
        self._own: dict[str, NDArray[Any]] = {
            f"observation.{key}": np.zeros((num_envs, *f.shape), f.dtype) for key, f in spec.observation.items()
        }
        self._own |= {f"metrics.{name}": np.full(num_envs, np.nan) for name in task.metrics}
        self._own["goal"] = np.zeros((num_envs, 3))
        self._own["t"] = np.zeros(num_envs, np.int64)
        self._own["held"] = np.zeros(num_envs, np.int64)
        self._own["end"] = np.full(num_envs, End.OPERATOR, np.int64)  # a lane never reset stays put
        self._own["success"] = np.zeros(num_envs, np.bool_)
        self._begun = np.zeros(num_envs, np.bool_)
        self._closed = False

    @property
    def spec(self) -> EnvSpec:
        return self._spec

    @property
    def num_envs(self) -> int:
        return self._count

    @property
    def instructions(self) -> Sequence[str]:
        return [self._task.instruction] * self._count

    def reset(self, lanes: Array, seeds: Array, params: Mapping[str, Array] | None = None) -> Batch:
        rows = check_lanes(self._count, lanes)
        checked = check_seeds(len(rows), seeds)
        check_params(self._spec, len(rows), params)
        if rows.size:
            first = start(self._task, self._scene, checked)
            world, own = self._loan.world, self._own
            world.begin(self._loan.rows[rows], first.joints, first.cube)
            own["goal"][rows] = first.goal
            self._show(rows, world.see(self._loan.rows[rows]))
            own["t"][rows], own["held"][rows], own["end"][rows] = 0, 0, End.RUNNING
            own["success"][rows] = False
            for name in self._task.metrics:
                own[f"metrics.{name}"][rows] = np.nan
            self._begun[rows] = True
        return self._observation()

    def step(self, action: Array, active: Array) -> Step:
        check_feature("action", self._spec.action, action, self._count)
        check_active(self._count, active)
        own = self._own
        live = active & (own["end"] == End.RUNNING)
        finite = np.isfinite(action).all(axis=1)
        own["end"][live & ~finite] = End.POLICY
        rows = np.flatnonzero(live & finite)
        reward = np.zeros(self._count, np.float32)
        if rows.size:
            wish = np.clip(action[rows].astype(np.float64), self._low, self._high)
            seen = self._advance(rows, targets(self._scene, wish))
            good = _finite(seen)
            own["end"][rows[~good]] = End.DIVERGED
            own["success"][rows[~good]] = False
            own["t"][rows] += 1
            reward[rows[good]] = self._take(rows[good], _some(seen, good))
        return Step(self._observation(), reward, own["success"].copy(), own["end"].copy(), self._part("metrics."))

    def set_params(self, lanes: Array, values: Mapping[str, Array]) -> None:
        check_params(self._spec, len(check_lanes(self._count, lanes)), values, when="step")

    def render(self, cameras: Mapping[str, Camera], lanes: Array | None = None) -> Batch:
        check_cameras(self._spec, cameras)
        rows = np.arange(self._count) if lanes is None else check_lanes(self._count, lanes)
        self._require_reset(rows)
        images: Batch = {}
        for name, camera in cameras.items():
            if camera.kind != "rgb":
                raise InputError(f"Camera '{name}' of '{self._spec.id}' gives 'rgb'; '{camera.kind}' was asked for.")
            images[name] = self._loan.world.draw(self._views[name], camera, self._loan.rows[rows])
        return images

    def get_state(self, lanes: Array) -> State:
        rows = check_lanes(self._count, lanes)
        self._require_exact()
        self._require_reset(rows)
        inner = {f"inner.{name}": value for name, value in self._loan.save(rows).items()}
        return {**{name: value[rows] for name, value in self._own.items()}, **inner}

    def set_state(self, lanes: Array, state: State) -> None:
        rows = check_lanes(self._count, lanes)
        self._require_exact()
        expected = {**self._own, **{f"inner.{name}": value for name, value in self._loan.save(rows).items()}}
        if set(state) != set(expected):
            raise InputError(f"This is no state of '{self._spec.id}': it holds {sorted(state)}.")
        for name, value in state.items():
            shape = (len(rows), *expected[name].shape[1:])
            if np.shape(value) != shape:
                came = f"'{name}' of shape {np.shape(value)} came"
                raise InputError(f"This is no state of {len(rows)} lanes: {came}, {shape} was expected.")
        for name, value in self._own.items():
            value[rows] = state[name]
        inner = {name.removeprefix("inner."): value for name, value in state.items() if name.startswith("inner.")}
        self._loan.load(rows, inner)
        self._begun[rows] = True

    def explain(self, lane: int) -> str:
        check_lanes(self._count, [lane])
        if not self._begun[lane]:
            return "The lane was never reset."
        own, end = self._own, End(int(self._own["end"][lane]))
        if end is End.POLICY:
            return f"The policy gave an action that is not finite at step {own['t'][lane]}."
        what = "Running" if end is End.RUNNING else f"Ended ({end.name})"
        numbers = ", ".join(f"{name} {own[f'metrics.{name}'][lane]:.3f} m" for name in self._task.metrics)
        note = "The physics gave numbers that are not finite." if end is End.DIVERGED else numbers
        return f"{what} after {own['t'][lane]} of {self._spec.max_steps} steps. {note}".strip()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._loan.release()

    def _advance(self, rows: NDArray[np.int64], wish: NDArray[np.float64]) -> Seen:
        """Steps the simulation and puts all lanes but `rows` back, other Envs' as well."""
        world, mine = self._loan.world, self._loan.rows[rows]
        others = np.setdiff1d(np.arange(world.lanes), mine)
        before = world.save(others) if self._exact else {}
        seen_before = None if self._exact else world.see(others)
        world.step(mine, wish)
        seen = world.see(mine)
        if others.size and seen_before is None:
            world.load(others, before)
        elif others.size and seen_before is not None:
            world.hold(others, seen_before)
        return seen

    def _take(self, rows: NDArray[np.int64], seen: Seen) -> NDArray[np.float64]:
        """Takes what lanes came to into the records, and gives the rewards."""
        own = self._own
        self._show(rows, seen)
        reward, success, metrics = judge(self._task, self._scene, seen, own["goal"][rows])
        own["success"][rows] = success
        own["held"][rows] = np.where(success, own["held"][rows] + 1, 0)
        for name, value in metrics.items():
            own[f"metrics.{name}"][rows] = value
        late = np.where(own["t"][rows] >= self._spec.max_steps, End.TIME_LIMIT, End.RUNNING)
        over = (own["held"][rows] >= HELD) | lost(self._task, seen)
        own["end"][rows] = np.where(over, End.TERMINATED, late)
        return reward

    def _show(self, rows: NDArray[np.int64], seen: Seen) -> None:
        for key, value in observe(self._task, self._scene, seen, self._own["goal"][rows]).items():
            self._own[f"observation.{key}"][rows] = value

    def _observation(self) -> Batch:
        return self._part("observation.")

    def _part(self, prefix: str) -> Batch:
        own = self._own.items()
        return {name.removeprefix(prefix): value.copy() for name, value in own if name.startswith(prefix)}

    def _require_exact(self) -> None:
        if not self._exact:
            raise InputError(f"'{self._spec.id}' with physics='physx' has capabilities.restore='none'.")

    def _require_reset(self, rows: NDArray[np.int64]) -> None:
        if not self._begun[rows].all():
            raise InputError(f"'{self._spec.id}': reset a lane before it is looked at.")


def _finite(seen: Seen) -> NDArray[np.bool_]:
    parts = [seen.joints, seen.speeds, seen.tip, *seen.objects.values(), *seen.object_speeds.values()]
    return np.asarray(np.isfinite(np.concatenate(parts, axis=1)).all(axis=1))


def _some(seen: Seen, which: NDArray[np.bool_]) -> Seen:
    return Seen(
        seen.joints[which],
        seen.speeds[which],
        seen.tip[which],
        {name: value[which] for name, value in seen.objects.items()},
        {name: value[which] for name, value in seen.object_speeds.items()},
    )
