"""`lerobot-sim train`: scores under a protocol, loggers, and what is refused before anything is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lerobot_sim.cli.train_flags import translated
from lerobot_sim.errors import InputError
from tests.training.lerobot_dataset import record

torch = pytest.importorskip("torch")
pytest.importorskip("lerobot")
safetensors = pytest.importorskip("safetensors.torch")

SMALL = ("--policy", "act", "--policy.chunk_size=4", "--policy.n_action_steps=4", "--policy.dim_model=16")
SMALL += ("--policy.n_heads=2", "--policy.dim_feedforward=16", "--policy.n_encoder_layers=1", "--batch-size", "4")
SMALL += ("--policy.pretrained_backbone_weights=null",)

PROTOCOL = """
schema = 1
id = "two-reaches"
version = 1
episodes = 7
first_seed = 5
[[environments]]
task = "numpy/reach"
name = "short"
max_steps = 5
[[environments]]
task = "numpy/reach"
name = "long"
max_steps = 40
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return record(tmp_path_factory.mktemp("train") / "reach")


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    """A checkpoint that was trained by the command's own functions."""
    from lerobot_sim.cli.main import main

    out = tmp_path_factory.mktemp("trained")
    arguments = ("--steps", "1", "--eval-episodes", "0", "--output-dir", str(out))
    assert main(["train", "--dataset", str(dataset), *SMALL, *arguments]) == 0
    return out / "act/checkpoints/last/pretrained_model"


def test_checkpoints_are_scored_under_a_protocol(command, dataset, tmp_path):
    protocol = tmp_path / "two.toml"
    protocol.write_text(PROTOCOL)
    arguments = ("train", "--dataset", dataset, *SMALL, "--save-every", "2", "--steps", "4")
    said = command(
        *arguments, "--eval-protocol", protocol, "--eval-episodes", "3", "--output-dir", tmp_path / "<task>", "--json"
    )
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert result["best"] == str(tmp_path / "two-reaches/act/best")
    assert "2 updates:" in said.err
    assert "of 6 held-out episodes" in said.err
    assert "'two-reaches' names its seeds, so checkpoints are chosen on the first 3" in said.err
    for step in ("000002", "000004"):
        folder = tmp_path / "two-reaches/act/eval" / step
        summary = json.loads((folder / "summary.json").read_text())
        assert [(one["task"], one["episodes"]) for one in summary["tasks"]] == [("short", 3), ("long", 3)]
        run = json.loads((folder / "run.json").read_text())
        assert [task["seeds"] for task in run["tasks"]] == [[5, 6, 7], [5, 6, 7]]
        assert [task["max_steps"] for task in run["tasks"]] == [5, 40]
    rates = [json.loads(line) for line in (tmp_path / "two-reaches/act/log.jsonl").read_text().splitlines()]
    assert [line["success"] for line in rates if "success" in line][-1] == summary["suite"]["success_rate"]
    other = command(*arguments, "--eval-episodes", "0", "--output-dir", tmp_path / "two-reaches")
    assert other.code != 0
    assert "eval_protocol" in other.err


def test_the_best_by_success_is_the_commands(command, dataset, tmp_path, monkeypatch):
    """Scored for real; then the rates that decide are given, for a network of four updates solves nothing."""
    from lerobot_sim.cli import train_scores

    rates = iter((0.2, 0.6, 0.4))
    scored = train_scores.Scores.score

    def score(self, step, checkpoint, root, tell):
        scored(self, step, checkpoint, root, tell)
        return next(rates)

    monkeypatch.setattr(train_scores.Scores, "score", score)
    said = command(
        *("train", "--dataset", dataset, *SMALL, "--save-every", "1", "--steps", "3", "--eval-episodes", "1"),
        *("--output-dir", tmp_path, "--json"),
    )
    assert said.code == 0, said.err
    assert json.loads(said.out)["success"] == 0.6
    files = [tmp_path / "act" / name / "model.safetensors" for name in ("best", "checkpoints/000002/pretrained_model")]
    best, second = (safetensors.load_file(file) for file in files)
    assert all(torch.equal(best[name], second[name]) for name in second)


def test_what_cannot_be_is_refused_and_the_old_run_stays(command, dataset, trained, tmp_path):
    out = tmp_path / "out"
    plain = ("train", "--dataset", dataset, "--steps", "1", "--eval-episodes", "0", "--output-dir", out)
    assert command(*plain, *SMALL).code == 0
    weights = out / "act/checkpoints/last/pretrained_model/model.safetensors"

    def refused(*arguments, words, code=2):
        said = command(*plain, "--overwrite", "--seed", "3", *arguments)
        assert said.code == code, said.err
        assert "Traceback" not in said.err
        for word in words:
            assert word in said.err
        assert weights.exists()
        assert "updates" not in said.err  # no bar began

    refused(*SMALL, "--device", "cuda:77", words=["--device cpu"])
    refused(*SMALL, "--cameras", "none", words=["at least one image", "--cameras"])
    refused(*SMALL, "--cameras", "side", words=["side", "front"])
    refused(*SMALL, "--policy.chunksize=3", words=["chunksize", "chunk_size"])
    refused(*SMALL, "--freeze", "nothing.*", words=["nothing.*"])
    refused(*SMALL, "--pretrained", tmp_path / "nowhere", words=["nowhere", "no checkpoint"])
    refused("--policy", "akt", words=["'act'", "not verified"])
    refused("--policy", "vqbet", "--cameras", "none", words=["one image"])
    refused(*SMALL, "--pretrained", trained, "--cameras", "none", words=["observation.images.front", "none"])
    refused(*SMALL, "--eval-episodes", "1", "--env", "push-t", words=["does not fit", "push-t"])
    refused(*SMALL, "--eval-episodes", "1", "--eval-protocol", "nonsense", words=["nonsense"])
    refused(*SMALL, "--eval-episodes", "1", "--env", "reach", "--eval-protocol", "x", words=["expected one of them"])


def test_a_dataset_that_is_not_there_may_be_one_of_the_hub(command, tmp_path):
    said = command("train", "--dataset", "me/arms", *SMALL, "--output-dir", tmp_path / "out")
    assert said.code == 2
    assert "lerobot-sim dataset pull me/arms" in " ".join(said.err.split())
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_in_pickle_form_is_refused_with_a_way_that_works(command, dataset, trained, tmp_path):
    folder = tmp_path / "pickled"
    folder.mkdir()
    for file in trained.iterdir():
        if file.name != "model.safetensors":
            (folder / file.name).write_bytes(file.read_bytes())
    weights = safetensors.load_file(trained / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin")
    arguments = ("train", "--dataset", dataset, *SMALL, "--steps", "1", "--eval-episodes", "0", "--pretrained", folder)
    said = command(*arguments, "--output-dir", tmp_path / "out")
    assert said.code == 2
    assert "pickle form" in said.err
    way = said.err.partition("convert it: ")[2].strip().rstrip(".")
    here = Path.cwd()
    os.chdir(folder)
    try:
        exec(f"import safetensors.torch, torch\n{' '.join(way.split())}")
    finally:
        os.chdir(here)
    assert command(*arguments, "--output-dir", tmp_path / "out").code == 0


def test_a_hub_that_cannot_be_reached_is_told_with_a_local_way(command, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    said = command("train", "--dataset", dataset, *SMALL, "--pretrained", "nobody/nothing", "--output-dir", tmp_path)
    assert said.code == 1
    assert "nobody/nothing" in said.err
    assert "path of a folder" in said.err


@pytest.mark.parametrize(("missing", "extra"), [("lerobot", "lerobot"), ("tensorboard", "tensorboard")])
def test_a_package_that_is_missing_is_told_with_the_command_that_installs_it(
    command, dataset, tmp_path, monkeypatch, missing, extra
):
    for name in [name for name in sys.modules if name == missing or name.startswith(f"{missing}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)  # an import of it fails
    logger = ("--logger", missing) if missing != "lerobot" else ()
    said = command("train", "--dataset", dataset, *SMALL, *logger, "--eval-episodes", "0", "--output-dir", tmp_path)
    assert said.code == 1
    assert f"pip install 'lerobot-sim[{extra}]'" in said.err
    assert not (tmp_path / "act").exists()


def test_tensorboard_is_told_losses_and_scores(command, dataset, tmp_path):
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed: pip install 'lerobot-sim[tensorboard]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    said = command(
        *("train", "--dataset", dataset, *SMALL, "--steps", "4", "--save-every", "2", "--eval-episodes", "1"),
        *("--log-every", "1", "--logger", "tensorboard", "--output-dir", tmp_path),
    )
    assert said.code == 0, said.err
    events = EventAccumulator(str(tmp_path / "act/tensorboard")).Reload()
    assert [one.step for one in events.Scalars("loss")] == [1, 2, 3, 4]
    assert [one.step for one in events.Scalars("success")] == [2, 4]
    log = [json.loads(line) for line in (tmp_path / "act/log.jsonl").read_text().splitlines()]
    told = [one.value for one in events.Scalars("loss")]
    assert told == pytest.approx([line["loss"] for line in log if "loss" in line], rel=1e-6)


def test_the_guides_flags_pass_through():
    tuning = ["--policy.type=act", "--policy.pretrained_path=./sim", "--training.fine_tuning=true"]
    assert translated([*tuning, "--training.learning_rate=1e-5"]) == [
        *("--policy", "act", "--pretrained", "./sim", "--learning-rate", "1e-5")
    ]
    script = [
        "--job_name=simulation_act",
        "--policy.device=cuda",
        "--wandb.enable=true",
        "--dataset.video_backend=pyav",
    ]
    assert translated(script) == ["--job-name", "simulation_act", "--device", "cuda", "--logger", "wandb"]
    assert translated(["--env.type=sim", "--env.task=lift", "--steps=3"]) == ["--steps=3", "--env", "mujoco/lift"]
    assert translated(["--env.type=metaworld"]) == ["--eval-protocol", "metaworld-ml10"]
    assert translated(["--num_workers=4", "--prefetch_factor", "2"]) == ["--workers", "4", "--prefetch", "2"]
    for flag, word in (
        ("--policy.push_to_hub=true", "hf upload"),
        ("--policy.use_amp=true", "--precision"),
        ("--wandb.mode=offline", "WANDB_MODE"),
        ("--dataset.video_backend=torchcodec", "PyAV"),
        ("--dataset.repo_id=me/data", "--dataset PATH"),
        ("--dataset.num_episodes=3", "collect TASK --episodes"),
        ("--env.wrapper.control_mode=spacemouse", "who acts is the policy"),
        ("--env.robot=so100", "the dataset's own environment"),
        ("--teleop.type=spacemouse", "collect records"),
        ("--wandb.entity=me", "WANDB_ENTITY"),
    ):
        with pytest.raises(InputError, match=word):
            translated([flag])
    assert translated(["--env.type=hill", "--env.task=PandaPickCubeBase-v0"]) == ["--env", "gym-hil/panda-pick-cube"]
    assert translated(["--dataset.repo_id=me/lift", "--dataset.root=lift"]) == ["--dataset", "lift"]
    assert translated(["--env_eval_freq=0", "--eval_freq", "5"]) == ["--eval-episodes", "0", "--save-every", "5"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process; run this on Linux or macOS.")
def test_ctrl_c_writes_a_checkpoint_and_the_command_goes_on(command, dataset, tmp_path):
    arguments = ["train", "--dataset", str(dataset), *SMALL, "--eval-episodes", "0", "--output-dir", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "lerobot_sim", *arguments, "--steps", "100000", "--log-every", "1"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    log, deadline = tmp_path / "act/log.jsonl", time.monotonic() + 240
    while not log.exists() or log.read_text().count("\n") < 3:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=250)
    assert process.returncode == 130, err
    assert "Interrupted" in err
    done = int((tmp_path / "act/checkpoints/last").resolve().name)
    assert done >= 3
    said = command(*arguments, "--steps", str(done + 1), "--log-every", "1")
    assert said.code == 0, said.err
    assert (tmp_path / "act/checkpoints/last").resolve().name == f"{done + 1:06d}"
