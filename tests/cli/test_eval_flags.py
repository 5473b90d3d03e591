"""LeRobot's and the guides' flags of an evaluation."""

import json

import pytest

from lerobot_sim.cli.eval_flags import translated
from lerobot_sim.errors import InputError, UnknownNameError


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("--policy.path=out/p --env.type=sim --env.task=mujoco/lift", "mujoco/lift --policy out/p"),
        ("--env.type pusht --eval.n_episodes 10 --eval.batch_size 5", "pusht/push-t --episodes 10 --num-envs 5"),
        ("--env.type=gym_hil --num_episodes=100 --render=false", "--protocol gym-hil --episodes 100 --videos 0"),
        ("--env.type=metaworld --render", "--protocol metaworld-ml10 --videos 1"),
        ("--env.type=libero --env.task=libero_10", "--protocol libero-10"),
        ("--env.type=metaworld --env.task=MT50", "--protocol metaworld-mt50"),
        ("--env.type=metaworld --env.task=very_hard", "--protocol metaworld-very-hard"),
        ("--env.type=hill --env.task=PandaPickCubeSpacemouse-v0", "gym-hil/panda-pick-cube"),
        ("--task pusht --mode eval --eval-episodes 20", "numpy/push-t --episodes 20"),
        ("--env.type=libero", "--protocol libero-90"),
        ("push-t --policy.device=cpu --eval.use_async_envs=false --policy.use_amp=false", "push-t"),
        (
            "push-t --policy.path=p --policy.n_action_steps=1 --policy.temporal_ensemble_coeff 0.01",
            "push-t --policy p --setting n_action_steps=1 --setting temporal_ensemble_coeff=0.01",
        ),
        ("--env.type=isaac", "isaac-lab/lift-cube"),
        ("--env.type=isaac_sim --env.task=reach", "isaac-lab/reach"),
        ('push-t --rename_map={"a.b":"c"}', "push-t --map c=a.b"),
        ("push-t --robot.model-path x.xml --output_dir=o", "push-t --robot.model-path x.xml --output_dir=o"),
    ],
)
def test_flags_become_ours(theirs, ours):
    assert translated(theirs.split()) == ours.split()


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        ("--policy.type=act", "--policy PATH"),
        ("--policy.device=cuda", "CPU"),
        ("--eval.use_async_envs=true", "--workers N"),
        ("--env.episode_length=100", "max_steps"),
        ("--episode-length 100", "max_steps"),
        ("--render=maybe", "true or false"),
        ("--rename_map=a", "--map POLICY_KEY=ENVIRONMENT_KEY"),
        ("--env.type=sim", "--env.task"),
        ("--env.task", "expected a value"),
        ("--env.type=metaworld --env.task=reach-v3,push-v3", r"\[\[environments\]\]"),
        ("--env.task_ids=[0]", r"\[\[environments\]\]"),
        ("--env.obs_type=pixels", "--option NAME=VALUE"),
        ("--num_tasks=10", r"\[\[environments\]\]"),
    ],
)
def test_flags_that_have_another_form_are_answered_with_it(theirs, words):
    with pytest.raises(InputError, match=words):
        translated(theirs.split())


def test_flags_of_the_policy_alone():
    given = ["x", "--policy.path=p", "--policy.n_action_steps", "1", "--max.other=2", "--policy.device=cpu"]
    ours = ["x", "--policy", "p", "--setting", "n_action_steps=1", "--max.other=2"]
    assert translated(given, only="policy.") == ours
    with pytest.raises(InputError, match="--policy PATH"):
        translated(["--policy.type=act"], only="policy.")


def test_unknown_flags_and_types_name_the_nearest():
    with pytest.raises(UnknownNameError, match=r"Did you mean '--eval\.n_episodes'"):
        translated(["--eval.n_episode=3"])
    with pytest.raises(UnknownNameError, match="Did you mean 'metaworld'"):
        translated(["--env.type=metawold"])
    with pytest.raises(UnknownNameError) as told:
        translated(["--env.type=nothing-alike"])
    assert str(told.value).count("isaac-lab") == 1


def test_a_command_in_lerobots_words_runs(command, tmp_path):
    said = command(
        *("eval", "--policy.path=expert", "--env.type=sim", "--env.task=numpy/reach", "--eval.n_episodes=3"),
        *("--eval.batch_size=2", "--policy.device=cpu", f"--output_dir={tmp_path / 'e'}", "--json"),
    )
    assert said.code == 0, said.err
    assert json.loads(said.out)["episodes"] == 3
    info = json.loads((tmp_path / "e/eval_info.json").read_text())
    assert {"per_task", "per_group", "overall"} <= set(info)


def test_the_flags_of_the_guides_scripts_are_taken_or_answered():
    assert translated(["--env_type", "mujoco", "--num_episodes", "3"]) == ["mujoco/lift", "--episodes", "3"]
    assert translated(["--task", "push-t", "--eval-episodes", "20"]) == ["numpy/push-t", "--episodes", "20"]
    assert translated(["--env=gym_hil", "--render=false"]) == ["--protocol", "gym-hil", "--videos", "0"]
    with pytest.raises(InputError, match=r"--mode=train: .*lerobot-sim eval, train, collect"):
        translated(["--mode", "train"])
    with pytest.raises(InputError, match=r"success_threshold = 0\.8 in --protocol"):
        translated(["--success_threshold=0.8"])
