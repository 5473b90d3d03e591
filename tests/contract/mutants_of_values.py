"""Mutants: actions, arguments, Params, states, success and pictures."""

import numpy as np

from lerobot_sim.env import End, check_lanes, check_params, check_seeds, nominal_params
from lerobot_sim.envs.task_env import TaskEnv
from lerobot_sim.errors import InputError
from lerobot_sim.spec import STATE, Capabilities, Param

from . import toy
from .mutant_table import mutant, spec_with

# Actions


@mutant("nan_ends_its_lane_alone", "an action of nan gave the end RUNNING")
class NanBecomesZero(TaskEnv):
    def step(self, action, active):
        return super().step(np.nan_to_num(action), active)


@mutant("nan_ends_its_lane_alone", "beside a lane with nan")
class NanEndsAll(TaskEnv):
    def step(self, action, active):
        finite = np.isfinite(action[active]).all()
        return super().step(action if finite else np.full_like(action, np.nan), active)


@mutant("nan_ends_its_lane_alone", "not the last good one")
class NanReachesTheObservation(TaskEnv):
    def step(self, action, active):
        step = super().step(action, active)
        bad = ~np.isfinite(action).all(axis=1) & active
        return step._replace(observation={STATE: np.where(bad[:, None], np.float32(np.nan), step.observation[STATE])})


@mutant("actions_are_clipped", "clip the action")
class DoesNotClip(TaskEnv):
    def __init__(self, task, num_envs):
        super().__init__(task, num_envs)
        self._low, self._high = np.float64(-np.inf), np.float64(np.inf)


@mutant("explain_gives_words", "explain(0)")
class ExplainsNothing(TaskEnv):
    def explain(self, lane):
        return ""


# Arguments


@mutant("bad_actions_are_refused", "was accepted")
class AcceptsAnyDtype(TaskEnv):
    def step(self, action, active):
        return super().step(np.asarray(action, np.float32), active)


@mutant("bad_lanes_and_seeds_are_refused", "which is no SimError")
class NumPysOwnErrors(TaskEnv):
    def reset(self, lanes, seeds, params=None):
        np.zeros(self._num_envs)[lanes]  # IndexError
        return super().reset(lanes, seeds, params)


@mutant("bad_params_are_refused", "above its high")
class ParamsUnchecked(TaskEnv):
    def reset(self, lanes, seeds, params=None):
        spec = self.spec.params
        cut = {
            name: np.clip(value, spec[name].low, spec[name].high) if name in spec and not spec[name].choices else value
            for name, value in (params or {}).items()
        }
        return super().reset(lanes, seeds, cut)


@mutant("bad_params_are_refused", "but changed")
class ChangesBeforeItChecks(TaskEnv):
    def reset(self, lanes, seeds, params=None):
        if self._state:
            self._t[check_lanes(self._num_envs, lanes)] = 0
            self._state["position"][lanes] = 0
            self._look()
        return super().reset(lanes, seeds, params)


@mutant("bad_states_are_refused", "was accepted")
class FillsInMissingState(TaskEnv):
    def set_state(self, lanes, state):
        if state:
            state = {**self.get_state(lanes), **state}
        super().set_state(lanes, state)


@mutant("unknown_cameras_are_refused", "was accepted")
class AnyCamera(TaskEnv):
    def render(self, cameras, lanes=None):
        return super().render(dict(zip(["top"], cameras.values(), strict=False)), lanes)


@mutant("nothing_runs_before_a_reset", "took a step")
class RunsUnasked(TaskEnv):
    def __init__(self, task, num_envs):
        super().__init__(task, num_envs)
        self._end[:] = End.RUNNING


# Params


@mutant("params_do_not_linger", "after an episode with other Params")
class ParamsLinger(TaskEnv):
    def reset(self, lanes, seeds, params=None):
        rows = check_lanes(self._num_envs, lanes)
        check_params(self.spec, len(rows), params)
        check_seeds(len(rows), seeds)
        return super().reset(lanes, seeds, {**{k: v[rows] for k, v in self._params.items()}, **(params or {})})


@mutant("params_do_not_linger", "after an episode with other Params")
class ParamsLingerBesideOthers(TaskEnv):
    """Nominal again only where none at all is given."""

    def reset(self, lanes, seeds, params=None):
        rows = check_lanes(self._num_envs, lanes)
        if params and check_params(self.spec, len(rows), params):
            params = {**{name: value[rows] for name, value in self._params.items()}, **params}
        return super().reset(lanes, seeds, params)


@mutant("params_stay_in_their_lane", "set_params of lane 1")
class SetParamsForAll(TaskEnv):
    def set_params(self, lanes, values):
        super().set_params(lanes, values)
        for name in values:
            self._params[name][:] = self._params[name][lanes[:1]]


@mutant("params_stay_in_their_lane", "reset with Params for all")
class FirstLanesParamsForAll(TaskEnv):
    def reset(self, lanes, seeds, params=None):
        check_params(self.spec, len(lanes), params)
        first = {
            name: np.broadcast_to(value[1:2] if len(value) > 1 else value, value.shape)
            for name, value in (params or {}).items()
        }
        return super().reset(lanes, seeds, first)


@mutant("params_reach_the_episode", "change nothing")
def param_without_effect():
    return {"spec": spec_with(params={**toy.SPEC.params, "mass": Param(nominal=0.5, low=0.0, high=1.0)})}


@mutant("params_reach_the_episode", "given as nominal")
class OtherNominal(TaskEnv):
    def reset(self, lanes, seeds, params=None):
        rows = check_lanes(self._num_envs, lanes)
        return super().reset(lanes, seeds, {"speed": np.full(len(rows), 0.21), **(params or {})})


# State


@mutant("restore_goes_on_exactly", "stepped on")
class ForgetsTheController(TaskEnv):
    def get_state(self, lanes):
        state = super().get_state(lanes)
        return {**state, "state.velocity": np.zeros_like(state["state.velocity"])}


@mutant("restore_goes_on_exactly", "stepped on")
class ForgetsItsParams(TaskEnv):
    def get_state(self, lanes):
        nominal = nominal_params(self.spec, len(lanes))
        return {**super().get_state(lanes), **{f"params.{name}": value for name, value in nominal.items()}}


@mutant("restore_keeps_clock_and_end", "before the time limit")
class ForgetsTheClock(TaskEnv):
    def set_state(self, lanes, state):
        super().set_state(lanes, {**state, "t": np.zeros_like(state["t"])} if state.keys() >= {"t"} else state)


@mutant("restore_keeps_clock_and_end", "restored after its end")
class RestoreRevives(TaskEnv):
    def get_state(self, lanes):
        state = super().get_state(lanes)
        return {**state, "end": np.zeros_like(state["end"])}


@mutant("restore_leaves_other_lanes_alone", "when lane 1 was restored")
class RestoresAllLanes(TaskEnv):
    def set_state(self, lanes, state):
        super().set_state(lanes, state)
        if len(lanes) == 1:
            super().set_state(np.arange(self._num_envs), {k: np.repeat(v, self._num_envs, 0) for k, v in state.items()})


@mutant("state_is_a_copy", "a state after further steps")
class StateIsLive(TaskEnv):
    def get_state(self, lanes):
        state = super().get_state(lanes)
        return {**state, "t": self._t} if len(lanes) == self._num_envs else state


@mutant(
    "restore_goes_on_exactly",
    "restore is declared as 'none'",
    spec=spec_with(capabilities=Capabilities(restore="none")),
)
class DeclaresTooLittle(TaskEnv):
    pass


# Success


@mutant("success_is_of_the_state_reached", "nobody active")
class SuccessAStepLate(TaskEnv):
    def step(self, action, active):
        before = self._success.copy()
        step = super().step(action, active)
        return step._replace(success=np.where(active, before, step.success))


class _Latch(TaskEnv):
    """Success stays once it was there, until the reset."""

    def __init__(self, task, num_envs):
        super().__init__(task, num_envs)
        self._latch = np.zeros(num_envs, np.bool_)

    def reset(self, lanes, seeds, params=None):
        observation = super().reset(lanes, seeds, params)
        self._latch[lanes] = False
        return observation

    def step(self, action, active):
        step = super().step(action, active)
        self._latch |= step.success
        return step._replace(success=self._latch.copy())


@mutant("success_is_not_latched", "restored after its success")
class LatchedSuccess(_Latch):
    pass


@mutant("success_is_not_latched", "with 'latch' of the state")
class LatchedInTheState(_Latch):
    def get_state(self, lanes):
        return {**super().get_state(lanes), "latch": self._latch[lanes]}

    def set_state(self, lanes, state):
        if "latch" not in state:
            raise InputError("no latch")
        super().set_state(lanes, {name: value for name, value in state.items() if name != "latch"})
        self._latch[lanes] = state["latch"]


@mutant("success_is_not_latched", "in success after its reset")
class LatchSurvivesReset(_Latch):
    def reset(self, lanes, seeds, params=None):
        kept = self._latch.any()
        observation = super().reset(lanes, seeds, params)
        self._latch[lanes] = kept
        return observation


@mutant("no_reset_starts_in_success", "starts in success.")
class StartsInSuccess(TaskEnv):
    def _draw_unsolved(self, lanes, seeds, params):
        return self._task.draw(seeds, 0, params)


@mutant("no_reset_starts_in_success", "hidden until its first step")
class HidesSuccessAtReset(StartsInSuccess):
    def step(self, action, active):
        step = super().step(action, active)
        return step._replace(success=step.success & (self._t > 0))


# Pictures


@mutant("pictures_show_the_state", "taking a picture changed")
class RenderAdvances(TaskEnv):
    def render(self, cameras, lanes=None):
        images = super().render(cameras, lanes)
        self._state = {**self._state, "position": self._state["position"] + self._state["velocity"] + 1e-6}
        self._look()
        return images


@mutant("pictures_show_the_state", "shows the same whatever the state")
def pictures_of_nothing():
    def draw_image(state, params, name, camera):
        still = {**state, "position": np.zeros_like(state["position"])}
        return toy.draw_image(still, {**params, "tint": np.zeros_like(params["tint"])}, name, camera)

    return {"draw_image": draw_image}


@mutant("pictures_have_the_size_asked", "is expected")
def rows_and_columns_swapped():
    return {"draw_image": lambda *arguments: np.swapaxes(toy.draw_image(*arguments), 1, 2)}
