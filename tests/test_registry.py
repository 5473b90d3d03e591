"""Names: bare ones, near misses, plug-ins that are broken, and a listing that imports nothing."""

import pkgutil
import subprocess
import sys

import pytest

import lerobot_sim
from lerobot_sim import environments, make, make_policy, policy_names, registry
from lerobot_sim.errors import InputError, SimError, UnknownNameError


@pytest.fixture
def plug_ins(tmp_path, monkeypatch):
    """A real distribution on the path: one working environment, one whose module is broken, odd names."""
    (tmp_path / "plug_in_module.py").write_text(
        "from lerobot_sim.envs.push_t import make\nfrom lerobot_sim.policies.random import make as make_policy\n"
    )
    (tmp_path / "plug_in_broken.py").write_text("import a_package_that_nobody_has\n")
    info = tmp_path / "plug_in-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug-in\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[lerobot_sim.envs]\n"
        "theirs/shove = plug_in_module:make\n"
        "theirs/broken = plug_in_broken:make\n"
        "theirs/reach = plug_in_module:make\n"
        "nofamily = plug_in_module:make\n"
        "[lerobot_sim.policies]\n"
        "noise = plug_in_module:make_policy\n"
        "theirs/shove = plug_in_module:make_policy\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


def test_our_environments_and_policies_are_listed():
    assert {"numpy/push-t", "numpy/reach", "numpy/pick-place"} <= set(environments())
    assert environments() == sorted(environments())
    assert {"random", "expert"} <= set(policy_names("numpy/push-t"))
    assert "expert" not in policy_names("theirs/unknown")


def test_a_bare_name_is_taken_where_one_family_has_it():
    assert registry.resolve("push-t") == "numpy/push-t"
    assert make("push-t", 3).num_envs == 3
    assert make("numpy/push-t").spec.id == "numpy/push-t"


@pytest.mark.parametrize(("name", "near"), [("push-tt", "push-t"), ("numpy/pusht", "numpy/push-t"), ("reech", "reach")])
def test_did_you_mean(name, near):
    with pytest.raises(UnknownNameError, match=f"Did you mean '{near}'"):
        make(name)


@pytest.mark.parametrize("count", [0, -1])
def test_no_lanes(count):
    with pytest.raises(InputError, match="at least 1"):
        make("push-t", count)


def test_unknown_policies():
    spec = make("push-t").spec
    with pytest.raises(UnknownNameError, match="Did you mean 'random'"):
        make_policy("randm", spec)


def test_plug_ins_are_found_by_full_and_bare_name(plug_ins):
    assert {"theirs/shove", "theirs/broken", "nofamily"} <= set(environments())
    assert make("shove", 2).num_envs == 2
    assert make("nofamily").num_envs == 1
    spec = make("push-t").spec
    assert make_policy("noise", spec).batch_invariant
    assert "noise" in policy_names()


def test_a_name_in_two_families_lists_both(plug_ins):
    with pytest.raises(InputError, match=r"mujoco/reach, numpy/reach, theirs/reach. Give the full name"):
        make("reach")
    assert make("theirs/reach").num_envs == 1


def test_a_broken_plug_in_fails_only_when_it_is_used(plug_ins):
    assert "theirs/broken" in environments()
    make("push-t")
    with pytest.raises(SimError, match=r"'theirs/broken' comes from 'plug-in'.*plug_in_broken:make.*nobody_has"):
        make("theirs/broken")


def test_listing_imports_nothing_of_what_it_lists():
    code = (
        "import sys; from lerobot_sim import environments, policy_names; environments(); policy_names('numpy/push-t'); "
        "bad = [m for m in sys.modules if m.startswith(('lerobot_sim.envs', 'lerobot_sim.policies', "
        "'lerobot_sim.experts', 'torch', 'gymnasium'))]; assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_loads_no_numpy():
    code = "import sys, lerobot_sim; assert 'numpy' not in sys.modules; dir(lerobot_sim)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_name_of_the_package_is_there():
    import lerobot_sim

    for name in lerobot_sim.__all__:
        assert getattr(lerobot_sim, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lerobot_sim.nothing


def test_no_public_name_is_hidden_by_a_module_of_that_name():
    modules = {module.name for module in pkgutil.iter_modules(lerobot_sim.__path__)}
    assert not modules & set(lerobot_sim.__all__)
    for module in modules:
        assert not callable(getattr(lerobot_sim, module, None))


@pytest.mark.parametrize(
    ("name", "env_id"),
    [
        ("metaworld/pick-place-v3", "metaworld/pick-place-v3"),
        ("pick-place-v3", "metaworld/pick-place-v3"),
        ("gym_hil/PandaPickCube-v0", "gym-hil/panda-pick-cube"),
        ("gym_pusht/PushT-v0", "pusht/push-t"),
        ("gym_aloha/AlohaInsertion-v0", "aloha/insertion"),
        ("gymnasium/CartPole-v1", "gymnasium/CartPole-v1"),
    ],
)
def test_tasks_of_other_simulators_have_their_names_and_those_of_other_texts(name, env_id):
    assert registry.resolve(name) == env_id


def test_a_name_that_no_family_has_is_told_with_the_nearest():
    with pytest.raises(UnknownNameError, match="metaworld/reach-v3"):
        registry.resolve("metaworld/reech-v3")


def test_the_catalogues_need_no_simulator():
    code = (
        "import sys; from lerobot_sim import registry; "
        "specs = [registry.spec_of(task) for family in registry.FAMILIES for task in registry.family_tasks(family)]; "
        "theirs = {'metaworld', 'gym_hil', 'gym_aloha', 'gym_pusht', 'libero', 'isaaclab'}; "
        "print(len(specs), *sorted(theirs & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert int(said[0]) > 190
    assert said[1:] == []


def test_a_guides_file_is_its_simulators_environment(tmp_path):
    path = tmp_path / "gym_hil_env.json"
    path.write_text('{"env": {"name": "gym_hil", "task": "PandaPickCubeKeyboard-v0"}}')
    factory = registry._factory(registry.resolve(str(path)))
    assert factory.func.__module__ == "lerobot_sim.simulators.gym_hil.config"
    path.write_text('{"model": "scene.xml"}')
    assert registry._factory(str(path)).func.__module__ == "lerobot_sim.envs.mujoco.any_model"
    path.write_text("{")
    assert registry._factory(str(path)).func.__module__ == "lerobot_sim.envs.mujoco.any_model"
