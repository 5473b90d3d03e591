"""LeRobot's own commands, as processes, with our environments and arms."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from lerobot_sim.bridges.lerobot_arm import SimArm

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
        "--env.robot=so100",
        "--env.cameras=[front]",
        "--env.observation_height=64",
        "--env.observation_width=64",
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
        "--batch_size=2",
        "--num_workers=0",
        "--steps=2",
        "--env_eval_freq=2",
        "--eval.n_episodes=1",
        "--eval.batch_size=1",
        "--save_freq=2",
        "--wandb.enable=false",
        "--output_dir=trained",
        cwd=tmp_path,
    )
    assert (tmp_path / "trained/checkpoints/000002/pretrained_model/model.safetensors").exists()
    assert list((tmp_path / "trained/eval").rglob("*.mp4"))


def test_record_and_replay_on_the_simulated_arm(run, tmp_path):
    robot = ("--robot.type=sim", "--robot.task=mujoco/lift", "--robot.model=so100", "--robot.id=one", "--robot.seed=5")
    dataset = ("--dataset.repo_id=me/waves", "--dataset.root=waves")
    run(
        "lerobot-record",
        *robot,
        "--robot.camera_names=[front]",
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
    assert info["features"]["observation.images.front"]["shape"] == [128, 128, 3]
    rows = pq.read_table(tmp_path / "waves/data").to_pydict()
    for episode in range(2):
        own = np.array(rows["episode_index"]) == episode
        states, actions = np.array(rows["observation.state"])[own], np.array(rows["action"])[own]
        arm = SimArm("mujoco/lift", "so100", cameras=[], seed=5 + episode)  # each episode a scene of its own
        arm.begin()
        for state, action in zip(states, actions, strict=True):
            np.testing.assert_allclose([arm.observe()[name] for name in JOINTS], state, atol=0.05)
            arm.act(dict(zip(JOINTS, action.tolist(), strict=True)))
        arm.close()
    run("lerobot-replay", *robot, *dataset, "--dataset.episode=1", "--play_sounds=false", cwd=tmp_path)
