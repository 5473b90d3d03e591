import av
import numpy as np
import pytest

from lerobot_sim.datasets.picture import write_png
from lerobot_sim.errors import ArrayError, InputError


def test_a_picture_comes_back_byte_for_byte(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (37, 51, 3), dtype=np.uint8)
    write_png(tmp_path / "new/picture.png", image)
    assert (tmp_path / "new/picture.png").read_bytes().startswith(b"\x89PNG")
    with av.open(str(tmp_path / "new/picture.png")) as file:
        (frame,) = file.decode(video=0)
    np.testing.assert_array_equal(frame.to_ndarray(format="rgb24"), image)


def test_other_names_and_arrays_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"ends in '\.png'"):
        write_png(tmp_path / "picture.jpg", np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ArrayError, match="uint8"):
        write_png(tmp_path / "picture.png", np.zeros((2, 2), np.uint8))
    assert list(tmp_path.iterdir()) == []
