"""Any model as an environment: keys and their defaults, errors that name what there is, terms on NumPy and torch."""

import json

import mujoco
import numpy as np
import pytest
import torch

import lerobot_sim
from lerobot_sim.bridges.to_gymnasium import SimEnv
from lerobot_sim.env import End
from lerobot_sim.envs.mujoco.any_model import control_substeps, from_mjcf, task
from lerobot_sim.envs.mujoco.any_model_config import read_config
from lerobot_sim.envs.mujoco.world import FIELDS, World, from_state
from lerobot_sim.errors import InputError, UnknownNameError

ARM = """
<mujoco>
  <compiler angle="radian"/>
  <option timestep="0.004" integrator="RK4"/>
  <worldbody>
    <camera name="front" pos="0 -2 1" xyaxes="1 0 0 0 0.4 1"/>
    <camera name="side" pos="2 0 1" xyaxes="0 1 0 -0.4 0 1"/>
    <body name="upper" pos="0 0 0.5" euler="0.3 0 0">
      <joint name="shoulder" axis="0 1 0" range="-1.1 2.7" damping="0.2"/>
      <geom type="capsule" fromto="0 0 0 0.25 0 0" size="0.03"/>
      <body name="lower" pos="0.25 0 0">
        <joint name="elbow" axis="0 1 0" range="0.1 2" damping="0.2"/>
        <geom type="capsule" fromto="0 0 0 0.25 0 0" size="0.02"/>
        <site name="tip" pos="0.25 0 0" euler="0.4 0.5 0.6"/>
        <site name="other"/>
      </body>
    </body>
    <body name="ball" pos="0.2 0.5 0.5"><freejoint name="ball"/><geom size="0.05"/></body>
    <geom type="plane" size="2 2 0.1"/>
  </worldbody>
  <actuator>
    <position name="shoulder" joint="shoulder" kp="20" ctrlrange="-1 2.4"/>
    <motor name="elbow" joint="elbow"/>
  </actuator>
  <sensor>
    <gyro name="gyro" site="tip"/>
    <jointpos name="elbow_angle" joint="elbow"/>
  </sensor>
  <keyframe>
    <key name="bent" qpos="0.2 1 0.2 0.5 0.5 1 0 0 0" qvel="0 0 0 0 2 0 0 0" ctrl="0.7 0.3"/>
  </keyframe>
</mujoco>
"""
URDF = """
<robot name="swing"><link name="base"/>
  <link name="bar"><inertial><origin xyz="0 0 -0.2"/><mass value="1"/>
    <inertia ixx="0.01" iyy="0.01" izz="0.01" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <joint name="hinge" type="revolute"><parent link="base"/><child link="bar"/><axis xyz="0 1 0"/>
    <limit lower="-1" upper="1" effort="10" velocity="1"/></joint></robot>
"""


@pytest.fixture
def arm(tmp_path):
    """A folder with arm.xml; a function that writes a configuration beside it."""
    (tmp_path / "arm.xml").write_text(ARM)

    def write(text="", name="arm.toml"):
        (tmp_path / name).write_text(f'model_path = "arm.xml"\n{text}')
        return tmp_path / name

    return write


def begun(source, num_envs=1, **overrides):
    env = from_mjcf(source, num_envs, **overrides)
    env.reset(np.arange(num_envs), np.arange(num_envs))
    return env


def step_once(env, action):
    return env.step(np.asarray(action, np.float32), np.ones(env.num_envs, np.bool_))


def test_what_is_left_out_is_the_guides(arm):
    env = begun(arm())
    spec = env.spec
    assert (spec.id, spec.fps, spec.max_steps, spec.success_rule) == ("custom/arm", 50, 500, "any")
    assert {name: (camera.height, camera.width) for name, camera in spec.cameras.items()} == {
        "front": (480, 640),
        "side": (480, 640),
    }
    assert spec.capabilities.fixed_start
    np.testing.assert_allclose(spec.action.low, [-1, -1])  # of ctrlrange; of the box where there is none
    np.testing.assert_allclose(spec.action.high, [2.4, 1])
    assert len(spec.observation["observation.state"].names) == 9 + 8
    state = env.get_state(np.array([0]))
    distance = np.linalg.norm(state["state.world.site_xpos"][0, 0] - [0.5, 0, 0.1])
    step = step_once(env, [[0, 0]])
    assert step.metrics["distance"][0] == pytest.approx(distance, abs=0.05)
    assert step.reward[0] == pytest.approx(-step.metrics["distance"][0])


def test_success_adds_ten_and_ends(arm):
    scout = begun(arm(), keyframe="bent")
    for _ in range(20):
        step_once(scout, [[-1.0, -1.0]])
    passed = scout.get_state(np.array([0]))["state.world.site_xpos"][0, 0]
    env = begun(arm(), keyframe="bent", target_position=passed, success_threshold=0.02)
    while True:
        step = step_once(env, [[-1.0, -1.0]])
        if step.end[0] != End.RUNNING:
            break
    assert step.end[0] == End.TERMINATED
    assert step.reward[0] == pytest.approx(10 - step.metrics["distance"][0])
    assert "in success" in env.explain(0)


def test_model_keeps_its_options_but_shows_divergence(arm):
    model = task(read_config(arm())).model
    assert (model.opt.timestep, model.opt.integrator) == (0.004, mujoco.mjtIntegrator.mjINT_RK4)
    assert model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_AUTORESET


def test_divergence_ends_its_lane_with_words(arm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MuJoCo writes a log where it runs
    arm()
    (tmp_path / "arm.xml").write_text(ARM.replace('kp="20"', 'kp="1e9"').replace('integrator="RK4"', ""))
    env = begun(tmp_path / "arm.toml", 2)
    for _ in range(20):
        step = env.step(np.array([[2.4, 1.0], [0.0, 0.0]], np.float32), np.ones(2, np.bool_))
    assert step.end[0] == End.DIVERGED
    assert "diverged" in env.explain(0)
    assert np.isfinite(step.observation["observation.state"]).all()


def test_raw_is_ctrl_and_unit_spans_ctrlrange(arm):
    raw = begun(arm())
    step_once(raw, [[0.5, -0.25]])
    np.testing.assert_allclose(raw.get_state(np.array([0]))["state.world.ctrl"], [[0.5, -0.25]])
    unit = begun(arm(), action_scale="unit", actuators=["shoulder"], keyframe="bent")
    assert (unit.spec.action.low, unit.spec.action.high, unit.spec.action.names) == (-1, 1, ("shoulder",))
    for action, ctrl in ((-1, -1), (1, 2.4), (0, 0.7)):
        step_once(unit, [[action]])
        np.testing.assert_allclose(
            unit.get_state(np.array([0]))["state.world.ctrl"], [[ctrl, 0.3]]
        )  # the elbow's stays


def test_unit_names_actuators_without_a_range(arm):
    with pytest.raises(InputError, match="ctrlrange of each actuator; these have none: elbow"):
        from_mjcf(arm(), action_scale="unit")


def test_keyframe_gives_the_whole_start(arm):
    state = begun(arm(), keyframe="bent").get_state(np.array([0]))
    np.testing.assert_allclose(state["state.world.qpos"][0, :2], [0.2, 1])
    assert state["state.world.qvel"][0, 4] == 2
    np.testing.assert_allclose(state["state.world.ctrl"], [[0.7, 0.3]])


def test_noise_is_the_seeds_within_bounds_and_range(arm):
    env = from_mjcf(arm(), 200, joint_noise={"elbow": 0.5}, keyframe="bent")
    env.reset(np.arange(200), np.arange(200))
    qpos = env.get_state(np.arange(200))["state.world.qpos"]
    assert (qpos[:, [0, 2, 3]] == qpos[0, [0, 2, 3]]).all()
    assert 0.5 <= qpos[:, 1].min() < 0.52
    assert 1.48 < qpos[:, 1].max() <= 1.5
    wide = from_mjcf(arm(), 50, joint_noise=5.0)
    wide.reset(np.arange(50), np.arange(50))
    assert wide.get_state(np.arange(50))["state.world.qpos"][:, 0].max() == pytest.approx(2.7)
    with pytest.raises(InputError, match="'ball' is neither a hinge nor a slide"):
        from_mjcf(arm(), joint_noise={"ball": 0.1})


def test_observation_has_the_parts_asked_for(arm):
    env = begun(
        arm(
            """
            keyframe = "bent"
            [observation]
            joint_positions = ["elbow", "ball"]
            joint_velocities = false
            end_effector_pose = true
            sensors = ["gyro"]
            sites = true
            """
        )
    )
    state, around = (env.spec.observation[f"observation.{key}"] for key in ("state", "environment_state"))
    ball = [f"ball.{part}" for part in ("x", "y", "z", "qw", "qx", "qy", "qz")]
    pose = [f"tip.{part}" for part in ("x", "y", "z", "qw", "qx", "qy", "qz")]
    assert list(state.names) == ["elbow.pos", *ball, *pose, "gyro.0", "gyro.1", "gyro.2"]
    assert list(around.names) == [f"{site}.{axis}" for site in ("tip", "other") for axis in "xyz"]
    seen = env.reset(np.array([0]), np.array([0]))
    data = mujoco.MjData(task(read_config(arm())).model)
    mujoco.mj_resetDataKeyframe(data.model, data, 0)
    mujoco.mj_forward(data.model, data)
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, data.site_xmat[0])
    expected = [data.qpos[1:], data.site_xpos[0], quat * np.sign(quat @ seen["observation.state"][0, 11:15])]
    np.testing.assert_allclose(seen["observation.state"][0, :15], np.concatenate(expected), atol=1e-6)
    np.testing.assert_allclose(seen["observation.state"][0, 15:], data.sensordata[:3], atol=1e-6)
    np.testing.assert_allclose(seen["observation.environment_state"][0], data.site_xpos.ravel(), atol=1e-6)


def test_reward_and_success_of_sensors(arm):
    text = """
    success = [{ sensor = "elbow_angle", above = 0.5, below = 0.8 }, { sensor = "gyro", below = 1000 }]
    [reward]
    success = 3.0
    control = -0.5
    velocity = -0.25
    sensors = { elbow_angle = 2.0 }
    """
    env = begun(arm(text))
    assert "distance" not in step_once(env, [[0, 0]]).metrics  # nothing asks for it
    seen = set()
    for _ in range(100):
        step = step_once(env, [[0.5, 1.0]])
        state = env.get_state(np.array([0]))
        angle, velocity = state["state.world.qpos"][0, 1], state["state.world.qvel"][0]
        success = 0.5 < angle < 0.8
        assert step.success[0] == success
        value = 3 * success - 0.5 * (0.25 + 1) - 0.25 * velocity @ velocity + 2 * angle
        if step.end[0] == End.RUNNING or success:
            assert step.reward[0] == pytest.approx(value, rel=1e-5)
        seen.add(bool(success))
        if step.end[0] != End.RUNNING:
            break
    assert seen == {False, True}


def test_terms_are_the_same_on_torch(arm):
    text = """
    target_position = "ball"
    observation = ["joint_positions", "joint_velocities", "end_effector_pose", "sensors", "sites"]
    joint_noise = 0.3
    [reward]
    control = -0.1
    velocity = -0.1
    sensors = { gyro = 0.5 }
    """
    env = begun(arm(text), 5)
    made = task(read_config(arm(text)))
    step_once(env, np.full((5, 2), 0.3))
    world = from_state(
        {name.removeprefix("state."): value for name, value in env.get_state(np.arange(5)).items() if "world" in name}
    )
    twin = World(**{name: torch.tensor(getattr(world, name)) for name in FIELDS})
    for host, device in zip(made.judge(world, {}, {})[:2], made.judge(twin, {}, {})[:2], strict=True):
        assert str(device.dtype) == f"torch.{host.dtype}"
        np.testing.assert_allclose(host, device.numpy(), rtol=1e-6)
    seen = made.observe(twin, {}, {})
    for key, value in made.observe(world, {}, {}).items():
        np.testing.assert_array_equal(value, seen[key].numpy())
    action = np.full((5, 2), 0.3)
    host, _ = made.controller.command(world, {}, action)
    np.testing.assert_array_equal(host, made.controller.command(twin, {}, torch.tensor(action))[0].numpy())


@pytest.mark.parametrize(
    ("timestep", "fps", "substeps"),
    [(0.002, None, 10), (0.004, None, 5), (0.003, None, 7), (0.05, None, 1), (0.002, 25, 20), (0.001, 1000, 1)],
)
def test_control_steps_are_whole(timestep, fps, substeps):
    assert control_substeps(timestep, fps) == substeps


def test_rates_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"30 Hz is 8\.333 of them\. Nearest: 31\.25 or 27\.7778"):
        control_substeps(0.004, 30)
    with pytest.raises(InputError, match="Nearest: 250"):
        control_substeps(0.004, 1000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('cameras = ["frnt"]', r"camera in the model is named 'frnt'. Did you mean 'front'.*front, side"),
        ('actuators = ["wrist"]', r"actuator in the model is named 'wrist'.*elbow, shoulder"),
        (
            'end_effector = "tool"',
            r"no site or body named 'tool'. Sites: tip, other. Bodies: world, upper, lower, ball",
        ),
        ('observation = {sensors = ["force"]}', r"sensor in the model is named 'force'.*elbow_angle, gyro"),
        ('observation = {sites = ["tp"]}', r"site in the model is named 'tp'. Did you mean 'tip'"),
        ('observation = {joint_positions = ["wrist"]}', r"joint in the model is named 'wrist'.*ball, elbow, shoulder"),
        ('keyframe = "bend"', "keyframe in the model is named 'bend'. Did you mean 'bent'"),
        ('actuators = [{joint = "wrist"}]', "joint in the model is named 'wrist'"),
        ('cameras = [{name = "c", position = [1, 0, 0], target = [0, 0, 0], body = "uper"}]', "Did you mean 'upper'"),
        ("sucess_threshold = 0.1", "key .* 'sucess_threshold'. Did you mean 'success_threshold'"),
        ("reward = {distanse = 1}", "key of 'reward' is named 'distanse'. Did you mean 'distance'"),
        ('action_scale = "units"', "Did you mean 'unit'"),
    ],
)
def test_names_that_are_not_there(arm, text, said):
    with pytest.raises((UnknownNameError, InputError), match=said):
        from_mjcf(arm(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fps = -5", "'fps': expected a number above 0, -5 came"),
        ("target_position = [1, 2]", r"'target_position': expected a text or three numbers in m, \[1, 2\] came"),
        ("ends_on_success = 1", "expected true or false, 1 came"),
        ("cameras = [{height = 3}]", r"'cameras\[0\]' needs the key 'name'"),
        ('cameras = [{name = "front", height = 0}]', r"'cameras\[0\].height': expected a whole number above 0"),
        ('success_rule = "hold(5)"\nends_on_success = true', "cannot be judged"),
        ('success = [{sensor = "gyro"}]', r"success\[0\]' needs 'above', 'below'"),
        ("target_position = [0.45, 0, 0.4]\nsuccess_threshold = 9", "starts in success"),
        ("fps = [", "is no TOML"),
        ("actuators = []", "no actuator to command"),
    ],
)
def test_values_that_cannot_be(arm, text, said):
    with pytest.raises(InputError, match=said):
        from_mjcf(arm(text))


def test_models_that_cannot_be_read(tmp_path):
    (tmp_path / "bad.xml").write_text("<mujoco><worldbody><geom type='bx'/></worldbody></mujoco>")
    (tmp_path / "bad.mjb").write_bytes(b"no model")
    for name in ("bad.xml", "bad.mjb"):
        with pytest.raises(InputError, match="MuJoCo cannot read") as raised:
            from_mjcf(tmp_path / name)
        assert "\n" not in str(raised.value)
    with pytest.raises(InputError, match=r"no file .*none\.xml"):
        from_mjcf(tmp_path / "none.xml")
    with pytest.raises(InputError, match=r"none\.toml cannot be read"):
        from_mjcf(tmp_path / "none.toml")
    with pytest.raises(InputError, match="'model_path' is missing"):
        from_mjcf({"fps": 50})


def test_urdf_gets_its_motors_and_cameras_from_the_file(tmp_path):
    (tmp_path / "swing.urdf").write_text(URDF)
    config = {
        "model_path": "swing.urdf",
        "end_effector": "bar",
        "actuators": [{"joint": "hinge", "kp": 30, "kv": 3}],
        "action_scale": "unit",
        "cameras": [{"name": "front", "position": [0.5, -1, 0], "target": [0, 0, 0], "resolution": [64, 48]}],
    }
    (tmp_path / "swing.json").write_text(json.dumps(config))
    env = begun(tmp_path / "swing.json")
    for _ in range(100):
        step = step_once(env, [[1.0]])
    assert step.observation["observation.state"][0, 0] == pytest.approx(1.0, abs=0.1)
    assert env.render(env.spec.cameras)["front"].shape == (1, 48, 64, 3)
    env.close()
    with pytest.raises(InputError, match=r"no actuator to command.*its joints: hinge"):
        from_mjcf(tmp_path / "swing.urdf", success="none")
    with pytest.raises(InputError, match=r"no site.*world, bar"):
        from_mjcf(tmp_path / "swing.urdf")


def test_compiled_model_is_the_same_environment(arm, tmp_path):
    source = arm()
    mujoco.mj_saveModel(mujoco.MjModel.from_xml_path(str(tmp_path / "arm.xml")), str(tmp_path / "arm.mjb"), None)
    first, second = begun(source), begun(tmp_path / "arm.mjb")
    for _ in range(5):
        one, two = step_once(first, [[0.4, 0.2]]), step_once(second, [[0.4, 0.2]])
    np.testing.assert_array_equal(one.observation["observation.state"], two.observation["observation.state"])


def test_options_make_the_environment_again(arm, monkeypatch, tmp_path):
    spec = from_mjcf(arm("joint_noise = 0.1"), fps=25).spec
    json.dumps(spec.to_dict())
    monkeypatch.chdir("/")
    again = from_mjcf(spec.options["config"]).spec
    assert again == spec


def test_registry_gymnasium_and_command_take_the_file(arm, tmp_path, monkeypatch, capsys):
    from lerobot_sim.cli.main import main

    source = str(arm("time_limit_s = 0.2\njoint_noise = 0.1"))
    assert lerobot_sim.make(source, num_envs=3, fps=25).spec.max_steps == 5
    gymnasium_env = SimEnv(source)
    observation, _ = gymnasium_env.reset(seed=1)
    assert gymnasium_env.observation_space.contains(observation)
    monkeypatch.chdir(tmp_path)
    assert main(["eval", source, "--policy", "random", "--episodes", "4", "--num-envs", "2", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["env_id"], result["episodes"]) == ("custom/arm", 4)
