"""Models of robots as other packages write them, made by script: MuJoCo Menagerie's names, zeros and grippers."""

from __future__ import annotations

import re
from pathlib import Path

import mujoco
import numpy as np

from lerobot_sim.envs.mujoco.robots.catalogue import robot
from lerobot_sim.envs.mujoco.robots.panda import DENAVIT_HARTENBERG, FINGER_HEIGHT, FLANGE, HAND_TURN

_RANGES = ("-2.9 2.9", "-1.76 1.76", "-2.9 2.9", "-3.07 -0.07", "-2.9 2.9", "-0.017 3.75", "-2.9 2.9")
_GAINS = ((4500, 450, 87), (4500, 450, 87), (3500, 350, 87), (3500, 350, 87), *((2000, 200, 12),) * 3)
_MASSES = (3.0, 2.0, 3.0, 3.0, 2.0, 1.7, 0.8)

SO_ARM100 = {
    "shoulder_pan": "Rotation",
    "shoulder_lift": "Pitch",
    "elbow_flex": "Elbow",
    "wrist_flex": "Wrist_Pitch",
    "wrist_roll": "Wrist_Roll",
}


def exported(name: str) -> str:
    """Our robot as MJCF."""
    spec = mujoco.MjSpec()
    robot(name).add(spec)
    spec.compile()
    return spec.to_xml()


def so_arm100() -> str:
    """SO-100 by the names of MuJoCo Menagerie, turned and moved, with no site and no camera."""
    xml = re.sub(r"\s*<(site|camera) [^>]*/>", "", exported("so100"))
    for ours, theirs in SO_ARM100.items():
        xml = re.sub(rf'\b(name|joint)="{ours}"', rf'\1="{theirs}"', xml)
    xml = re.sub(r'<body name="gripper"', '<body name="Fixed_Jaw"', xml)
    xml = re.sub(r'<body name="jaw"', '<body name="Moving_Jaw"', xml)
    xml = re.sub(r'(<joint |<general |<position )name="gripper"', r'\1name="Jaw"', xml)
    xml = re.sub(r'joint="gripper"', 'joint="Jaw"', xml)
    for which in ("1", "2"):
        xml = re.sub(rf'body{which}="jaw"', f'body{which}="Moving_Jaw"', xml)
    spec = mujoco.MjSpec.from_string(xml)
    base = spec.worldbody.first_body()
    base.pos, base.quat = base.pos + np.array([0.3, -0.2, 0.4]), [1, 0, 0, 0]
    spec.compile()
    return spec.to_xml()


def panda(rename: dict[str, str] | None = None, extra: str = "", options: str = "") -> str:
    """A Panda by the names of MuJoCo Menagerie: two fingers that a tendon drives by 0 to 255."""
    body, ends = "", ""
    for index, (a, d, alpha) in enumerate(DENAVIT_HARTENBERG):
        shift = np.array([a, -d * np.sin(alpha), d * np.cos(alpha)]).round(6)
        body += (
            f'<body name="link{index + 1}" pos="{shift[0]} {shift[1]} {shift[2]}" axisangle="1 0 0 {alpha}">'
            f'<inertial mass="{_MASSES[index]}" pos="0 0 0" diaginertia="0.02 0.02 0.02"/>'
            f'<joint name="joint{index + 1}" class="arm" range="{_RANGES[index]}"/>'
            '<geom type="sphere" size="0.05" contype="0" conaffinity="0" mass="0"/>'
        )
        ends += "</body>"
    fingers = "".join(
        f'<body name="{side}_finger" pos="0 0 {FINGER_HEIGHT}" quat="{quat}">'
        '<inertial mass="0.015" pos="0 0 0" diaginertia="2e-6 2e-6 8e-7"/>'
        f'<joint name="finger_joint{number}" class="finger"/>'
        '<geom type="box" size="0.0085 0.004 0.0085" pos="0 0.0055 0.0445"/>'
        '<geom type="box" size="0.009 0.005 0.012" pos="0 0.012 0.020"/></body>'
        for number, side, quat in ((1, "left", "1 0 0 0"), (2, "right", "0 0 0 1"))
    )
    actuators = "".join(
        f'<general name="actuator{index + 1}" joint="joint{index + 1}" biastype="affine" gainprm="{kp}" '
        f'biasprm="0 -{kp} -{kv}" forcerange="-{force} {force}" ctrlrange="{_RANGES[index]}"/>'
        for index, (kp, kv, force) in enumerate(_GAINS)
    )
    xml = f"""<mujoco model="panda">
  <compiler angle="radian" autolimits="true"/>
  <option integrator="implicit" timestep="0.001" {options}/>
  <default>
    <default class="arm"><joint armature="0.1" damping="1" axis="0 0 1"/></default>
    <default class="finger"><joint axis="0 1 0" type="slide" range="0 0.04" armature="0.1" damping="1"/></default>
  </default>
  <worldbody>
    <light name="top" pos="0 0 2"/>
    {extra}
    <body name="link0" gravcomp="1"><geom type="box" size="0.06 0.06 0.02" pos="0 0 0.02"/>{body}
      <body name="hand" pos="0 0 {FLANGE}" axisangle="0 0 1 {HAND_TURN}">
        <inertial mass="0.73" pos="-0.01 0 0.03" diaginertia="0.001 0.0025 0.0017"/>{fingers}
      </body>{ends}
    </body>
  </worldbody>
  <tendon><fixed name="split">
    <joint joint="finger_joint1" coef="0.5"/><joint joint="finger_joint2" coef="0.5"/>
  </fixed></tendon>
  <equality><joint joint1="finger_joint1" joint2="finger_joint2" solimp="0.95 0.99 0.001" solref="0.005 1"/></equality>
  <actuator>{actuators}
    <general name="actuator8" tendon="split" forcerange="-100 100" ctrlrange="0 255" biastype="affine"
      gainprm="0.01568627451 0 0" biasprm="0 -100 -10"/>
  </actuator>
  <keyframe><key name="home" qpos="0 0 0 -1.57 0 1.57 -0.785 0.04 0.04"
    ctrl="0 0 0 -1.57 0 1.57 -0.785 255"/></keyframe>
</mujoco>"""
    for ours, theirs in (rename or {}).items():
        xml = re.sub(rf'"{ours}"', f'"{theirs}"', xml)
    return xml


def written(path: Path, text: str) -> str:
    """The path, with the text in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)
