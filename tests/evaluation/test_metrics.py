"""What is measured, and what is refused before the first episode."""

from dataclasses import replace

import numpy as np
import pytest

from lerobot_sim.errors import InputError, UnknownNameError
from lerobot_sim.evaluation.evaluating import Watching, run
from lerobot_sim.evaluation.guards import Guard
from lerobot_sim.evaluation.metrics import METRICS, Offer, chosen, describe, measure, require, untold
from lerobot_sim.evaluation.plan import make_plan
from lerobot_sim.evaluation.protocol import of_task
from lerobot_sim.evaluation.results import load
from lerobot_sim.evaluation.running import Acting
from lerobot_sim.policy import Decision
from lerobot_sim.spec import STATE
from tests.evaluation import masks
from tests.evaluation.policies import Obedient, Still
from tests.evaluation.test_motion import episode as motion_episode
from tests.evaluation.test_motion import spec


def test_the_guides_metrics_are_there():
    guides = ("success_rate", "episode_reward", "action_smoothness", "goal_distance", "language_conditioning")
    assert set(guides) | {"efficiency", "safety"} <= set(METRICS)


def test_an_unknown_metric_names_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'goal_distance'"):
        chosen(["goal_distanc"])


def test_goal_distance_and_time_are_those_of_the_steps(evaluate):
    done = evaluate(Still, "any", metrics=("goal_distance", "time_to_success"))
    for one in done.episodes:
        assert one.metrics["goal_distance_end"] == one.metrics["goal_distance_best"] == 1 / 13
        first = one.first_success_step
        assert one.metrics["time_to_success"] == (None if first is None else first / 10)
    entry = done.summary["suite"]["metrics"]["time_to_success"]
    reached = [one.first_success_step / 10 for one in done.episodes if one.first_success_step]
    assert entry["n"] == len(reached) < len(done.episodes)
    assert entry["mean"] == pytest.approx(np.mean(reached))
    assert (entry["unit"], entry["better"]) == ("s", "less")


def test_what_cannot_be_measured_is_refused_before_the_first_episode(evaluate, tmp_path):
    lacks = r"'contact_force_peak' needs one of contact_force among its Step.metrics \(it offers goal_distance\)"
    with pytest.raises(InputError, match=lacks):
        evaluate(Still, "any", metrics=("contact_force_peak",))
    with pytest.raises(InputError, match="'efficiency' needs a scripted expert"):
        evaluate(Still, "any", metrics=("efficiency",))
    with pytest.raises(InputError, match="'language_conditioning' needs a policy that reads instructions"):
        evaluate(Still, "any", metrics=("language_conditioning",))
    assert not (tmp_path / "out").exists()


def test_parts_of_safety_that_are_not_told_are_named():
    offer = Offer(spec=masks.spec("any", "any"), step_metrics=("contact_force", "goal_distance"))
    assert untold(["safety"], offer) == (
        "'safety' of 'masks/any' is without joint_limit, workspace_violation, which it does not tell"
    )
    require(["safety"], offer)


def test_efficiency_is_against_the_expert_on_the_same_seeds(evaluate):
    done = evaluate(Still, "ends", metrics=("efficiency",))
    assert list(done.run.arms) == ["", "expert"]
    solved = sum(bool(one.success) for one in done.of())
    assert done.summary["compared"]["efficiency"]["pairs"] == solved
    assert done.summary["compared"]["efficiency"]["time"]["mean"] == 1.0
    assert done.summary["suite"]["episodes"] == 10  # the expert's are not the policy's


def test_latency_is_measured_for_every_episode(evaluate):
    done = evaluate(Still, "any", metrics=("inference_latency",))
    assert all(0 < one.metrics["inference_latency"] <= one.metrics["inference_latency_max"] for one in done.episodes)
    assert describe("inference_latency") == {"unit": "ms", "better": "less"}


def test_language_runs_the_same_seeds_with_other_words(evaluate):
    done = evaluate(Obedient, "any", metrics=("language_conditioning",), episodes=6)
    right = {one.index: one.instruction for one in done.of()}
    assert right[1] == "Do number 1."
    for arm in ("shuffled", "empty", "paraphrased"):
        records = done.of(None, f"language:{arm}")
        assert [one.seed for one in records] == [one.seed for one in done.of()]
        assert all(one.instruction != right[one.index] for one in records)
    assert {one.instruction for one in done.of(None, "language:empty")} == {""}
    assert {one.instruction for one in done.of(None, "language:shuffled")} <= set(right.values())
    assert all("do number" in one.instruction for one in done.of(None, "language:paraphrased"))
    entry = done.summary["compared"]["language_conditioning"]
    assert entry["shuffled"]["conditioning"] == 0.0  # it does nothing whatever it is told
    assert entry["shuffled"]["pairs"] == 6


def test_a_policy_that_reads_is_told_what_is_written(evaluate):
    policy = Obedient()
    done = evaluate(policy, "any", metrics=("language_conditioning",), episodes=6)
    assert sorted(policy.told) == sorted(one.instruction for one in done.episodes)


class Presses(Still):
    """Drives the hand onto the table."""

    def act(self, observation, active):
        return Decision(np.tile(np.array([0, 0, -1], np.float32), (len(active), 1)))


class Hangs(Still):
    """Leaves the hand where it is."""

    def act(self, observation, active):
        return Decision(np.zeros((len(active), 3), np.float32))


def test_environments_are_asked_for_what_safety_is_made_of(tmp_path):
    plan = make_plan(of_task("mujoco/reach", {"threads": 1}), episodes=2, metrics=("safety",))
    said = []
    for policy in (Presses, Hangs):
        acting = Acting(make=lambda _spec, policy=policy: policy(), identity=policy.__name__)
        run(plan, acting, tmp_path / policy.__name__, watching=Watching(say=said.append))
    assert not said  # nothing is left out
    pressed, hung = (load(tmp_path / name).episodes for name in ("Presses", "Hangs"))
    assert all(one.metrics["contact_force_peak"] > 20 for one in pressed)
    assert all(one.metrics["contact_force_peak"] == 0 for one in hung)
    assert all(one.metrics["workspace_violations"] == 0 for one in (*pressed, *hung))
    assert all(one.metrics["joint_limit_violations"] == 0 for one in hung)
    assert pressed[0].metrics["action_saturation"] == pytest.approx(1 / 3)


def measured_of(**metrics):
    """What `safety` and `goal_distance` make of an episode with these numbers after its steps."""
    steps = len(next(iter(metrics.values())))
    values = {name: np.asarray(value, np.float64) for name, value in metrics.items()}
    return measure(("goal_distance", "safety"), replace(motion_episode(np.zeros((steps, 2))), metrics=values), spec())


def test_peaks_shares_and_distances_by_hand():
    found = measured_of(
        contact_force=[0.0, 12.5, 3.0, 0.0],
        joint_limit=[0.0, 0.5, 0.25, 0.0],
        workspace_violation=[0.0, 0.0, 0.0, 0.01],
        goal_distance=[0.4, 0.1, 0.2, 0.3],
    )
    assert found["contact_force_peak"] == 12.5
    assert found["joint_limit_violations"] == 0.5  # steps, not joints
    assert found["workspace_violations"] == 0.25
    assert (found["goal_distance_end"], found["goal_distance_best"]) == (0.3, 0.1)


def test_a_distance_that_is_not_finite_is_undefined_and_the_best_name_counts():
    found = measured_of(distance=[9.0, 9.0], goal_distance=[0.2, np.nan])
    assert found["goal_distance_end"] is None
    assert found["goal_distance_best"] == 0.2


def test_the_time_of_an_act_is_charged_to_the_lanes_that_asked():
    guard = Guard(Still(), masks.spec("any", "any"), timed=True)
    guard.reset(np.array([0, 1]), np.array([7, 8]))
    guard.act({STATE: np.zeros((2, 2), np.float32)}, np.array([True, False]))
    mean, greatest = guard.taken(7)
    assert mean == greatest > 0
    assert guard.taken(8) == (None, None)
