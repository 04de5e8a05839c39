"""The critic's moments of light: sums that can be checked by hand, and what they show it."""

import keras
import numpy as np
import pytest

from ctlearn_gan_aug.config.networks import CriticConfig
from ctlearn_gan_aug.models.critic import build_critic

SIDE, N_LABELS, N_MAPS = 8, 3, 4
SKY = 0.35


@pytest.fixture
def data(rng):
    maps = rng.normal(size=(2, SIDE, SIDE, N_MAPS)).astype(np.float32)
    image = rng.normal(size=(2, SIDE, SIDE, 2)).astype(np.float32)
    return image, np.zeros((2, N_LABELS), np.float32), maps


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def build(n_channels=2, **options):
    config = CriticConfig(**{"moments": True} | options)
    return build_critic(config, SIDE, (N_LABELS, N_MAPS), n_channels, N_LABELS)


@pytest.mark.parametrize("n_channels", [1, 2])
def test_moments_are_weighted_sums(data, n_channels):
    image, labels, maps = data
    image = image[..., :n_channels]
    critic = build(n_channels)
    names = ("moments", "contrast", "jitter")[: n_channels + 1]
    outputs = [critic.get_layer(name).output for name in names]
    found, contrast, *jitter = keras.Model(critic.inputs, outputs)([image, labels, maps])
    light = np.maximum(image[..., 0] - SKY, 0)
    powers = [light, light**2, contrast.numpy()[..., 0] ** 2]
    powers += [np.tanh(5.0 * x.numpy()[..., 0]) ** 2 for x in jitter]
    if n_channels > 1:
        powers += [light * image[..., 1], light * image[..., 1] ** 2]
    places = np.concatenate([maps, maps**2], axis=-1)
    expected = np.einsum("bijk,bijp->bkp", np.stack(powers, -1), places)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_a_critic_without_label_maps_has_no_moments():
    names = {layer.name for layer in build(label_maps=False).layers}
    assert "moments" not in names
    assert "moments" not in {layer.name for layer in build(moments=False).layers}
    blind = build(conditioning="none", label_maps=False)
    assert "moments" not in {layer.name for layer in blind.layers}


def shown(name, image, labels, maps):
    critic = build(moments=False)
    inner = keras.Model(critic.inputs, critic.get_layer(name).output)
    return inner([image, labels, maps]).numpy()


def test_contrast_is_how_far_a_bright_pixel_stands_out_times_its_light(data):
    image, labels, maps = data
    image = np.full_like(image, 0.1)
    image[:, 3, 4] = 1.0, 0.5
    found = shown("contrast", image, labels, maps)
    np.testing.assert_allclose(found[:, 3, 4], (1.0 - SKY) * 0.9 * 8 / 9, rtol=1e-4)
    found[:, 3, 4] = 0.0
    assert not found.any()


def test_jitter_compares_times_of_lit_pixels_alone(data):
    image, labels, maps = data
    image[..., 0] = 0.1  # dark, at random times
    image[:, 3, 4], image[:, 3, 5] = (1.0, 0.5), (0.8, 0.2)
    found = shown("jitter", image, labels, maps)
    lights = (1.0 - SKY) * (0.8 - SKY)
    np.testing.assert_allclose(found[:, 3, 4], 4.0 * 0.3 * lights / 9, rtol=1e-4)
    np.testing.assert_allclose(found[:, 3, 5], -4.0 * 0.3 * lights / 9, rtol=1e-4)
    found[:, 3, 4:6] = 0.0
    assert not found.any()


def test_the_label_head_finds_labels_in_the_image_alone(data):
    image, labels, maps = data
    critic = build(label_head=1.0, conditioning="projection")
    score, found = critic([image, labels, maps])
    other_score, same = critic([image, labels + 1.0, 2.0 * maps])
    np.testing.assert_array_equal(found, same)
    assert not np.allclose(score, other_score)
    assert not np.allclose(found, critic([image + 1.0, labels, maps])[1])
