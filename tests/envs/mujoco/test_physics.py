"""The engine: divergence ends a lane alone and with words, threads change nothing, idle lanes cost nothing."""

import numpy as np

from lerobot_sim import End, make, make_policy

TASK = "mujoco/lift"


def test_a_diverged_lane_ends_alone_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    envs = [make(TASK, 4, threads=2) for _ in range(2)]
    lanes, active = np.arange(4), np.ones(4, bool)
    for env in envs:
        env.reset(lanes, lanes)
    bad = envs[0].get_state(np.array([2]))
    integration = bad["state.integration"]
    nq = bad["state.world.qpos"].shape[1]
    integration[:, 1 + nq : 1 + nq + 3] = 1e20  # velocities, after time and positions
    before = envs[0].get_state(np.array([2]))
    envs[0].set_state(np.array([2]), bad)
    action = np.zeros((4, 5), np.float32)
    steps = [env.step(action, active) for env in envs]
    assert steps[0].end.tolist() == [End.RUNNING, End.RUNNING, End.DIVERGED, End.RUNNING]
    assert "diverged" in envs[0].explain(2)
    good = np.array([0, 1, 3])
    for name, value in steps[1].observation.items():
        np.testing.assert_array_equal(steps[0].observation[name][good], value[good])
        assert np.isfinite(steps[0].observation[name]).all()
    again = envs[0].step(action, active)
    assert again.end[2] == End.DIVERGED
    envs[0].reset(np.array([2]), np.array([2]))
    assert envs[0].step(action, active).end[2] == End.RUNNING
    np.testing.assert_array_equal(envs[0].get_state(np.array([2]))["t"], before["t"] + 1)
    assert list(tmp_path.iterdir()) == []


def test_threads_do_not_change_a_byte():
    def run(threads):
        env = make(TASK, 6, threads=threads)
        expert, lanes, active = make_policy("expert", env.spec), np.arange(6), np.ones(6, bool)
        observation = env.reset(lanes, lanes)
        expert.reset(lanes, lanes)
        seen = []
        for _ in range(40):
            observation = env.step(expert.act(observation, active).action, active).observation
            seen.append(np.concatenate(list(observation.values()), axis=1))
        return np.stack(seen)

    np.testing.assert_array_equal(run(1), run(2))


def test_one_physics_setting_for_all_tasks():
    from lerobot_sim import environments
    from lerobot_sim.envs.mujoco.physics import CONTROL_HZ, SUBSTEPS, TIMESTEP

    assert (TIMESTEP, CONTROL_HZ, SUBSTEPS) == (0.004, 25, 10)
    for env_id in environments():
        if env_id.startswith("mujoco/"):
            env = make(env_id)
            assert env.spec.fps == CONTROL_HZ
            env.close()
