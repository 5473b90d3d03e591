"""A strain on the contract: push-t's formulas over the array namespace, on torch tensors.

No NumPy in the loop, no boolean indexing, no branch on a tensor's value: the whole batch goes through `where`.
"""

import dataclasses

import torch

from lerobot_sim import rng
from lerobot_sim.arrays import namespace
from lerobot_sim.env import (
    End,
    Step,
    check_active,
    check_cameras,
    check_feature,
    check_lanes,
    check_params,
    check_seeds,
    nominal_params,
)
from lerobot_sim.envs import push_t
from lerobot_sim.errors import InputError
from lerobot_sim.spec import STATE

ATTEMPTS = 12
SPEC = dataclasses.replace(push_t.SPEC, id="torch/push-t")


def columns(mask, value):
    """The lane mask with as many trailing axes as `value` has."""
    return namespace(value).reshape(mask, (-1, *(1,) * (value.ndim - 1)))


def length(vectors):
    """Euclidean, by the same operations as NumPy's push-t."""
    xp = namespace(vectors)
    x, y = vectors[:, 0], vectors[:, 1]
    return xp.sqrt(x * x + y * y)


class TorchPushT:
    """`num_envs` lanes on one device."""

    spec = SPEC

    def __init__(self, num_envs, device="cpu"):
        self.num_envs, self.device = num_envs, torch.device(device)
        self.instructions = ["Push the block onto its outline."] * num_envs
        zeros = torch.zeros((num_envs, 2), dtype=torch.float64, device=self.device)
        self._state = {"agent": zeros, "block": zeros, "target": zeros}
        self._params = {name: self._tensor(value) for name, value in nominal_params(SPEC, num_envs).items()}
        self._t = torch.zeros(num_envs, dtype=torch.int64, device=self.device)
        self._end = torch.full((num_envs,), int(End.OPERATOR), dtype=torch.int64, device=self.device)

    def _tensor(self, host):
        return torch.asarray(host, device=self.device, copy=True)

    def reset(self, lanes, seeds, params=None):
        lanes = check_lanes(self.num_envs, lanes)
        seeds = self._tensor(check_seeds(len(lanes), seeds))
        values = {**nominal_params(SPEC, len(lanes)), **check_params(SPEC, len(lanes), params)}
        rows = self._tensor(lanes)
        start = self._draw(seeds, 0)
        for attempt in range(1, ATTEMPTS):
            solved = length(start["block"] - start["target"]) < push_t.SUCCESS_DISTANCE
            again = self._draw(seeds, attempt)
            start = {name: torch.where(columns(solved, value), again[name], value) for name, value in start.items()}
        self._write(rows, start, {name: self._tensor(value) for name, value in values.items()})
        self._t = self._t.index_fill(0, rows, 0)
        self._end = self._end.index_fill(0, rows, int(End.RUNNING))
        return self._observe()

    def _draw(self, seeds, attempt):
        start = torch.asarray(push_t.START, dtype=torch.float64, device=self.device)
        return {
            "agent": start.expand(len(seeds), 2),
            "block": rng.uniform(seeds, "push-t/block", attempt, shape=(2,), low=0.2, high=0.8),
            "target": rng.uniform(seeds, "push-t/target", attempt, shape=(2,), low=0.3, high=0.7),
        }

    def _write(self, rows, state, params):
        self._state = {name: value.index_copy(0, rows, state[name]) for name, value in self._state.items()}
        self._params = {
            name: value.index_copy(0, rows, params[name]) if name in params else value
            for name, value in self._params.items()
        }

    def step(self, action, active):
        check_feature("action", SPEC.action, action, self.num_envs)
        check_active(self.num_envs, active)
        finite = torch.isfinite(action).all(dim=1)
        running = active & (self._end == End.RUNNING)
        live = running & finite
        wanted = torch.clip(torch.where(finite[:, None], action, 0).to(torch.float64), -1.0, 1.0)
        moved = self._advance(wanted)
        self._state = {
            name: torch.where(columns(live, value), moved[name], value) for name, value in self._state.items()
        }
        self._t = self._t + live
        end = torch.where(running & ~finite, int(End.POLICY), self._end)
        self._end = torch.where(live & (self._t >= SPEC.max_steps), int(End.TIME_LIMIT), end)
        distance = length(self._state["block"] - self._state["target"])
        reward = torch.where(live, (1.0 - distance).to(torch.float32), 0.0)
        return Step(
            self._observe(),
            reward,
            distance < push_t.SUCCESS_DISTANCE,
            self._end.clone(),
            {"goal_distance": distance},
        )

    def _advance(self, action):
        agent = torch.clip(self._state["agent"] + self._params["step_length"][:, None] * action, 0.0, 1.0)
        offset = self._state["block"] - agent
        distance = length(offset)
        push = self._params["push_length"]
        share = torch.where(distance < self._params["contact_radius"], push, 0.0) / torch.where(
            distance > 0, distance, 1.0
        )
        block = torch.clip(self._state["block"] + share[:, None] * offset, 0.0, 1.0)
        aside = torch.stack([torch.where(distance == 0, push, 0.0), torch.zeros_like(push)], dim=1)
        return {"agent": agent, "block": torch.clip(block + aside, 0.0, 1.0), "target": self._state["target"]}

    def _observe(self):
        parts = [self._state[name] for name in ("agent", "block", "target")]
        return {STATE: torch.cat(parts, dim=1).to(torch.float32)}

    def set_params(self, lanes, values):
        lanes = check_lanes(self.num_envs, lanes)
        given = check_params(SPEC, len(lanes), values, when="step")
        rows = self._tensor(lanes)
        for name, value in given.items():
            self._params[name] = self._params[name].index_copy(0, rows, self._tensor(value))

    def render(self, cameras, lanes=None):
        """Drawn on the host, which a renderer on the device would not do."""
        from lerobot_sim.envs.push_t_image import draw

        check_cameras(SPEC, cameras)
        rows = self._tensor(check_lanes(self.num_envs, range(self.num_envs) if lanes is None else lanes))
        state = [self._state[name][rows].cpu().numpy() for name in ("agent", "block", "target")]
        radius = self._params["contact_radius"][rows].cpu().numpy()
        return {name: self._tensor(draw(*state, radius, camera)) for name, camera in cameras.items()}

    def get_state(self, lanes):
        rows = self._tensor(check_lanes(self.num_envs, lanes))
        return {name: value[rows] for name, value in self._all().items()}

    def set_state(self, lanes, state):
        rows = self._tensor(check_lanes(self.num_envs, lanes))
        if set(state) != set(self._all()) or any(len(value) != len(rows) for value in state.values()):
            raise InputError(f"Expected {sorted(self._all())} of {len(rows)} lanes, {sorted(state)} came.")
        self._write(rows, state, {name: state[f"params.{name}"] for name in self._params})
        self._t = self._t.index_copy(0, rows, state["t"])
        self._end = self._end.index_copy(0, rows, state["end"])

    def _all(self):
        return {
            **self._state,
            **{f"params.{name}": value for name, value in self._params.items()},
            "t": self._t,
            "end": self._end,
        }

    def explain(self, lane):
        end = End(int(self._end[lane]))
        return f"{end.name.lower().replace('_', ' ')} after {int(self._t[lane])} steps"

    def close(self):
        """Holds nothing."""
