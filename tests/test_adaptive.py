"""Adaptive symmetries: image and labels turn together, as often as the critic overfits."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from ctapipe.instrument import CameraGeometry

from ctlearn_gan_aug.camera import Camera
from ctlearn_gan_aug.data.pipeline import Symmetries
from ctlearn_gan_aug.data.toy.telescope import TEL_ID, toy_subarray
from ctlearn_gan_aug.labels import LabelSet
from ctlearn_gan_aug.training import adaptive
from ctlearn_gan_aug.training.adaptive import AdaptiveSymmetries

COLUMNS = ("log_true_energy", "cam_coord_offset_x", "cam_coord_offset_y", "impact_x", "impact_y")
BATCH = 6


def square_camera() -> Camera:
    """Square pixels without the corners, in shuffled order on a larger grid."""
    side, grid_side = 9, 12
    geometry = CameraGeometry.make_rectangular(side, side, (-0.4, 0.4), (-0.4, 0.4))
    xy = np.stack([geometry.pix_x.value, geometry.pix_y.value], axis=1)
    inside = np.flatnonzero(np.abs(xy).sum(axis=1) < 0.75)
    order = np.random.default_rng(5).permutation(inside)
    row, column = order // side, order % side
    telescope = SimpleNamespace(camera=SimpleNamespace(geometry=geometry[order]))
    cells = ((row + 1) * grid_side + column + 2).astype(np.int32)
    subarray = SimpleNamespace(tel={1: telescope})
    return Camera(subarray, 1, "SquareMapper", cells, grid_side)


@pytest.fixture(scope="module", params=["hexagonal", "square"])
def camera(request):
    if request.param == "square":
        return square_camera()
    return Camera.from_subarray(toy_subarray(), TEL_ID)


@pytest.fixture(scope="module")
def labels():
    center, scale = np.array([0.3, 0, 0, 0, 0]), np.array([0.5, 0.4, 0.4, 90.0, 90.0])
    names = ("energy", "cameradirection", "impact")
    return LabelSet(names, COLUMNS, center, scale, center - scale, center + scale)


@pytest.fixture(scope="module")
def symmetric(camera, labels):
    return AdaptiveSymmetries(camera, Symmetries.of(camera, labels))


@pytest.fixture(scope="module")
def batch(camera, labels):
    """Charges and times on the grid, and encoded labels."""
    rng = np.random.default_rng(2)
    pixels = rng.normal(size=(BATCH, camera.n_pixels, 2)).astype(np.float32)
    return camera.to_grid(pixels), rng.normal(size=(BATCH, labels.size)).astype(np.float32)


def key(number: int):
    return tf.constant([1, number], tf.int64)


def applied(symmetric, images, encoded, number: int):
    turned = symmetric.apply(images, encoded, tf.fill([len(images)], number))
    return [x.numpy() for x in turned]


def test_turned_is_the_image_of_the_rotated_pixels(camera, labels, symmetric, batch):
    """Brute force: move every pixel with its charge and time, look which pixel is there."""
    images, encoded = batch
    pixels, table = camera.to_pixels(images), labels.decode(encoded)
    assert len(camera.symmetries) == (8 if camera.compact_mapper == "SquareMapper" else 12)
    for number, symmetry in enumerate(camera.symmetries):
        moved = camera.pixel_xy @ symmetry.matrix.T
        distance = np.linalg.norm(moved[:, None] - camera.pixel_xy[None], axis=2)
        expected = np.full_like(pixels, np.nan)
        expected[:, distance.argmin(axis=1)] = pixels
        turned = dict(table)
        for x, y in (COLUMNS[1:3], COLUMNS[3:5]):
            turned[x], turned[y] = symmetry.matrix @ np.stack([table[x], table[y]])
        found, found_labels = applied(symmetric, images, encoded, number)
        np.testing.assert_array_equal(found, camera.to_grid(expected))
        np.testing.assert_allclose(found_labels, labels.encode(turned), atol=1e-6)


def test_reflected_twice_is_as_before(camera, symmetric, batch):
    mirrors = [i for i, s in enumerate(camera.symmetries) if np.linalg.det(s.matrix) < 0]
    assert 2 * len(mirrors) == len(camera.symmetries)
    for number in mirrors:
        images, encoded = applied(symmetric, *applied(symmetric, *batch, number), number)
        np.testing.assert_array_equal(images, batch[0])
        np.testing.assert_allclose(encoded, batch[1], atol=1e-6)


def test_probability_decides_how_many_are_turned(camera, symmetric):
    """None at 0, all but the share of the identity at 1; the same key turns alike."""
    n = 2000
    side = camera.grid_side
    pixels = np.tile(np.arange(camera.n_pixels, dtype=np.float32), (n, 1))[..., None]
    images, encoded = camera.to_grid(pixels), np.ones((n, len(COLUMNS)), np.float32)
    for probability in (0.0, 0.4, 1.0):
        symmetric.probability.assign(probability)
        found, found_labels = symmetric.turned(images, encoded, key(3))
        again, _ = symmetric.turned(images, encoded, key(3))
        np.testing.assert_array_equal(found, again)
        is_turned = (found.numpy() != images).reshape(n, side * side).any(axis=1)
        share = probability * (1 - 1 / len(camera.symmetries))
        assert is_turned.mean() == pytest.approx(share, abs=0.04)
        have_turned = (np.abs(found_labels - encoded) > 1e-3).any(axis=1)
        # A label on the axis of a reflection stays.
        assert not (have_turned & ~is_turned).any()
    symmetric.probability.assign(0.0)


def test_gradients_flow_back_to_the_pixels_they_came_from(symmetric, batch):
    images, encoded = map(tf.constant, batch)
    symmetric.probability.assign(1.0)
    with tf.GradientTape() as tape:
        tape.watch(images)
        turned, _ = symmetric.turned(images, encoded, key(4))
        half_square = 0.5 * tf.reduce_sum(tf.square(turned))
    symmetric.probability.assign(0.0)
    np.testing.assert_array_equal(tape.gradient(half_square, images), images)


def test_labels_that_do_not_turn_keep_the_images(camera, labels):
    sky = LabelSet(("energy", "skydirection"), ("log_true_energy", "fov_lon", "fov_lat"), *[0] * 4)
    assert AdaptiveSymmetries(camera, Symmetries.of(camera, sky)).cells.shape[0] == 1


def follow(scores, n_batches: int, undecided: float = 0.0, start: float = 0.0):
    """Probabilities of a controller that sees the same scores again and again."""
    symmetries = Symmetries(np.arange(49)[None], np.eye(1, dtype=np.float32)[None])
    controller = AdaptiveSymmetries(SmallCamera(), symmetries, undecided)
    controller.probability.assign(start)
    scores = tf.constant(scores, tf.float32)[:, None]
    return [float(controller.follow(scores)["ada"]) for _ in range(n_batches)]


class SmallCamera:
    grid_side = 7
    cell_of_pixel = np.arange(49, dtype=np.int32)


def test_probability_follows_the_overfitting(monkeypatch):
    monkeypatch.setattr(adaptive, "RISE", 100)
    sure, balanced = [2.0, 0.1, 3.0, 1.0], [1.0, -1.0, 5.0, -0.1]
    rising = follow(sure, 40)
    # 1 - (3/4)^n exceeds 0.6 from the fourth batch on; then 4 of 100 images are a step of 0.04.
    np.testing.assert_allclose(rising[:6], [0, 0, 0, 0.04, 0.08, 0.12], atol=1e-6)
    assert rising[-1] == 1.0
    assert max(rising) == 1.0
    falling = follow(balanced, 40, start=0.9)
    np.testing.assert_allclose(falling[:3], [0.86, 0.82, 0.78], atol=1e-6)
    assert falling[-1] == 0.0
    assert min(falling) == 0.0


def test_least_squares_scores_count_from_half(monkeypatch):
    monkeypatch.setattr(adaptive, "RISE", 100)
    scores = [0.4, 0.3, 0.1, 0.2]
    assert follow(scores, 10)[-1] > 0
    assert follow(scores, 10, undecided=adaptive.UNDECIDED["least_squares"])[-1] == 0


def test_speed_is_that_of_the_paper():
    """From 0 to 1 in 500 000 images."""
    batches = follow(np.ones(5000), 110)
    assert next(i for i, p in enumerate(batches) if p >= 1 - 1e-4) == 3 + 99
