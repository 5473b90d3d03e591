"""Params of the model: a lane moves exactly as a model that was compiled with the value, and alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
import pytest

from lerobot_sim.envs.mujoco import contact_params, drive_params, scene_params
from lerobot_sim.envs.mujoco.model_params import ModelParam, fields_of
from lerobot_sim.envs.mujoco.physics import Physics, prepared
from lerobot_sim.errors import InputError, UnknownNameError

BALL_HEIGHT = 0.3


@dataclass(frozen=True)
class Build:
    """What the scene is compiled with."""

    mass: float = 0.5
    sliding: float = 0.6
    table_sliding: float = 0.6
    box_priority: int = 0
    torsional: float = 0.01
    kp: float = 40.0
    delay: float = 0.0
    nsample: int = 10
    damping: float = 0.3
    frictionloss: float = 0.02
    armature: float = 0.05
    kv: float | None = None
    gravity: tuple[float, float, float] = (0.0, 0.0, -9.81)
    density: float = 0.0
    viscosity: float = 0.0
    solref: tuple[float, float] = (0.02, 1.0)
    floor_solref: tuple[float, float] = (0.02, 1.0)


def scene(build: Build = Build()) -> Any:
    """A box that slides and is pushed by a two-jointed arm, and a ball that falls, on a table."""
    spec = prepared(mujoco.MjSpec())
    spec.compiler.degree = False
    spec.option.gravity, spec.option.density, spec.option.viscosity = build.gravity, build.density, build.viscosity
    add_table(spec, build)
    box = spec.worldbody.add_body(name="box", pos=[0.2, 0.06, 0.03])
    box.add_freejoint(name="box")
    geom = box.add_geom(name="box", type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.03, 0.04, 0.03], mass=build.mass)
    geom.friction, geom.condim, geom.priority = (build.sliding, build.torsional, 1e-4), 4, build.box_priority
    ball = spec.worldbody.add_body(name="ball", pos=[-0.5, 0, 0.05 + BALL_HEIGHT])
    ball.add_freejoint(name="ball")
    ball.add_geom(name="ball", size=[0.05, 0, 0], mass=0.1, solref=build.solref, condim=1)
    add_arm(spec, build)
    return spec.compile()


def add_table(spec: Any, build: Build) -> None:
    table = spec.worldbody.add_geom(name="table", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2, 2, 0.1])
    table.friction, table.solref = (build.table_sliding, 0.005, 1e-4), build.floor_solref
    spec.worldbody.add_light(name="lamp", pos=[0, 0, 2])
    spec.worldbody.add_camera(name="front", pos=[1, 0, 1], mode=mujoco.mjtCamLight.mjCAMLIGHT_FIXED)
    spec.worldbody.add_camera(name="follower", pos=[1, 0, 1], mode=mujoco.mjtCamLight.mjCAMLIGHT_TRACK)


def add_arm(spec: Any, build: Build) -> None:
    parent, pos = spec.worldbody, [0, -0.1, 0.03]
    for name in ("shoulder", "elbow"):
        parent = parent.add_body(name=name, pos=pos)
        parent.add_joint(
            name=name, axis=[0, 0, 1], damping=[build.damping, 0, 0], armature=build.armature,
            frictionloss=build.frictionloss, range=[-2, 2], limited=1,
        )  # fmt: skip
        capsule = mujoco.mjtGeom.mjGEOM_CAPSULE
        parent.add_geom(name=name, type=capsule, fromto=[0.02, 0, 0, 0.14, 0, 0], size=[0.015, 0, 0], mass=0.3)
        pos = [0.16, 0, 0]
        servo = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        if build.kv is None:
            servo.set_to_position(kp=build.kp, dampratio=0.8)
        else:
            servo.set_to_position(kp=build.kp, kv=build.kv)
        servo.delay, servo.nsample = build.delay, build.nsample


def trajectory(model: Any, params: dict[str, ModelParam], values: dict[str, Any], lanes: int, steps: int = 40) -> Any:
    """qpos (steps, lanes, nq) of the arm that swings into the box, and the ball that falls."""
    physics = Physics(model, lanes, params, threads=1)
    physics.apply(np.arange(lanes), values)
    return moved(physics, np.arange(lanes), steps)


def moved(physics: Physics, lanes: Any, steps: int = 40) -> Any:
    count = len(lanes)
    state = physics.settle(lanes, np.tile(physics.model.qpos0, (count, 1)), np.zeros((count, physics.model.nu)))
    live, path = np.ones(count, bool), []
    for t in range(steps):
        ctrl = np.tile([1.2 * np.sin(0.3 * t) + 0.3, 0.9 * np.sin(0.2 * t)], (count, 1))
        state, _ = physics.advance(state, ctrl, live, 10)
        path.append(state["world.qpos"])
    return np.array(path)


ARM = ["shoulder", "elbow"]
NOMINAL_KV = -float(scene().actuator_biasprm[0, 2])
CASES = {
    # what -> (nominal build, Param, values of lanes, build with a value)
    "mass": (
        Build(), lambda m: contact_params.body_mass(m, "box", 0.05, 5), [0.1, 0.5, 2.5], lambda v: {"mass": v},
    ),
    "friction by priority": (
        Build(box_priority=1, table_sliding=1.5),
        lambda m: contact_params.friction(m, ["box"], 0.05, 2), [0.1, 0.6, 1.2], lambda v: {"sliding": v},
    ),
    "friction of both": (
        Build(),
        lambda m: contact_params.friction(m, ["box", "table"], 0.05, 2), [0.1, 0.6, 1.2],
        lambda v: {"sliding": v, "table_sliding": v},
    ),
    "torsional friction": (
        Build(), lambda m: contact_params.friction(m, ["box"], 0.006, 0.1, "torsional"), [0.007, 0.01, 0.05],
        lambda v: {"torsional": v},
    ),
    "gain": (
        Build(), lambda m: drive_params.actuator_gain(m, ARM, 0.1, 10), [0.25, 1.0, 3.0], lambda v: {"kp": 40.0 * v},
    ),
    "delay": (
        Build(), lambda m: drive_params.actuator_delay(m, ARM, 0.04), [0.0, 0.013, 0.04], lambda v: {"delay": v},
    ),
    "damping": (
        Build(), lambda m: drive_params.joint_damping(m, ARM, 0, 3), [[0.1] * 2, [0.3] * 2, [1.5] * 2],
        lambda v: {"damping": v[0]},
    ),
    "frictionloss": (
        Build(), lambda m: drive_params.joint_frictionloss(m, ARM, 0, 3), [[0.0] * 2, [0.02] * 2, [0.5] * 2],
        lambda v: {"frictionloss": v[0]},
    ),
    "armature": (
        Build(kv=NOMINAL_KV), lambda m: drive_params.joint_armature(m, ARM, 0, 3), [[0.01] * 2, [0.05] * 2, [0.4] * 2],
        lambda v: {"armature": v[0]},
    ),
    "gravity": (
        Build(), lambda m: scene_params.gravity(m, -20, 20), [[0, 0, -1.62], [0, 0, -9.81], [1.0, 2.0, -12.0]],
        lambda v: {"gravity": tuple(v)},
    ),
    "density": (
        Build(), lambda m: scene_params.air_density(m, 2000), [0.0, 1.2, 900.0], lambda v: {"density": v},
    ),
    "viscosity": (
        Build(), lambda m: scene_params.air_viscosity(m, 2), [0.0, 1.8e-5, 1.5], lambda v: {"viscosity": v},
    ),
}  # fmt: skip
ROUNDED = ("mass", "gain", "armature")
"""The compiler's last bit of inertia or kv differs from ours, and contacts magnify it; the others are bit for bit."""


@pytest.mark.parametrize("case", CASES)
def test_a_lane_moves_as_a_model_compiled_with_the_value(case):
    build, make, values, change = CASES[case]
    model = scene(build)
    ours = trajectory(model, {"it": make(model)}, {"it": np.array(values)}, 3)
    for lane, value in enumerate(values):
        compiled = scene(Build(**{**build.__dict__, **change(value)}))
        theirs = trajectory(compiled, {}, {}, 1)[:, 0]
        atol = 1e-9 if case in ROUNDED else 0.0
        np.testing.assert_allclose(ours[:, lane], theirs, rtol=0, atol=atol, err_msg=f"{case} of {value}")
    assert np.isfinite(ours).all()
    away = np.abs(ours[:, :, None] - ours[:, None]).max(axis=(0, -1))[np.triu_indices(3, 1)]
    assert away.max() > 1e-4, "the values make a difference"


@pytest.mark.parametrize("case", CASES)
def test_a_lane_without_the_param_is_nominal_again_and_its_neighbours_stay(case):
    build, make, values, _ = CASES[case]
    model = scene(build)
    param = make(model)
    bare = trajectory(model, {}, {}, 3)
    physics = Physics(model, 3, {"it": param}, threads=1)
    nominal = np.broadcast_to(np.asarray(param.param.nominal, float), (3, *param.param.shape))
    given = np.array(values, float)
    for _ in range(3):  # repeatedly, because scaling what was scaled would compound
        physics.apply(np.arange(3), {"it": given})
    varied = moved(physics, np.arange(3))
    physics.apply(np.array([0, 2]), {"it": nominal[[0, 2]]})
    again = moved(physics, np.arange(3))
    np.testing.assert_array_equal(again[:, [0, 2]], bare[:, [0, 2]])
    np.testing.assert_array_equal(again[:, 1], varied[:, 1])
    np.testing.assert_array_equal(varied, trajectory(model, {"it": param}, {"it": given}, 3))


def test_mass_without_inertia_or_without_constants_would_move_otherwise():
    """The trap itself: free motion looks right, contacts are wrong."""
    model = scene()
    mass = contact_params.body_mass(model, "box", 0.05, 5)
    right = trajectory(model, {"it": mass}, {"it": np.array([2.5])}, 1)
    assert np.isfinite(right).all()

    def only_mass(fields, values):
        fields["body_mass"][:, model.body("box").id] = values

    for fields, write, constants in (
        (("body_mass",), only_mass, True),
        (mass.fields, mass.write, False),
    ):
        trap = ModelParam(param=mass.param, fields=fields, write=write, constants=constants)
        away = np.abs(trajectory(model, {"it": trap}, {"it": np.array([2.5])}, 1) - right).max()
        assert not away < 1e-4  # without the constants it is thrown out of the numbers


def test_params_do_not_depend_on_their_order():
    model = scene(Build(box_priority=1))
    params = {
        "mass": contact_params.body_mass(model, "box", 0.05, 5),
        "shoulder": contact_params.body_mass(model, "shoulder", 0.05, 5),
        "sliding": contact_params.friction(model, ["box"], 0.05, 2),
        "torsional": contact_params.friction(model, ["box"], 0.001, 2, "torsional"),
        "gain": drive_params.actuator_gain(model, ARM, 0.1, 5),
        "damping": drive_params.joint_damping(model, ["shoulder"], 0, 2),
        "elbow": drive_params.joint_damping(model, ["elbow"], 0, 2),
        "gravity": scene_params.gravity(model, -20, 20),
    }
    rng = np.random.default_rng(0)
    values = {name: rng.uniform(0.3, 1.2, (2, *param.param.shape)) for name, param in params.items()}
    expected = fields_of(model, params, values)
    path = trajectory(model, params, values, 2)
    for _ in range(3):
        shuffled = {name: params[name] for name in rng.permutation(list(params))}
        found = fields_of(model, shuffled, values)
        assert sorted(found) == sorted(expected)
        for name, field in expected.items():
            np.testing.assert_array_equal(found[name], field)
        np.testing.assert_array_equal(trajectory(model, shuffled, values, 2), path)
    for name in ("mass", "torsional", "elbow"):  # alone: the same numbers in the same place
        alone = fields_of(model, {name: params[name]}, {name: values[name]})
        nominal = fields_of(
            model,
            {name: params[name]},
            {name: np.broadcast_to(params[name].param.nominal, (2, *params[name].param.shape))},
        )
        for field, value in alone.items():
            where = value != nominal[field]
            assert where.any()
            np.testing.assert_array_equal(value[where], expected[field][where])


def bounce(model: Any, params: dict[str, ModelParam], values: dict[str, Any], lanes: int) -> Any:
    """The ball's greatest upward speed after its first contact over its greatest downward speed."""
    physics = Physics(model, lanes, params, threads=1)
    physics.apply(np.arange(lanes), values)
    state = physics.settle(np.arange(lanes), np.tile(model.qpos0, (lanes, 1)), np.zeros((lanes, model.nu)))
    column = model.jnt_dofadr[model.joint("ball").id] + 2
    speeds = []
    for _ in range(110):
        state, _ = physics.advance(state, np.zeros((lanes, model.nu)), np.ones(lanes, bool), 1)
        speeds.append(state["world.qvel"][:, column])
    return np.max(speeds, axis=0) / -np.min(speeds, axis=0)


def test_restitution_comes_out_as_asked():
    model = scene()
    param = contact_params.restitution(model, ["ball", "table"], 0.05, 0.95)
    asked = np.array([0.05, 0.1, 0.2, 0.4, 0.7, 0.95])
    np.testing.assert_allclose(bounce(model, {"it": param}, {"it": asked}, 6), asked, atol=0.012)


def test_restitution_is_a_model_compiled_with_the_direct_solref():
    model = scene()
    param = contact_params.restitution(model, ["ball", "table"], 0.05, 0.95)
    ours = trajectory(model, {"it": param}, {"it": np.array([0.7, 0.3])}, 2)
    for lane, value in enumerate((0.7, 0.3)):
        solref = (-2500.0, float(-2 * contact_params.damping_ratio(np.array(value)) * 50.0))
        theirs = trajectory(scene(Build(solref=solref, floor_solref=solref)), {}, {}, 1)
        np.testing.assert_array_equal(ours[:, lane], theirs[:, 0])
    nominal = trajectory(model, {"it": param}, {"it": np.full(2, param.param.nominal)}, 2)
    np.testing.assert_array_equal(nominal, trajectory(model, {}, {}, 2))


def test_damping_ratios_are_schwager_and_poeschels():
    """Against their equation, integrated: x'' = -x - 2 zeta x' from x = 0 until the force -x - 2 zeta x' pulls."""
    for e in (0.05, 0.135, 0.2, 0.5, 0.9):
        zeta = float(contact_params.damping_ratio(np.array(e)))
        x, v, dt = 0.0, -1.0, 2e-5
        while (x <= 0 and -x - 2 * zeta * v >= 0) or v < 0:
            v += dt * (-x - 2 * zeta * v)
            x += dt * v
        assert v == pytest.approx(e, abs=2e-4)
    textbook = -np.log(0.2) / np.hypot(np.pi, np.log(0.2))
    assert float(contact_params.damping_ratio(np.array(0.2))) > 1.5 * textbook


def test_what_would_do_nothing_is_refused_with_the_remedy():
    with pytest.raises(InputError, match=r"takes the larger one.*geom.priority = 1.*'table'"):
        contact_params.friction(scene(Build(table_sliding=1.5)), ["box"], 0.05, 2)
    model = scene(Build(box_priority=-1))
    with pytest.raises(InputError, match=r"'table' has the higher priority \(0 over -1\)"):
        contact_params.friction(model, ["box"], 0.7, 2)
    with pytest.raises(InputError, match=r"condim 6"):
        contact_params.friction(model, ["ball"], 0.7, 2, "rolling")
    with pytest.raises(InputError, match=r"mixes in.*geom.priority = 1"):
        contact_params.restitution(scene(), ["ball"], 0.1, 0.9)
    with pytest.raises(InputError, match="share one solref"):
        contact_params.restitution(scene(Build(solref=(0.01, 1))), ["ball", "table"], 0.1, 0.9)
    with pytest.raises(InputError, match="between 0 and 1"):
        contact_params.restitution(scene(), ["ball", "table"], 0.1, 1.0)
    with pytest.raises(InputError, match=r"less than 0.048; 0.02 came"):
        contact_params.restitution(scene(), ["ball", "table"], 0.02, 0.9)
    with pytest.raises(InputError, match=r"remembers 10 commands.*nsample = 25"):
        drive_params.actuator_delay(scene(), ARM, 0.1)
    with pytest.raises(InputError, match="only hinges and slides"):
        drive_params.joint_damping(scene(), ["ball"], 0, 1)
    with pytest.raises(InputError, match="has no mass"):
        contact_params.body_mass(scene(), "world", 0, 1)
    with pytest.raises(UnknownNameError, match="Did you mean 'shoulder'"):
        drive_params.actuator_gain(scene(), ["sholder"], 0.5, 2)
    with pytest.raises(InputError, match="list with at least one"):
        contact_params.friction(scene(), "box", 0.7, 2)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="mjCAMLIGHT_FIXED"):
        scene_params.camera_position(scene(), "follower", 0.1)


def test_too_few_samples_shorten_a_delay_silently():
    """The trap that `actuator_delay` refuses."""
    long = trajectory(scene(Build(delay=0.08, nsample=20)), {}, {}, 1)
    short = trajectory(scene(Build(delay=0.08, nsample=5)), {}, {}, 1)
    assert np.abs(long - short).max() > 1e-3


def test_an_objects_friction_alone_does_nothing_below_the_tables():
    """The trap that `friction` refuses."""
    slippery = trajectory(scene(Build(sliding=0.1, table_sliding=1.5)), {}, {}, 1)
    np.testing.assert_array_equal(slippery, trajectory(scene(Build(sliding=0.9, table_sliding=1.5)), {}, {}, 1))
    rough = trajectory(scene(Build(sliding=0.9, table_sliding=0.1)), {}, {}, 1)
    assert np.abs(slippery - rough).max() > 1e-3


def test_pictures_params_write_what_they_say():
    model = scene()
    params = {
        "colour": scene_params.geom_color(model, ["box"]),
        "light": scene_params.light_color(model, "lamp"),
        "lamp": scene_params.light_position(model, "lamp", 1),
        "camera": scene_params.camera_position(model, "front", 0.2),
        "turn": scene_params.camera_turn(model, "front", 0.5),
        "view": scene_params.camera_field_of_view(model, "front", 0.3, 1.5),
    }
    nominal = {n: np.broadcast_to(np.asarray(p.param.nominal, float), (2, *p.param.shape)) for n, p in params.items()}
    for name, field in fields_of(model, params, nominal).items():
        np.testing.assert_allclose(field, np.repeat(getattr(model, name)[None], 2, axis=0), atol=1e-15, err_msg=name)
    values = {
        "colour": [0.1, 0.2, 0.3], "light": [0.3, 0.2, 0.1], "lamp": [0.5, 0, -0.5], "camera": [0.1, 0, 0],
        "turn": [0.0, 0.3, 0.2], "view": 0.5,
    }  # fmt: skip
    given = {name: np.stack([nominal[name][0], np.asarray(value)]) for name, value in values.items()}
    fields = fields_of(model, params, given)
    np.testing.assert_allclose(fields["geom_rgba"][1, model.geom("box").id, :3], values["colour"], atol=1e-7)
    np.testing.assert_allclose(fields["light_diffuse"][1, 0], values["light"], atol=1e-7)
    np.testing.assert_allclose(fields["light_pos"][1, 0], [0.5, 0, 1.5], atol=1e-7)
    np.testing.assert_allclose(fields["cam_pos"][1, 0], [1.1, 0, 1], atol=1e-12)
    np.testing.assert_allclose(fields["cam_fovy"][1, 0], np.rad2deg(0.5), atol=1e-5)
    quat, turned = np.array(model.cam_quat[0]), np.zeros(4)
    mujoco.mju_copy(turned, quat)
    mujoco.mju_quatIntegrate(turned, np.array(values["turn"]), 1.0)
    np.testing.assert_allclose(fields["cam_quat"][1, 0], turned, atol=1e-12)
    np.testing.assert_array_equal(fields["cam_pos"][0], model.cam_pos)
