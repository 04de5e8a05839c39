"""The critic's moments of light: sums that can be checked by hand, and what they show it."""

import numpy as np
import pytest

from ctlearn_gan_aug.config.networks import CriticConfig
from ctlearn_gan_aug.models.critic import build_critic
from ctlearn_gan_aug.models.moments import image_moments
from ctlearn_gan_aug.models.roughness import shower
from ctlearn_gan_aug.models.shape import image_ellipse, image_shape
from ctlearn_gan_aug.models.view import View

SIDE, N_LABELS, N_MAPS = 8, 3, 3
SKY, SHARED_SKY = 0.35, 0.45


@pytest.fixture
def data(rng):
    maps = rng.normal(size=(2, SIDE, SIDE, N_MAPS)).astype(np.float32)
    image = rng.normal(size=(2, SIDE, SIDE, 2)).astype(np.float32)
    return image, np.zeros((2, N_LABELS), np.float32), maps


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def build(n_channels=2, n_maps=N_MAPS, **options):
    config = CriticConfig(**{"moments": True} | options)
    return build_critic(config, SIDE, (N_LABELS, n_maps), n_channels, N_LABELS)


def shining(charge):
    """Light beyond the night sky's that the eight cells about each share, by hand."""
    light = np.maximum(charge - SHARED_SKY, 0)
    rim = np.pad(light, ((0, 0), (1, 1), (1, 1)))
    beside = sum(rim[:, i : i + SIDE, j : j + SIDE] for i in range(3) for j in range(3)) - light
    return 3.0 * light * np.tanh(beside), (3.0 * np.tanh(light) * np.tanh(beside)) ** 3


@pytest.mark.parametrize("n_channels", [1, 2])
def test_moments_are_weighted_means(data, n_channels):
    image, _, maps = data
    image = image[..., :n_channels]
    view = View.of(image)
    found = image_moments(view, maps)
    contrast, *jitter = (x.numpy() for x in view.rough)
    light, (shared, _) = np.maximum(image[..., 0] - SKY, 0), shining(image[..., 0])
    powers = [light, shared, light**2, contrast**2, *(np.tanh(5.0 * x) ** 2 for x in jitter)]
    if n_channels > 1:
        powers += [shared * image[..., 1], shared * image[..., 1] ** 2]
    places = np.concatenate([maps, maps**2], axis=-1)
    expected = np.einsum("bijk,bijp->bkp", np.stack(powers, -1), places) / SIDE**2
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_critic_without_label_maps_has_no_moments():
    blind = {"conditioning": "none", "label_maps": False}
    for options in ({"label_maps": False}, {"moments": False}, blind):
        assert not {"moments_norm", "shape_norm"} & {x.name for x in build(**options).layers}
    assert {"moments_norm", "shape_norm"} <= {x.name for x in build().layers}


def shape(image, maps):
    view = View.of(image)
    return image_shape(view.shower, view.times, maps).numpy()


def test_contrast_is_how_far_a_bright_pixel_stands_out_times_its_light(data):
    image = np.full_like(data[0], 0.1)
    image[:, 3, 4] = 1.0, 0.5
    contrast, _ = View.of(image).rough
    found = contrast.numpy()
    np.testing.assert_allclose(found[:, 3, 4], (1.0 - SKY) * 0.9 * 8 / 9, rtol=1e-4)
    found[:, 3, 4] = 0.0
    assert not found.any()


def test_jitter_compares_times_of_lit_pixels_alone(data):
    image, *_ = data
    image[..., 0] = 0.1  # dark, at random times
    image[:, 3, 4], image[:, 3, 5] = (1.0, 0.5), (0.8, 0.2)
    _, jitter = View.of(image).rough
    found = jitter.numpy()
    lights = (1.0 - SKY) * (0.8 - SKY)
    np.testing.assert_allclose(found[:, 3, 4], 4.0 * 0.3 * lights / 9, rtol=1e-4)
    np.testing.assert_allclose(found[:, 3, 5], -4.0 * 0.3 * lights / 9, rtol=1e-4)
    found[:, 3, 4:6] = 0.0
    assert not found.any()


def described(light, times, axes):
    """Moments about the centroid of an image (cells), by the weights that sum to one."""
    weights = light**2 / ((light**2).sum() + 0.09)
    means = [(weights * x).sum() for x in (*axes, times)]
    about = [x - mean for x, mean in zip((*axes, times), means, strict=True)]
    second = np.array([[(weights * x * y).sum() for y in about] for x in about])
    third = [(weights * x**3).sum() for x in about[:2]]
    lower = second[np.tril_indices(3)]
    extent = np.array([second[0, 0], second[1, 1], second[1, 0]])
    quotients = [extent / np.sqrt((extent**2).sum() + 0.02**2)]
    for i in range(2):
        over = [x / np.sqrt(x**2 + second[i, i] ** 2 + 0.02**2) for x in (third[i], second[i, 2])]
        quotients.append(over)
    return np.concatenate([means, lower, third, *quotients])


@pytest.mark.parametrize(("n_maps", "axes"), [(3, slice(1, 3)), (9, slice(3, 5))])
def test_shape_is_moments_about_the_centroid(data, rng, n_maps, axes):
    image, *_ = data
    maps = rng.normal(size=(2, SIDE, SIDE, n_maps)).astype(np.float32)
    found = shape(image, maps)
    lights = np.stack(shining(image[..., 0]), 1).reshape(2, 2, -1)
    times, places = image[..., 1].reshape(2, -1), maps[..., axes].reshape(2, -1, 2)
    for row, light, time, place in zip(found, lights, times, places, strict=True):
        expected = [described(x, time, place.T) for x in light]
        np.testing.assert_allclose(row, np.concatenate(expected), rtol=1e-3, atol=1e-5)


def test_ellipse_is_the_shape_without_times_up_to_second_moments(data):
    image, _, maps = data
    light, _ = shower(image[..., 0])
    found, whole = image_ellipse(light, maps), image_shape([light], [], maps)
    np.testing.assert_array_equal(found, whole[:, :5])
    assert np.std(found, axis=0).all()


def test_shape_tells_head_from_tail_in_faint_images_as_in_bright_ones(data):
    _, _, maps = data
    place = np.arange(SIDE) - (SIDE - 1) / 2
    maps[..., 1], maps[..., 2] = np.meshgrid(place, place)
    image = np.zeros((2, SIDE, SIDE, 1), np.float32)
    for row, scale in zip(image, (1.0, 3.0), strict=True):
        row[3, 2:6, 0] = SHARED_SKY + scale * np.array([1.0, 0.8, 0.5, 0.4])
    found, turned = shape(image, maps), shape(image[:, :, ::-1], maps)
    skewness = 10  # third moment along the first axis over the extent
    assert (found[:, skewness] > 0.3).all()
    np.testing.assert_allclose(turned[:, skewness], -found[:, skewness], rtol=1e-3)
    np.testing.assert_allclose(found[0, skewness], found[1, skewness], rtol=0.35)


def test_night_sky_alone_does_not_move_a_faint_shower(data, rng):
    """An outlier as bright as the shower, far away and by itself, changes nothing."""
    _, _, maps = data
    image = np.zeros((2, SIDE, SIDE, 2), np.float32)
    image[:, 2:4, 2:5, 0], image[1, 7, 7, 0] = 0.8, 0.9
    image[..., 1] = rng.normal(size=(2, SIDE, SIDE))
    maps[1], image[1, ..., 1] = maps[0], image[0, ..., 1]
    plain, disturbed = shape(image, maps)
    np.testing.assert_array_equal(plain, disturbed)
    for light in shower(image[..., 0]):
        assert not light[:, 5:].numpy().any()
        assert (light[:, 2:4, 2:5].numpy() > 0.1).all()


def test_a_dark_image_has_no_shape(data):
    _, _, maps = data
    assert not shape(np.zeros((2, SIDE, SIDE, 2), np.float32), maps).any()


@pytest.mark.parametrize(("n_channels", "n_heads"), [(1, 1), (2, 2)])
def test_with_times_a_second_head_sees_charges_alone(data, n_channels, n_heads):
    image, labels, maps = data
    image = image[..., :n_channels]
    critic = build(n_channels, label_head=1.0)
    found = critic([image, labels, maps])["found_labels"]
    assert found.shape == (2, n_heads * N_LABELS)
    if n_heads == 2:
        later = image + np.array([0.0, 0.5], np.float32)
        other = critic([later, labels, maps])["found_labels"]
        assert not np.allclose(found[:, :N_LABELS], other[:, :N_LABELS])
        np.testing.assert_array_equal(found[:, N_LABELS:], other[:, N_LABELS:])


def test_the_label_head_finds_labels_in_the_image_alone(data):
    image, labels, maps = data
    critic = build(label_head=1.0, conditioning="projection")
    told = critic([image, labels, maps])
    otherwise = critic([image, labels + 1.0, 2.0 * maps])
    np.testing.assert_array_equal(told["found_labels"], otherwise["found_labels"])
    assert not np.allclose(told["score"], otherwise["score"])
    other = critic([image + 1.0, labels, maps])["found_labels"]
    assert not np.allclose(told["found_labels"], other)
