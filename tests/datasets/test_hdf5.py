"""Datasets to HDF5 in robomimic's layout and back, and files in the layouts of robomimic and LIBERO."""

import json

import h5py
import numpy as np
import pytest

from lerobot_sim.datasets import exchange, hdf5, hdf5_foreign, numpy_files
from lerobot_sim.datasets.codecs import VideoSettings
from lerobot_sim.datasets.frames import FrameReader
from lerobot_sim.datasets.reader import read_columns, read_episodes, read_info, read_records
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.envs.push_t import make
from lerobot_sim.errors import ArrayError, InputError, MissingExtraError, StorageError, UnknownNameError
from lerobot_sim.loop import rollout
from lerobot_sim.policies.random import RandomPolicy
from lerobot_sim.spec import Camera

from .conftest import tree

T = (5, 7)
"""Lengths of the two demonstrations."""


def export(root, output, **options):
    options = {"overwrite": False, "show": lambda _: None, **options}
    hdf5.export(root, exchange.header_of(root), output, **options)


def bring_back(path, root, video=None):
    header, _, items = hdf5.read(path)
    spec = exchange.spec_of(header, "some")
    return exchange.write_dataset(root, header, spec, items, video=video or VideoSettings())


def bring(path, root, video=None, **options):
    header, layout = hdf5_foreign.read(path, renamed=options.pop("renamed", {}), **options)
    spec = exchange.spec_of(header, path.stem)
    items = hdf5_foreign.items(layout)
    exchange.write_dataset(root, header, spec, items, video=video or VideoSettings(codec="png"))
    return layout


def picture(t, height=8, width=6):
    """Brighter from the first line to the last and from left to right; green tells the time."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.arange(height)[:, None] * 20
    image[..., 2] = np.arange(width) * 20
    image[..., 1] = t * 10
    return image


def libero_file(path, *, pictures=True):
    """As LIBERO's scripts/create_dataset.py writes it."""
    random = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        problem = {
            "problem_name": "libero_kitchen_tabletop_manipulation",
            "domain_name": "robosuite",
            "language_instruction": "open the top drawer of the cabinet",
        }
        kwargs = {"robots": ["Panda"], "control_freq": 20, "camera_heights": 128, "camera_widths": 128}
        arguments = {
            "type": 1,
            "env_name": "Libero_Kitchen_Tabletop_Manipulation",
            "problem_name": problem["problem_name"],
            "bddl_file": "chiliocosm/bddl_files/libero_90/KITCHEN_SCENE1_open_the_top_drawer.bddl",
            "env_kwargs": kwargs,
        }
        data.attrs["env_name"] = arguments["env_name"]
        data.attrs["problem_info"] = json.dumps(problem)
        data.attrs["macros_image_convention"] = "opengl"
        data.attrs["bddl_file_name"] = arguments["bddl_file"]
        data.attrs["bddl_file_content"] = "(define (problem LIBERO) )"
        data.attrs["env_args"] = json.dumps(arguments)
        data.attrs["num_demos"], data.attrs["total"] = len(T), sum(T)
        for number, count in enumerate(T):
            demo = data.create_group(f"demo_{number}")
            end_effector = random.normal(size=(count, 6))
            observations = demo.create_group("obs")
            observations["gripper_states"] = random.normal(size=(count, 2))
            observations["joint_states"] = random.normal(size=(count, 7))
            observations["ee_states"] = end_effector
            observations["ee_pos"], observations["ee_ori"] = end_effector[:, :3], end_effector[:, 3:]
            if pictures:
                upside_down = np.stack([picture(t)[::-1] for t in range(count)])
                observations["agentview_rgb"] = upside_down
                observations["eye_in_hand_rgb"] = upside_down
            demo["actions"] = random.uniform(-1, 1, (count, 7))
            demo["states"] = random.normal(size=(count, 47))
            demo["robot_states"] = random.normal(size=(count, 9))
            ends = np.zeros(count, np.uint8)
            ends[-1] = 1
            demo["rewards"] = demo["dones"] = ends
            demo.attrs["num_samples"] = count
            demo.attrs["model_file"] = "<mujoco/>"
            demo.attrs["init_state"] = demo["states"][0]
    return path


def robomimic_file(path, *, pictures=False, shaped=False, arms=1):
    """As robomimic's scripts/dataset_states_to_obs.py writes it."""
    random = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        for number, count in zip((0, 10), T, strict=True):  # v0.1's numbers have gaps in filtered files
            demo = data.create_group(f"demo_{number}")
            sizes = {"object": 10}
            for arm in range(arms):
                sizes |= {f"robot{arm}_eef_pos": 3, f"robot{arm}_eef_quat": 4, f"robot{arm}_gripper_qpos": 2}
                sizes |= {f"robot{arm}_joint_pos": 7}
            for name, size in sizes.items():
                values = random.normal(size=(count + 1, size))
                demo[f"obs/{name}"], demo[f"next_obs/{name}"] = values[:-1], values[1:]
            if pictures:
                images = np.stack([picture(t) for t in range(count)])
                for name in ("agentview_image", "robot0_eye_in_hand_image"):
                    demo[f"obs/{name}"] = images
            demo["actions"] = random.uniform(-1, 1, (count, 7))
            demo["states"] = random.normal(size=(count, 32))
            rewards = np.zeros(count)
            rewards[-1] = 1.0
            demo["rewards"] = random.uniform(0, 0.7, count) if shaped else rewards
            demo["dones"] = rewards.astype(np.int64)
            demo.attrs["num_samples"] = count
            demo.attrs["model_file"] = "<mujoco/>"
        data.attrs["total"] = sum(T)
        kwargs = {"robots": ["Panda"], "control_freq": 20, "reward_shaping": False}
        arguments = {"env_name": "Lift", "env_version": "1.4.1", "type": 1, "env_kwargs": kwargs}
        data.attrs["env_args"] = json.dumps(arguments, indent=4)
        file["mask/train"] = np.array(["demo_10"], dtype="S")
        file["mask/valid"] = np.array(["demo_0"], dtype="S")
    return path


def test_a_round_trip_changes_no_byte(saved, tmp_path):
    export(saved, tmp_path / "some.hdf5")
    bring_back(tmp_path / "some.hdf5", tmp_path / "back")
    assert tree(tmp_path / "back") == tree(saved)


def test_the_layout_is_robomimics(saved, episodes, tmp_path):
    path = tmp_path / "some.hdf5"
    export(saved, path, valid_share=0.34)
    with h5py.File(path) as file:
        data = file["data"]
        assert data.attrs["total"] == sum(len(data[name]["actions"]) for name in data)
        assert json.loads(data.attrs["env_args"])["env_kwargs"]["control_freq"] == exchange.header_of(saved).fps
        assert [name.decode() for name in file["mask/train"]] == ["demo_0", "demo_1"]
        assert [name.decode() for name in file["mask/valid"]] == ["demo_2"]
        for number, episode in enumerate(episodes[:3]):
            demo, count = data[f"demo_{number}"], len(episode)
            assert demo.attrs["num_samples"] == count
            state = episode.observation["observation.state"]
            np.testing.assert_array_equal(demo["actions"], episode.action)
            np.testing.assert_array_equal(demo["obs/state"], state)
            np.testing.assert_array_equal(demo["next_obs/state"][:-1], state[1:])
            np.testing.assert_array_equal(demo["next_obs/state"][-1], episode.final_observation["observation.state"])
            np.testing.assert_array_equal(demo["rewards"], episode.reward)
            assert demo["dones"][()].tolist() == [0] * (count - 1) + [1]
            assert len(demo["states"]) == count


def test_an_export_that_exists_is_not_overwritten(saved, tmp_path):
    path = tmp_path / "some.hdf5"
    export(saved, path)
    before = path.read_bytes()
    with pytest.raises(StorageError, match="exists"):
        export(saved, path)
    assert path.read_bytes() == before
    export(saved, path, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir() if entry.suffix == ".part"] == []


def test_libero_without_pictures(tmp_path):
    path = libero_file(tmp_path / "demo.hdf5", pictures=False)
    layout = bring(path, tmp_path / "dataset")
    assert layout.kind == "LIBERO"
    info, columns = read_info(tmp_path / "dataset"), read_columns(tmp_path / "dataset")
    assert (info.fps, info.robot_type, info.total_frames) == (20, "Panda", sum(T))
    assert [entry.tasks for entry in read_episodes(tmp_path / "dataset")] == [
        ("open the top drawer of the cabinet",)
    ] * 2
    with h5py.File(path) as file:
        first = file["data/demo_0"]
        expected = np.concatenate([first["obs/ee_states"], first["obs/gripper_states"]], axis=1, dtype=np.float32)
        np.testing.assert_array_equal(columns["observation.state"][: T[0]], expected)
        np.testing.assert_array_equal(columns["action"][: T[0]], first["actions"][()].astype(np.float32))
        joints = file["data/demo_1/obs/joint_states"][()].astype(np.float32)
        np.testing.assert_array_equal(columns["observation.joint_states"][T[0] :], joints)
    assert columns["next.success"].tolist() == columns["next.done"].tolist()
    assert [record.success for record in read_records(tmp_path / "dataset")] == [True, True]
    assert not any("ee_pos" in name for name in info.columns)


def test_robomimic(tmp_path):
    path = robomimic_file(tmp_path / "low_dim.hdf5")
    layout = bring(path, tmp_path / "dataset")
    assert layout.demos == ["demo_0", "demo_10"]
    columns = read_columns(tmp_path / "dataset")
    with h5py.File(path) as file:
        for name, rows in (("demo_0", slice(0, T[0])), ("demo_10", slice(T[0], None))):
            demo = file[f"data/{name}/obs"]
            keys = ("robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos")
            expected = np.concatenate([demo[key] for key in keys], axis=1, dtype=np.float32)
            np.testing.assert_array_equal(columns["observation.state"][rows], expected)
            objects = demo["object"][()].astype(np.float32)
            np.testing.assert_array_equal(columns["observation.environment_state"][rows], objects)
    assert columns["observation.robot0_joint_pos"].shape == (sum(T), 7)
    assert read_episodes(tmp_path / "dataset")[0].tasks == ("Lift",)


def test_both_arms_are_in_the_state(tmp_path):
    bring(robomimic_file(tmp_path / "two.hdf5", arms=2), tmp_path / "dataset")
    assert read_info(tmp_path / "dataset").columns["observation.state"].shape == (18,)


def test_names_masks_rate_and_task_can_be_given(tmp_path):
    path = robomimic_file(tmp_path / "low_dim.hdf5")
    renamed = {
        "robot0_joint_pos": "observation.state",
        "robot0_gripper_qpos": "observation.state",
        "robot0_eef_pos": "observation.tip",
        "robot0_eef_quat": "",
    }
    layout = bring(path, tmp_path / "dataset", renamed=renamed, fps=10, task="lift the cube", mask="train")
    assert layout.dropped == ["robot0_eef_quat"]
    info, columns = read_info(tmp_path / "dataset"), read_columns(tmp_path / "dataset")
    assert (info.fps, info.total_episodes) == (10, 1)
    assert read_episodes(tmp_path / "dataset")[0].tasks == ("lift the cube",)
    with h5py.File(path) as file:
        demo = file["data/demo_10/obs"]
        keys = ("robot0_joint_pos", "robot0_gripper_qpos")
        expected = np.concatenate([demo[key] for key in keys], axis=1, dtype=np.float32)
        np.testing.assert_array_equal(columns["observation.state"], expected)
    assert columns["observation.tip"].shape == (T[1], 3)


def test_shaped_rewards_tell_no_success(tmp_path):
    bring(robomimic_file(tmp_path / "shaped.hdf5", shaped=True), tmp_path / "dataset")
    assert [record.success for record in read_records(tmp_path / "dataset")] == [None, None]


def changed(change):
    def function(path):
        with h5py.File(path, "a") as file:
            change(file)

    return function


def without_rate(file):
    file["data"].attrs["env_args"] = "{}"


def with_short_observations(file):
    del file["data/demo_10/obs/object"]
    file["data/demo_10/obs/object"] = np.zeros((3, 10))


def without_observations(file):
    del file["data/demo_0/obs"]


def without_one_observation(file):
    del file["data/demo_10/obs/object"]


def without_actions(file):
    del file["data/demo_10/actions"]


def without_data(file):
    del file["data"]


@pytest.mark.parametrize(
    ("harm", "error", "word"),
    [
        (changed(without_rate), InputError, "--fps"),
        (changed(with_short_observations), ArrayError, "3 rows"),
        (changed(without_observations), StorageError, "dataset_states_to_obs"),
        (changed(without_one_observation), StorageError, "object"),
        (changed(without_actions), StorageError, "actions"),
        (changed(without_data), StorageError, "robomimic's layout"),
        (lambda path: path.write_bytes(b"nothing of the kind"), StorageError, "no HDF5 file"),
        (lambda path: path.write_bytes(path.read_bytes()[:3000]), StorageError, "damaged"),
        (lambda path: path.unlink(), StorageError, "missing"),
    ],
)
def test_wrong_files_are_named_and_leave_no_dataset(tmp_path, harm, error, word):
    path = robomimic_file(tmp_path / "low_dim.hdf5")
    harm(path)
    with pytest.raises(error, match=word):
        bring(path, tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()


def test_bad_options_say_what_there_is(tmp_path):
    path = robomimic_file(tmp_path / "low_dim.hdf5")
    with pytest.raises(UnknownNameError, match="robot0_eef_pos"):
        bring(path, tmp_path / "dataset", renamed={"robot0_eef_poss": "observation.state"})
    with pytest.raises(InputError, match=r"begins with 'observation\.'"):
        bring(path, tmp_path / "dataset", renamed={"object": "objects"})
    with pytest.raises(InputError, match="only pictures"):
        bring(path, tmp_path / "dataset", renamed={"object": "observation.images.front"})
    with pytest.raises(UnknownNameError, match="train, valid"):
        bring(path, tmp_path / "dataset", mask="trian")


def test_without_h5py_the_command_that_installs_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lerobot-sim\[hdf5\]'"):
        hdf5.read(tmp_path / "some.hdf5")


@pytest.mark.parametrize(("flip", "sideways"), [("auto", False), ("both", True)])
def test_libero_with_pictures(tmp_path, flip, sideways):
    bring(libero_file(tmp_path / "demo.hdf5"), tmp_path / "dataset", flip=flip)
    with FrameReader(tmp_path / "dataset") as reader:
        assert list(reader.cameras) == ["observation.images.image", "observation.images.image2"]
        frames = reader.frames("observation.images.image", np.arange(sum(T)))
    for row, t in enumerate([*range(T[0]), *range(T[1])]):
        upright = picture(t)
        np.testing.assert_array_equal(frames[row], upright[:, ::-1] if sideways else upright)


def test_robomimic_with_pictures(tmp_path):
    path = robomimic_file(tmp_path / "image.hdf5", pictures=True)
    renamed = {"agentview_image": "observation.images.front"}
    bring(path, tmp_path / "dataset", renamed=renamed)
    with FrameReader(tmp_path / "dataset") as reader:
        frames = reader.frames("observation.images.front", [T[0], T[0] + 3])
        assert "observation.images.robot0_eye_in_hand" in reader.cameras
    np.testing.assert_array_equal(frames, [picture(0), picture(3)])
    with pytest.raises(InputError, match="pictures are named"):
        bring(path, tmp_path / "other", renamed={"agentview_image": "observation.front"})


def test_lerobot_loads_what_was_imported(tmp_path, lerobot):
    path = libero_file(tmp_path / "demo.hdf5")
    bring(path, tmp_path / "dataset", video=VideoSettings(codec="h264"))
    answer = lerobot.ask("load", root=tmp_path / "dataset")
    assert (answer["episodes"], answer["frames"]) == (2, sum(T))
    assert answer["last_task"] == "open the top drawer of the cabinet"
    assert answer["shapes"]["observation.images.image"] == [3, 8, 6]
    assert answer["shapes"]["observation.state"] == [8]


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    """A dataset of ours with a camera, lossless, and with states."""
    root = tmp_path_factory.mktemp("filmed") / "dataset"
    env = make(2)
    cameras = {name: Camera(height=16, width=24) for name in list(env.spec.cameras)[:1]}
    video = VideoSettings(codec="png")
    with DatasetWriter(root, env.spec, cameras=cameras, video=video) as writer, writer.recorder() as recorder:
        for episode in rollout(env, RandomPolicy(env.spec), range(2), sinks=[recorder]):
            writer.add(episode, recorder.take(episode), policy="random")
    return root


def test_a_round_trip_with_pictures_and_states_changes_no_byte(filmed, tmp_path):
    export(filmed, tmp_path / "some.hdf5")
    bring_back(tmp_path / "some.hdf5", tmp_path / "back", VideoSettings(codec="png"))
    assert tree(tmp_path / "back") == tree(filmed)
    with h5py.File(tmp_path / "some.hdf5") as file, FrameReader(filmed) as reader:
        (camera,) = reader.cameras
        key = camera.removeprefix("observation.images.") + "_image"
        demo = file["data/demo_1"]
        rows = np.arange(reader.entries[1].start, reader.entries[1].stop)
        np.testing.assert_array_equal(demo[f"obs/{key}"], reader.frames(camera, rows))
        assert demo["states"].shape[0] == len(rows)
        assert demo["states"].shape[1] > 0


def test_numpy_files_hold_pictures_and_states(filmed, tmp_path):
    header = exchange.header_of(filmed)
    numpy_files.export(filmed, header, tmp_path / "numpy", overwrite=False, show=lambda _: None)
    header, _, items = numpy_files.read(tmp_path / "numpy")
    spec = exchange.spec_of(header, "some")
    exchange.write_dataset(tmp_path / "back", header, spec, items, video=VideoSettings(codec="png"))
    assert tree(tmp_path / "back") == tree(filmed)
