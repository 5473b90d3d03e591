"""LeRobot's own commands, as processes, with our environments and arms."""

import json

import pytest

from tests.bridges.lerobot_run import ROBOT, TRAIN, check_arm_does, pictures, rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

JOINTS = tuple(
    f"{name}.pos" for name in ["shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper"]
)

MAKE_ACT = """
import sys
from lerobot.configs.types import FeatureType, PolicyFeature
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.factory import make_pre_post_processors

inputs = {
    "observation.state": PolicyFeature(type=FeatureType.STATE, shape=(9,)),
    "observation.environment_state": PolicyFeature(type=FeatureType.ENV, shape=(9,)),
    "observation.images.front": PolicyFeature(type=FeatureType.VISUAL, shape=(3, 64, 64)),
}
config = ACTConfig(
    input_features=inputs, output_features={"action": PolicyFeature(type=FeatureType.ACTION, shape=(5,))},
    pretrained_backbone_weights=None, device="cpu", chunk_size=50, n_action_steps=50, dim_model=32, n_heads=2,
    dim_feedforward=32, push_to_hub=False,
)
ACTPolicy(config).save_pretrained(sys.argv[1])
for pipeline in make_pre_post_processors(config):
    pipeline.save_pretrained(sys.argv[1])
"""


def test_eval_scores_an_untrained_act_from_pictures(run, tmp_path):
    run("python", "-c", MAKE_ACT, "act", cwd=tmp_path)
    run(
        "lerobot-eval",
        "--policy.path=act",
        "--policy.device=cpu",
        "--env.type=sim",
        "--env.task=mujoco/lift",
        *pictures(64),
        "--eval.n_episodes=2",
        "--eval.batch_size=2",
        "--output_dir=scores",
        cwd=tmp_path,
    )
    info = json.loads((tmp_path / "scores/eval_info.json").read_text())
    assert info["overall"]["n_episodes"] == 2
    assert info["per_task"][0]["task_group"] == "mujoco/lift"
    assert len(info["per_task"][0]["metrics"]["sum_rewards"]) == 2
    assert len(list((tmp_path / "scores/videos").rglob("*.mp4"))) == 2


def test_train_evaluates_between_its_updates(run, tmp_path):
    run("lerobot-sim", "collect", "mujoco/lift", "--episodes", "2", "--output-dir", "data", cwd=tmp_path)
    run(*TRAIN, cwd=tmp_path)
    assert (tmp_path / "trained/checkpoints/000002/pretrained_model/model.safetensors").exists()
    assert list((tmp_path / "trained/eval").rglob("*.mp4"))


def test_record_and_replay_are_the_real_arms_commands(run, tmp_path):
    robot = (*ROBOT, "--robot.seed=5", "--robot.port=/dev/ttyACM0", "--robot.use_degrees=true")  # a real arm's, too
    dataset = ("--dataset.repo_id=me/waves", "--dataset.root=waves")
    run(
        "lerobot-record",
        *robot,
        "--robot.cameras={front: {type: opencv, index_or_path: 0, width: 128, height: 96, fps: 30}}",
        "--teleop.type=wave",
        "--teleop.id=one",
        *dataset,
        "--dataset.num_episodes=2",
        "--dataset.episode_time_s=3",
        "--dataset.reset_time_s=0.5",
        "--dataset.fps=5",
        "--dataset.single_task=Wave.",
        "--dataset.push_to_hub=false",
        "--play_sounds=false",
        cwd=tmp_path,
    )
    info = json.loads((tmp_path / "waves/meta/info.json").read_text())
    assert info["total_episodes"] == 2
    assert info["robot_type"] == "sim"
    assert tuple(info["features"]["action"]["names"]) == JOINTS
    assert info["features"]["observation.images.front"]["shape"] == [96, 128, 3]
    for episode in range(2):  # each a scene of its own
        check_arm_does(rows(tmp_path / "waves"), episode, seed=5 + episode, within=0.05)
    run("lerobot-replay", *robot, *dataset, "--dataset.episode=1", "--play_sounds=false", cwd=tmp_path)
