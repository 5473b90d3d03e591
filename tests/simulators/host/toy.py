"""A simulator and a policy for the host's tests, NumPy alone: a point that is pushed about; both misbehave as told."""

import contextlib
import ctypes
import importlib.util
import json
import os
import signal
import stat
import sys
import time
from pathlib import Path

import numpy as np

from lerobot_sim import rng
from lerobot_sim.policy import Decision, LaneClock
from lerobot_sim.simulators.simulation import Outcome, SimulationEnv
from lerobot_sim.spec import IMAGES, STATE, Camera, EnvSpec, Feature, Param

SPEC = EnvSpec(
    id="toy/point",
    version=1,
    fps=10,
    max_steps=20,
    observation={STATE: Feature(shape=(2,), dtype="float32", unit="m")},
    action=Feature(shape=(2,), dtype="float32", low=-1.0, high=1.0),
    params={
        "gain": Param(nominal=0.1, low=0.01, high=1.0),
        "wind": Param(nominal=0.0, low=-0.1, high=0.1, when="step"),
    },
    cameras={"front": Camera(height=24, width=32)},
)


def loop():
    while True:
        pass


def begin_to_answer():
    """The first byte of a message to whoever hosts us, and then nothing more."""
    for fd in range(3, 64):
        with contextlib.suppress(OSError):  # it is closed, or no pipe that is written
            if stat.S_ISFIFO(os.fstat(fd).st_mode):
                os.write(fd, b"A")
    loop()


FAULTS = {
    "exit": lambda: sys.exit("the library has had enough"),
    "os._exit": lambda: os._exit(7),
    "abort": os.abort,
    "segfault": lambda: ctypes.string_at(0),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "loop": loop,
    "half an answer": begin_to_answer,
    "loop in C": lambda: ctypes.PyDLL(None).sleep(1000),  # holds the interpreter's lock
    "input": lambda: input("Overwrite? "),
    "raise": lambda: 1 / 0,
    "nap": lambda: time.sleep(1.0),
    "long nap": lambda: time.sleep(300.0),
    "pipe": lambda: os.closerange(3, 200),
    "child": lambda: os.kill(os.getpid(), signal.SIGKILL) if os.fork() else time.sleep(1000),
}
"""What a library may do, by name."""


class Toy:
    """One lane.

    Args:
        fault: A name of `FAULTS`.
        phase: When: "start", "reset", "step" (the third), "render", "get_state" or "close".
        once: A file that is made before the fault; where it exists, nothing happens.
        says: Printed at every step.
    """

    def __init__(self, fault="", phase="", once="", says=""):
        self.fault, self.phase, self.once, self.says = fault, phase, once, says
        self.position, self.params, self.t = np.zeros(2), {"gain": np.array(0.1), "wind": np.array(0.0)}, 0
        self.misbehave("start")

    def misbehave(self, phase):
        if phase != self.phase:
            return
        if self.once:
            try:
                Path(self.once).touch(exist_ok=False)  # by one process alone
            except FileExistsError:
                return
        FAULTS[self.fault]()

    @property
    def instruction(self):
        return f"Push the point, gain {float(self.params['gain']):g}."

    def reset(self, seed, params):
        self.misbehave("reset")
        self.params = {name: np.array(value) for name, value in params.items()}
        self.position, self.t = rng.uniform(np.array([seed]), "toy", 0, shape=(2,))[0], 0
        return {STATE: self.position.astype(np.float32)}, False

    def step(self, action):
        self.t += 1
        if self.says:
            print(self.says)
            print(self.says, file=sys.stderr)
        if self.t == 3:
            self.misbehave("step")
        self.position = self.position + self.params["gain"] * action + self.params["wind"]
        distance = float(np.linalg.norm(self.position - 0.5))
        return Outcome(
            {STATE: self.position.astype(np.float32)}, -distance, distance < 0.01, metrics={"distance": distance}
        )

    def set_params(self, values):
        self.params |= {name: np.array(value) for name, value in values.items()}

    def render(self, name, camera):
        if self.t >= 3:
            self.misbehave("render")
        rows, columns = np.mgrid[: camera.height, : camera.width]
        place = np.clip(self.position, -3, 3)
        image = np.stack([rows * 7 + 20 * place[0], columns * 5 + 20 * place[1], rows + columns], axis=-1)
        return image.astype(np.int64).astype(np.uint8)

    def get_state(self):
        if self.t >= 3:
            self.misbehave("get_state")
        return {
            "position": self.position.copy(),
            "t": np.array(self.t),
            **{f"p.{k}": v for k, v in self.params.items()},
        }

    def set_state(self, state):
        self.position, self.t = np.array(state["position"]), int(state["t"])
        self.params = {name: np.array(state[f"p.{name}"]) for name in self.params}

    def close(self):
        self.misbehave("close")


def make(num_envs=1, **options):
    """A batch of toys; see `Toy`."""
    return SimulationEnv(SPEC, lambda: Toy(**options), num_envs, metrics=["distance"])


class Torn(SimulationEnv):
    """Its process dies in the second step once the observation has been written, before all has."""

    def step(self, action, active):
        step = super().step(action, active)
        if not active.any():
            return step
        return step._replace(success=Killing()) if self._t[0] == 2 else step


class Killing:
    """Kills the process that makes an array of it."""

    def __array__(self, *_args, **_keywords):
        os.kill(os.getpid(), signal.SIGKILL)


def torn(num_envs=1):
    """A batch whose worker dies while it writes."""
    return Torn(SPEC, Toy, num_envs, metrics=["distance"])


class Nosy(Toy):
    """Tells in its instruction what its process is made of."""

    @property
    def instruction(self):
        names = ("numpy", "lerobot_sim", "gymnasium", "torch", "pytest", "tests", "mujoco", "array_api_compat", "toy")
        seen = {name: importlib.util.find_spec(name) is not None for name in names}
        stdin = str(Path("/proc/self/fd/0").readlink()) if sys.platform == "linux" else ""
        loaded = sorted({name.partition(".")[0] for name in sys.modules})
        return json.dumps(
            {"found": seen, "path": sys.path, "loaded": loaded, "stdin": stdin, "variables": dict(os.environ)}
        )


def nosy(num_envs=1):
    """A batch of lanes that look around."""
    return SimulationEnv(SPEC, Nosy, num_envs, metrics=["distance"])


class ToyPolicy:
    """Acts by the seed, the number of acts, the state and the first pixel; keeps the last two observations.

    Args:
        spec: The environment's.
        pictures: Whether it reads the camera.
        fault: A name of `FAULTS`, done at the fifth act.
        begun: A file that is made before the fault.
        columns: Whether every third decision has another column.
    """

    batch_invariant = True

    def __init__(self, spec, pictures=False, fault="", columns=False, begun=""):
        self.cameras = {"front": Camera(height=24, width=32)} if pictures else {}
        self.size, self.fault, self.columns = spec.action.shape[0], fault, columns
        self.clock, self.kept, self.calls, self.begun = LaneClock(), [], 0, begun

    def reset(self, lanes, seeds):
        self.clock.reset(lanes, seeds)

    def act(self, observation, active):
        self.calls += 1
        if self.fault and self.calls == 5:
            if self.begun:
                Path(self.begun).touch()
            FAULTS[self.fault]()
        seeds, acts = self.clock.of(len(active))
        self.kept = [*self.kept[-1:], observation]
        old = self.kept[0] if len(self.kept[0][STATE]) == len(active) else observation
        value = np.sin(seeds + 0.1 * acts)[:, None] + 0.3 * old[STATE][:, :1]
        if self.cameras:
            value = value + observation[IMAGES + "front"][:, 0, 0, :1] / 255
        self.clock.tick(active)
        columns = {"acts": acts} if self.columns and self.calls % 3 == 0 else {}
        action = np.clip(np.repeat(value, self.size, axis=1), -1, 1).astype(np.float32)
        return Decision(action, columns, {"is_intervention": acts % 2 == 0})


def make_policy(spec, **options):
    """A toy policy."""
    return ToyPolicy(spec, **options)


class Chunked(ToyPolicy):
    """Decides three actions at once, and tells when."""

    def __init__(self, spec):
        super().__init__(spec)
        self.queues = {}

    def reset(self, lanes, seeds):
        self.queues.update((lane, []) for lane in lanes.tolist())

    def thinks(self, active):
        return active & np.array([not self.queues.get(lane) for lane in range(len(active))], bool)

    def act(self, observation, active):
        action = np.zeros((len(active), self.size), np.float32)
        for lane in np.flatnonzero(self.thinks(active)).tolist():
            self.queues[lane] = [np.sin(observation[STATE][lane, 0] + k) for k in range(3)]
        for lane in np.flatnonzero(active).tolist():
            action[lane] = self.queues[lane].pop(0)
        return Decision(action)


class Obedient(ToyPolicy):
    """Acts by the length of its instruction."""

    def __init__(self, spec):
        super().__init__(spec)
        self.lengths = np.zeros(16)

    def instruct(self, lanes, instructions):
        self.lengths[lanes] = [len(words) for words in instructions]

    def act(self, observation, active):
        value = self.lengths[: len(active), None] / 100
        return Decision(np.repeat(value, self.size, axis=1).astype(np.float32))
