"""What the tests of LeRobot's commands share: a small ACT's training, and the arm that does what a dataset says."""

import json

import numpy as np
import pyarrow.parquet as pq

from lerobot_sim.bridges.lerobot_arm import SimArm

ROBOT = ("--robot.type=sim", "--robot.task=mujoco/lift", "--robot.model=so100", "--robot.id=one")

TRAIN = (
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
)
"""Two updates on the dataset `data`, and an episode of evaluation."""


def pictures(side):
    """The flags of an environment on an SO-100 with one camera of side x side."""
    size = (f"--env.observation_height={side}", f"--env.observation_width={side}")
    return ("--env.robot=so100", "--env.cameras=[front]", *size)


def rows(root):
    """A dataset's columns."""
    return pq.read_table(root / "data").to_pydict()


def features(root):
    """What a dataset says of its columns."""
    return json.loads((root / "meta/info.json").read_text())["features"]


def check_arm_does(found, episode, seed, within=0.0):
    """Has the arm do an episode's actions in the scene of `seed`, and compares its joints with the episode's."""
    own = np.array(found["episode_index"]) == episode
    states, actions = np.array(found["observation.state"])[own], np.array(found["action"])[own]
    arm = SimArm("mujoco/lift", "so100", cameras=[], seed=seed)
    arm.begin()
    for state, action in zip(states, actions, strict=True):
        np.testing.assert_allclose(list(arm.observe().values()), state, rtol=0, atol=within)
        arm.act(dict(zip(arm.names, action.tolist(), strict=True)))
    arm.close()
