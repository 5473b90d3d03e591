"""`lerobot-sim train --policy act`, and what LeRobot's flags become."""

import json

import pytest

from lerobot_sim.cli.options import values_of
from lerobot_sim.cli.train_flags import translated
from lerobot_sim.errors import InputError, UnknownNameError

ACT = (
    "--policy",
    "act",
    *("--policy.chunk_size=4", "--policy.n_action_steps=4", "--policy.dim_model=16", "--policy.n_heads", "2"),
    *("--policy.dim_feedforward=16", "--policy.n_encoder_layers=1"),
)


@pytest.mark.slow
def test_act_is_trained_scored_and_evaluated(command, tmp_path):
    pytest.importorskip("lerobot")
    data, out = tmp_path / "data", tmp_path / "out"
    assert command("collect", "mujoco/reach", "--episodes", "2", "--output-dir", data).code == 0
    arguments = ("train", "--dataset", data, *ACT, "--save-every", "2", "--eval-episodes", "2", "--output-dir", out)
    said = command(*arguments, "--steps", "4", "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert result["best"] == str(out / "act/best")
    assert 0 <= result["success"] <= 1
    assert "2 updates:" in said.err
    (task,) = json.loads((out / "act/eval/000004/run.json").read_text())["tasks"]
    assert task["seeds"] == [2**41, 2**41 + 1]
    again = command(*arguments, "--steps", "6", "--json")
    assert again.code == 0, again.err
    assert "2 updates:" not in again.err
    assert "6 updates:" in again.err
    other = command(*arguments, "--steps", "6", "--seed", "1")
    assert other.code != 0
    assert "--overwrite" in other.err
    scored = command(
        "eval", "mujoco/reach", "--policy", out / "act/best", "--episodes", "3", "--output-dir", out / "eval"
    )
    assert scored.code == 0, scored.err


def test_lerobots_flags_become_ours():
    given = ["--policy.type=act", "--dataset.root", "data", "--training.steps=10", "--policy.push_to_hub=false"]
    assert translated(given) == ["--policy", "act", "--dataset", "data", "--steps", "10"]
    assert translated(["--policy.chunk_size=20", "--steps", "3"]) == ["--setting", "chunk_size=20", "--steps", "3"]
    with pytest.raises(InputError, match="--pretrained"):
        translated(["--training.fine_tuning=true"])
    with pytest.raises(InputError, match="--dataset PATH"):
        translated(["--dataset.repo_id=me/lift"])
    with pytest.raises(UnknownNameError, match=r"training\.steps"):
        translated(["--training.step=3"])
    with pytest.raises(InputError, match="value"):
        translated(["--training.steps"])


def test_settings_are_read_as_json_where_they_are():
    pairs = (
        "chunk_size=20",
        "kl-weight=0.5",
        "pretrained_backbone_weights=null",
        "vision_backbone=resnet18",
        "use_vae=True",
    )
    assert values_of("--setting", pairs) == {
        "chunk_size": 20,
        "kl_weight": 0.5,
        "pretrained_backbone_weights": None,
        "vision_backbone": "resnet18",
        "use_vae": True,
    }
    with pytest.raises(InputError, match="NAME=VALUE"):
        values_of("--setting", ("chunk_size",))
