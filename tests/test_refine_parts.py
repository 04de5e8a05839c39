"""The parts of a refinement: networks, losses, what critics see, and what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ctlearn_gan_aug.config.base import parse
from ctlearn_gan_aug.config.refine import PatchCriticConfig, RefineConfig, TranslatorConfig
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.models.patches import build_patch_critic
from ctlearn_gan_aug.models.translator import GatedSum, build_translator
from ctlearn_gan_aug.refine.losses import (
    cycle_loss,
    identity_loss,
    image_distance,
    interior_cells,
    label_loss,
    sliced_distance,
    translate_both,
)
from ctlearn_gan_aug.refine.step import passing_rows

SIDE = 11
GATE = (8.0, -2.0)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(2)
    return rng.normal(0.2, 0.3, (4, SIDE, SIDE, 2)).astype(np.float32)


def inputs(images, noise: int = 2):
    rng = np.random.default_rng(3)
    shape = images.shape[:3]
    return [images, rng.normal(size=(*shape, noise)).astype(np.float32), np.ones((*shape, 1))]


@pytest.mark.parametrize("n_channels", [1, 2])
def test_a_new_translator_changes_nothing_and_can_learn_to(images, n_channels):
    images = images[..., :n_channels]
    model = build_translator(TranslatorConfig(channels=[4, 6, 8]), SIDE, n_channels, GATE)
    given = inputs(images)
    np.testing.assert_array_equal(model(given), images)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(given) - 1.0))
    last = [w for w in model.trainable_weights if w.path.split("/")[0].endswith(("value", "noise"))]
    assert all(np.abs(g).max() > 0 for g in tape.gradient(loss, [w.value for w in last]))


def test_cells_outside_of_the_camera_stay_empty(images):
    model = build_translator(TranslatorConfig(channels=[4, 6]), SIDE, 2, GATE)
    for layer in model.layers:
        layer.set_weights([w + 0.1 for w in layer.get_weights()])
    mask = np.ones((4, SIDE, SIDE, 1), np.float32)
    mask[:, :, :3] = 0
    image, noise, _ = inputs(images * mask)
    changed = np.array(model([image, noise, mask]))
    assert (changed[:, :, :3] == 0).all()
    assert (changed[:, :, 3:] != image[:, :, 3:]).all()


def test_a_pixel_that_gets_brighter_shows_the_time_it_had():
    """The gate closes times of dark pixels; it opens for them as for a pixel that was bright."""
    slope, offset = GATE

    def gated(charge, time):
        return np.array([charge, time / (1 + np.exp(-(slope * charge + offset)))])

    before, after = gated(0.1, 0.7), gated(0.6, 0.7)
    image = before.reshape(1, 1, 1, 2).astype(np.float32)
    change = np.array([0.5, 0.0], np.float32).reshape(1, 1, 1, 2)
    np.testing.assert_allclose(np.ravel(GatedSum(*GATE)([image, change])), after, rtol=1e-5)


def test_cycle_and_identity_vanish_for_inverse_maps(images):
    source, target = images[:2], images[2:]

    def forward(x, number):
        return 2.0 * tf.reverse(x, [1]) - 0.5

    def backward(x, number):
        return tf.reverse(0.5 * (x + 0.5), [1])

    for domain in translate_both(source, target, forward, backward):
        assert float(cycle_loss(domain)) == pytest.approx(0, abs=1e-6)
        assert float(identity_loss(domain)) > 0.1
    ahead, behind = translate_both(source, target, forward, backward)
    np.testing.assert_allclose(ahead.other, forward(source, 0))
    np.testing.assert_allclose(behind.same, forward(target, 0))
    for domain in translate_both(source, target, lambda x, _: x, lambda x, _: x):
        assert float(identity_loss(domain)) == float(cycle_loss(domain)) == 0
    for domain in translate_both(source, target, forward, lambda x, _: x):
        assert float(cycle_loss(domain)) > 0.1


def test_distance_forgives_noise_sooner_than_a_displaced_shower(images):
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 0.1, images.shape).astype(np.float32)
    offset = np.full(images.shape, np.abs(noise).mean(), np.float32)
    assert image_distance(images + noise, images) < 0.8 * image_distance(images + offset, images)


def test_sliced_distance_is_that_of_distributions(images):
    """Which image a pixel is of does not matter; how far all of them are off does."""
    key, interior = tf.constant([1, 2], tf.int64), interior_cells(np.ones((SIDE, SIDE)))

    def distance(other):
        return float(sliced_distance(images, other, key, interior))

    assert distance(images[::-1]) == pytest.approx(0, abs=1e-6)
    assert distance(images + 0.1) > 0.03
    assert distance(images + 0.2) == pytest.approx(2 * distance(images + 0.1), rel=1e-4)
    assert distance(images * 1.5) > distance(images * 1.2) > 0.01


def test_neighbourhoods_of_the_sliced_distance_lie_in_the_camera():
    mask = np.ones((5, 6))
    mask[0, 0] = 0
    np.testing.assert_array_equal(interior_cells(mask), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])


def test_labels_may_be_shown_no_better_than_before():
    before = tf.constant([[0.3], [1.0]])
    assert float(label_loss(before, before)) == 0
    assert float(label_loss(before + 0.5, before)) == pytest.approx(0.25)


def test_critics_see_patches_of_an_image(images):
    keras.utils.set_random_seed(1)
    critic = build_patch_critic(PatchCriticConfig(channels=[6, 8]), 40, 2)
    image = np.random.default_rng(5).normal(0, 1, (1, 40, 40, 2)).astype(np.float32)
    places = np.random.default_rng(6).uniform(-1, 1, (1, 40, 40, 3))
    other = image.copy()
    other[:, :4, :4] = 3.0
    one, two = (critic([x, places]) for x in (image, other))
    assert one[1].shape == (1, 1)
    assert one[1] != two[1]
    changed = np.array(one[0] != two[0]).reshape(10, 10)
    assert changed[0, 0]
    assert not changed[5:].any()
    assert not changed[:, 5:].any()


def test_rows_of_images_that_pass_come_first_and_again():
    np.testing.assert_array_equal(passing_rows(tf.constant([False, True, False, True, True])),
                                  [1, 3, 4, 1, 3])  # fmt: skip
    assert len(passing_rows(tf.constant([False, False]))) == 2


def config(**sections):
    content = {"particle": "gamma", "training": {"steps": 3}, "data": {"target": ["b.h5"]}}
    for name, values in sections.items():
        content[name] = {**content.get(name, {}), **values}
    return parse(RefineConfig, content)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"data": {"source": ["x/../b.h5"]}}, "is source and target; name files of another"),
        ({"data": {"channels": ["peak_time"]}}, r"channels must be \[image\]"),
        ({"loss": {"cycle": 0.0}, "auxiliary": {"weight": 0.0}}, "nothing keeps the shower"),
        ({"training": {"critic_steps": 2}}, "critic_steps must be 1"),
        ({"training": {"symmetries": "adaptive"}}, "set it to true or false"),
        ({"training": {"precision": "mixed_float16"}}, "must be float32, mixed_bfloat16 or auto"),
        (
            {"training": {"jit": True}, "data": {"quality_criteria": [["a", "hillas_r > 1"]]}},
            "training.jit: true cannot compile",
        ),
        ({"loss": {"adversarial": "wasserstein"}}, "loss.adversarial"),
        ({"translator": {"noises": 2}}, "did you mean 'noise'"),
        ({"training": {"epochs": 3}}, "exactly one of steps, epochs and budget"),
    ],
)
def test_senseless_configurations_are_refused(sections, message):
    with pytest.raises(UserError, match=message):
        config(**sections)
    assert config().output.name == "refine"
