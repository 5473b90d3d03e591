"""LeRobot's own commands with a simulated robot, and datasets of ours in its units."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from lerobot_sim.bridges.lerobot_arm import SimArm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROBOT = ("--robot.type=sim", "--robot.task=mujoco/lift", "--robot.model=so100", "--robot.id=one")
CAMERA = ("--robot.camera_names=[front]", "--robot.camera_height=64", "--robot.camera_width=64")
CHECKPOINT = "trained/checkpoints/last/pretrained_model"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("robot")


@pytest.fixture(scope="module")
def data(run, place):
    """Two demonstrations of ours, as the robot would have them."""
    options = ("--robot", "so100", "--units", "lerobot", "--cameras", "front", "--image-size", "64")
    run("lerobot-sim", "collect", "mujoco/lift", *options, "--episodes", "2", "--output-dir", "data", cwd=place)
    return place / "data"


@pytest.fixture(scope="module")
def checkpoint(run, place, data):
    """A small ACT after two updates on them, evaluated by LeRobot in the same units."""
    run(
        "lerobot-train",
        "--policy.type=act",
        "--policy.pretrained_backbone_weights=null",
        "--policy.device=cpu",
        "--policy.push_to_hub=false",
        "--policy.dim_model=32",
        "--policy.n_heads=2",
        "--policy.dim_feedforward=32",
        "--dataset.repo_id=me/lift",
        "--dataset.root=data",
        "--env.type=sim",
        "--env.task=mujoco/lift",
        "--env.robot=so100",
        "--env.units=degrees",
        "--env.cameras=[front]",
        "--env.observation_height=64",
        "--env.observation_width=64",
        "--batch_size=2",
        "--num_workers=0",
        "--steps=2",
        "--env_eval_freq=2",
        "--eval.n_episodes=1",
        "--eval.batch_size=1",
        "--eval.use_async_envs=true",
        "--save_freq=2",
        "--wandb.enable=false",
        "--output_dir=trained",
        cwd=place,
    )
    return place / CHECKPOINT


def rows(root):
    return pq.read_table(root / "data").to_pydict()


def test_the_dataset_says_its_units_and_the_arm_does_what_it_says(run, place, data):
    features = json.loads((data / "meta/info.json").read_text())["features"]
    for key in ("action", "observation.state"):
        assert features[key]["info"] == {"unit": "deg; gripper 0 to 100"}
        assert features[key]["names"][0] == "shoulder_pan.pos"
    records = [json.loads(line) for line in (data / "sim/episodes.jsonl").read_text().splitlines()]
    found = rows(data)
    for record in records:
        assert record["success"]
        own = np.array(found["episode_index"]) == record["episode_index"]
        arm = SimArm("mujoco/lift", "so100", cameras=[], seed=record["seed"])
        arm.begin()
        states, actions = np.array(found["observation.state"])[own], np.array(found["action"])[own]
        for state, action in zip(states, actions, strict=True):
            assert list(arm.observe().values()) == state.tolist()  # bit for bit
            arm.act(dict(zip(arm.names, action.tolist(), strict=True)))
        arm.close()
    seed = f"--robot.seed={records[1]['seed']}"
    dataset = ("--dataset.repo_id=me/lift", "--dataset.root=data", "--dataset.episode=1")
    run("lerobot-replay", *ROBOT, "--robot.camera_names=[]", seed, *dataset, "--play_sounds=false", cwd=place)


def test_what_was_trained_on_it_is_evaluated_in_its_units(run, place, checkpoint):
    assert checkpoint.exists()
    assert list((place / "trained/eval").rglob("*.mp4"))
    score = ("eval", "mujoco/lift", "--robot", "so100", "--policy", CHECKPOINT, "--episodes", "2")
    run("lerobot-sim", *score, "--units", "lerobot", "--output-dir", "scores", cwd=place)
    refused = run("lerobot-sim", *score, "--output-dir", "others", cwd=place, code=2)
    assert "--units" in refused.stderr


def test_rollout_runs_a_policy_on_the_simulated_arm(run, place, checkpoint):
    done = run(
        "lerobot-rollout",
        *ROBOT,
        *CAMERA,
        f"--policy.path={CHECKPOINT}",
        "--task=Pick up the cube.",
        "--fps=5",
        "--duration=3",
        "--play_sounds=false",
        cwd=place,
    )
    assert "Scene 1 begins" in done.stderr
    assert "Scene 2 begins" not in done.stderr  # nothing resets it


def test_rollouts_episodes_are_recorded_each_in_a_scene_of_its_own(run, place, checkpoint):
    done = run(
        "lerobot-rollout",
        *ROBOT,
        *CAMERA,
        "--robot.seed=5",
        "--strategy.type=episodic",
        f"--policy.path={CHECKPOINT}",
        "--dataset.repo_id=me/rollout_lift",
        "--dataset.root=rollouts",
        "--dataset.num_episodes=2",
        "--dataset.episode_time_s=2",
        "--dataset.reset_time_s=0.5",
        "--dataset.fps=5",
        "--dataset.single_task=Pick up the cube.",
        "--dataset.push_to_hub=false",
        "--fps=5",
        "--play_sounds=false",
        cwd=place,
    )
    assert "Scene 2 begins with seed 6" in done.stderr
    assert "Scene 3 begins" not in done.stderr
    found = rows(place / "rollouts")
    starts = [found["observation.state"][found["episode_index"].index(episode)] for episode in (0, 1)]
    assert starts[0] == starts[1]  # each begins at home


def test_teleoperate_moves_the_simulated_arm(run, tmp_path):
    command = ("--teleop.type=wave", "--teleop.id=one", "--fps=10", "--teleop_time_s=2")
    done = run("lerobot-teleoperate", *ROBOT, "--robot.camera_names=[]", *command, cwd=tmp_path)
    assert done.stdout.count("Teleop loop time") >= 5


@pytest.mark.parametrize(
    ("command", "arguments", "instead"),
    [
        ("lerobot-eval", ["--env.type=hill", "--policy.path=x"], "--env.type=sim --env.task=gym-hil/panda-pick-cube"),
        ("lerobot-train", ["--policy.type=act", "--training.steps=10"], "--steps=N"),
        ("lerobot-record", ["--env.type=hill", "--teleop.type=spacemouse"], "--robot.type=sim"),
    ],
)
def test_forms_of_the_guides_are_answered_by_name(run, tmp_path, command, arguments, instead):
    refused = run(command, *arguments, cwd=tmp_path, code=2)
    assert instead in refused.stderr
    assert "usage:" not in refused.stderr
