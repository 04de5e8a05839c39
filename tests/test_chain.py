"""Gradients of a plain critic without double backpropagation: those of TensorFlow, faster."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ctlearn_gan_aug.config.networks import CriticConfig
from ctlearn_gan_aug.models.critic import build_critic
from ctlearn_gan_aug.training import chain, losses, penalties
from ctlearn_gan_aug.training.networks import computing_in

SIDE, BATCH, WEIGHT = 13, 4, 10.0
KEY = tf.constant([3, 14], tf.int64)


def make_critic(precision="float32", **options):
    """A critic of the thesis' kind, with biases that matter."""
    config = CriticConfig(
        **{
            "architecture": "dcgan",
            "channels": [6, 40, 48],
            "conditioning": "none",
            "label_maps": False,
            "dropout": 0.0,
            **options,
        }
    )
    keras.utils.set_random_seed(1)
    with computing_in(precision):
        critic = build_critic(config, SIDE, (2, 3), 2, 2)
    rng = np.random.default_rng(2)
    weights = [1.5 * w + 0.05 * rng.normal(size=w.shape) for w in critic.get_weights()]
    critic.set_weights(weights)  # slopes on both sides of 1
    return critic


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(1)
    draw = rng.normal(size=(3, BATCH, SIDE, SIDE, 2))
    return [tf.constant(x * scale, tf.float32) for x, scale in zip(draw, (1, 2, 1), strict=True)]


def brute_force(critic, found, images, kind):
    """TensorFlow's gradients by variable name, with the chain's dropout, and the penalty."""
    real, fake, point = images
    pieces = tf.concat(images, 0)
    _, _, slopes = found._forward(pieces, [stage.kernel for stage in found.stages], KEY)
    kept = [slope.kept for slope in slopes]

    def score(x, first):
        x = tf.pad(x, [(0, 0), *found.padding, (0, 0)])
        for stage, factors in zip(found.stages, kept, strict=True):
            if not stage.is_convolution:
                x = tf.reshape(x, (BATCH, -1))
            x = stage.layer(x)
            if stage.leak != 1.0:
                x = tf.nn.leaky_relu(x, stage.leak)
            if factors is not None:
                x *= factors[first : first + BATCH]
        return x

    with tf.GradientTape() as tape:
        tape.watch(fake)
        loss = losses.critic_loss("wasserstein", score(real, 0), score(fake, BATCH))
        with tf.GradientTape() as inner:
            inner.watch(point)
            at_point = score(point, 2 * BATCH)
        penalty = penalties.penalty(kind, inner.gradient(at_point, point))
        loss += WEIGHT * penalty
    *gradients, push = tape.gradient(loss, [*critic.trainable_variables, fake])
    return gradients, push, penalty


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("kind", chain.REGULARIZERS)
def test_gradients_are_those_of_double_backpropagation(images, kind, dropout):
    critic = make_critic(dropout=dropout)
    found = chain.find_chain(critic)
    assert [stage.rate for stage in found.stages] == ([0, 0.3, 0.2, 0] if dropout else [0] * 4)
    wanted, push, penalty = brute_force(critic, found, images, kind)
    result = found.gradients(*images, kind, WEIGHT, KEY)
    assert float(penalty) > 0.01
    np.testing.assert_allclose(result.penalty, penalty, rtol=1e-4)
    for ours, theirs in zip([*result.critic, result.fake], [*wanted, push], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max())


def test_scores_are_the_critic_s(images):
    critic = make_critic()
    result = chain.find_chain(critic).gradients(*images, "gradient_penalty", WEIGHT, KEY)
    rest = tf.zeros((BATCH, 2)), tf.zeros((BATCH, SIDE, SIDE, 3))
    for ours, x in zip((result.real_score, result.fake_score), images, strict=False):
        np.testing.assert_allclose(ours, critic([x, *rest]), rtol=1e-4, atol=1e-5)


def test_half_precision_is_near(images):
    """A few per cent of the gradient; single biases, differences of sums, are less exact."""
    exact = chain.find_chain(make_critic())
    rough = chain.find_chain(make_critic("mixed_bfloat16"))
    assert [stage.dtype for stage in rough.stages] == ["bfloat16"] * 3 + ["float32"]
    data = *images, "gradient_penalty", WEIGHT, KEY
    wanted, found = exact.gradients(*data), rough.gradients(*data)
    # The square of what a slope exceeds 1 by: its own relative error is several times less.
    np.testing.assert_allclose(found.penalty, wanted.penalty, rtol=0.1)
    assert all(gradient.dtype == tf.float32 for gradient in [*found.critic, found.fake])
    for ours, theirs in ((found.critic, wanted.critic), ([found.fake], [wanted.fake])):
        difference = [a - b for a, b in zip(ours, theirs, strict=True)]
        assert tf.linalg.global_norm(difference) < 0.07 * tf.linalg.global_norm(theirs)


def test_dropout_repeats_with_its_key(images):
    found = chain.find_chain(make_critic(dropout=0.3))

    def gradients(key):
        return found.gradients(*images, "dragan", WEIGHT, key).critic

    first, again, other = gradients(KEY), gradients(KEY), gradients(KEY + 1)
    np.testing.assert_array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(
    "options",
    [
        {"architecture": "residual"},
        {"conditioning": "concat"},
        {"conditioning": "projection"},
        {"spectral_norm": True},
        {"attention": True},
        {"minibatch_std": True},
        {"label_head": 1.0},
    ],
    ids=lambda options: next(iter(options)),
)
def test_other_critics_are_no_chain(options):
    assert chain.find_chain(make_critic(**options)) is None


def test_normalised_or_half_precision_critics_are_no_chain():
    x = inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, padding="same")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dense(1)(keras.layers.Flatten()(x))
    assert chain.find_chain(keras.Model(inputs, x)) is None
    assert chain.find_chain(make_critic("mixed_float16")) is None
