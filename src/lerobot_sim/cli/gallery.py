"""`lerobot-sim gallery`: every task with every robot, in one picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .options import CommonOptions, at_least, read

ABOUT = """Render every task with every robot that suits it into one PNG: half an episode of the expert in, or of
random actions where a task has none.

example:
  lerobot-sim gallery --output outputs/gallery.png --size 320"""


@dataclass(kw_only=True)
class GalleryOptions(CommonOptions):
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
    variants = list(_variants())
    with console.progress("Rendering", len(variants), "environments") as show:
        for done, (env_id, keywords) in enumerate(variants, start=1):
            tiles.append(_tile(env_id, keywords, options.seed, options.size))
            shown.append(" ".join([env_id, *keywords.values()]))
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


def _variants() -> Iterator[tuple[str, dict[str, str]]]:
    """Every environment that has a camera, with each robot that its task takes."""
    from lerobot_sim import registry
    from lerobot_sim.envs.mujoco.robots.catalogue import ROBOTS
    from lerobot_sim.errors import UnknownNameError

    for env_id in registry.environments():
        spec = registry.spec_of(env_id)
        if not spec.cameras:
            continue
        usual = spec.options.get("robot")
        yield env_id, {}
        for robot in ROBOTS if usual else ():
            if robot == usual:
                continue
            try:
                registry.make(env_id, robot=robot).close()
            except UnknownNameError:
                continue  # this task is not for that robot
            yield env_id, {"robot": robot}


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
