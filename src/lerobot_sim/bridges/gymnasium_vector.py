"""An Env of many lanes as a gymnasium.vector.VectorEnv: one batch, no loop over environments."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# gymnasium's types are partly unknown

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from lerobot_sim.env import Batch, End, Env, Step
from lerobot_sim.errors import ArrayError, InputError, unknown_name

from .gymnasium_layout import Keys, Nested, row_of, to_action
from .to_gymnasium import Face, check_options, check_seed, draw_seed, needs_words

_END_NAMES = np.array([end.name for end in End], dtype=object)


class SimVectorEnv(VectorEnv[Nested, NDArray[Any], NDArray[Any]]):
    """An Env as a VectorEnv; keywords as for `Face`, and:

    Args:
        env: An Env, or the name of a registered one.
        num_envs: Number of lanes; that of `env` where one is given.
        autoreset_mode: "Disabled" (the default): a lane that has ended waits for
            `reset(options={"reset_mask": mask})`. "NextStep" and "SameStep" as gymnasium defines them.

    What it returns is, to the last bit, what gymnasium's SyncVectorEnv returns over as many `SimEnv`. Each lane
    draws the seeds that it is not given from a generator of its own.
    """

    def __init__(
        self,
        env: Env | str,
        num_envs: int | None = None,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.DISABLED,
        task_options: Mapping[str, Any] | None = None,
        keys: Keys = "native",
        pixels: Sequence[str] = (),
        pixels_size: Sequence[int] | None = None,
        render_mode: str | None = None,
        render_camera: str | None = None,
        render_size: Sequence[int] | None = None,
    ) -> None:
        self._mode = _autoreset_mode(autoreset_mode)
        self._face = Face(
            env,
            num_envs,
            task_options=task_options,
            keys=keys,
            pixels=pixels,
            pixels_size=pixels_size,
            render_mode=render_mode,
            render_camera=render_camera,
            render_size=render_size,
        )
        self.num_envs = self._face.env.num_envs
        self.render_mode = render_mode
        self.metadata = {**self._face.metadata, "autoreset_mode": self._mode}
        self.single_observation_space = self._face.layout.space
        self.single_action_space = self._face.action_box
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._seeds = _LaneSeeds(self.num_envs)
        self._ended = np.zeros(self.num_envs, np.bool_)
        self._begun = np.zeros(self.num_envs, np.bool_)

    @property
    def env(self) -> Env:
        """The Env behind."""
        return self._face.env

    @property
    def np_random(self) -> tuple[np.random.Generator, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Each lane's generator, as gymnasium's SyncVectorEnv gives them."""
        return tuple(self._seeds.generator(lane) for lane in range(self.num_envs))

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What each lane's generator was seeded with."""
        return tuple(self._seeds.seed_of(lane) for lane in range(self.num_envs))

    def reset(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Nested, dict[str, Any]]:
        """Begins episodes in all lanes, or in those that `options["reset_mask"]`, bool (num_envs,), names.

        Args:
            seed: One for the first lane (the next has one more), or a list with one or None a lane.
            options: "reset_mask", and "params": Params of the episodes, one value for all lanes.
        """
        given = check_options(options, ("params", "reset_mask"))
        mask = self._reset_mask(given.get("reset_mask"))
        if not (mask | self._begun).all():
            raise InputError("The first reset takes all lanes: leave 'reset_mask' out.")
        batch, infos = self._begin(mask, self._given_seeds(seed), given)
        nested = self._nest(batch)
        self._show()
        return nested, infos

    def step(
        self, actions: Any
    ) -> tuple[Nested, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """One step of all lanes; with the autoreset mode's resets.

        Raises:
            ArrayError: Actions of the wrong shape or type.
            InputError: A lane has ended and waits for a reset.
        """
        action = to_action(self.env.spec.action, (self.num_envs,), actions)
        waiting = self._ended.copy()
        infos: dict[str, Any] = {}
        if self._mode is AutoresetMode.NEXT_STEP and waiting.any():
            infos = self._begin(waiting, [None] * self.num_envs, {})[1]
        elif waiting.any() or not self._begun.all():
            self._refuse(waiting)
        step = self._face.step(action, ~waiting)
        terminated, truncated = step.terminated & ~waiting, step.truncated & ~waiting
        self._ended = terminated | truncated
        nested = self._nest(step.observation)
        own = self._step_infos(step, ~waiting)
        if self._mode is AutoresetMode.SAME_STEP and self._ended.any():
            nested, own = self._reset_now(nested, step)
        self._show()
        return nested, step.reward.astype(np.float64), terminated, truncated, {**infos, **own}

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Every lane's picture, uint8 (h, w, 3); None in mode "human", whose window shows all lanes."""
        return tuple(self._face.frames()) if self.render_mode == "rgb_array" else None

    def close_extras(self, **_: Any) -> None:
        """Closes the Env and the window."""
        self._face.close()

    def _begin(
        self, mask: NDArray[np.bool_], seeds: Sequence[int | None], options: Mapping[str, Any]
    ) -> tuple[Batch, dict[str, Any]]:
        lanes = np.flatnonzero(mask)
        used = [self._seeds.take(int(lane), seeds[lane]) for lane in lanes]
        batch = self._face.reset(lanes, used, options)
        self._ended[lanes] = False
        self._begun[lanes] = True
        values = np.zeros(self.num_envs, _seed_type(used))
        values[lanes] = used
        tasks = np.full(self.num_envs, None, dtype=object)
        tasks[lanes] = [self.env.instructions[lane] for lane in lanes]
        return batch, {"seed": values, "_seed": mask.copy(), "task": tasks, "_task": mask.copy()}

    def _reset_now(self, last: Nested, step: Step) -> tuple[Nested, dict[str, Any]]:
        """The resets of SAME_STEP: the new observation, and infos with the last ones of the lanes that ended."""
        ended = self._ended.copy()
        final = np.full(self.num_envs, None, dtype=object)
        for lane in np.flatnonzero(ended):
            final[lane] = row_of(last, int(lane))
        infos = {"final_obs": final, "_final_obs": ended.copy()}
        infos |= {"final_info": self._step_infos(step, ended), "_final_info": ended.copy()}
        infos |= self._step_infos(step, ~ended)
        batch, begun = self._begin(ended, [None] * self.num_envs, {})
        return self._nest(batch), {**infos, **begun}

    def _step_infos(self, step: Step, mask: NDArray[np.bool_]) -> dict[str, Any]:
        """The infos of the lanes in `mask`: arrays over all lanes, each with its mask under "_" + key."""
        infos: dict[str, Any] = {}
        if not mask.any():
            return infos
        columns = {**step.metrics, "is_success": step.success, "end": _END_NAMES[step.end]}
        everyone = bool(mask.all())
        for name, value in columns.items():
            infos[name] = value.copy() if everyone else _masked(value, mask)
            infos[f"_{name}"] = mask.copy()
        if not step.end.any():
            return infos
        explained = [lane for lane in np.flatnonzero(mask & (step.end != 0)) if needs_words(End(int(step.end[lane])))]
        if explained:
            words = np.full(self.num_envs, None, dtype=object)
            words[explained] = [self.env.explain(int(lane)) for lane in explained]
            infos["explanation"], infos["_explanation"] = words, np.isin(np.arange(self.num_envs), explained)
        return infos

    def _nest(self, batch: Batch) -> Nested:
        return self._face.layout.nest({**batch, **self._face.images()})

    def _given_seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, (int, np.integer)):
            return [check_seed(int(seed) + lane) for lane in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise InputError(f"seed: expected one or None for each of {self.num_envs} lanes, {len(seed)} came.")
        return [None if value is None else check_seed(value) for value in seed]

    def _reset_mask(self, mask: Any) -> NDArray[np.bool_]:
        if mask is None:
            return np.ones(self.num_envs, np.bool_)
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (self.num_envs,):
            came = f"{getattr(mask, 'dtype', type(mask).__name__)} of shape {np.shape(mask)}"
            raise ArrayError(f"options['reset_mask']: expected a bool array of shape ({self.num_envs},), {came} came.")
        if not mask.any():
            raise InputError("options['reset_mask']: expected at least one lane that is True, none is.")
        return mask

    def _refuse(self, waiting: NDArray[np.bool_]) -> None:
        if not self._begun.all():
            raise InputError("Call reset() before the first step().")
        lanes = np.flatnonzero(waiting)[:20].tolist()
        raise InputError(
            f"The episodes of lanes {lanes} have ended, and autoreset_mode is Disabled: reset them with "
            "reset(options={'reset_mask': terminated | truncated}) before the next step()."
        )

    def _show(self) -> None:
        if self._face.window is not None:
            self._face.window.show(_tiled(self._face.frames()))


class _LaneSeeds:
    """The seeds of each lane's episodes: those given, and those drawn from its generator, made when first needed."""

    def __init__(self, count: int) -> None:
        self._given: list[int | None] = [None] * count
        self._generators: list[np.random.Generator | None] = [None] * count

    def take(self, lane: int, seed: int | None) -> int:
        """The seed of the lane's next episode."""
        if seed is None:
            return draw_seed(self.generator(lane))
        self._given[lane], self._generators[lane] = seed, None
        return seed

    def generator(self, lane: int) -> np.random.Generator:
        """The generator that gymnasium would give to a single environment that was reset with the lane's seed."""
        generator = self._generators[lane]
        if generator is None:
            generator, self._given[lane] = seeding.np_random(self._given[lane])
            self._generators[lane] = generator
        return generator

    def seed_of(self, lane: int) -> int:
        """What the lane's generator was seeded with."""
        self.generator(lane)
        seed = self._given[lane]
        assert seed is not None  # the generator has set it
        return seed


def _masked(value: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """The rows in `mask`; the others are 0, or None of objects."""
    result = np.full_like(value, None) if value.dtype == object else np.zeros_like(value)
    result[mask] = value[mask]
    return result


def _seed_type(seeds: Sequence[int]) -> type[np.integer[Any]]:
    return np.uint64 if max(seeds, default=0) >= 2**63 else np.int64


def _autoreset_mode(given: AutoresetMode | str) -> AutoresetMode:
    if isinstance(given, AutoresetMode):
        return given
    modes = {mode.value: mode for mode in AutoresetMode}
    if given not in modes:
        raise unknown_name("autoreset mode", given, modes)
    return modes[given]


def _tiled(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """All lanes' images (n, h, w, 3) as one, row by row."""
    count, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    grid = np.zeros((rows * columns, height, width, channels), np.uint8)
    grid[:count] = images
    return grid.reshape(rows, columns, height, width, channels).swapaxes(1, 2).reshape(rows * height, -1, channels)
