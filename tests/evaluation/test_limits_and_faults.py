"""Time limits of a protocol, faults of a simulator, words of a protocol."""

from contextlib import closing

import pytest

from lerobot_sim import make, registry
from lerobot_sim.env import End
from lerobot_sim.evaluation.evaluating import run
from lerobot_sim.evaluation.language import Language, instructions_of, meaning_of, paraphrases_of
from lerobot_sim.evaluation.plan import make_plan
from lerobot_sim.evaluation.protocol import Entry, Protocol, find
from lerobot_sim.evaluation.running import Acting, Worlds, language_of
from tests.evaluation import masks
from tests.evaluation.policies import Obedient, Still


def played(tmp_path, policy, task="any", **fields):
    protocol = Protocol(
        id="test", version=1, environments=(Entry(task=f"masks/{task}"),), episodes=10, first_seed=0, **fields
    )
    return run(make_plan(protocol, num_envs=4), Acting(make=lambda _spec: policy, identity="test"), tmp_path / "out")


@pytest.mark.parametrize("task", ["any", "ends"])
def test_a_protocols_limit_ends_episodes_as_the_clock_does(registered, tmp_path, task):
    done = played(tmp_path, Still(), task, max_steps=3)
    for one in done.episodes:
        steps = [step for step in masks.success_steps(one.seed) if step <= 3]
        assert one.success is bool(steps)
        length = min(steps, default=3) if task == "ends" else 3
        assert (one.length, one.explanation) == (length, "")
        assert one.end == ("TERMINATED" if task == "ends" and steps else "TIME_LIMIT")
        assert one.total_reward == sum(masks.rewards(one.seed, t) for t in range(1, length + 1))
    assert done.run.tasks[0].max_steps == 3


class Fragile:
    """Its simulator dies at step 2 of seed 3, every time, and of seed 4 once."""

    def __init__(self, env):
        self._env, self._seeds, self._died, self._ended = env, {}, set(), set()

    def __getattr__(self, name):
        return getattr(self._env, name)

    def reset(self, lanes, seeds, params=None):
        self._seeds.update(zip(map(int, lanes), map(int, seeds), strict=True))
        return self._env.reset(lanes, seeds, params)

    def step(self, action, active):
        step = self._env.step(action, active)
        for lane, seed in self._seeds.items():
            there = active[lane] and step.observation["observation.state"][lane, 0] == 2
            if there and (seed == 3 or (seed == 4 and 4 not in self._died)):
                self._died.add(seed)
                step.end[lane] = End.FAULT
        return step


def make_fragile(num_envs=1):
    return Fragile(masks.make_any(num_envs))


def test_faults_are_run_again_and_are_apart(registered, tmp_path, monkeypatch):
    monkeypatch.setitem(registry.ENVIRONMENTS, "masks/any", "tests.evaluation.test_limits_and_faults:make_fragile")
    done = played(tmp_path, Still())
    by_seed = {one.seed: one for one in done.episodes}
    assert len(by_seed) == len(done.episodes) == 10
    assert (by_seed[3].end, by_seed[3].attempt) == ("FAULT", 1)
    assert (by_seed[4].end, by_seed[4].attempt) == ("TIME_LIMIT", 1)
    suite = done.summary["suite"]
    assert (suite["episodes"], suite["valid"], suite["faults"], suite["policy_errors"]) == (10, 9, 1, 0)
    solved = [bool(masks.success_steps(seed)) for seed in range(10) if seed != 3]
    assert suite["success_rate"] == pytest.approx(sum(solved) / 9)


def test_a_protocols_own_paraphrases_are_taken(registered, tmp_path):
    given = {"Do number 0.": ["Zero it."]}
    done = played(tmp_path, Obedient(), metrics=("language_conditioning",), paraphrases=given)
    words = {one.index: one.instruction for one in done.of(None, "language:paraphrased")}
    assert words[0] == words[3] == "Zero it."
    assert words[1] != "Zero it."


def test_the_words_of_a_catalogue_are_known_before_any_simulator_starts(monkeypatch, tmp_path):
    """LIBERO-90 has 90 scenes, and each takes seconds to build."""
    monkeypatch.setenv("LEROBOT_SIM_HOME", str(tmp_path))  # nothing is set up there
    plan = make_plan(find("libero-90"))
    with closing(Worlds(plan)) as worlds:
        language = language_of(plan, worlds)
    assert "turn on the stove" in language.pool
    assert language.meanings("libero/libero_90-0") > 60
    plan = make_plan(find("push-t"))
    with closing(Worlds(plan)) as worlds, closing(make("push-t")) as env:
        assert language_of(plan, worlds).pool == instructions_of(env, [0])  # others are asked


def test_pick_colors_words_mean_colours():
    name = "mujoco/pick-color"
    assert {meaning_of(name, words) for words in ("Lift the red cube.", "Hold up the red object.")} == {"red"}
    others = paraphrases_of(name, "Lift the blue cube.")
    assert len(others) == 3
    assert {meaning_of(name, words) for words in others} == {"blue"}
    language = Language(pool=["Lift the red cube.", "Take the red block off the table.", "Lift the blue cube."])
    shuffled = {language.variant("shuffled", name, "Lift the red cube.", seed) for seed in range(20)}
    assert shuffled == {"Lift the blue cube."}
