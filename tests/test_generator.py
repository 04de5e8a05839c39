"""Generators before any training: dark images are dark, and can still learn to shine."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ctlearn_gan_aug.config.networks import GeneratorConfig
from ctlearn_gan_aug.intensity import TIME_UNIT
from ctlearn_gan_aug.models.ellipse import outline
from ctlearn_gan_aug.models.generator import build_generator
from ctlearn_gan_aug.models.layers import pool

SIDE = 13
#: The night-sky noise in network units.
MEAN, SIGMA = 0.2, 0.125


@pytest.fixture(scope="module")
def dark():
    """A generator that wants every pixel far below the night sky, its inputs and its pedestals."""
    keras.utils.set_random_seed(0)  # features of some weights are so large that noise alone shines
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


def test_showers_do_not_leak_into_the_night_sky(dark):
    """A signal that it hides by one and a half of its widths adds no light, and no times."""
    model, inputs = keras.models.clone_model(dark[0]), list(dark[1])
    for name, bias in (("pixels0_value", 0.0), ("pixels1_value", 5.0)):
        model.get_layer(name).kernel.assign(0 * model.get_layer(name).kernel)
        model.get_layer(name).bias.assign([bias])
    inputs[3], inputs[4] = 0 * inputs[3], MEAN + 0 * inputs[4]
    image = model(inputs, training=False).numpy()
    np.testing.assert_allclose(image[..., :1], inputs[4], atol=1e-3 * SIGMA)
    opening = 1.0 / (1.0 + np.exp(-(2.0 * image[..., :1] + 0.1)))
    np.testing.assert_allclose(image[..., 1:], opening * inputs[5], atol=1e-5)


def test_a_dark_generator_can_learn_to_shine(dark):
    model, inputs = dark
    with tf.GradientTape() as tape:
        light = tf.reduce_mean(model(inputs, training=True)[..., 0])
    assert tape.gradient(light, model.get_layer("pixels0_value").bias).numpy()[0] > 1e-6


@pytest.mark.parametrize("seed", [1, 4])  # of those with the brightest start
def test_signals_begin_near_the_night_sky(seed):
    """From far above it the first steps of pairs took some telescopes below it for good."""
    keras.utils.set_random_seed(seed)
    model = build_generator(GeneratorConfig(), 39, (3, 9), (3.0, 3.0), gate=(2.0, 0.1))
    rng = np.random.default_rng(1)
    inputs = [rng.normal(size=(32, *x.shape[1:])).astype(np.float32) for x in model.inputs]
    inputs[4] = MEAN + SIGMA * inputs[4]
    light = model(inputs, training=False)[..., :1].numpy() - inputs[4]
    assert light.mean() < 1.2 * SIGMA


@pytest.mark.parametrize("side", [13, 39, 55, 64])
@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_pooling_averages_over_the_cells_that_exist(side, factor):
    image = np.random.default_rng(2).normal(size=(2, side, side, 3)).astype(np.float32)
    # Blocks as TensorFlow pads them: the smaller half of what is missing before.
    missing = -side % factor
    rim = (missing // 2, missing - missing // 2)
    padded = np.pad(image, ((0, 0), rim, rim, (0, 0)), constant_values=np.nan)
    n = len(padded[0]) // factor
    expected = np.nanmean(padded.reshape(2, n, factor, n, factor, 3), axis=(2, 4))
    found = keras.ops.convert_to_numpy(pool(keras.ops.convert_to_tensor(image), factor))
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.fixture(params=[(9, 3), (3, 1)], ids=["impact", "no impact"])
def drawn(request):
    """A function from factors of two images to what is drawn, and both coordinates of cells."""
    n_maps, first = request.param
    inputs = keras.Input((2,)), keras.Input((SIDE, SIDE, n_maps))
    model = keras.Model(inputs, outline(*inputs, 2))
    maps = np.random.default_rng(3).normal(size=(2, SIDE, SIDE, n_maps)).astype(np.float32)

    def draw(name, factors):
        model.get_layer(f"{name}_factors").kernel.assign(factors)
        channels = model([np.eye(2, dtype=np.float32), maps])
        return channels[name == "time_surface"].numpy()[..., 0]

    return draw, maps[..., first], maps[..., first + 1]


def test_times_lie_on_a_surface(drawn):
    """Of second order along the image axis and across, each its own."""
    draw, x, y = drawn
    factors = [[0.5, 3.0, -1.0, 0.2, 0.1, -0.3], [0.0, -4.0, 0.0, 0.0, 0.0, 0.0]]
    found = TIME_UNIT * draw("time_surface", factors)
    np.testing.assert_allclose(found[1], -4.0 * x[1], atol=1e-4)
    x, y = x[0], y[0]
    expected = 0.5 + 3.0 * x - y + 0.2 * x * x + 0.1 * x * y - 0.3 * y * y
    np.testing.assert_allclose(found[0], expected, atol=1e-3)


def test_light_is_an_ellipse(drawn):
    """Brightest at its centre, with a normal profile along every line through it."""
    draw, x, y = drawn
    dark = [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    found = draw("ellipse", [[0.5, 0.3, -0.2, 0.4, 1.0, 0.0, -1.0], dark])
    assert not found[1].any()
    x, y = x[0] - 0.3, y[0] + 0.2
    long, wide = np.logaddexp(0.0, 1.0), 5.0 * np.logaddexp(0.0, -1.0)
    expected = 1.5 * np.exp(-long * x**2 - wide * (y + 0.4 * x) ** 2)
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_an_ellipse_may_be_longer_at_one_end(drawn):
    """Showers rise faster than they fall."""
    draw, x, _ = drawn
    even, uneven = ([1.0, 0.3, 0.0, 0.0, 0.5, skew, -1.0] for skew in (0.0, 1.0))
    even, uneven = (draw("ellipse", [factors] * 2) for factors in (even, uneven))
    shines = even > 1e-3
    assert (uneven < even)[shines & (x > 0.31)].all()
    assert (uneven > even)[shines & (x < 0.29)].all()


@pytest.fixture
def times_on():
    """A function from a surface's factors to pixels' times, and their places along the image axis.

    Times are in units of their scale. There is light everywhere, and nothing is learnt.
    """
    keras.utils.set_random_seed(0)
    config = GeneratorConfig(latent=8, channels=[12, 10, 6], embedding=16, ellipse=True)
    model = build_generator(config, SIDE, (3, 9), (3.0, 3.0), gate=(2.0, 8.0))
    model.get_layer("pixels0_value").bias.assign([3.0])
    surface = model.get_layer("time_surface_factors")
    surface.kernel.assign(np.zeros(surface.kernel.shape))
    rng = np.random.default_rng(1)
    inputs = [rng.normal(size=(8, *x.shape[1:])).astype(np.float32) for x in model.inputs]
    for pedestal in inputs[-2:]:
        pedestal *= 0.125

    def times(*factors):
        surface.bias.assign(factors)
        return np.sinh(TIME_UNIT * model(inputs, training=False)[..., 1].numpy())

    return times, inputs[2][..., 3]


def test_pixels_follow_the_surface(times_on):
    """Where there is light, times are those of the surface before anything is learnt."""
    times, along = times_on
    found = times(0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
    assert np.polyfit(along.ravel(), found.ravel(), 1)[0] == pytest.approx(1.0, abs=0.05)


def test_times_fluctuate_as_much_far_from_the_mean_as_near_it(times_on):
    times, _ = times_on
    near, far = (times(mean, 0.0, 0.0, 0.0, 0.0, 0.0) for mean in (0.0, 4.0))
    assert far.mean() - near.mean() == pytest.approx(4.0, rel=0.05)
    assert far.std() == pytest.approx(near.std(), rel=0.1)
