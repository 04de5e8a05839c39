"""Networks that grow: a level is what the one before was, until its layers fade in."""

import keras
import numpy as np
import pytest
from keras import ops

from ctlearn_gan_aug.config.networks import CriticConfig, GeneratorConfig
from ctlearn_gan_aug.intensity import CHARGE_UNIT
from ctlearn_gan_aug.models.critic import build_critic
from ctlearn_gan_aug.models.generator import build_generator
from ctlearn_gan_aug.models.growth import Growth, blends
from ctlearn_gan_aug.training.networks import take_weights

SIDE, GATE, REACH = 19, (8.0, -6.0), (2.5, 1.5)
N_LABELS, N_MAPS = 3, 9
GENERATORS = {
    "residual": {},
    "dcgan": {"architecture": "dcgan"},
    "transposed": {"architecture": "dcgan", "upsampling": "transposed"},
    "parts": {"attention": True, "spectral_norm": True},
    "ellipse": {"ellipse": True},
}
CRITICS = {
    "residual": {"moments": True, "label_head": 1.0},
    "dcgan": {"architecture": "dcgan", "conditioning": "none", "label_maps": False},
    "parts": {"attention": True, "spectral_norm": True, "normalization": "none"},
}


def hexagon() -> np.ndarray:
    """A camera: some cells at the rim of the grid hold no pixel."""
    row, column = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    return (np.abs(row) + np.abs(column) < 0.7 * SIDE).astype(np.float32)


def grown(level: int, fading: bool = False) -> Growth:
    return Growth(level, fading, hexagon(), GATE)


def generator(growth=None, **options):
    config = {"channels": [10, 8, 6, 4], "latent": 5, "embedding": 8, "trunk": 4}
    config = GeneratorConfig(**config | options)
    return shaken(build_generator(config, SIDE, (N_LABELS, N_MAPS), REACH, GATE, growth))


def critic(growth=None, n_channels=2, **options):
    config = CriticConfig(**{"channels": [4, 6, 8, 10]} | options)
    sizes = N_LABELS, N_MAPS
    return shaken(build_critic(config, SIDE, sizes, n_channels, N_LABELS, growth=growth))


def shaken(model):
    """The network with other weights than those it starts with, of which many are 0 or 1."""
    rng = np.random.default_rng(3)
    for variable in model.trainable_variables:
        variable.assign(variable + 0.1 * rng.normal(size=variable.shape))
    return model


def inputs_of(model, seed: int = 1) -> list:
    rng = np.random.default_rng(seed)
    shapes = [(4, *x.shape[1:]) for x in model.inputs]
    return [(0.3 * rng.normal(size=shape)).astype(np.float32) for shape in shapes]


def outputs(model, inputs) -> list:
    found = model(inputs, training=False)
    if isinstance(found, dict):
        found = found.values()
    elif not isinstance(found, list):
        found = [found]
    return [ops.convert_to_numpy(x) for x in found]


def set_blend(model, part: float) -> None:
    assert blends(model)
    for blend in blends(model):
        blend.part.assign(part)


def assert_same(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("residual", 1),
        ("residual", 0),
        ("dcgan", 1),
        ("dcgan", 0),
        ("transposed", 0),
        ("parts", 0),
        ("ellipse", 1),
        ("ellipse", 0),
    ],
)
def test_a_generator_fades_from_the_coarser_network_to_the_plain_one(kind, level):
    options = GENERATORS[kind]
    coarser, fading = grown(level + 1), grown(level, fading=True)
    before, between = generator(coarser, **options), generator(fading, **options)
    after = generator(grown(level) if level else None, **options)
    take_weights(between, before)
    inputs = inputs_of(before)
    image = before(inputs, training=False)
    assert image.shape[1:] == (coarser.side(), coarser.side(), 2)
    take_weights(after, between)
    old, (new,) = ops.convert_to_numpy(coarser.enlarged(image, level)), outputs(after, inputs)
    for part in (0.0, 0.25, 1.0):
        set_blend(between, part)
        assert_same(outputs(between, inputs), [(1 - part) * old + part * new, new])
    assert not set(variables(after)) - set(variables(between))


def variables(model) -> list[str]:
    paths = [variable.path for variable in model.weights]
    assert len(set(paths)) == len(paths)
    return paths


@pytest.mark.parametrize(
    ("kind", "level", "n_channels"),
    [
        ("residual", 1, 2),
        ("residual", 0, 2),
        ("residual", 0, 1),
        ("dcgan", 1, 1),
        ("dcgan", 0, 2),
        ("parts", 0, 2),
    ],
)
def test_a_critic_fades_from_the_coarser_network_to_the_plain_one(kind, level, n_channels):
    options = CRITICS[kind] | {"n_channels": n_channels}
    fading = grown(level, fading=True)
    before, between = critic(grown(level + 1), **options), critic(fading, **options)
    after = critic(grown(level) if level else None, **options)
    take_weights(between, before)
    image, *told = inputs_of(between)
    set_blend(between, 0.0)
    coarser = ops.convert_to_numpy(fading.coarser(image, level))
    assert_same(outputs(between, [image, *told]), outputs(before, [coarser, *told]))
    take_weights(after, between)
    set_blend(between, 1.0)
    assert_same(outputs(between, [image, *told]), outputs(after, [image, *told]))
    assert not set(variables(after)) - set(variables(between))


def test_fully_grown_networks_are_those_that_never_grew():
    for build in (generator, critic):
        models = build(), build(grown(0))
        assert variables(models[0]) == variables(models[1])
        assert [type(x) for x in models[0].layers] == [type(x) for x in models[1].layers]


def test_charges_of_a_coarser_level_are_means_over_its_pixels():
    rng = np.random.default_rng(2)
    mask = hexagon()
    pixels = rng.gamma(0.5, 2.0, size=(3, SIDE, SIDE)) * mask  # units of the charge scale
    image = np.arcsinh(pixels)[..., None].astype(np.float32) / CHARGE_UNIT
    growth = Growth(2, mask=mask)
    found = np.sinh(CHARGE_UNIT * ops.convert_to_numpy(growth.reduced(image))[..., 0])
    inside = np.where(mask > 0, pixels, np.nan)
    inside = np.pad(inside, ((0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    blocks = inside.reshape(3, 5, 4, 5, 4)
    counts = np.isfinite(blocks).sum(axis=(2, 4))
    expected = np.nansum(blocks, axis=(2, 4)) / np.maximum(counts, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(growth.cells, counts[0] > 0)


def test_times_of_a_coarser_level_are_those_of_the_light():
    """A cell without light has no say, and what was one value before is one after."""
    slope, offset = GATE
    charge = np.full((1, 4, 4, 1), 0.05, np.float32)
    time = np.full_like(charge, -0.5)
    charge[0, 0, 0], time[0, 0, 0] = 2.0, 0.8
    charge[0, 2:, 2:], time[0, 2:, 2:] = 1.5, 0.3
    gate = 1.0 / (1.0 + np.exp(-slope * charge - offset))
    growth = Growth(1, mask=np.ones((4, 4)), gate=GATE)
    found = ops.convert_to_numpy(growth.reduced(np.concatenate([charge, gate * time], -1)))
    assert found[0, 0, 0, 1] == pytest.approx(0.8, abs=0.01)
    np.testing.assert_allclose(found[0, 1, 1], [1.5, gate[0, 2, 2, 0] * 0.3], rtol=1e-5)
    # Without light the gate is as closed as it was.
    np.testing.assert_allclose(found[0, 0, 1], [0.05, gate[0, 0, 3, 0] * -0.5], rtol=1e-4)
    open_times = growth.pedestals([charge, time], 1)[1]
    np.testing.assert_allclose(open_times[0, 1, 1], 0.3, rtol=1e-5)


def test_an_enlarged_image_reduces_to_itself():
    growth, rng = grown(1), np.random.default_rng(4)
    image = rng.normal(0.5, 0.5, size=(2, growth.side(), growth.side(), 2)).astype(np.float32)
    slope, offset = GATE
    image[..., 1] /= 1.0 + np.exp(-slope * image[..., 0] - offset)
    image *= growth.cells[..., None]
    enlarged = growth.enlarged(ops.convert_to_tensor(image)) * hexagon()[..., None]
    found = ops.convert_to_numpy(growth.reduced(enlarged)) * growth.cells[..., None]
    np.testing.assert_allclose(found, image, rtol=1e-4, atol=1e-5)
    faded = [ops.convert_to_numpy(grown(0, True).faded(enlarged, part)) for part in (0.0, 0.5, 1.0)]
    for image in faded:
        np.testing.assert_allclose(image, enlarged, rtol=1e-4, atol=1e-5)


def test_simulated_images_fade_in_as_generated_ones_do():
    growth, rng = grown(0, fading=True), np.random.default_rng(5)
    image = rng.normal(size=(2, SIDE, SIDE, 1)).astype(np.float32) * hexagon()[..., None]
    coarse, half, fine = (
        ops.convert_to_numpy(growth.faded(image, part)) for part in (0.0, 0.5, 1.0)
    )
    reduced = ops.convert_to_numpy(grown(1).reduced(image))
    np.testing.assert_allclose(coarse[:, 8, 9], reduced[:, 4, 4], rtol=1e-5)
    np.testing.assert_allclose(half, 0.5 * (coarse + fine), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(fine, image)


def test_label_maps_follow():
    """In a cell at the rim they are those of its pixels, not of what is outside the camera too."""
    mask = hexagon()
    row = np.indices((SIDE, SIDE))[0].astype(np.float32)
    maps = np.stack([mask, row * mask], -1)[None]
    inside, rows = np.moveaxis(ops.convert_to_numpy(grown(0).mean(maps, 1))[0], -1, 0)
    cells = grown(1).cells
    np.testing.assert_allclose(inside, cells, rtol=1e-6)
    # Whole cells lie half a row below their first one, those at the rim nearer to the centre.
    assert rows[cells > 0].min() >= row[mask > 0].min()
    full = grown(0).mean(mask[None, ..., None], 1)
    assert full.shape == (1, 10, 10, 1)


def test_images_of_a_level_stay_in_bounds_in_half_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = generator(grown(1, fading=True))
        image, _ = model(inputs_of(model), training=False)
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(image.dtype) == "float32"
    assert np.isfinite(image).all()
