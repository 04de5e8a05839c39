"""Night sky that is exchanged: showers keep their light, and an event's sky is never the same."""

import numpy as np
import pytest

from ctlearn_gan_aug.camera import Camera
from ctlearn_gan_aug.data.night_sky import NightSky
from ctlearn_gan_aug.data.pipeline import training_batches
from ctlearn_gan_aug.data.toy.pixels import GRIDS
from ctlearn_gan_aug.data.toy.telescope import toy_subarray

N, CLEANED = 8, 40
INDEX = np.arange(N)


@pytest.fixture(scope="module")
def camera():
    return Camera.from_subarray(toy_subarray(GRIDS["hex1039"]), 1)


@pytest.fixture(scope="module")
def masks(camera):
    """One shower each, all elsewhere, but for the last image, which shows none."""
    masks = np.zeros((N, camera.n_pixels), bool)
    for i in range(N - 1):
        distance = np.hypot(*(camera.pixel_xy - camera.pixel_xy[7 + 100 * i]).T)
        masks[i, np.argsort(distance)[:CLEANED]] = True
    return masks


@pytest.fixture(scope="module")
def pixels(camera):
    """Charges and times that say whose they are, and of which pixel."""
    number = np.arange(N * camera.n_pixels, dtype=np.float32).reshape(N, camera.n_pixels)
    return np.stack([number, -number], axis=2)


@pytest.fixture
def sky(masks, camera):
    return NightSky(masks, camera, seed=1)


def _rings(camera, mask) -> np.ndarray:
    """How many neighbours away the next cleaned pixel is, step by step from the mask."""
    found, rings = np.where(mask, 0, -1), 0
    neighbors = camera.geometry.neighbor_matrix
    while (found < 0).any():
        rings += 1
        found[(found < 0) & neighbors[found >= 0].any(axis=0)] = rings
    return found


def test_light_near_showers_stays_and_far_ones_takes_its_place(sky, pixels, masks, camera):
    found = sky.exchanged(pixels, INDEX, 0)
    n_changed = 0
    for i in range(N - 1):
        changed = found[i, :, 0] != pixels[i, :, 0]
        assert not changed[_rings(camera, masks[i]) <= 5].any()
        n_changed += changed.sum()
        giver, pixel = np.divmod(found[i, :, 0].astype(int), camera.n_pixels)
        np.testing.assert_array_equal(pixel, np.arange(camera.n_pixels))
        np.testing.assert_array_equal(found[i, :, 1], -found[i, :, 0])
        for other in set(giver[changed]):
            given = changed & (giver == other)
            assert _rings(camera, masks[other])[given].min() > 5
        assert len(set(giver)) > 3
    assert n_changed > 0.5 * (N - 1) * camera.n_pixels


def test_images_without_shower_neither_give_nor_take(sky, pixels, camera):
    """Where their faint light lies, nobody knows."""
    found = sky.exchanged(pixels, INDEX, 0)
    np.testing.assert_array_equal(found[-1], pixels[-1])
    assert not (found[:-1, :, 0] >= (N - 1) * camera.n_pixels).any()


def test_every_batch_has_a_sky_of_its_own_and_has_it_again(sky, masks, pixels, camera):
    first, second = (sky.exchanged(pixels, INDEX, batch) for batch in (0, 1))
    assert (first != second).mean() > 0.3
    np.testing.assert_array_equal(sky.exchanged(pixels, INDEX, 0), first)
    assert (NightSky(masks, camera, 2).exchanged(pixels, INDEX, 0) != first).mean() > 0.3


def test_events_are_found_by_their_number(sky, pixels, masks, camera):
    """The order of a batch is not that of the files."""
    order = INDEX[::-1]
    found = sky.exchanged(pixels[order], order, 0)
    np.testing.assert_array_equal(found[masks[order]], pixels[order][masks[order]])


def test_image_that_is_alone_keeps_its_sky(sky, pixels):
    np.testing.assert_array_equal(sky.exchanged(pixels[:1], INDEX[:1], 0), pixels[:1])


def test_stream_goes_on_with_the_skies_it_would_have_had(sky, pixels, masks):
    labels = np.arange(N, dtype=np.float32)[:, None]
    options = {"batch_size": 4, "seed": 3, "night_sky": sky}
    stream = list(training_batches(pixels, labels, **options).take(4).as_numpy_iterator())
    later = training_batches(pixels, labels, start=2, **options).take(2).as_numpy_iterator()
    for (x, y), (x_later, y_later) in zip(stream[2:], later, strict=True):
        np.testing.assert_array_equal(x, x_later)
        np.testing.assert_array_equal(y, y_later)
    x, y = stream[0]
    own = y[:, 0].astype(int)
    np.testing.assert_array_equal(x[masks[own]], pixels[own][masks[own]])
    assert (x != pixels[own]).any()
