"""An Env of one lane as a gymnasium.Env; `gymnasium_vector` has the one of many lanes."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# gymnasium's types are partly unknown

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from lerobot_sim import registry
from lerobot_sim.arrays import Array, like, to_numpy
from lerobot_sim.env import Batch, End, Env, Step
from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.spec import IMAGES, Camera

from .gymnasium_layout import Keys, Nested, make_layout, row_of, sized_cameras, to_action, to_box
from .window import Window

RENDER_MODES = ("human", "rgb_array")
_WINDOW_PIXELS = 384  # a human's window is at least so high, where no size is asked for


class Face:
    """What the faces of one lane and of many share: an Env, its layout, and its arrays on the host.

    Args:
        env: An Env, or the name of a registered one, which is then made.
        num_envs: Number of lanes of the Env.
        task_options: The task's own keywords, where `env` is a name.
        keys: "native", "lerobot", or our key -> your key; see `make_layout`.
        pixels: Cameras whose images are part of the observation.
        pixels_size: (height, width) of those; each camera's default where it is None.
        render_mode: None, "rgb_array" or "human".
        render_camera: Which camera `render` shows, the first by default.
        render_size: (height, width) of what `render` shows.
    """

    def __init__(
        self,
        env: Env | str,
        num_envs: int | None,
        *,
        task_options: Mapping[str, Any] | None,
        keys: Keys,
        pixels: Sequence[str],
        pixels_size: Sequence[int] | None,
        render_mode: str | None,
        render_camera: str | None,
        render_size: Sequence[int] | None,
    ) -> None:
        self.env = registry.make(env, num_envs or 1, **(task_options or {})) if isinstance(env, str) else env
        if num_envs is not None and self.env.num_envs != num_envs:
            raise InputError(f"Expected an Env of {num_envs} lanes, one of {self.env.num_envs} came.")
        spec = self.env.spec
        self.layout = make_layout(spec, keys, pixels, pixels_size)
        self.camera = _render_camera(self.env, render_mode, render_camera, render_size)
        self.metadata = {"render_modes": list(RENDER_MODES) if spec.cameras else [], "render_fps": spec.fps}
        self.action_box = to_box(spec.action)
        self.window = Window(spec.id, spec.fps) if render_mode == "human" else None
        self._like: Array = np.zeros(1)

    def reset(self, lanes: NDArray[np.int64], seeds: Sequence[int], options: Mapping[str, Any]) -> Batch:
        """Begins episodes in `lanes`; the observation of all lanes, without images."""
        wrapped = np.array(seeds, np.uint64).astype(np.int64)
        batch = self.env.reset(lanes, wrapped, _params(options.get("params"), lanes))
        self._like = next(iter(batch.values()), self._like)
        return batch

    def step(self, action: NDArray[Any], active: NDArray[np.bool_]) -> Step:
        """One step of the Env, with everything but the observation on the host."""
        step = self.env.step(like(action, self._like), like(active, self._like))
        metrics = {name: to_numpy(value) for name, value in step.metrics.items()}
        return Step(step.observation, to_numpy(step.reward), to_numpy(step.success), to_numpy(step.end), metrics)

    def images(self, lanes: NDArray[np.int64] | None = None) -> dict[str, NDArray[Any]]:
        """The observation's images under our keys."""
        if not self.layout.cameras:
            return {}
        rendered = self.env.render(self.layout.cameras, lanes)
        return {IMAGES + name: to_numpy(image) for name, image in rendered.items()}

    def frames(self) -> NDArray[np.uint8]:
        """What `render` shows of all lanes: (num_envs, h, w, 3)."""
        ((name, camera),) = self.camera.items()
        return to_numpy(self.env.render({name: camera})[name])

    def close(self) -> None:
        """Closes the window and the Env."""
        if self.window is not None:
            self.window.close()
        self.env.close()


class SimEnv(gymnasium.Env[Nested, NDArray[Any]]):
    """An Env of one lane as a gymnasium.Env; keywords as for `Face`.

    `info` of a step: `is_success`, `end` (name of `End`), the task's metrics, and `explanation` where an
    episode ended other than by the task or the clock; of a reset: `seed` and `task`, the instruction.
    `reset(options={"params": {name: value}})` sets Params for the episode.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 30}  # noqa: RUF012  gymnasium.make reads it of the class

    def __init__(
        self,
        env: Env | str,
        *,
        task_options: Mapping[str, Any] | None = None,
        keys: Keys = "native",
        pixels: Sequence[str] = (),
        pixels_size: Sequence[int] | None = None,
        render_mode: str | None = None,
        render_camera: str | None = None,
        render_size: Sequence[int] | None = None,
    ) -> None:
        self._face = Face(
            env,
            1,
            task_options=task_options,
            keys=keys,
            pixels=pixels,
            pixels_size=pixels_size,
            render_mode=render_mode,
            render_camera=render_camera,
            render_size=render_size,
        )
        self.render_mode = render_mode
        self.metadata = self._face.metadata
        self.observation_space = self._face.layout.space
        self.action_space = self._face.action_box  # pyright: ignore[reportAttributeAccessIssue]
        self._end: End | None = None

    @property
    def env(self) -> Env:
        """The Env behind."""
        return self._face.env

    @property
    def watched(self) -> bool:
        """Whether a window shows the episode; no more once a person has closed it."""
        return self._face.window is not None and self._face.window.is_open

    @property
    def task_description(self) -> str:
        """The instruction of the present episode."""
        return self.env.instructions[0]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Nested, dict[str, Any]]:
        """Begins an episode; without a seed, one is drawn from `np_random`."""
        given = check_options(options, ("params",))
        seed = None if seed is None else check_seed(seed)
        super().reset(seed=seed)
        used = draw_seed(self.np_random) if seed is None else seed
        batch = self._face.reset(np.array([0]), [used], given)
        self._end = End.RUNNING
        self._show()
        return self._observe(batch), {"seed": used, "task": self.task_description}

    def step(self, action: Any) -> tuple[Nested, float, bool, bool, dict[str, Any]]:
        """One step of 1/fps s.

        Raises:
            ArrayError: An action of the wrong shape or type.
            InputError: There is no episode running.
        """
        checked = to_action(self.env.spec.action, (), action)[None]
        if self._end is not End.RUNNING:
            raise InputError(
                "Call reset() before the first step()."
                if self._end is None
                else f"The episode has ended ({self._end.name}): call reset() before the next step()."
            )
        step = self._face.step(checked, np.ones(1, np.bool_))
        self._end = End(int(step.end[0]))
        self._show()
        ended = bool(step.terminated[0]), bool(step.truncated[0])
        return self._observe(step.observation), float(step.reward[0]), *ended, lane_info(self.env, step, 0)

    def render(self) -> NDArray[np.uint8] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The present picture, uint8 (h, w, 3); None where the mode is "human", whose window is kept up to date."""
        if self.render_mode == "rgb_array":
            return self._face.frames()[0]
        return None

    def close(self) -> None:
        """Closes the Env and the window; a second call does nothing."""
        self._face.close()

    def get_state(self) -> dict[str, NDArray[Any]]:
        """All that is needed to go on exactly; for `set_state`."""
        return {name: to_numpy(value)[0].copy() for name, value in self.env.get_state(np.array([0])).items()}

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Goes back to where `get_state` was."""
        self.env.set_state(np.array([0]), {name: np.asarray(value)[None] for name, value in state.items()})
        idle = np.zeros((1, *self.env.spec.action.shape), self.env.spec.action.dtype)
        self._end = End(int(self._face.step(idle, np.zeros(1, np.bool_)).end[0]))

    def _observe(self, batch: Batch) -> Nested:
        return row_of(self._face.layout.nest({**batch, **self._face.images()}), 0)

    def _show(self) -> None:
        if self._face.window is not None:
            self._face.window.show(self._face.frames()[0])


def lane_info(env: Env, step: Step, lane: int) -> dict[str, Any]:
    """What gymnasium's `info` says of one lane's step."""
    end = End(int(step.end[lane]))
    info: dict[str, Any] = {name: _plain(value[lane]) for name, value in step.metrics.items()}
    info |= {"is_success": bool(step.success[lane]), "end": end.name}
    if needs_words(end):
        info["explanation"] = env.explain(lane)
    return info


def needs_words(end: End) -> bool:
    """Whether an end was neither the task's nor the clock's, so that it wants an explanation."""
    return end not in (End.RUNNING, End.TERMINATED, End.TIME_LIMIT)


def check_options(options: Mapping[str, Any] | None, known: Sequence[str]) -> Mapping[str, Any]:
    """The options of a reset, or an error for one that nobody would read."""
    for name in options or {}:
        if name not in known:
            raise unknown_name("option of reset", name, known)
    return options or {}


def check_seed(seed: Any) -> int:
    """A seed as int, or an error."""
    if not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise InputError(f"seed: expected an integer from 0 to 2^64 - 1, {seed!r} came.")
    return int(seed)


def draw_seed(generator: np.random.Generator) -> int:
    """A seed for an episode that was not given one."""
    return int(generator.integers(2**63 - 1))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    return value.item() if str(value.dtype) in ("bool", "int64", "float64") else value  # as SyncVectorEnv stacks them


def _params(given: Mapping[str, Any] | None, lanes: NDArray[np.int64]) -> dict[str, Any] | None:
    if given is None:
        return None
    return {name: np.broadcast_to(value, (len(lanes), *np.shape(value))) for name, value in given.items()}


def _render_camera(env: Env, mode: str | None, name: str | None, size: Sequence[int] | None) -> dict[str, Camera]:
    if mode is not None and mode not in RENDER_MODES:
        raise unknown_name("render mode", mode, RENDER_MODES, "None renders nothing.")
    if mode is None:
        return {}
    if not env.spec.cameras:
        raise InputError(f"'{env.spec.id}' has no camera: render_mode must be None.")
    chosen = sized_cameras(env.spec, (name or next(iter(env.spec.cameras)),), size)
    if mode == "rgb_array" or size is not None:
        return chosen
    ((name, camera),) = chosen.items()
    times = math.ceil(_WINDOW_PIXELS / camera.height)
    return {name: dataclasses.replace(camera, height=times * camera.height, width=times * camera.width)}
