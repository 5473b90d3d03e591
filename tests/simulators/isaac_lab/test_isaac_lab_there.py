"""isaac-lab in its own environment: against Isaac Lab's own interface, hosted, and by the contract."""

import json
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim.env import End
from lerobot_sim.errors import InputError
from lerobot_sim.experts import isaac_lab as expert
from lerobot_sim.loop import rollout
from lerobot_sim.simulators import isaac_lab
from lerobot_sim.simulators.isaac_lab import arm, scene_text
from lerobot_sim.simulators.isaac_lab.scene import facts_of, find, own_facts
from lerobot_sim.simulators.isaac_lab.task import CATALOGUE, start, targets
from lerobot_sim.spec import Camera
from lerobot_sim.testing import CHECKS
from tests.simulators.conftest import needs
from tests.simulators.isaac_lab import guide
from tests.simulators.peers import contract_there, episode_here, episodes_there, ours, run_there

MODULE, EXPERT = "lerobot_sim.simulators.isaac_lab", "lerobot_sim.experts.isaac_lab"
PEER = Path(__file__).with_name("peer.py")
STATE, PLACE = "observation.state", "observation.environment_state"
LONG = ("no_reset_starts_in_success", "success_is_of_the_state_reached", "success_is_not_latched")
pytestmark = [needs("isaac-lab", MODULE), pytest.mark.timeout(900)]  # on a busy machine a contract takes minutes


def waving(count):
    """Joint targets that sway about the start and close the gripper on the way."""
    t = np.arange(count)[:, None] / 12
    base = np.array([0.0, 0.5, 1.5, 1.2, 0.0, 0.02])
    reach = np.array([0.6, 0.35, 0.3, 0.3, 0.5, 0.03])  # beyond what the gripper takes
    return (base + reach * np.sin(t + np.arange(6)) * np.minimum(t, 1)).astype("f4")


def test_what_a_scene_holds_is_read_as_it_was_written(tmp_path):
    path = scene_text.write(tmp_path / "scene.usda")
    found, own = facts_of(str(path), isaac_lab.FAMILY), own_facts()
    for ours_, theirs in zip(own["robots"]["arm"].pop("joints"), found["robots"]["arm"].pop("joints"), strict=True):
        np.testing.assert_allclose(
            [theirs.pop("low"), theirs.pop("high")], [ours_.pop("low"), ours_.pop("high")], rtol=1e-6
        )
        assert ours_ == theirs
    np.testing.assert_allclose(found["tip"].pop("at"), own["tip"].pop("at"))
    assert found == own


def test_scenes_that_cannot_serve_are_refused_with_the_reason(tmp_path):
    def refused(text, match, task="lift-cube", name="bad.usda", **options):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=match):
            isaac_lab.spec(task, scene_path=str(tmp_path / name), **options)

    text = scene_text.text()
    refused("not usd", "is not a USD scene")
    refused(text.replace('"upper_arm"', '"shoulder"'), "Duplicate prim 'shoulder'")
    refused(text.replace('defaultPrim = "scene"', ""), "has no defaultPrim")
    refused(text.replace("PhysicsArticulationRootAPI", "GeomModelAPI"), "holds no robot")
    refused(text.replace('"cube"', '"brick"'), "named 'cube'.*loose bodies there: brick")
    remote = text.replace('def Xform "table"', 'def Xform "table" (references = @https://example.org/table.usd@)')
    refused(remote, "refers to remote files: https://example.org/table.usd")
    path = guide.scene(tmp_path)
    spec = isaac_lab.spec("pick-place", **guide.config(path))
    assert set(spec.cameras) == {"front_camera", "wrist_camera"}
    refused(path.read_text(), "Did you mean 'franka_panda'", robot_config={"name": "franka"})


@pytest.mark.slow
def test_the_catalogue_is_what_isaac_lab_makes_of_the_scene(tmp_path):
    path = scene_text.write(tmp_path / "scene.usda")
    found = json.loads(run_there(MODULE, PEER, "catalogue", path).splitlines()[-1])
    assert found["joints"] == [joint.name for joint in arm.JOINTS]
    assert found["bodies"] == [link[0] for link in scene_text.LINKS]
    np.testing.assert_allclose(found["limits"], [(joint.low, joint.high) for joint in arm.JOINTS], rtol=1e-5)
    for what in ("stiffness", "damping", "armature"):
        np.testing.assert_allclose(found[what], [getattr(joint, what) for joint in arm.JOINTS], rtol=1e-5)
    np.testing.assert_allclose(
        [*found["masses"], found["cube"]], [*(link[1] for link in scene_text.LINKS), 0.05], rtol=1e-5
    )


@pytest.mark.slow
def test_a_hundred_steps_are_isaac_labs_bit_for_bit(tmp_path):
    task, scene, actions = CATALOGUE["lift-cube"], find("", "", isaac_lab.FAMILY), waving(100)
    spec = isaac_lab.spec("lift-cube")
    clipped = np.clip(actions.astype("f8"), spec.action.low, spec.action.high)
    assert (clipped != actions).any()
    first = start(task, scene, np.array([5]))
    path = scene_text.write(tmp_path / "scene.usda")
    there = episodes_there(
        MODULE,
        PEER,
        tmp_path,
        path=np.array(str(path)),
        joints=first.joints[0],
        cube=first.cube[0][[0, 1, 2, 4, 5, 6, 3]],
        targets=targets(scene, clipped),
    )
    env = ours(MODULE, "lift-cube", 2)
    env.reset([1], [99])  # a neighbour, which changes nothing
    here = episode_here_of(env, actions)
    np.testing.assert_array_equal(here[STATE][:, :6], there["joints"][:, :6])
    np.testing.assert_array_equal(here[STATE][:, 6:12], there["speeds"][:, :6])
    np.testing.assert_array_equal(here[PLACE], there["cube"][:, [0, 1, 2, 6, 3, 4, 5]])
    assert np.ptp(here[STATE][:, :6], axis=0).min() > 0.01
    env.close()


def episode_here_of(env, actions):
    """Rows of lane 0 of two."""
    rows = {key: [value[0]] for key, value in env.reset([0], [5]).items()}
    for action in actions:
        step = env.step(np.stack([action, -action]), np.ones(2, bool))
        for key, value in step.observation.items():
            rows[key].append(value[0])
    return {key: np.array(value) for key, value in rows.items()}


@pytest.mark.slow
def test_the_expert_solves_the_tasks_in_a_process_of_their_own():
    for task in ("lift-cube", "reach", "pick-place"):
        env = ours(MODULE, task, 4)
        episodes = list(rollout(env, expert.make(env.spec), range(4)))
        assert sum(episode.succeeded(env.spec.success_rule) for episode in episodes) >= 3
        assert {episode.end for episode in episodes} <= {End.TERMINATED, End.TIME_LIMIT}
        env.close()


@pytest.mark.slow
def test_the_guides_configuration_runs_as_it_stands_with_its_pictures(tmp_path):
    env = ours(MODULE, "pick-place", **guide.config(guide.scene(tmp_path)))
    rows = episode_here(env, 3, waving(10))
    assert np.isfinite(rows[STATE]).all()
    images = env.render(dict(env.spec.cameras))
    assert images["front_camera"].shape == (1, 480, 640, 3)
    assert images["wrist_camera"].shape == (1, 240, 320, 3)
    red = (images["front_camera"][0].astype(int) @ [1, -1, -1]) > 0
    assert 100 < red.sum() < 10_000, "the cube is in the picture"
    small = env.render({"front_camera": Camera(height=48, width=64)})["front_camera"]
    assert small.shape == (1, 48, 64, 3)
    env.close()


@pytest.mark.slow
def test_soft_gains_hang_lower():
    def height(kp):
        gains = {"joint_controller": {"type": "position", "gains": {"kp": kp, "kd": kp / 10}}}
        env = ours(MODULE, "scene", robot_config={"controllers": gains}, cameras=[])
        hold = np.array([0.0, 1.2, 0.3, 0.2, 0.0, 0.03], "f4")
        rows = episode_here(env, 0, np.tile(hold, (60, 1)))
        env.close()
        return rows[STATE][-1][-1]

    assert height(5.0) < height(100.0) - 0.01


@pytest.mark.slow
@pytest.mark.parametrize("names", [[name for name in CHECKS if name not in LONG], list(LONG)], ids=["short", "long"])
def test_the_contract_is_kept(names):
    steps = 100 if names == list(LONG) else 15
    found = contract_there(MODULE, "lift-cube", *names, expert=EXPERT, max_steps=steps)
    assert {name: words for name, words in found.items() if words} == {}
