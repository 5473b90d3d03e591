"""The 50 tasks of MetaWorld as plain data: what each asks for in words, and where its goals lie.

A goal is MetaWorld's `rand_vec`: 3 or 6 numbers in m, uniform between `low` and `high`: where the task's object
stands, and where 6 then where its target is. A test holds this table true against the simulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        instruction: What is to be done, in words.
        low: Least goal, 3 or 6 numbers in m.
        high: Greatest goal.
        quaternion: Order of the objects' quaternions, which MetaWorld gives in both; "" where they are zeros.
        apart: Goals whose first two numbers lie nearer than this, in m, to `apart_from` are drawn again.
        apart_from: x and y; None: the goal's own fourth and fifth number, the target's x and y.
    """

    instruction: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    quaternion: Literal["wxyz", "xyzw", ""]
    apart: float = 0.0
    apart_from: tuple[float, float] | None = None


TASKS: Mapping[str, Task] = {
    "assembly-v3": Task(
        "Pick up the nut by its handle and put it over the peg.",
        (0.0, 0.6, 0.02, -0.1, 0.75, 0.1),
        (0.0, 0.6, 0.02, 0.1, 0.85, 0.1),
        "wxyz",
        apart=0.1,
    ),
    "basketball-v3": Task(
        "Pick up the basketball and drop it through the hoop.",
        (-0.1, 0.6, 0.0299, -0.1, 0.85, 0.0),
        (0.1, 0.7, 0.0301, 0.1, 0.9000001, 0.0),
        "wxyz",
        apart=0.15,
    ),
    "bin-picking-v3": Task(
        "Pick up the cube from the one bin and put it into the other.",
        (-0.21, 0.65, 0.02, 0.1199, 0.699, -0.001),
        (-0.03, 0.75, 0.02, 0.1201, 0.701, 0.001),
        "wxyz",
    ),
    "box-close-v3": Task(
        "Pick up the lid and put it onto the box.",
        (-0.05, 0.5, 0.02, -0.1, 0.7, 0.133),
        (0.05, 0.55, 0.02, 0.1, 0.8, 0.133),
        "wxyz",
        apart=0.25,
    ),
    "button-press-topdown-v3": Task("Press the button down from above.", (-0.1, 0.8, 0.115), (0.1, 0.9, 0.115), "wxyz"),
    "button-press-topdown-wall-v3": Task(
        "Reach over the wall and press the button down from above.", (-0.1, 0.8, 0.115), (0.1, 0.9, 0.115), "wxyz"
    ),
    "button-press-v3": Task("Push the button into its box.", (-0.1, 0.85, 0.115), (0.1, 0.9, 0.115), "wxyz"),
    "button-press-wall-v3": Task(
        "Reach past the wall and push the button into its box.", (-0.05, 0.85, 0.1149), (0.05, 0.9, 0.1151), "wxyz"
    ),
    "coffee-button-v3": Task("Press the button of the coffee machine.", (-0.1, 0.8, -0.001), (0.1, 0.9, 0.001), "wxyz"),
    "coffee-pull-v3": Task(
        "Pull the mug from the coffee machine to the goal.",
        (-0.05, 0.7, -0.001, -0.1, 0.55, -0.001),
        (0.05, 0.75, 0.001, 0.1, 0.65, 0.001),
        "xyzw",
        apart=0.15,
    ),
    "coffee-push-v3": Task(
        "Push the mug under the spout of the coffee machine.",
        (-0.1, 0.55, -0.001, -0.05, 0.7, -0.001),
        (0.1, 0.65, 0.001, 0.05, 0.75, 0.001),
        "xyzw",
        apart=0.15,
    ),
    "dial-turn-v3": Task("Turn the dial by half a turn.", (-0.1, 0.7, 0.0), (0.1, 0.8, 0.0), "wxyz"),
    "disassemble-v3": Task(
        "Lift the nut off the peg by its handle.",
        (0.0, 0.6, 0.025, -0.1, 0.6, 0.1699),
        (0.1, 0.75, 0.02501, 0.1, 0.75, 0.1701),
        "wxyz",
        apart=0.1,
    ),
    "door-close-v3": Task("Close the door.", (0.0, 0.85, 0.15), (0.1, 0.95, 0.15), "xyzw"),
    "door-lock-v3": Task("Lock the door by turning its lock.", (-0.1, 0.8, 0.15), (0.1, 0.85, 0.15), "wxyz"),
    "door-open-v3": Task("Open the door by its handle.", (0.0, 0.85, 0.15), (0.1, 0.95, 0.15), "xyzw"),
    "door-unlock-v3": Task("Unlock the door by turning its lock back.", (-0.1, 0.8, 0.15), (0.1, 0.85, 0.15), "wxyz"),
    "hand-insert-v3": Task(
        "Move the gripper into the hole in the table.",
        (-0.1, 0.6, 0.05, -0.04, 0.8, -0.0201),
        (0.1, 0.7, 0.05, 0.04, 0.88, -0.0199),
        "wxyz",
        apart=0.15,
    ),
    "drawer-close-v3": Task("Push the drawer shut.", (-0.1, 0.9, 0.0), (0.1, 0.9, 0.0), ""),
    "drawer-open-v3": Task("Pull the drawer open by its handle.", (-0.1, 0.9, 0.0), (0.1, 0.9, 0.0), "wxyz"),
    "faucet-open-v3": Task("Turn the faucet's handle to open it.", (-0.05, 0.8, 0.0), (0.05, 0.85, 0.0), "wxyz"),
    "faucet-close-v3": Task("Turn the faucet's handle back to close it.", (-0.1, 0.8, 0.0), (0.1, 0.85, 0.0), "wxyz"),
    "hammer-v3": Task("Pick up the hammer and drive the nail in with it.", (-0.1, 0.4, 0.0), (0.1, 0.5, 0.0), "wxyz"),
    "handle-press-side-v3": Task(
        "Press the handle down, which stands sideways.", (-0.35, 0.65, -0.001), (-0.25, 0.75, 0.001), ""
    ),
    "handle-press-v3": Task("Press the handle down.", (-0.1, 0.8, -0.001), (0.1, 0.9, 0.001), ""),
    "handle-pull-side-v3": Task(
        "Pull the handle up, which stands sideways.", (-0.35, 0.65, 0.0), (-0.25, 0.75, 0.0), ""
    ),
    "handle-pull-v3": Task("Pull the handle up.", (-0.1, 0.8, -0.001), (0.1, 0.9, 0.001), ""),
    "lever-pull-v3": Task("Pull the lever up.", (-0.1, 0.7, 0.0), (0.1, 0.8, 0.0), "xyzw"),
    "pick-place-wall-v3": Task(
        "Pick up the puck, lift it over the wall and hold it at the goal.",
        (-0.05, 0.6, 0.015, -0.05, 0.85, 0.05),
        (0.05, 0.65, 0.015, 0.05, 0.9, 0.3),
        "xyzw",
        apart=0.15,
    ),
    "pick-out-of-hole-v3": Task(
        "Pick the puck out of the hole and lift it to the goal.",
        (0.0, 0.75, 0.02, -0.1, 0.5, 0.15),
        (0.0, 0.75, 0.02, 0.1, 0.6, 0.3),
        "wxyz",
        apart=0.15,
    ),
    "pick-place-v3": Task(
        "Pick up the puck and hold it at the goal.",
        (-0.1, 0.6, 0.02, -0.1, 0.8, 0.05),
        (0.1, 0.7, 0.02, 0.1, 0.9, 0.3),
        "xyzw",
        apart=0.15,
    ),
    "plate-slide-v3": Task(
        "Slide the plate into the cabinet.", (0.0, 0.6, 0.0, -0.1, 0.85, 0.0), (0.0, 0.6, 0.0, 0.1, 0.9, 0.0), "xyzw"
    ),
    "plate-slide-side-v3": Task(
        "Slide the plate sideways into the cabinet.",
        (0.0, 0.6, 0.0, -0.3, 0.54, 0.0),
        (0.0, 0.6, 0.0, -0.25, 0.66, 0.0),
        "xyzw",
    ),
    "plate-slide-back-v3": Task(
        "Pull the plate back out of the cabinet.",
        (0.0, 0.85, 0.0, -0.1, 0.6, 0.015),
        (0.0, 0.85, 0.0, 0.1, 0.6, 0.015),
        "xyzw",
    ),
    "plate-slide-back-side-v3": Task(
        "Pull the plate sideways out of the cabinet.",
        (-0.25, 0.6, 0.0, -0.05, 0.6, 0.015),
        (-0.25, 0.6, 0.0, 0.15, 0.6, 0.015),
        "xyzw",
    ),
    "peg-insert-side-v3": Task(
        "Pick up the peg and put it into the hole in the box's side.",
        (0.0, 0.5, 0.02, -0.35, 0.4, -0.001),
        (0.2, 0.7, 0.02, -0.25, 0.7, 0.001),
        "xyzw",
        apart=0.1,
    ),
    "peg-unplug-side-v3": Task(
        "Pull the plug out of the socket sideways.", (-0.25, 0.6, -0.001), (-0.15, 0.8, 0.001), "wxyz"
    ),
    "soccer-v3": Task(
        "Push the ball into the goal.",
        (-0.1, 0.6, 0.03, -0.1, 0.8, 0.0),
        (0.1, 0.7, 0.03, 0.1, 0.9, 0.0),
        "xyzw",
        apart=0.15,
    ),
    "stick-push-v3": Task(
        "Pick up the stick and push the thermos to the goal with it.",
        (-0.08, 0.58, 0.0, 0.399, 0.55, 0.1319),
        (-0.03, 0.62, 0.001, 0.401, 0.6, 0.1321),
        "xyzw",
        apart=0.1,
    ),
    "stick-pull-v3": Task(
        "Pick up the stick, hook the thermos's handle and pull it to the goal.",
        (-0.1, 0.55, 0.0, 0.35, 0.45, 0.0199),
        (0.0, 0.65, 0.001, 0.45, 0.55, 0.0201),
        "xyzw",
        apart=0.1,
    ),
    "push-v3": Task(
        "Push the puck to the goal.",
        (-0.1, 0.6, 0.02, -0.1, 0.8, 0.01),
        (0.1, 0.7, 0.02, 0.1, 0.9, 0.02),
        "xyzw",
        apart=0.15,
    ),
    "push-wall-v3": Task(
        "Push the puck around the wall to the goal.",
        (-0.05, 0.6, 0.015, -0.05, 0.85, 0.01),
        (0.05, 0.65, 0.015, 0.05, 0.9, 0.02),
        "xyzw",
        apart=0.15,
    ),
    "push-back-v3": Task(
        "Pull the puck back to the goal.",
        (-0.1, 0.8, 0.02, -0.1, 0.6, 0.0199),
        (0.1, 0.85, 0.02, 0.1, 0.7, 0.0201),
        "xyzw",
        apart=0.15,
    ),
    "reach-v3": Task(
        "Move the gripper to the goal.",
        (-0.1, 0.6, 0.02, -0.1, 0.8, 0.05),
        (0.1, 0.7, 0.02, 0.1, 0.9, 0.3),
        "xyzw",
        apart=0.15,
    ),
    "reach-wall-v3": Task(
        "Move the gripper past the wall to the goal.",
        (-0.05, 0.6, 0.015, -0.05, 0.85, 0.05),
        (0.05, 0.65, 0.015, 0.05, 0.9, 0.3),
        "xyzw",
        apart=0.15,
    ),
    "shelf-place-v3": Task(
        "Pick up the block and put it onto the shelf.",
        (-0.1, 0.5, 0.019, -0.1, 0.8, 0.299),
        (0.1, 0.6, 0.021, 0.1, 0.9, 0.301),
        "xyzw",
        apart=0.1,
    ),
    "sweep-into-v3": Task(
        "Sweep the puck into the hole.",
        (-0.1, 0.6, 0.02, -0.001, 0.8399, 0.0199),
        (0.1, 0.7, 0.02, 0.001, 0.8401, 0.0201),
        "xyzw",
        apart=0.15,
        apart_from=(0.0, 0.84),
    ),
    "sweep-v3": Task("Sweep the puck off the table.", (-0.1, 0.6, 0.02), (0.1, 0.7, 0.02), "wxyz"),
    "window-open-v3": Task("Slide the window open.", (-0.1, 0.7, 0.16), (0.1, 0.9, 0.16), ""),
    "window-close-v3": Task("Slide the window shut.", (0.0, 0.75, 0.2), (0.0, 0.9, 0.2), ""),
}
"""Name -> task, in MetaWorld's order."""
