import json

import av
import numpy as np
import pytest

from lerobot_sim import environments


@pytest.mark.slow
def test_every_environment_and_robot_is_in_the_picture(command, tmp_path):
    said = command("gallery", "--output", tmp_path / "all.png", "--size", "32", "--columns", "5", "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert {tile.split()[0] for tile in result["tiles"]} == set(environments())
    assert {"mujoco/lift so100", "mujoco/lift so101"} <= set(result["tiles"])
    with av.open(result["picture"]) as file:
        (frame,) = file.decode(video=0)
    image = frame.to_ndarray(format="rgb24")
    rows = -(-len(result["tiles"]) // 5)
    assert image.shape == (32 * rows, 160, 3)
    for number in range(len(result["tiles"])):
        row, column = divmod(number, 5)
        assert np.ptp(image[32 * row : 32 * row + 32, 32 * column : 32 * column + 32].astype(int)) > 50
