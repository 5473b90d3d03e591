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
    "log_freq": "--log-every",
    "eval.n_episodes": "--eval-episodes",
    "training.steps": "--steps",
    "training.batch_size": "--batch-size",
    "training.learning_rate": "--learning-rate",
    "training.lr": "--learning-rate",
    "optimizer.lr": "--learning-rate",
    "train_steps": "--steps",
    "num_workers": "--workers",
    "prefetch_factor": "--prefetch",
    "eval.batch_size": "--eval-num-envs",
    "wandb.project": "--wandb-project",
    "job_name": "--job-name",
}
"""LeRobot's or the guides' flag -> ours, which takes the same value."""

_PUSH = "it stays in its folder; `hf upload OWNER/NAME FOLDER` brings one to the hub"

REPLACED: Mapping[str, str] = {
    "dataset.repo_id": "a dataset is a folder: --dataset PATH (lerobot-sim dataset pull OWNER/NAME brings one)",
    "dataset.video_backend": "pictures are decoded by PyAV; leave it out",
    "training.fine_tuning": "give the checkpoint to begin from: --pretrained PATH",
    "resume": "a run goes on when the same command is given again",
    "config_path": "settings are flags: `lerobot-sim train --help` lists them",
    "persistent_workers": "workers are threads that live as long as the run; leave it out",
    "eval.use_async_envs": "episodes run in lanes: --eval-num-envs",
    "policy.use_amp": "mixed precision is --precision bfloat16 or float16",
    "policy.push_to_hub": _PUSH,
    "policy.repo_id": _PUSH,
    "wandb.enable": "--logger wandb",
    "dataset.episodes": "a dataset is learned from whole: lerobot-sim dataset split makes one of some of its episodes",
    "dataset.num_episodes": "episodes are recorded by lerobot-sim collect TASK --episodes N",
    "wandb.mode": "WANDB_MODE=offline (or online) before the command",
}
"""LeRobot's or the guides' flag -> what does it here."""

_OWN_WORLD = "checkpoints are scored in the dataset's own environment, with its robot and cameras: leave it out"

ROOMS: Mapping[str, str] = {
    "dataset.image_transforms": "LeRobot's policies see the pictures as they are; bc shifts them: --policy.image_shift",
    "env.": _OWN_WORLD,
    "env.wrapper": "who acts is the policy, with the gripper and pictures of the dataset: leave it out",
    "optimizer.": "a policy has its own optimizer: --learning-rate, --policy.optimizer_weight_decay …",
    "robot.": _OWN_WORLD,
    "scheduler.": "a policy has its own scheduler: --policy.scheduler_warmup_steps … where it has one",
    "teleop.": "nobody steers while a policy learns: lerobot-sim collect records demonstrations",
    "wandb.": "Weights & Biases reads its own variables, such as WANDB_ENTITY, before the command",
}
"""How other flags of LeRobot's and the guides' begin -> what does it here; the longest counts."""

_TRUE, _FALSE = ("true",), ("false",)

_DROPPED: Mapping[str, tuple[str, ...]] = {
    "dataset.video_backend": ("pyav",),
    "eval.use_async_envs": _FALSE,
    "persistent_workers": _TRUE,
    "policy.push_to_hub": _FALSE,
    "policy.use_amp": _FALSE,
    "resume": (*_TRUE, *_FALSE),
    "training.fine_tuning": _FALSE,
    "wandb.enable": _FALSE,
}
"""Flag -> values that ask for what happens anyway."""

_EVALUATED = ("env_eval_freq", "eval_freq")
_DATASET = ("dataset", "dataset.root")
_PRETRAINED = ("pretrained", "policy.path", "policy.pretrained_path")
_ENV = ("env.type", "env.task")


def translated(argv: Sequence[str]) -> list[str]:
    """The arguments with LeRobot's flags as ours; `--policy.NAME` becomes a setting of the policy.

    Raises:
        InputError: A flag that has another form here, with that form.
    """
    result: list[str] = []
    env: list[str] = []
    rest = list(argv)
    names = {_plain(argument.partition("=")[0]) for argument in rest}
    told_elsewhere: set[str] = set()
    if not names.isdisjoint(_PRETRAINED):
        told_elsewhere.add("training.fine_tuning")
    if not names.isdisjoint(_DATASET):
        told_elsewhere.add("dataset.repo_id")  # LeRobot wants the name of a folder's dataset, too
    while rest:
        argument = rest.pop(0)
        name, given, value = argument.partition("=")
        plain = _plain(name)
        if not name.startswith("--") or not ("." in plain or plain in {*RENAMED, *REPLACED, *_EVALUATED}):
            result.append(argument)
            continue
        if not given:
            if not rest:
                raise InputError(f"{name}: expected a value, nothing came.")
            value = rest.pop(0)
        if plain in _ENV:
            env.append(f"--{plain}={value}")
        elif plain not in told_elsewhere:
            result += _ours(name, plain, value)
    return [*result, *_env(env)]


def _plain(name: str) -> str:
    return name.removeprefix("--").replace("-", "_")


def _env(flags: Sequence[str]) -> list[str]:
    """LeRobot's environment as the task or the protocol that scores checkpoints."""
    if not flags:
        return []
    from .eval_flags import translated as translated_for_eval

    found = translated_for_eval(flags)
    return ["--env", *found] if len(found) == 1 else ["--eval-protocol", found[-1]]


def _ours(name: str, plain: str, value: str) -> list[str]:
    if value.lower() in _DROPPED.get(plain, ()):
        return []
    if plain in RENAMED:
        return [RENAMED[plain], value]
    if plain in _EVALUATED:  # LeRobot's 0: never
        return ["--save-every", value] if value != "0" else ["--eval-episodes", "0"]
    if plain == "wandb.enable" and value.lower() in _TRUE:
        return ["--logger", "wandb"]
    if plain in REPLACED:
        raise InputError(f"{name} is LeRobot's: here, {REPLACED[plain]}.")
    if plain.startswith("policy."):
        return ["--setting", f"{plain.removeprefix('policy.')}={value}"]
    room = max((begun for begun in ROOMS if plain.startswith(begun)), key=len, default="")
    if room:
        raise InputError(f"{name} is LeRobot's: here, {ROOMS[room]}.")
    known = [f"--{one}" for one in (*RENAMED, *REPLACED, *_EVALUATED, *_ENV)]
    raise unknown_name("flag of LeRobot's", name, known)
