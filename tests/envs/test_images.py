import numpy as np
import pytest

from lerobot_sim import Camera, make
from lerobot_sim.envs import push_t_image
from lerobot_sim.envs.raycast import Disc, Scene, View, render
from lerobot_sim.envs.raycast_shapes import LIGHT, Box, Capsule, hidden_light, intersect

LOOKS = ("draft", "standard", "full")
EYE = np.array([0.0, 0.0, 2.0])
STRAIGHT_DOWN = View(
    np.array([0.0, 0.0, 0.8]), np.zeros(3), np.array([1.0, 0.0, 0.0]), 0.625
)  # one metre of floor, x up, y left
RED, GREY = (1.0, 0.0, 0.0), (0.5, 0.5, 0.5)


def push_t(agent=(0.2, 0.2), block=(0.5, 0.5), target=(0.8, 0.8), contact=0.06, **camera):
    pairs = (np.array([place], np.float64) for place in (agent, block, target))
    return push_t_image.draw(*pairs, np.array([contact]), Camera(**camera))[0]


def pixel(x, y, size=128):
    """Row and column of a point of the unit square in push-t's picture."""
    span = 1 + 2 * push_t_image._MARGIN
    return int((1 + push_t_image._MARGIN - y) / span * size), int((x + push_t_image._MARGIN) / span * size)


@pytest.mark.parametrize("look", LOOKS)
def test_push_t_shows_each_thing_where_it_is(look):
    image = push_t(look=look).astype(int)
    red, green, blue = (image[pixel(*place)] for place in ((0.2, 0.2), (0.8, 0.8), (0.5, 0.5)))
    assert red[0] > red[1] + 60
    assert green[1] > green[0] + 20
    assert green[1] > green[2] + 10
    assert blue[2] > blue[0] + 40
    assert (image[pixel(0.2, 0.8)] > 230).all(), "an empty spot of the floor"
    assert (image[0, 0] < 215).all(), "outside the square"


def test_push_t_changes_only_where_the_block_moved():
    changed = (push_t(block=(0.5, 0.5)) != push_t(block=(0.5, 0.55))).any(axis=2)
    rows, columns = np.nonzero(changed)
    top, left = pixel(0.38, 0.65)
    bottom, right = pixel(0.63, 0.40)
    assert len(rows) > 20
    assert (rows.min(), columns.min()) >= (top, left)
    assert (rows.max(), columns.max()) <= (bottom, right)


def test_push_t_grows_with_the_contact_radius():
    images = [push_t(contact=radius).astype(int) for radius in (0.04, 0.08)]
    dark = [(image[..., 2] > image[..., 0] + 40).sum() for image in images]
    assert dark[1] > 2.5 * dark[0]


def test_push_t_lanes_are_the_same_bytes_alone_and_in_a_chunk(monkeypatch):
    numbers = np.random.default_rng(0)
    places = [numbers.uniform(0, 1, (7, 2)) for _ in range(3)]
    contact = numbers.uniform(0.03, 0.1, 7)
    together = push_t_image.draw(*places, contact, Camera(height=40, width=56))
    assert together.shape == (7, 40, 56, 3)
    monkeypatch.setattr(push_t_image, "_PIXELS_AT_ONCE", 2 * 40 * 56)
    np.testing.assert_array_equal(push_t_image.draw(*places, contact, Camera(height=40, width=56)), together)
    alone = push_t_image.draw(*[place[4:5] for place in places], contact[4:5], Camera(height=40, width=56))
    np.testing.assert_array_equal(alone[0], together[4])


def test_rays_meet_a_ball_a_capsule_and_a_box_where_they_must():
    down = np.array([0.0, 0.0, -1.0])[:, None]
    ball = Capsule(np.array([0, 0, 0.5]), np.array([0, 0, 0.5]), 0.1, RED)
    lying = Capsule(np.array([-1, 0, 0.5]), np.array([1, 0, 0.5]), 0.2, RED)
    box = Box(np.array([0, 0, 0.5]), np.eye(3), np.array([0.3, 0.3, 0.25]), RED)
    for shape, depth in ((ball, 1.4), (lying, 1.3), (box, 1.25)):
        met, normal = intersect(shape, EYE, down)
        np.testing.assert_allclose(met, depth, atol=1e-12)
        np.testing.assert_allclose(normal[:, 0], [0, 0, 1], atol=1e-12)
        assert intersect(shape, np.array([0, 2.0, 2.0]), down)[0] == np.inf
        assert intersect(shape, EYE, -down)[0] == np.inf, "behind"
    slanted = np.array([0.6, 0.0, -0.8])[:, None]
    met, normal = intersect(
        Capsule(np.array([0, 0, 0]), np.array([0, 0, 1.0]), 0.3, RED), np.array([-1.5, 0, 3.1]), slanted
    )
    point = np.array([-1.5, 0, 3.1]) + met[0] * slanted[:, 0]
    np.testing.assert_allclose(np.linalg.norm(point - [0, 0, 1]), 0.3, atol=1e-12)
    np.testing.assert_allclose(normal[:, 0], (point - [0, 0, 1]) / 0.3, atol=1e-12)


def test_shadows_fall_away_from_the_light():
    ball = Capsule(np.array([0, 0, 0.2]), np.array([0, 0, 0.2]), 0.1, RED)
    box = Box(np.array([0, 0, 0.2]), np.eye(3), np.full(3, 0.08), RED)
    behind = np.array([0, 0, 0.2]) - LIGHT * (0.2 / LIGHT[2])
    points = np.stack([behind, -behind * np.array([1, 1, 0]), np.array([0, 0, 0.5])], axis=1)
    for shape in (ball, box):
        np.testing.assert_allclose(hidden_light(shape, points), [1, 0, 0], atol=0.02)


def test_a_scene_from_above_shows_shapes_floor_and_discs():
    shapes = [Capsule(np.array([0.25, 0.25, 0.05]), np.array([0.25, 0.25, 0.05]), 0.05, RED)]
    discs = [Disc(np.array([-0.25, 0.25, 0]), 0.05, (0.0, 1.0, 0.0))]
    scene = Scene(shapes, discs, floor=GREY, mat=(-0.1, 0.1, -0.1, 0.1), mat_colour=(0.0, 0.0, 1.0))
    image = render(scene, STRAIGHT_DOWN, Camera(height=80, width=80)).astype(int)
    assert image[20, 20].argmax() == 0
    assert image[60, 20].argmax() == 1
    assert image[40, 40].argmax() == 2
    assert np.ptp(image[60, 60]) < 12
    bright, shadow = image[60, 60].sum(), image[20 + 2, 20 - 5 : 20 + 6].sum(axis=1).min()
    assert shadow < bright


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("size", [(33, 50), (64, 64), (90, 31)])
def test_windows_hide_nothing(monkeypatch, look, size):
    numbers = np.random.default_rng(3)
    shapes = []
    for _ in range(6):
        start, end = numbers.uniform(-0.3, 0.3, (2, 3)) + np.array([0, 0, 0.35])
        shapes.append(Capsule(start, end, 0.04, RED))
        turn, _ = np.linalg.qr(numbers.normal(size=(3, 3)))
        shapes.append(Box(start + 0.2, turn, numbers.uniform(0.01, 0.1, 3), (0.0, 0.4, 1.0)))
    shapes.append(Capsule(np.zeros(3), np.zeros(3), 0.1, (0.0, 1.0, 0.0), alpha=0.5))
    view = View(np.array([0.9, -0.7, 0.8]), np.array([0.0, 0.0, 0.2]), np.array([0, 0, 1.0]), 0.5)
    camera = Camera(height=size[0], width=size[1], look=look)
    image = render(Scene(shapes), view, camera)
    from lerobot_sim.envs import raycast

    monkeypatch.setattr(raycast._Band, "window", lambda self, *_: tuple(slice(0, n) for n in self.depth.shape))
    monkeypatch.setattr(raycast, "_BAND", 1 << 30)
    whole = render(Scene(shapes), view, camera)
    assert np.abs(image.astype(int) - whole).max() <= 3  # a shadow's faint rim may be cut off
    assert (image != whole).mean() < 0.03


def test_a_translucent_ball_shows_what_is_behind():
    glass = Capsule(np.array([0, 0, 0.3]), np.array([0, 0, 0.3]), 0.1, (0.0, 1.0, 0.0), alpha=0.4)
    seen = []
    for floor in ((0.9, 0.9, 0.9), (0.2, 0.2, 0.2)):
        scene = Scene([glass], floor=floor, mat=(5.0, 6.0, 5.0, 6.0))
        seen.append(render(scene, STRAIGHT_DOWN, Camera(height=40, width=40))[20, 20].astype(int))
    assert seen[0][0] > seen[1][0] + 40
    assert all(colour.argmax() == 1 for colour in seen)


def states(name):
    env = make(name, 2)
    env.reset([0, 1], [4, 4])
    return env, env.get_state([0, 1])


@pytest.mark.parametrize("camera", ["front", "wrist"])
def test_pick_place_shows_the_ball_where_it_is(camera):
    env, state = states("numpy/pick-place")
    state["state.ball"][0, :2], state["state.ball"][1, :2] = (0.2, -0.06), (0.2, 0.06)
    env.set_state([0, 1], state)
    images = env.render({camera: Camera(height=96, width=96)})[camera].astype(int)
    middles = []
    for image in images:
        red = (image[..., 0] > image[..., 1] + 60) & (image[..., 2] > 0.6 * image[..., 1])  # red, not orange
        assert red.sum() > 8
        middles.append(np.nonzero(red)[1].mean())
    assert abs(middles[0] - middles[1]) > 10
    changed = (images[0] != images[1]).any(axis=2)
    assert 0 < changed.mean() < 0.4


def test_reach_shows_the_target_and_the_arm_moves():
    env, state = states("numpy/reach")
    state["state.target"][1] += np.array([0, 0.05, 0])
    env.set_state([0, 1], state)
    before = env.render({"front": Camera(height=96, width=96)})["front"]
    assert (before[0] != before[1]).any(axis=2).mean() < 0.15
    first = before[0].astype(int)
    green = (first[..., 1] > first[..., 0] + 25).sum()
    assert green > 8
    env.step(np.ones((2, 6), np.float32), np.array([True, False]))
    after = env.render({"front": Camera(height=96, width=96)})["front"]
    assert (after[0] != before[0]).any()
    np.testing.assert_array_equal(after[1], before[1])


def test_jaws_are_seen_to_close():
    env, state = states("numpy/pick-place")
    state["state.opening"][1] = 0.5
    env.set_state([0, 1], state)
    images = env.render({"wrist": Camera(height=64, width=64)})["wrist"].astype(int)
    orange = [(image[..., 0] > image[..., 2] + 90)[30:36].any(axis=0).nonzero()[0] for image in images]
    gaps = [np.diff(columns).max() for columns in orange]
    assert gaps[0] > 1.3 * gaps[1]


@pytest.mark.parametrize("name", ["numpy/reach", "numpy/pick-place"])
def test_a_lanes_picture_does_not_depend_on_others(name):
    env = make(name, 3)
    env.reset([0, 1, 2], [1, 2, 3])
    cameras = {camera: Camera(height=40, width=60) for camera in env.spec.cameras}
    all_lanes, one = env.render(cameras), env.render(cameras, [1])
    for camera in cameras:
        assert one[camera].shape == (1, 40, 60, 3)
        np.testing.assert_array_equal(all_lanes[camera][1], one[camera][0])
