"""LeRobot's and the guides' flags of training: taken as ours, or answered by what replaces them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lerobot_sim.errors import InputError, unknown_name

RENAMED: Mapping[str, str] = {
    "policy.type": "--policy",
    "policy.path": "--pretrained",
    "policy.pretrained_path": "--pretrained",
    "policy.device": "--device",
    "dataset.root": "--dataset",
    "save_freq": "--save-every",
    "env_eval_freq": "--save-every",
    "eval_freq": "--save-every",
    "log_freq": "--log-every",
    "eval.n_episodes": "--eval-episodes",
    "training.steps": "--steps",
    "training.batch_size": "--batch-size",
    "training.learning_rate": "--learning-rate",
    "training.lr": "--learning-rate",
    "optimizer.lr": "--learning-rate",
    "train_steps": "--steps",
}
"""LeRobot's or the guides' flag -> ours, which takes the same value."""

REPLACED: Mapping[str, str] = {
    "dataset.repo_id": "a dataset is a folder: --dataset PATH (lerobot-sim dataset pull OWNER/NAME brings one)",
    "env.type": "checkpoints are scored on the environment that the dataset was made with; leave it out",
    "env.task": "checkpoints are scored on the environment that the dataset was made with; leave it out",
    "training.fine_tuning": "give the checkpoint to begin from: --pretrained PATH",
    "resume": "a run goes on when the same command is given again",
    "config_path": "settings are flags: `lerobot-sim train --help` lists them",
    "num_workers": "batches are read ahead by threads; leave it out",
    "wandb.enable": "--logger wandb",
    "job_name": "the folder says which run it is: --output-dir",
}
"""LeRobot's or the guides' flag -> what does it here."""

_DROPPED: Mapping[str, tuple[str, ...]] = {
    "policy.push_to_hub": ("false",),
    "wandb.enable": ("false",),
    "training.fine_tuning": ("false",),
    "resume": ("true", "false"),
    "num_workers": tuple(str(count) for count in range(65)),
}
"""Flag -> values that ask for what happens anyway."""


def translated(argv: Sequence[str]) -> list[str]:
    """The arguments with LeRobot's flags as ours; `--policy.NAME` becomes a setting of the policy.

    Raises:
        InputError: A flag that has another form here, with that form.
    """
    result: list[str] = []
    rest = list(argv)
    while rest:
        argument = rest.pop(0)
        name, given, value = argument.partition("=")
        plain = name.removeprefix("--").replace("-", "_")
        if not name.startswith("--") or not ("." in plain or plain in RENAMED or plain in REPLACED):
            result.append(argument)
            continue
        if not given:
            if not rest:
                raise InputError(f"{name}: expected a value, nothing came.")
            value = rest.pop(0)
        result += _ours(name, plain, value)
    return result


def _ours(name: str, plain: str, value: str) -> list[str]:
    if value.lower() in _DROPPED.get(plain, ()):
        return []
    if plain in RENAMED:
        return [RENAMED[plain], value]
    if plain in REPLACED:
        raise InputError(f"{name} is LeRobot's: here, {REPLACED[plain]}.")
    if plain.startswith("policy."):
        return ["--setting", f"{plain.removeprefix('policy.')}={value}"]
    raise unknown_name("flag of LeRobot's", name, [f"--{one}" for one in (*RENAMED, *REPLACED)])
