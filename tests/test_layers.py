"""Layers that calculate faster are equal to what they stand for, gradients too."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ctlearn_gan_aug.models import layers as L
from ctlearn_gan_aug.models.flops import layer_flops
from ctlearn_gan_aug.training.normalization import fused
from ctlearn_gan_aug.training.optimizer import FusedAdam


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def random_map(rng, side, depth):
    return tf.constant(rng.normal(size=(3, side, side, depth)).astype(np.float32))


def with_gradients(function, *inputs):
    """Output, and gradients of a sum over it with weights that are not all alike."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = function(*inputs)
        weights = tf.sin(1.0 + tf.range(tf.size(output), dtype=output.dtype))
        total = tf.reduce_sum(tf.reshape(weights, output.shape) * output)
    return output, *tape.gradient(total, inputs)


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * np.abs(other).max())


@pytest.mark.parametrize(("side", "half"), [(10, 5), (9, 5), (39, 20)])
def test_upsampling_repeats_cells_and_leaves_out_the_last_ones(rng, side, half):
    x = random_map(rng, half, 6)
    repeated = keras.layers.UpSampling2D(2)
    expected = with_gradients(lambda y: repeated(y)[:, :side, :side], x)
    assert_equal(with_gradients(lambda y: L.upsample(y, side), x), expected)


def test_a_convolution_of_an_upsampled_map_beside_a_finer_one(rng):
    coarse, fine = random_map(rng, 5, 6), random_map(rng, 10, 3)
    layer = L.UpsampledConv(8)
    layer.build([coarse.shape, fine.shape])
    plain = keras.layers.Conv2D(8, 3, padding="same")
    plain.build((None, 10, 10, 9))
    weights = [rng.normal(size=w.shape) for w in layer.get_weights()]
    layer.set_weights(weights)
    plain.set_weights(weights)

    def expected(x, y):
        return plain(tf.concat([keras.layers.UpSampling2D(2)(x), y], -1))

    found = with_gradients(lambda x, y: layer([x, y]), coarse, fine)
    assert_equal(found, with_gradients(expected, coarse, fine))


def test_repeated_cells_are_multiplied_once():
    layer = L.UpsampledConv(8)
    layer([keras.Input((5, 5, 6)), keras.Input((10, 10, 3))])
    assert layer_flops(layer) == 2 * 8 * 10 * 10 * (4 * 6 + 9 * 3)


@pytest.mark.parametrize("side", [8, 7])
def test_space_to_depth_keeps_every_cell_and_adds_zeros_at_the_far_edges(rng, side):
    maps = rng.normal(size=(2, 3, side, side)).astype(np.float32)
    found = keras.ops.convert_to_numpy(L.space_to_depth(keras.ops.convert_to_tensor(maps)))
    padded = np.pad(maps, ((0, 0), (0, 0), (0, side % 2), (0, side % 2)))
    for number, (row, column) in enumerate(np.ndindex(2, 2)):
        part = found[..., 3 * number : 3 * number + 3]
        np.testing.assert_array_equal(part, np.moveaxis(padded[:, :, row::2, column::2], 1, -1))


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_fused_normalisation_is_keras_own_with_its_second_gradient(rng, dtype):
    x = random_map(rng, 6, 5)
    inputs = keras.Input(x.shape[1:])
    plain = keras.Model(inputs, keras.layers.BatchNormalization(dtype=dtype)(inputs))
    quick = fused(plain)
    for model in (plain, quick):
        model.trainable_variables[0].assign(np.linspace(0.5, 2.0, 5))

    def slope(model):
        def squared(images):
            with tf.GradientTape() as tape:
                tape.watch(images)
                score = tf.reduce_sum(tf.cast(model(images, training=True), tf.float32) ** 3)
            return tf.reduce_sum(tape.gradient(score, images) ** 2)

        return squared

    kinds = {type(layer).__name__ for layer in quick.layers}
    assert "FusedBatchNormalization" in kinds
    assert "BatchNormalization" not in kinds
    tolerance = 1e-4 if dtype == "float32" else 0.1
    for function in (lambda m: lambda y: tf.cast(m(y, training=True), tf.float32), slope):
        found, expected = (with_gradients(function(m), x) for m in (quick, plain))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=tolerance * np.abs(other).max())


def test_layers_made_in_float32_stay_so_whatever_the_policy():
    before = keras.config.dtype_policy()
    with L.precision("mixed_bfloat16"):
        with L.precision("float32"):
            exact = keras.layers.Dense(2)
        rough = keras.layers.Dense(2)
    assert (exact.compute_dtype, rough.compute_dtype) == ("float32", "bfloat16")
    assert keras.config.dtype_policy() == before


def test_fused_adam_is_adam(rng):
    starts = [rng.normal(size=shape).astype(np.float32) for shape in ((3, 4), (5,))]
    moved = []
    for kind in (keras.optimizers.Adam, FusedAdam):
        variables = [keras.Variable(x) for x in starts]
        optimizer = kind(0.01, beta_1=0.5, beta_2=0.99, epsilon=1e-8, global_clipnorm=1.0)
        optimizer.build(variables)
        for number in range(3):
            gradients = [tf.sin(float(number) + 5.0 * x.value) for x in variables]
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
        moved.append([x.numpy() for x in (*variables, *optimizer.variables[2:])])
    assert_equal(moved[1], moved[0])
    assert np.abs(moved[1][0] - starts[0]).max() > 0.01
