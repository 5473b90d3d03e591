"""`lerobot-sim gallery`: every task with every robot, in one picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .options import RobotOptions, at_least, env_options, read

ABOUT = """Render every task with every robot that suits it into one PNG: half an episode of the expert in, or of
random actions where a task has none.

examples:
  lerobot-sim gallery --output outputs/gallery.png --size 320
  lerobot-sim gallery --robot so100 --robot.model-path so_arm100.xml"""


@dataclass(kw_only=True)
class GalleryOptions(RobotOptions):
    """Options of `gallery`."""

    output: Path = Path("outputs/gallery.png")
    """The picture."""

    size: int = 240
    """Height and width of each tile in pixels."""

    columns: int = 6
    """Tiles in a row."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and draws."""
    options = read(GalleryOptions, "gallery", ABOUT, argv)
    at_least(1, size=options.size, columns=options.columns)
    at_least(0, seed=options.seed)
    import numpy as np

    from lerobot_sim.datasets.picture import write_png

    from .console import Console

    console = Console(options.json)
    shown: list[str] = []
    tiles: list[Any] = []
    variants = list(_variants(env_options(options.robot, options.model_path)))
    with console.progress("Rendering", len(variants), "environments") as show:
        for done, (env_id, keywords) in enumerate(variants, start=1):
            tiles.append(_tile(env_id, keywords, options.seed, options.size))
            shown.append(" ".join([env_id, *(Path(value).stem for value in keywords.values())]))
            show(done)
    empty = np.full_like(tiles[0], 255)
    tiles += [empty] * (-len(tiles) % options.columns)
    rows = [np.concatenate(tiles[at : at + options.columns], axis=1) for at in range(0, len(tiles), options.columns)]
    write_png(options.output, np.concatenate(rows, axis=0))
    for at in range(0, len(shown), options.columns):
        console.say(" | ".join(shown[at : at + options.columns]))
    console.say(f"Picture: {options.output}")
    console.result({"picture": str(options.output), "tiles": shown, "columns": options.columns})
    return 0


def _variants(only: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Every environment that has a camera, with each robot that its task takes, or with `only` one."""
    from lerobot_sim import registry
    from lerobot_sim.envs.mujoco.robots.catalogue import ROBOTS
    from lerobot_sim.envs.mujoco.robots.catalogue import robot as find_robot
    from lerobot_sim.errors import UnknownNameError

    if "robot" in only:
        find_robot(only["robot"], only.get("model_path", ""))  # its own errors, first
    for env_id in registry.environments():
        spec = registry.spec_of(env_id)
        if not spec.cameras:
            continue
        usual = spec.options.get("robot")
        if not only:
            yield env_id, {}
        if not usual:
            continue
        robots = [name for name in ROBOTS if name != usual] if not only else [only.get("robot", usual)]
        for robot in robots:
            keywords: dict[str, Any] = {**only, "robot": robot}
            try:
                registry.make(env_id, **keywords).close()
            except UnknownNameError:
                continue  # this task is not for that robot
            yield env_id, keywords


def _tile(env_id: str, keywords: dict[str, str], seed: int, size: int) -> Any:
    import numpy as np

    from lerobot_sim import registry
    from lerobot_sim.spec import Camera

    env = registry.make(env_id, 1, **keywords)
    name = "expert" if "expert" in registry.policy_names(env_id) else "random"
    policy = registry.make_policy(name, env.spec)
    lane, active = np.array([0]), np.ones(1, np.bool_)
    observation = env.reset(lane, np.array([seed]))
    policy.reset(lane, np.array([seed]))
    for _ in range(max(1, env.spec.max_steps // 5)):
        observation = env.step(policy.act(observation, active).action, active).observation
    camera = next(iter(env.spec.cameras))
    image = env.render({camera: Camera(height=size, width=size, look="full")})[camera][0]
    env.close()
    return image
