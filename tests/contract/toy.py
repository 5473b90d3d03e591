"""A small unbroken task with a controller's memory; the mutants break it."""

import numpy as np

from lerobot_sim import rng
from lerobot_sim.envs.task_env import Task, TaskEnv
from lerobot_sim.policy import Decision
from lerobot_sim.spec import STATE, Camera, EnvSpec, Feature, Param

TINTS = ("grey", "green")

SPEC = EnvSpec(
    id="toy/slide",
    version=1,
    fps=10,
    max_steps=40,
    observation={STATE: Feature(shape=(4,), dtype="float32", unit="m", low=-1.0, high=1.0)},
    action=Feature(shape=(2,), dtype="float32", low=-1.0, high=1.0),
    params={
        "speed": Param(nominal=0.2, low=0.05, high=0.4, unit="m", when="step"),
        "filter": Param(nominal=0.5, low=0.1, high=0.9),
        "tint": Param(nominal=0, choices=TINTS),
    },
    cameras={"top": Camera(height=32, width=32)},
    success_rule="any",
)


def draw(seeds, attempt, _params):
    """Position and target anywhere; the velocity filter is empty."""
    return {
        "position": rng.uniform(seeds, "toy/position", attempt, shape=(2,), low=-0.8, high=0.8),
        "velocity": np.zeros((len(seeds), 2)),
        "target": rng.uniform(seeds, "toy/target", attempt, shape=(2,), low=-0.8, high=0.8),
    }


def advance(state, action, params, _live):
    """A first-order filter on the velocity: the controller's memory."""
    share = params["filter"][:, None]
    velocity = share * state["velocity"] + (1 - share) * params["speed"][:, None] * action
    return {
        "position": np.clip(state["position"] + velocity, -1, 1),
        "velocity": velocity,
        "target": state["target"],
    }, None


def observe(state, _params):
    """Position and target; the velocity is hidden."""
    return {STATE: np.concatenate([state["position"], state["target"]], axis=1, dtype=np.float32)}


def distance(state):
    """From the position to the target in m."""
    offset = state["position"] - state["target"]
    return np.sqrt(offset[:, 0] ** 2 + offset[:, 1] ** 2)


def judge(state, _params):
    """Success closer than 0.15 m."""
    away = distance(state)
    return (-away).astype(np.float32), away < 0.15, {"distance": away}


def draw_image(state, params, _name, camera):
    """A disc at the position over a shaded ground."""
    image = np.zeros((len(state["position"]), camera.height, camera.width, 3), np.uint8)
    rows, columns = np.linspace(-1, 1, camera.height)[:, None], np.linspace(-1, 1, camera.width)[None, :]
    x, y = state["position"][:, 0, None, None], state["position"][:, 1, None, None]
    image[..., 0] = np.where((columns - x) ** 2 + (rows - y) ** 2 < 0.05, 220, 30)
    image[..., 1] = np.where(params["tint"][:, None, None] == 1, 90, 40)
    return image


TASK = Task(
    spec=SPEC,
    instruction="Slide onto the target.",
    draw=draw,
    advance=advance,
    observe=observe,
    judge=judge,
    draw_image=draw_image,
    describe=lambda state, success: f"It is {distance(state)[0]:.2f} m away{', a success' if success else ''}.",
)


class ToyExpert:
    """Goes straight to the target."""

    batch_invariant = True

    def __init__(self):
        self.cameras = {}

    def reset(self, lanes, seeds):
        """Has no memory."""

    def act(self, observation, active):
        seen = observation[STATE]
        return Decision(np.clip((seen[:, 2:] - seen[:, :2]) * 4, -1, 1).astype(np.float32))


def make(num_envs):
    """The unbroken toy."""
    return TaskEnv(TASK, num_envs)
