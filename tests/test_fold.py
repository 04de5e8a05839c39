"""A folded generator makes the same images, whatever could be folded in it."""

import keras
import numpy as np
import pytest

from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.config.networks import GeneratorConfig
from ctlearn_gan_aug.models import layers as L
from ctlearn_gan_aug.models.flops import model_flops
from ctlearn_gan_aug.models.fold import folded, is_wide, used_inputs
from ctlearn_gan_aug.models.generator import build_generator
from ctlearn_gan_aug.models.precision import best_precision
from ctlearn_gan_aug.sampling.generate import Sampler

DCGAN = {"architecture": "dcgan", "channels": [24, 20, 18]}


def generator(side: int, n_channels: int, **config) -> keras.Model:
    model = build_generator(
        GeneratorConfig(latent=8, **config), side, (3, 9), (3.0,) * n_channels, gate=(2.0, 0.1)
    )
    return shaken(model)


def shaken(model: keras.Model) -> keras.Model:
    """Weights as after a training, normalisations far from the identity."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        layer.set_weights([w + rng.normal(0, 0.2, w.shape) for w in layer.get_weights()])
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(rng.uniform(0.3, 3.0, layer.moving_variance.shape))
    return model


def inputs_of(model: keras.Model) -> list:
    rng = np.random.default_rng(2)
    return [rng.normal(size=(3, *x.shape[1:])).astype(np.float32) for x in model.inputs]


def assert_same(model: keras.Model, new: keras.Model, tolerance: float = 1e-5) -> None:
    inputs = inputs_of(model)
    expected, found = (np.asarray(m(inputs, training=False)) for m in (model, new))
    assert found.dtype == np.float32
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(found / scale, expected / scale, atol=tolerance)


@pytest.mark.parametrize(("side", "n_channels"), [(13, 2), (16, 1)])
@pytest.mark.parametrize(
    "config",
    [
        DCGAN,
        DCGAN | {"spectral_norm": True},
        DCGAN | {"upsampling": "transposed"},
        DCGAN | {"attention": True},
        {"channels": [12, 10, 6], "embedding": 16},
        {"channels": [12, 10, 6], "embedding": 16, "spectral_norm": True},
        {"channels": [12, 10, 6], "embedding": 16, "ellipse": True},
    ],
    ids=[
        "dcgan",
        "dcgan-spectral",
        "transposed",
        "attention",
        "residual",
        "residual-spectral",
        "ellipse",
    ],
)
def test_same_images(config, side, n_channels):
    model = generator(side, n_channels, **config)
    assert_same(model, folded(model))


def test_thesis_is_less_arithmetic_and_no_normalisation():
    model = generator(43, 1, **DCGAN)
    new = folded(model)
    kinds = {type(layer).__name__ for layer in new.layers}
    assert "BatchNormalization" not in kinds
    # Convolutions with 4 taps in place of 9; the dense layer before them costs little.
    assert model_flops(new) < 0.48 * model_flops(model)


@pytest.mark.parametrize("upsample", [L.upsample, lambda x: keras.layers.UpSampling2D(2)(x)])
@pytest.mark.parametrize("filters", [1, 20])
@pytest.mark.parametrize("kernel", [3, 5, 7, (3, 5)])
def test_every_odd_kernel_up_to_the_borders(kernel, filters, upsample):
    x = keras.Input((4, 4, 3))
    y = keras.layers.Conv2D(filters, kernel, padding="same", activation="tanh")(upsample(x))
    model = shaken(keras.Model(x, y))
    new = folded(model)
    assert not any(isinstance(layer, keras.layers.UpSampling2D) for layer in new.layers)
    assert_same(model, new)


@pytest.mark.parametrize("crop", [((0, 1), (2, 0)), ((3, 4), (4, 3)), ((1, 6), (5, 2))])
@pytest.mark.parametrize("filters", [1, 20])
@pytest.mark.parametrize("kernel", [3, 5])
def test_crops_after_a_folded_convolution(kernel, filters, crop):
    x = keras.Input((5, 5, 3))
    y = keras.layers.Conv2D(filters, kernel, padding="same")(L.upsample(x))
    model = shaken(keras.Model(x, keras.layers.Cropping2D(crop)(L.leaky(y))))
    new = folded(model)
    assert new.output_shape == model.output_shape
    assert model_flops(new) < model_flops(model) / 2
    assert_same(model, new)


def test_what_cannot_be_folded_stays():
    """Strides, even kernels, a normalisation of a map that something else needs, too."""
    x = keras.Input((4, 4, 3))
    y = L.upsample(x)
    strided = keras.layers.Conv2D(6, 3, strides=2, padding="same")(y)
    even = keras.layers.Conv2D(6, 2, padding="same")(y)
    even = keras.layers.MaxPooling2D()(even)
    normed = keras.layers.BatchNormalization()(strided)
    x_out = keras.layers.Add()([normed, strided, even])
    model = shaken(keras.Model(x, x_out))
    assert folded(model) is model


def test_model_is_left_alone():
    model = generator(13, 1, **DCGAN)
    before = [w.copy() for w in model.get_weights()]
    first, second = folded(model), folded(model)
    second.set_weights([0 * w for w in second.get_weights()])
    assert_same(model, first)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_bfloat16_is_close_and_leaves_the_last_layer_exact():
    model = generator(13, 1, **DCGAN | {"channels": [80, 72, 64]})
    new = folded(model, "bfloat16")
    assert_same(model, new, tolerance=0.03)
    kinds = {layer.name: layer.compute_dtype for layer in new.layers}
    assert kinds["up0_0"] == kinds["up1_3"] == "bfloat16"
    assert kinds["pixels0_0"] == kinds["image"] == "float32"


def test_bfloat16_only_for_wide_networks(monkeypatch):
    monkeypatch.setattr("ctlearn_gan_aug.models.precision.has_bfloat16", lambda: True)
    wide = generator(13, 1, **DCGAN | {"channels": [80, 72, 64]})
    assert best_precision(wide) == "bfloat16"
    assert best_precision(generator(13, 1)) == "float32"
    assert any(is_wide(layer) for layer in wide.layers)
    monkeypatch.setattr("ctlearn_gan_aug.models.precision.has_bfloat16", lambda: False)
    assert best_precision(wide) == "float32"


def test_used_inputs():
    assert used_inputs(generator(13, 1, **DCGAN)) == {"latent", "labels"}
    assert {"latent", "labels", "maps", "noise"} <= used_inputs(generator(13, 2))


def test_flops_by_hand():
    x = keras.Input((6, 6, 3))
    y = keras.layers.Conv2D(5, 3, padding="same")(x)  # 36 cells x 9 taps x 3 x 5
    y = keras.layers.Conv2DTranspose(4, 4, strides=2, padding="same")(y)  # 36 x 16 x 5 x 4
    y = keras.layers.Dense(7)(keras.layers.Flatten()(y))  # 576 x 7
    assert model_flops(keras.Model(x, y)) == 2 * (36 * 135 + 36 * 320 + 576 * 7)


def with_generator(bundle, model):
    bundle.__dict__["generator"] = model
    return bundle


def unfolded_images(bundle, labels, seed: int) -> np.ndarray:
    """What a plain reading of `Sampler` gives: streams by image, network as it is, decode."""
    model, n_pixels = bundle.generator, bundle.camera.n_pixels
    latent, noise_shape = model.inputs[0].shape[-1], model.inputs[3].shape[1:]
    n_normal = latent + int(np.prod(noise_shape)) * bool(used_inputs(model) & {"noise"})
    normal, uniform = np.zeros((2, len(labels), max(n_normal, n_pixels)), np.float32)
    for i in range(len(labels)):
        stream = np.random.Generator(np.random.Philox(key=np.array([seed, i], np.uint64)))
        normal[i, :n_normal] = stream.standard_normal(n_normal, np.float32)
        uniform[i, :n_pixels] = stream.random(n_pixels, np.float32)
    noise = np.zeros((len(labels), *noise_shape), np.float32)
    if n_normal > latent:
        noise = normal[:, latent:n_normal].reshape(noise.shape)
    inputs = [normal[:, :latent], *bundle.maps(bundle.labels.encode(labels)), noise]
    inputs = [keras.ops.convert_to_tensor(x) for x in inputs + bundle.intensity.pedestals(noise)]
    image = np.asarray(model(inputs, training=False))
    pixels = bundle.camera.to_pixels(image)
    drawn = None if bundle.meta.generator.keeps_times else uniform[:, :n_pixels]
    return np.asarray(bundle.intensity.decode(pixels, drawn))


@pytest.mark.parametrize("config", [DCGAN, {"channels": [12, 10, 6]}], ids=["dcgan", "residual"])
def test_sampler_makes_the_images_of_the_unfolded_network(tiny_bundle, config):
    bundle = load_bundle(tiny_bundle)
    config = GeneratorConfig(**{"latent": 8, **config})
    bundle.meta = bundle.meta.model_copy(update={"generator": config})
    new = build_generator(
        config,
        bundle.camera.grid_side,
        bundle.maps.sizes,
        (1.0, 1.0),
        gate=(2.0, 0.1),
    )
    bundle = with_generator(bundle, new)
    labels = bundle.label_table[:7]
    images = Sampler(bundle, seed=3, batch_size=4, precision="float32").generate(labels)
    expected = unfolded_images(bundle, labels, 3)
    scale = np.abs(expected).max(axis=(0, 1))
    np.testing.assert_allclose(images / scale, expected / scale, atol=1e-4)
