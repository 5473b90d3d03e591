"""Pictures are a function of the state alone."""

from __future__ import annotations

import numpy as np

from lerobot_sim.arrays import dtype_name, namespace, to_numpy
from lerobot_sim.spec import Camera

from .lab import SEEDS, STEPS, Lab, Row, lane_of

_KINDS = {"rgb": ("uint8", 3), "depth": ("float32", 1), "segmentation": ("int32", 1)}
_NONE = "the spec has no cameras"


def pictures_have_the_size_asked(lab: Lab) -> str | None:
    """Every camera gives (lanes, height, width, channels) of its kind's dtype, at any size, for the lanes asked."""
    actor = lab.actor(3, SEEDS[:3])
    spec = actor.spec
    if not spec.cameras:
        return _NONE
    for name, camera in spec.cameras.items():
        small = Camera(height=40, width=56, look=camera.look, kind=camera.kind)
        for asked, lanes in ((camera, None), (small, None), (small, np.array([2]))):
            image = actor.env.render({name: asked}, lanes)[name]
            dtype, channels = _KINDS[asked.kind]
            expected = (3 if lanes is None else 1, asked.height, asked.width, channels)
            if tuple(image.shape) != expected or dtype_name(image) != dtype:
                came = f"{dtype_name(image)} {tuple(image.shape)}"
                raise lab.broken(
                    f"camera '{name}' gave {came} where {dtype} {expected} is expected.",
                    "render (lanes, rows, columns, channels) at the size of the Camera that was asked for.",
                )
            if namespace(image) is not namespace(actor.reference):
                raise lab.broken(
                    f"camera '{name}' gave a {type(image).__name__}.", "give the observations' kind of array."
                )
            if asked.kind == "rgb" and np.ptp(to_numpy(image)) == 0:
                raise lab.broken(f"camera '{name}' gave one colour only.", "draw the scene.")
    both = actor.env.render(dict(spec.cameras))
    if set(both) != set(spec.cameras):
        raise lab.broken(
            f"cameras {sorted(both)} came where {sorted(spec.cameras)} were asked.", "render what is asked."
        )
    return None


def pictures_show_the_state(lab: Lab) -> str | None:
    """A picture depends on the state and on nothing else, and taking it changes nothing."""
    actor = lab.actor(3, SEEDS[:3])
    if not actor.spec.cameras:
        return _NONE
    mend = "draw from the state; keep no frame, and step nothing while drawing."
    before, state = actor.look(), actor.state()
    first = actor.pictures()
    lab.same(before, actor.look(), "taking a picture changed a lane", mend)
    lab.same(state, actor.state(), "taking a picture changed the state", mend)
    lab.same(first, actor.pictures(), "two pictures of one state", mend)
    lab.same(lane_of(first, 2), lane_of(actor.pictures([2]), 0), "lane 2 among others, and alone", mend)
    if actor.spec.capabilities.restore == "exact":
        frozen = actor.env.get_state(actor.lanes)
        actor.run(STEPS)
        second = actor.pictures()
        actor.env.set_state(actor.lanes, frozen)
        lab.same(first, actor.pictures(), "a picture of a restored state", mend)
    else:
        actor.run(STEPS)
        second = actor.pictures()
    _moves(lab, first, second)
    if actor.spec.capabilities.seeding:
        quiet, seen = lab.actor(2, SEEDS[:2]), lab.actor(2, SEEDS[:2])
        expected = quiet.run(4)
        trace: list[Row] = []
        for _ in range(4):
            seen.pictures()
            trace.append(seen.step())
        lab.same(expected, trace, "an episode with pictures, beside one without", mend)
    return None


def _moves(lab: Lab, first: Row, second: Row) -> None:
    for name, image in first.items():
        looks = {image[lane].tobytes() for lane in range(len(image))} | {row.tobytes() for row in second[name]}
        if len(looks) == 1:
            raise lab.broken(f"camera '{name}' shows the same whatever the state.", "draw the lane's own state.")
