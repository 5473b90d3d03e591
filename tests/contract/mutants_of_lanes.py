"""Mutants: what an environment says of itself, its arrays, its seeds and its lanes."""

import numpy as np

from lerobot_sim.env import End
from lerobot_sim.envs.task_env import TaskEnv
from lerobot_sim.spec import STATE, Capabilities, Param

from . import toy
from .mutant_table import mutant, spec_with

# What the environment says of itself


@mutant("spec_is_plain_data", "outside")
def nominal_outside_bounds():
    return {"spec": spec_with(params={**toy.SPEC.params, "mass": Param(nominal=5.0, low=0.0, high=1.0)})}


@mutant("spec_is_plain_data", "JSON")
def spec_holds_arrays():
    return {"spec": spec_with(params={**toy.SPEC.params, "mass": Param(nominal=np.float32(0.5), low=0.0, high=1.0)})}


@mutant("closing_twice_is_fine", "second call does nothing")
class ClosesOnce(TaskEnv):
    closed = False

    def close(self):
        if self.closed:
            raise RuntimeError("no such process")
        self.closed = True


# Arrays


@mutant("arrays_match_the_spec", "float64")
def wrong_dtype():
    return {"observe": lambda s, _p: {STATE: np.concatenate([s["position"], s["target"]], axis=1)}}


@mutant("arrays_match_the_spec", "outside its declared bounds")
def leaves_its_bounds():
    def advance(state, action, params, live):
        moved, _ = toy.advance(state, action, params, live)
        return {**moved, "position": state["position"] + moved["velocity"]}, None

    return {"advance": advance}


@mutant("arrays_match_the_spec", "'reward' is float64")
def reward_in_double():
    def judge(state, params):
        reward, success, metrics = toy.judge(state, params)
        return reward.astype(np.float64), success, metrics

    return {"judge": judge}


@mutant("arrays_belong_to_the_caller", "aliases a live buffer")
class AliasedObservation(TaskEnv):
    buffer = None

    def step(self, action, active):
        step = super().step(action, active)
        if self.buffer is None:
            self.buffer = step.observation[STATE]
        self.buffer[:] = step.observation[STATE]
        return step._replace(observation={STATE: self.buffer})


@mutant("arrays_belong_to_the_caller", "writing into returned arrays")
class HandsOutItsEnds(TaskEnv):
    def step(self, action, active):
        step = super().step(action, active)
        if not active.any():
            return step._replace(end=self._end)
        return step


@mutant("arrays_belong_to_the_caller", "was overwritten after it")
class KeepsTheAction(TaskEnv):
    """A delay of one step that keeps the caller's array."""

    late = None

    def step(self, action, active):
        late = np.zeros_like(action) if self.late is None else self.late
        if not np.isfinite(action).all():
            return super().step(action, active)
        if active.any():
            self.late = action
        return super().step(np.clip(late, -1, 1), active)


# Seeds and lanes


@mutant("lanes_are_independent", "is not what it is in a single lane")
def shared_random_stream():
    def draw(seeds, attempt, params):
        stream = np.random.default_rng([abs(int(seeds[0])), attempt] if len(seeds) else 0)
        return {**toy.draw(seeds, attempt, params), "target": stream.uniform(-0.8, 0.8, (len(seeds), 2))}

    return {"draw": draw}


@mutant("seed_decides_the_episode", "seed 21 after another episode")
def global_generator():
    def draw(seeds, attempt, params):
        return {**toy.draw(seeds, attempt, params), "target": np.random.uniform(-0.8, 0.8, (len(seeds), 2))}  # noqa: NPY002

    return {"draw": draw}


@mutant("seeds_differ", "the seed is ignored")
def seed_ignored():
    return {"draw": lambda seeds, attempt, params: toy.draw(np.zeros_like(seeds), attempt, params)}


@mutant("seeds_differ", "above 32 bits")
def seed_cut_to_32_bits():
    return {"draw": lambda seeds, attempt, params: toy.draw(seeds & 0xFFFFFFFF, attempt, params)}


@mutant("seed_decides_the_episode", "seed 21 after another episode")
class FilterSurvivesReset(TaskEnv):
    def reset(self, lanes, seeds, params=None):
        kept = self._state["velocity"].copy() if self._state else None
        super().reset(lanes, seeds, params)
        if kept is not None:
            self._state["velocity"][:] = kept
        self._look()
        return {name: value.copy() for name, value in self._observation.items()}


@mutant("lanes_are_independent", "is not what it is in a single lane")
def depends_on_lane_count():
    def advance(state, action, params, live):
        moved, _ = toy.advance(state, action, params, live)
        return {**moved, "position": moved["position"] * (1 - 1e-6 * len(action))}, None

    return {"advance": advance}


@mutant("neighbours_do_not_matter", "beside quiet neighbours")
def feels_its_neighbours():
    def advance(state, action, params, live):
        moved, _ = toy.advance(state, action, params, live)
        return {**moved, "position": np.clip(moved["position"] + 1e-4 * moved["velocity"].mean(axis=0), -1, 1)}, None

    return {"advance": advance}


@mutant("instances_are_separate", "second instance")
class SharedByInstances(TaskEnv):
    steps_taken = np.zeros(1)  # the class's, so every instance's

    def reset(self, lanes, seeds, params=None):
        self.steps_taken[0] = 0
        return super().reset(lanes, seeds, params)

    def step(self, action, active):
        if active.any():
            self.steps_taken[0] += 1
        return super().step(np.clip(action, -1, 1) * np.float32(0.99) ** int(self.steps_taken[0]), active)


@mutant("idle_lanes_stay_put", "idle lane 0 changed")
class IdleLanesMove(TaskEnv):
    def step(self, action, active):
        return super().step(action, np.ones_like(active) if active.any() else active)


@mutant("idle_lanes_stay_put", "reward")
class IdleLanesEarn(TaskEnv):
    def step(self, action, active):
        return super().step(action, active)._replace(reward=self._reward.copy())


@mutant("ended_lanes_stay_put", "which had ended")
class EndedLanesGoOn(TaskEnv):
    def step(self, action, active):
        self._end[active & (self._end == End.POLICY)] = End.RUNNING
        return super().step(action, active)


@mutant("time_limit_is_exact", "which had ended")
class ResetsByItself(TaskEnv):
    def step(self, action, active):
        step = super().step(action, active)
        ended = np.flatnonzero(active & (step.end == End.TIME_LIMIT))
        if len(ended):
            return step._replace(observation=self.reset(ended, ended + 1000))
        return step


@mutant("time_limit_is_exact", "still runs after")
class NoTimeLimit(TaskEnv):
    def step(self, action, active):
        self._t[:] = 0
        return super().step(action, active)


@mutant("time_limit_is_exact", "after 39 steps; max_steps is 40")
class TimeLimitTooSoon(TaskEnv):
    def reset(self, lanes, seeds, params=None):
        observation = super().reset(lanes, seeds, params)
        self._t[lanes] = 1
        return observation


@mutant("time_limit_is_exact", "after 41 steps; max_steps is 40")
class TimeLimitTooLate(TaskEnv):
    def reset(self, lanes, seeds, params=None):
        observation = super().reset(lanes, seeds, params)
        self._t[lanes] = -1
        return observation


@mutant("reset_leaves_other_lanes_alone", "when lane 1 was reset")
class CountersResetForAll(TaskEnv):
    def reset(self, lanes, seeds, params=None):
        observation = super().reset(lanes, seeds, params)
        self._t[:] = 0
        return observation


@mutant(
    "reset_leaves_other_lanes_alone",
    "set its counter back",
    spec=spec_with(capabilities=Capabilities(restore="none")),
)
class HiddenCountersResetForAll(TaskEnv):
    """The same where the state cannot be read."""

    def reset(self, lanes, seeds, params=None):
        observation = super().reset(lanes, seeds, params)
        self._t[:] = 0
        return observation


@mutant("reset_leaves_other_lanes_alone", "when lane 1 was reset")
class ResetsAllLanes(TaskEnv):
    def reset(self, lanes, seeds, params=None):
        if self._state and len(lanes) < self._num_envs:
            super().reset(np.arange(self._num_envs), np.arange(self._num_envs))
        return super().reset(lanes, seeds, params)
