"""Generators before any training: dark images are dark, and can still learn to shine."""

import numpy as np
import pytest
import tensorflow as tf

from ctlearn_gan_aug.config.networks import GeneratorConfig
from ctlearn_gan_aug.models.generator import build_generator

SIDE = 13
#: The night-sky noise in network units.
MEAN, SIGMA = 0.2, 0.125


@pytest.fixture(scope="module")
def dark():
    """A generator that wants every pixel far below the night sky, its inputs and its pedestals."""
    config = GeneratorConfig(latent=8, channels=[12, 10, 6], embedding=16)
    model = build_generator(config, SIDE, (3, 9), (3.0, 3.0), gate=(2.0, 0.1))
    value = model.get_layer("pixels0_value")
    value.kernel.assign(np.zeros(value.kernel.shape))
    value.bias.assign([-3.0])
    rng = np.random.default_rng(1)
    inputs = [rng.normal(size=(32, *x.shape[1:])).astype(np.float32) for x in model.inputs]
    inputs[4] = MEAN + SIGMA * inputs[4]
    return model, inputs


def test_dark_pixels_show_the_pedestal_and_nothing_else(dark):
    model, inputs = dark
    charge = model(inputs, training=False)[..., :1].numpy()
    assert np.abs(charge - inputs[4]).max() < 0.02 * SIGMA


def test_a_dark_generator_can_learn_to_shine(dark):
    model, inputs = dark
    with tf.GradientTape() as tape:
        light = tf.reduce_mean(model(inputs, training=True)[..., 0])
    assert tape.gradient(light, model.get_layer("pixels0_value").bias).numpy()[0] > 1e-6
