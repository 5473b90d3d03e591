"""Evaluating: what the harness costs beyond environment and policy, and how processes share the work.

The peer is LeRobot's own `rollout` (of `lerobot-eval`) over our environment as LeRobot sees it, with a policy that does
nothing. Both costs are what is left of the CPU time after a bare loop over the same environment and policy. Workers are
compared with bare processes that run the same experts on the same tasks, by wall clock, in turns.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from harness import Row, cpu_seconds, interleaved, less_is_better, main, more_is_better

from lerobot_sim import make, make_policy, registry
from lerobot_sim.env import End
from lerobot_sim.envs.push_t import SPEC, TASK
from lerobot_sim.envs.task_env import TaskEnv
from lerobot_sim.evaluation.evaluating import run
from lerobot_sim.evaluation.plan import make_plan
from lerobot_sim.evaluation.protocol import of_task
from lerobot_sim.evaluation.running import Acting, Todo, Worlds, produce
from lerobot_sim.evaluation.score import held_out_seeds
from lerobot_sim.policy import Decision
from lerobot_sim.spec import Camera

LANES, STEPS, LONG = 8, 300, 10_000
LONG_ID = "numpy/push-t-long"
TASKS = ("aloha-transfer", "drawer", "insert", "lift", "pick-color", "pick-place", "push", "reach")
EPISODES = 50


def make_long(num_envs: int = 1) -> TaskEnv:
    """push-t of 10,000 steps."""
    return TaskEnv(replace(TASK, spec=replace(SPEC, id=LONG_ID, max_steps=LONG)), num_envs)


class Still:
    """Does nothing."""

    cameras: Mapping[str, Camera] = {}
    batch_invariant = True

    def __init__(self, spec: Any) -> None:
        self._size = spec.action.shape

    def reset(self, lanes: Any, seeds: Any) -> None:
        """Has no memory."""

    def act(self, observation: Any, active: Any) -> Decision:
        return Decision(np.zeros((len(active), *self._size), np.float32))


def bare_loop(env: Any, policy: Any, seeds: Any, steps: int) -> None:
    """Environment and policy alone."""
    lanes, active = np.arange(LANES), np.ones(LANES, np.bool_)
    for first in range(0, len(seeds), LANES):
        observation = env.reset(lanes, np.array(seeds[first : first + LANES]))
        policy.reset(lanes, lanes)
        for _ in range(steps):
            observation = env.step(policy.act(observation, active).action, active).observation


def ours(env_id: str, episodes: int) -> Callable[[], object]:
    """`run` into a new folder: plan, journal, summary and all."""

    def whole() -> None:
        with tempfile.TemporaryDirectory() as folder:
            plan = make_plan(of_task(env_id), episodes=episodes, num_envs=LANES)
            run(plan, Acting(make=Still, identity="still"), Path(folder))

    return whole


def lerobots() -> dict[str, Callable[[int], object]]:  # noqa: C901 - four loops and what they share
    """LeRobot's rollout and a bare loop over the same, by name; each takes a number of batches.

    "made" is what `lerobot-eval` makes of environments: gymnasium's SyncVectorEnv over one lane each; "ours" our vector
    environment for LeRobot, which steps all lanes at once.
    """
    import gymnasium
    import torch
    from lerobot.processor import PolicyProcessorPipeline as Pipeline
    from lerobot.processor import policy_action_to_transition, transition_to_policy_action
    from lerobot.scripts.lerobot_eval import rollout

    from lerobot_sim.bridges.lerobot_env import LeRobotVectorEnv
    from lerobot_sim.bridges.to_gymnasium import SimEnv

    class StillTorch(torch.nn.Module):
        def reset(self) -> None:
            """Has no memory."""

        def select_action(self, _observation: Any) -> Any:
            return torch.zeros((LANES, 2))

    class OneLane(SimEnv):
        _max_episode_steps = STEPS
        task = "push-t"

        def reset(self, *, seed: Any = None, options: Any = None) -> Any:
            return super().reset(seed=seed)  # LeRobot's option is not for it

    policy, seeds = StillTorch(), list(held_out_seeds(0, LANES))
    pipelines: list[Any] = [Pipeline(steps=[]) for _ in range(3)]  # as lerobot-eval's, with nothing to do
    to, back = policy_action_to_transition, transition_to_policy_action
    pipelines.append(Pipeline(steps=[], to_transition=to, to_output=back))
    singles = [make("numpy/push-t") for _ in range(LANES)]
    one, active, lane = np.zeros((1, 2), np.float32), np.ones(1, np.bool_), np.array([0])

    def whole(env: Any) -> Callable[[int], object]:
        def rolled(batches: int) -> None:
            with contextlib.redirect_stderr(io.StringIO()):
                for _ in range(batches):
                    rollout(env, policy, *pipelines, seeds=seeds)

        return rolled

    def bare_vector(batches: int) -> None:
        for _ in range(batches):
            observation, _ = vector.reset(seed=seeds)
            for _ in range(STEPS):
                observation, *_ = vector.step(policy.select_action(observation).numpy())

    def bare_singles(batches: int) -> None:
        for _ in range(batches):
            for single, seed in zip(singles, seeds, strict=True):
                single.reset(lane, np.array([seed]))
            for _ in range(STEPS):
                policy.select_action(None)
                for single in singles:
                    single.step(one, active)

    vector = LeRobotVectorEnv("numpy/push-t", LANES)
    same_step = gymnasium.vector.AutoresetMode.SAME_STEP
    made = gymnasium.vector.SyncVectorEnv(
        [lambda: OneLane("numpy/push-t", keys="lerobot") for _ in range(LANES)], autoreset_mode=same_step
    )
    return {"ours": whole(vector), "ours, bare": bare_vector, "made": whole(made), "made, bare": bare_singles}


def harness_cost(full: bool) -> list[Row]:
    batches, repeats = (40, 9) if full else (15, 5)
    env = make("numpy/push-t", LANES)
    policy, seeds = Still(env.spec), held_out_seeds(0, LANES * batches)
    peers = {f"lerobot {name}": (lambda run=run: run(batches)) for name, run in lerobots().items()}
    functions: dict[str, Callable[[], object]] = {
        "ours": ours("numpy/push-t", LANES * batches),
        "ours, bare": lambda: bare_loop(env, policy, seeds, STEPS),
    }
    times = interleaved({**functions, **peers}, repeats)

    def cost(name: str) -> float:
        return 1000 * (times[name] - times[f"{name}, bare"]) / (LANES * STEPS * batches)

    what, own = f"harness a lane-step, {LANES} lanes", cost("ours")
    rollout, over = "LeRobot 0.6.1 rollout", "over our vector environment"
    return [
        less_is_better(what + ", against the limit", "ms", own, 0.1, "0.1 ms", ">= 1x"),
        less_is_better(what, "ms", own, cost("lerobot made"), f"{rollout} over SyncVectorEnv", ">= 10x"),
        less_is_better(what, "ms", own, cost("lerobot ours"), f"{rollout} {over}", ""),
    ]


class Ticks:
    """A Sink that takes the CPU time of every thousandth tick."""

    cameras: Mapping[str, Camera] = {}

    def __init__(self) -> None:
        self.times = [cpu_seconds()]
        self._ticks = 0

    def write(self, frames: Any) -> None:
        self._ticks += 1
        if self._ticks % 1000 == 0:
            self.times.append(cpu_seconds())


def flatness(full: bool) -> list[Row]:
    """A thousand steps late in an episode against a thousand early ones, of 8 lanes and 10,000 steps."""
    registry.ENVIRONMENTS[LONG_ID] = "evaluation:make_long"  # pyright: ignore[reportIndexIssue]
    ratios: list[float] = []
    for _ in range(5 if full else 3):
        plan = make_plan(of_task(LONG_ID), episodes=LANES, num_envs=LANES)
        ticks = Ticks()
        todo = [Todo(0, "", number) for number in range(LANES)]
        with contextlib.closing(Worlds(plan)) as worlds:
            list(produce(plan, Acting(make=Still, identity="still"), todo, worlds, sinks=[ticks]))
        spent = np.diff(ticks.times)
        ratios.append(float(np.median(spent[-3:]) / np.median(spent[1:4])))
    what = "a step at 10,000 against one at 1,000"
    return [Row(what=what, unit="x", ours=statistics.median(ratios), peer=1.0, peer_name="flat", reach="about 1")]


def student(full: bool) -> list[Row]:
    """The whole command with a network of the student's size."""
    from lerobot_sim.policies.mlp import MLPPolicy
    from lerobot_sim.policies.network import Weights

    generator = np.random.default_rng(0)
    sizes = [(6, 256), (256,), (256, 256), (256,), (256, 2), (2,)]
    one = np.ones(6, np.float32)
    policy = MLPPolicy(
        weights=Weights(*(generator.normal(0, 0.1, size).astype(np.float32) for size in sizes)),
        mean=0.5 * one,
        std=0.3 * one,
        action_low=-one[:2],
        action_high=one[:2],
        env_id="numpy/push-t",
    )
    walls: list[float] = []
    spent: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        policy.save(Path(folder) / "student.npz")
        for number in range(3 if full else 1):
            words = ["eval", "push-t", "--policy", f"{folder}/student.npz", "--episodes", "1000"]
            since = cpu_seconds()
            walls.append(command([*words, "--output-dir", f"{folder}/{number}"]))
            spent.append(cpu_seconds() - since)
    what = "push-t student, 1,000 episodes, the whole command"
    return [
        less_is_better(f"{what}, CPU", "s", statistics.median(spent), 10.0, "the limit", ">= 1x"),
        less_is_better(f"{what}, wall", "s", statistics.median(walls), 10.0, "the limit", ">= 1x"),
    ]


def command(words: list[str]) -> float:
    """Wall seconds of `lerobot-sim`."""
    since = time.perf_counter()
    subprocess.run([sys.executable, "-m", "lerobot_sim", *words], check=True, capture_output=True, env=environment())
    return time.perf_counter() - since


def environment() -> dict[str, str]:
    return {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")}


def bare_process(share: int, of: int) -> None:
    """What a bare process does: every n-th seed of all tasks, in one batch each, and the results as JSON."""
    found: list[Any] = []
    for task in TASKS:
        seeds = np.array(held_out_seeds(0, EPISODES)[share::of])
        env = registry.make(f"mujoco/{task}", len(seeds), threads=1)
        expert = make_policy("expert", env.spec)
        lanes, active = np.arange(len(seeds)), np.ones(len(seeds), np.bool_)
        observation = env.reset(lanes, seeds)
        expert.reset(lanes, seeds)
        total = np.zeros(len(seeds))
        while active.any():
            step = env.step(expert.act(observation, active).action, active)
            observation, total = step.observation, total + step.reward
            active &= step.end == End.RUNNING
        found.append(total.tolist())
        env.close()
    print(json.dumps(found))


def workers(full: bool) -> list[Row]:
    """Speed-up of two workers over one, against that of two bare processes over one."""
    with tempfile.TemporaryDirectory() as folder:
        entries = "".join(f'[[environments]]\ntask = "mujoco/{task}"\noptions = {{ threads = 1 }}\n' for task in TASKS)
        toml = Path(folder) / "eight.toml"
        toml.write_text(f'schema = 1\nid = "eight"\nversion = 1\nepisodes = {EPISODES}\n{entries}')
        walls: dict[str, list[float]] = {}
        spent: dict[str, list[float]] = {}
        for turn in range(5 if full else 3):
            for count in (1, 2):
                words = ["eval", "--protocol", str(toml), "--policy", "expert", "--workers", str(count)]
                words += ["--output-dir", f"{folder}/{turn}-{count}"]
                for name, call in (("ours", lambda: command(words)), ("bare", lambda: bare_processes(count))):  # noqa: B023
                    since = cpu_seconds()
                    walls.setdefault(f"{name} {count}", []).append(call())
                    spent.setdefault(f"{name} {count}", []).append(cpu_seconds() - since)
            print({name: round(values[-1], 1) for name, values in walls.items()}, file=sys.stderr)
    what = f"{len(TASKS)} tasks x {EPISODES} episodes, 2 workers over 1"
    two = "two bare processes over one"
    return [
        more_is_better(f"{what}, {name}", "x", *gains(times), two, ">= 0.85")
        for name, times in (("wall", walls), ("CPU", spent))
    ]


def gains(times: dict[str, list[float]]) -> tuple[float, float]:
    """One process's time over that of two, ours and the bare ones': of each turn, and the turn in the middle.

    On a busy machine wall clock drifts from turn to turn; what a turn's four runs had in common falls out of the ratio
    of the gains, so the turn is the one whose ratio is the median. By CPU time two processes gain nothing: what is
    left of 1 is the share of the work that is not done twice.
    """
    turns = [
        (ours_1 / ours_2, bare_1 / bare_2)
        for ours_1, ours_2, bare_1, bare_2 in zip(
            *(times[name] for name in ("ours 1", "ours 2", "bare 1", "bare 2")), strict=True
        )
    ]
    return sorted(turns, key=lambda turn: turn[0] / turn[1])[len(turns) // 2]


def bare_processes(count: int) -> float:
    since = time.perf_counter()
    words = [sys.executable, __file__, "--bare"]
    running = [
        subprocess.Popen([*words, str(share), str(count)], stdout=subprocess.DEVNULL, env=environment())
        for share in range(count)
    ]
    if [process for process in running if process.wait()]:
        raise RuntimeError("a bare process failed")
    return time.perf_counter() - since


def equality(full: bool) -> list[Row]:
    """Episodes whose return or success is another than a loop by hand gives."""
    episodes, differing = 200 if full else 50, 0
    for env_id in ("numpy/push-t", "numpy/reach"):
        env = make(env_id)
        expert = make_policy("expert", env.spec)
        with tempfile.TemporaryDirectory() as folder:
            plan = make_plan(of_task(env_id), episodes=episodes, num_envs=LANES)
            done = run(plan, Acting(make=lambda spec: make_policy("expert", spec), identity="expert"), Path(folder))
        for one in done.episodes:
            rewards, successes = by_hand(env, expert, one.seed)
            same = (float(np.sum(rewards, dtype=np.float64)), any(successes), len(rewards))
            differing += same != (one.total_reward, one.success_ever, one.length)
    return [Row(what=f"{2 * episodes} episodes that differ from a loop by hand", unit="", ours=differing, reach="0")]


def by_hand(env: Any, policy: Any, seed: int) -> tuple[Any, list[bool]]:
    lane, active = np.array([0]), np.ones(1, np.bool_)
    observation = env.reset(lane, np.array([seed]))
    policy.reset(lane, np.array([seed]))
    rewards: list[Any] = []
    successes: list[bool] = []
    while True:
        step = env.step(policy.act(observation, active).action, active)
        rewards.append(step.reward[0])
        successes.append(bool(step.success[0]))
        observation = step.observation
        if step.end[0] != End.RUNNING:
            return np.array(rewards), successes


def measure(full: bool) -> list[Row]:
    parts = (harness_cost, flatness, student, equality, workers)
    return [row for part in parts for row in part(full)]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bare"]:
        bare_process(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main(measure, __doc__)
