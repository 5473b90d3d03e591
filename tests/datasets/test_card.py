"""The card of a dataset on the hub."""

import yaml

from lerobot_sim.datasets.card import dataset_card
from lerobot_sim.datasets.writer import DatasetWriter

NAME = "someone/push-t"


def test_the_card_says_what_is_in_the_dataset(saved):
    card = dataset_card(saved, NAME, license_id="mit", success_interval=(0.1, 0.7))
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["license"] == "mit"
    assert front["task_categories"] == ["robotics"]
    assert "LeRobot" in front["tags"]
    assert front["configs"] == [{"config_name": "default", "data_files": "data/*/*.parquet"}]
    for words in (
        "`numpy/push-t` version",
        "| policy | `random` |",
        "| seeds | 0 to 2 |",
        "of 3 (rule `",
        "95% interval 10.0% to 70.0%",
        "| `observation.state` | float32 |",
        f'LeRobotDataset("{NAME}")',
    ):
        assert words in card


def test_the_card_says_where_episodes_were_left_out(tmp_path, spec, episodes):
    with DatasetWriter(tmp_path / "some", spec, settings={"policy": "expert", "seed": 7}) as writer:
        writer.add(episodes[1])
        writer.add(episodes[4])
    card = dataset_card(tmp_path / "some", NAME, success_interval=(0.1, 0.7))
    assert "left out" in card
    assert "95%" not in card
    assert "lerobot-sim collect numpy/push-t --policy expert --seed 7 --episodes 5" in card


def test_the_success_rate_of_successes_only_is_not_told(tmp_path, spec, episodes):
    with DatasetWriter(tmp_path / "some", spec, settings={"policy": "expert", "success_only": True}) as writer:
        writer.add(episodes[0])
    card = dataset_card(tmp_path / "some", NAME, success_interval=(0.1, 0.7))
    assert "95%" not in card
