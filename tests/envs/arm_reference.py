"""The arm's two tasks once more: one lane, plain Python, 4 x 4 matrices; written from the docstrings alone."""

import math

LOW = (-2.0, -1.8, -1.5708, -1.93, -1.2, -3.1416)
HIGH = (2.0, 1.7, 1.5708, 1.77, 1.2, 3.1416)
JOINTS = (  # offset in the parent's frame, axis
    ((0.0, 0.0, 0.0165), "z"),
    ((0.0306, 0.0, 0.1025), "y"),
    ((0.028, 0.0, 0.11257), "y"),
    ((0.1349, 0.0, 0.0052), "y"),
    ((0.0, 0.0, 0.0), "z"),
    ((0.0601, 0.0, 0.0), "x"),
)


def multiply(a, b):
    return [[sum(a[i][k] * b[k][j] for k in range(4)) for j in range(4)] for i in range(4)]


def rotation(axis, angle):
    c, s = math.cos(angle), math.sin(angle)
    return {
        "x": [[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]],
        "y": [[c, 0, s, 0], [0, 1, 0, 0], [-s, 0, c, 0], [0, 0, 0, 1]],
        "z": [[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    }[axis]


def translation(x, y, z):
    return [[1, 0, 0, x], [0, 1, 0, y], [0, 0, 1, z], [0, 0, 0, 1]]


def kinematics(joints, tool_length):
    """Position of the wrist and of the tip, and the hand's 3 x 3 rotation."""
    transform = translation(0, 0, 0)
    wrist = None
    for i, ((offset, axis), angle) in enumerate(zip(JOINTS, joints, strict=True)):
        transform = multiply(transform, translation(*offset))
        if i == 3:
            wrist = [transform[k][3] for k in range(3)]
        transform = multiply(transform, rotation(axis, angle))
    tip = multiply(transform, translation(tool_length, 0, 0))
    return wrist, [tip[k][3] for k in range(3)], [row[:3] for row in transform[:3]]


def clip(value, low, high):
    return min(max(value, low), high)


def drive(state, command, params):
    """New joints, their velocity, the tip and the hand's rotation."""
    lag = params["actuator_lag"]
    velocity = [
        lag * v + (1 - lag) * params["joint_speed"] * u for v, u in zip(state["velocity"], command, strict=True)
    ]
    joints = [
        clip(q + 0.1 * v, low, high) for q, v, low, high in zip(state["joints"], velocity, LOW, HIGH, strict=True)
    ]
    wrist, tip, hand = kinematics(joints, params["tool_length"])
    if tip[2] < 0.004 or wrist[2] < 0.03:
        joints, velocity = state["joints"], [0.0] * 6
        _, tip, hand = kinematics(joints, params["tool_length"])
    return joints, velocity, tip, hand


def distance(a, b):
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


def reach_step(state, action, params):
    """Next state, reward and success."""
    joints, velocity, tip, _ = drive(state, action, params)
    far = distance(tip, state["target"])
    following = {"joints": joints, "velocity": velocity, "tip": tip, "target": state["target"]}
    return following, 1 - far, far < 0.02


def pick_place_step(state, action, params):
    """Next state, reward and success."""
    joints, velocity, tip, hand = drive(state, action[:6], params)
    radius, ball, before, width = (
        params["ball_radius"],
        list(state["ball"]),
        state["opening"],
        params["ball_radius"] / 0.03,
    )
    opening = clip(before + 0.1 * params["gripper_speed"] * action[6], 0, 1)
    offset, fall_speed, held = [0.0] * 3, 0.0, False
    if state["held"]:
        held = opening <= width + 0.05
        if held:
            offset = state["offset"]
            ball = [tip[i] + sum(hand[i][k] * offset[k] for k in range(3)) for i in range(3)]
            ball[2] = max(ball[2], radius)
    elif distance(ball, tip) < params["grasp_distance"] and before > width >= opening:
        held = True
        offset = [sum(hand[i][k] * (ball[i] - tip[i]) for i in range(3)) for k in range(3)]
    if held:
        opening = max(opening, width)
    else:
        height = ball[2] - 0.1 * state["fall_speed"] - 0.5 * 9.81 * 0.01
        if height > radius:
            ball[2], fall_speed = height, state["fall_speed"] + 0.981
        else:
            ball[2] = radius
    far = distance(ball, state["target"])
    success = not held and ball[2] == radius and far < 0.03
    following = {
        "joints": joints,
        "velocity": velocity,
        "tip": tip,
        "opening": opening,
        "held": held,
        "offset": offset,
        "ball": ball,
        "fall_speed": fall_speed,
        "target": state["target"],
    }
    return following, 1 - far - (0 if success else 0.5 * distance(tip, ball)), success
