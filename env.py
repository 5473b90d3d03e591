"""lerobot-sim for LeRobot's EnvHub: LeRobot fetches this file from a repository on the hub and calls `make_env`.

    from lerobot.envs.factory import make_env

    envs = make_env("your-user/lerobot-sim@COMMIT", n_envs=4, trust_remote_code=True)

`lerobot_sim` itself is installed beforehand. Where it is installed, `--env.type=sim` needs no hub.
"""

from __future__ import annotations

from typing import Any

TASK = "numpy/push-t"
"""What is made where no config names another task."""


def make_env(n_envs: int = 1, use_async_envs: bool = False, cfg: Any = None) -> dict[str, dict[int, Any]]:  # noqa: ARG001
    """One vector environment of `n_envs` lanes, as {suite: {task's number: environment}}.

    Args:
        n_envs: Number of lanes. They are lanes of one batch, with threads of its own.
        use_async_envs: Makes no difference: no process is started.
        cfg: Its `task`, `robot`, `units`, `cameras`, `observation_height`, `observation_width` and `options` are read
            where they are there; see `--env.type=sim`.

    Raises:
        ModuleNotFoundError: lerobot-sim is not installed; the message has the command.
    """
    try:
        from lerobot_sim.bridges.lerobot_arm import arm_options, task_of_arm
        from lerobot_sim.bridges.lerobot_env import LeRobotVectorEnv
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"This environment needs lerobot-sim, of which '{error.name}' is missing here. Install it with: "
            "pip install 'lerobot-sim[lerobot]'",
            name=error.name,
        ) from error
    task, robot, units = getattr(cfg, "task", None) or TASK, getattr(cfg, "robot", None), getattr(cfg, "units", None)
    who = arm_options(robot or "", units) if units and task_of_arm(task) else {"robot": robot} if robot else {}
    height, width = getattr(cfg, "observation_height", None), getattr(cfg, "observation_width", None)
    lanes = LeRobotVectorEnv(
        task,
        n_envs,
        task_options={**who, **(getattr(cfg, "options", None) or {})},
        cameras=getattr(cfg, "cameras", None) or (),
        size=(height, width) if height and width else None,
    )
    return {lanes.env.spec.id: {0: lanes}}
