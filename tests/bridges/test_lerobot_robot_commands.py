"""LeRobot's own commands with a simulated robot, and datasets of ours in its units."""

import json

import pytest

from tests.bridges.lerobot_run import ROBOT, TRAIN, check_arm_does, features, pictures, rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

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
    run(*TRAIN, "--env.units=degrees", *pictures(64), "--eval.use_async_envs=true", cwd=place)
    return place / CHECKPOINT


def test_the_dataset_says_its_units_and_the_arm_does_what_it_says(run, place, data):
    for key in ("action", "observation.state"):
        assert features(data)[key]["info"] == {"unit": "deg; gripper 0 to 100"}
        assert features(data)[key]["names"][0] == "shoulder_pan.pos"
    records = [json.loads(line) for line in (data / "sim/episodes.jsonl").read_text().splitlines()]
    for record in records:
        assert record["success"]
        check_arm_does(rows(data), record["episode_index"], record["seed"])  # bit for bit
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
