"""`lerobot-sim train --policy bc`, and the same flags for `--policy mlp`."""

import json

import pytest

pytest.importorskip("torch")

SMALL = ("--policy.hidden-dim=16", "--policy.blocks=1", "--batch-size", "8")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    from lerobot_sim.cli.main import main

    folder = tmp_path_factory.mktemp("pictures") / "data"
    arguments = ("push-t", "--episodes", "2", "--episode-length", "20", "--cameras", "front", "--image-size", "32")
    assert main(["collect", *arguments, "--output-dir", str(folder)]) == 0
    return folder


def seeds_of(folder):
    """The seeds of an evaluation of one task."""
    (task,) = json.loads((folder / "run.json").read_text())["tasks"]
    return task["seeds"]


def test_pictures_are_learned_from_scored_and_evaluated(command, pictures, tmp_path):
    arguments = ("train", "--dataset", pictures, "--policy", "bc", *SMALL, "--policy.state=false", "--steps", "4")
    arguments += ("--save-every", "2", "--eval-episodes", "2", "--output-dir", tmp_path)
    said = command(*arguments, "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert result["best"] == str(tmp_path / "bc/best")
    assert 0 <= result["success"] <= 1
    assert "2 updates:" in said.err
    assert "4 updates:" in said.err
    config = json.loads((tmp_path / "bc/best/config.json").read_text())
    assert config["states"] == {}
    assert config["cameras"] == {"front": [32, 32]}
    again = command(*arguments, "--json")
    assert "Trained already" in again.err
    assert json.loads(again.out) == result
    other = command(*arguments, "--seed", "1")
    assert other.code != 0
    assert "--overwrite" in other.err
    replaced = command(*arguments, "--seed", "1", "--overwrite", "--json")
    assert replaced.code == 0, replaced.err
    assert seeds_of(tmp_path / "bc/eval/000004") == [2**41 + 2**20, 2**41 + 2**20 + 1]
    assert "names its seeds" not in said.err
    where = ("--output-dir", tmp_path / "eval", "--episodes", "2", "--json")
    scored = command("eval", "push-t", "--policy", tmp_path / "bc", *where)
    assert scored.code == 0, scored.err
    assert json.loads((tmp_path / "eval/run.json").read_text())["policy"]["identity"].startswith("bc:")
    assert seeds_of(tmp_path / "eval") == [2**40, 2**40 + 1]
    elsewhere = command("eval", "numpy/reach", "--policy", tmp_path / "bc", "--output-dir", tmp_path / "e")
    assert elsewhere.code == 2
    assert "does not fit" in elsewhere.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--policy", "bc", "--device", "cuda:7"), "--device cpu"),
        (("--policy", "bc", "--precision", "bfloat16"), "float32"),
        (("--policy", "bc", "--policy.chunk=3"), "chunk_size"),
        (("--policy", "bc", "--env", "numpy/pusht"), "numpy/push-t"),
        (("--policy", "bc", "--save-every", "0"), "--save-every"),
        (("--policy", "mlp", "--device", "cuda"), "--policy bc"),
        (("--policy", "mlp", "--num_workers=4", "--cache-mb", "8"), "--workers, --cache-mb"),
        (("--policy", "bc", "--workers", "-1"), "--workers"),
        (("--policy", "mlp", "--pretrained", "x", "--policy.chunk_size=3"), "--pretrained, --setting"),
    ],
)
def test_what_does_not_fit_is_one_line(command, pictures, tmp_path, arguments, words):
    said = command("train", "--dataset", pictures, *arguments, "--steps", "2", "--output-dir", tmp_path / "out")
    assert said.code == 2
    assert words in said.err.strip().splitlines()[-1]
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("policy", "kept", "arguments", "words"),
    [
        ("bc", "bc/last/model.safetensors", ("--device", "cuda:7"), "--device cpu"),
        ("bc", "bc/last/model.safetensors", ("--policy.chunk=3",), "chunk_size"),
        ("bc", "bc/last/model.safetensors", ("--cameras", "side"), "side"),
        ("bc", "bc/last/model.safetensors", ("--freeze", "nothing.*"), "nothing.*"),
        ("bc", "bc/last/model.safetensors", ("--pretrained", "nowhere"), "nowhere"),
        ("bc", "bc/last/model.safetensors", ("--env", "numpy/reach", "--eval-episodes", "1"), "does not fit"),
        ("mlp", "best_policy.npz", ("--env", "numpy/reach", "--eval-episodes", "1"), "acts nowhere else"),
    ],
)
def test_what_cannot_be_is_refused_and_the_old_run_stays(command, pictures, tmp_path, policy, kept, arguments, words):
    plain = ("train", "--dataset", pictures, "--policy", policy, "--hidden-dim", "16", "--steps", "2")
    plain += ("--eval-episodes", "0", "--output-dir", tmp_path)
    assert command(*plain).code == 0
    before = (tmp_path / kept).read_bytes()
    said = command(*plain, "--seed", "3", "--overwrite", *arguments)
    assert said.code == 2, said.err
    assert words in " ".join(said.err.split())
    assert "updates" not in said.err  # no bar began
    assert (tmp_path / kept).read_bytes() == before


def test_the_student_keeps_its_best_checkpoint_too(command, pictures, tmp_path):
    arguments = ("train", "--dataset", pictures, "--steps", "40", "--save-every", "20", "--output-dir", tmp_path)
    said = command(*arguments, "--eval-episodes", "2", "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert 0 <= result["success"] <= 1
    assert result["best_step"] in (20, 40)
    assert "20 updates:" in said.err
    assert seeds_of(tmp_path / "eval/000020") == [2**41, 2**41 + 1]
    assert (tmp_path / "best_policy.npz").exists()
    assert not (tmp_path / "scored_policy.npz").exists()
