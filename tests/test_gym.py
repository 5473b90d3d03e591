"""Registration with gymnasium, and gymnasium's own checks over every environment."""

import os
import subprocess
import sys
import textwrap

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

import lerobot_sim.gym
from lerobot_sim import registry
from lerobot_sim.bridges.gymnasium_vector import SimVectorEnv
from lerobot_sim.bridges.to_gymnasium import SimEnv

PUSH_T = "lerobot_sim.gym:lerobot-sim/numpy-push-t-v1"


def python(code, *, path=None):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(path or ""), *sys.path]))}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_every_environment_is_registered_in_our_namespace_with_its_own_version():
    for env_id in registry.environments():
        name = f"lerobot-sim/{env_id.replace('/', '-')}-v{registry.spec_of(env_id).version}"
        assert lerobot_sim.gym.gymnasium_id(env_id, registry.spec_of(env_id).version) == name
        assert gymnasium.spec(name).kwargs == {"env": env_id}


def test_registering_twice_changes_nothing(recwarn):
    before = dict(gymnasium.registry)
    assert lerobot_sim.gym.register_all()
    assert gymnasium.registry == before
    assert not recwarn.list


@pytest.mark.parametrize("env_id", registry.environments())
@pytest.mark.filterwarnings("error", "ignore:.*symmetric and normalized space.*", "ignore:.*infinity.*")
def test_gymnasiums_own_check_passes(env_id, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    name = lerobot_sim.gym.gymnasium_id(env_id, registry.spec_of(env_id).version)
    env = gymnasium.make(name)
    check_env(env.unwrapped)
    env.close()


def test_make_takes_the_documented_id_and_gives_ours():
    env = gymnasium.make(PUSH_T)
    assert isinstance(env.unwrapped, SimEnv)
    vector = gymnasium.make_vec(PUSH_T, num_envs=3)
    assert isinstance(vector, SimVectorEnv)
    assert vector.num_envs == 3
    assert env.spec.max_episode_steps is None  # the time limit is the Env's own
    assert env.unwrapped.metadata["render_fps"] == 10


def test_a_spec_survives_json():
    env = gymnasium.make(PUSH_T, keys="lerobot", pixels=("front",), pixels_size=(32, 32))
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.observation_space == env.observation_space


def test_the_package_itself_does_not_load_gymnasium_and_registering_makes_no_environment():
    out = python("""
        import sys
        import lerobot_sim, lerobot_sim.registry
        print("gymnasium" in sys.modules)
        from lerobot_sim.envs import task_env
        made = []
        original = task_env.TaskEnv.__init__
        task_env.TaskEnv.__init__ = lambda self, *a, **k: made.append(a) or original(self, *a, **k)
        import lerobot_sim.gym
        print(len(made), "pygame" in sys.modules, "torch" in sys.modules)
    """)
    assert out == ["False", "0", "False", "False"]


def plug_in(folder, entry, **modules):
    """A distribution as pip leaves it, found on the path by its metadata."""
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    meta = folder / "acme_sim-1.0.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-sim\nVersion: 1.0\n")
    (meta / "entry_points.txt").write_text("[lerobot_sim.envs]\n" + textwrap.dedent(entry))


ACME = """
    import dataclasses
    from lerobot_sim.envs.push_t import TASK
    from lerobot_sim.envs.task_env import TaskEnv

    SPECS = {"acme/push-v2": dataclasses.replace(TASK.spec, id="acme/push-v2", version=7)}

    def make(num_envs=1):
        return TaskEnv(dataclasses.replace(TASK, spec=SPECS["acme/push-v2"]), num_envs)

    def make_other(num_envs=1):
        spec = dataclasses.replace(TASK.spec, id="acme/other", version=3)
        return TaskEnv(dataclasses.replace(TASK, spec=spec), num_envs)
"""


def test_a_third_partys_environment_is_registered_under_its_own_version(tmp_path):
    plug_in(tmp_path, "acme/push-v2 = acme_sim:make\nacme/other = acme_sim:make_other\n", acme_sim=ACME)
    out = python(
        """
        import gymnasium
        env = gymnasium.make("lerobot_sim.gym:lerobot-sim/acme-push-v2-v7")
        print(env.unwrapped.env.spec.id, env.reset(seed=1)[0]["observation.state"].shape)
        print(gymnasium.make_vec("lerobot-sim/acme-other-v3", num_envs=2).num_envs)
        """,
        path=tmp_path,
    )
    assert out == ["acme/push-v2", "(6,)", "2"]


def test_a_broken_third_party_fails_only_when_it_is_used(tmp_path):
    plug_in(tmp_path, "acme/broken = acme_broken:make\n", acme_broken="import nowhere_to_be_found\n")
    out = python(
        """
        import gymnasium
        gymnasium.make("lerobot_sim.gym:lerobot-sim/numpy-push-t-v1")
        from lerobot_sim.errors import SimError
        for make in (gymnasium.make, gymnasium.make_vec):
            try:
                make("lerobot-sim/acme-broken")
            except SimError as error:
                print("acme-sim" in str(error), "nowhere_to_be_found" in str(error))
        """,
        path=tmp_path,
    )
    assert out == ["True"] * 4


def test_versions_that_modules_name_are_their_specs():
    from lerobot_sim import registry

    for env_id in registry.environments():
        assert registry.version_of(env_id) == registry.spec_of(env_id).version
