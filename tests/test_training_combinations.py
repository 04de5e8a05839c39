"""Losses, regularisers, conditionings and parts of networks combine freely; what cannot is said."""

from dataclasses import replace
from itertools import product

import keras
import numpy as np
import pytest
import tensorflow as tf

from ctlearn_gan_aug.bundle import new_generator
from ctlearn_gan_aug.config.base import parse
from ctlearn_gan_aug.config.train import TrainConfig
from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.intensity import IntensityTransform
from ctlearn_gan_aug.labels import LabelSet
from ctlearn_gan_aug.models.blocks import MinibatchDeviation, attention
from ctlearn_gan_aug.models.critic import build_critic
from ctlearn_gan_aug.models.maps import LabelMaps
from ctlearn_gan_aug.training import penalties
from ctlearn_gan_aug.training.adaptive import AdaptiveSymmetries
from ctlearn_gan_aug.training.criticism import Turns
from ctlearn_gan_aug.training.networks import Networks, computing_in
from ctlearn_gan_aug.training.scaling import LossScale
from ctlearn_gan_aug.training.step import AdversarialStep

pytestmark = pytest.mark.usefixtures("uncompiled")

LOSSES = ("wasserstein", "nonsaturating", "hinge", "least_squares", "minimax")
REGULARIZERS = ("none", "clip", *penalties.PENALTIES)
#: Of generator and critic.
CONDITIONINGS = (("film", "projection"), ("film", "concat"), ("concat", "none"), ("none", "none"))
BATCH = 4


def is_sensible(loss, regularizer):
    return (loss == "wasserstein") if regularizer == "clip" else (loss, regularizer) != SENSELESS


SENSELESS = ("wasserstein", "none")
COMBINATIONS = [c for c in product(LOSSES, REGULARIZERS, CONDITIONINGS) if is_sensible(*c[:2])]


def make_config(conditioning=CONDITIONINGS[0], **sections):
    generator, critic = conditioning
    content = {
        "generator": {
            "channels": [8, 8, 4],
            "latent": 4,
            "embedding": 8,
            "trunk": 4,
            "conditioning": generator,
        },
        "critic": {
            "channels": [4, 6, 8],
            "conditioning": critic,
            "label_maps": critic == "projection",
        },
        "training": {"steps": 2, "batch_size": BATCH},
    }
    for name, values in sections.items():
        content[name] = {**content.get(name, {}), **values}
    return parse(TrainConfig, {"particle": "gamma", **content}, "test")


@pytest.fixture(scope="module")
def parts(toy_gamma):
    """Events with labels and transform; functions run without being compiled."""
    events = read_events([toy_gamma]).select(slice(0, 50))
    labels = LabelSet.fit(["energy", "cameradirection"], events.labels)
    intensity = IntensityTransform.fit(events.pixels, events.masks, events.channels)
    tf.config.run_functions_eagerly(True)
    yield events, labels, intensity, LabelMaps(events.camera, labels)
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def networks_of(parts):
    """Networks of a configuration, made once and set back to their first weights."""
    events, labels, intensity, maps = parts
    made = {}

    def get(config):
        key = config.generator.model_dump_json() + config.critic.model_dump_json()
        if key not in made:
            networks = Networks.create(
                config.training,
                lambda: new_generator(config.generator, events.camera, labels, intensity),
                build_critic(config.critic, maps.side, maps.sizes, 2, labels.size),
            )
            made[key] = networks, [model.get_weights() for model in networks.models]
        networks, first = made[key]
        for model, weights in zip(networks.models, first, strict=True):
            model.set_weights(weights)
        return networks

    return get


def adaptive_symmetries(config, parts):
    """Symmetries as the configuration says, adaptive ones half of the time from the start."""
    events, labels, *_ = parts
    adaptive = AdaptiveSymmetries.of(config, events.camera, labels)
    if adaptive:
        adaptive.probability.assign(0.5)
    return adaptive


def train_twice(config, networks, parts):
    """Names of weights that did not move in two steps, and the last losses.

    In float16 the loss scale has to find its place first, and steps that overflow are left out.
    """
    events, labels, intensity, maps = parts
    step = AdversarialStep(config, networks, intensity, maps, events.camera)
    pixels, encoded = events.pixels[:BATCH], labels.encode(events.labels[:BATCH])
    models = networks.generator, networks.critic
    before = [[v.numpy() for v in model.trainable_variables] for model in models]
    for number in range(2 if networks.scale is None else 12):
        counter = tf.constant(number, tf.int64)
        pair_weight = tf.constant(1.0)
        turns = Turns(True, find_labels=number % 2 == 1)
        values = step.joint_step(
            counter, tf.constant(0, tf.int64), pixels, encoded, pair_weight, turns
        )
    still = {
        variable.path
        for model, old in zip(models, before, strict=True)
        for variable, value in zip(model.trainable_variables, old, strict=True)
        if np.array_equal(variable.numpy(), value)
    }
    return still, {name: float(value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("loss", "regularizer", "conditioning"),
    COMBINATIONS,
    ids=["-".join((a, b, *c)) for a, b, c in COMBINATIONS],
)
def test_every_combination_trains(parts, networks_of, loss, regularizer, conditioning):
    options = {"adversarial": loss, "regularizer": regularizer, "interval": 1}
    config = make_config(conditioning, loss=options)
    still, values = train_twice(config, networks_of(config), parts)
    assert np.isfinite(list(values.values())).all(), values
    # A constant on all scores has no effect where they are only compared (hinge: at first).
    no_effect = {"score_image/bias"} if loss in ("wasserstein", "hinge") else set()
    assert not still - no_effect


@pytest.mark.parametrize(
    "sections",
    [
        {"critic": {"spectral_norm": True}},
        {"generator": {"spectral_norm": True}},
        {"critic": {"normalization": "none"}},
        {"critic": {"attention": True}, "generator": {"attention": True}},
        {"critic": {"minibatch_std": True}},
        {"critic": {"label_head": 1.0}},
        {"training": {"precision": "mixed_float16"}},
        {"training": {"precision": "mixed_float16"}, "critic": {"label_head": 1.0}},
        {"training": {"precision": "mixed_bfloat16"}},
        {"training": {"symmetries": "adaptive"}},
    ],
    ids=lambda s: "-".join(f"{k}.{n}" for k, v in s.items() for n in v),
)
def test_optional_parts_train(parts, networks_of, sections):
    config = make_config(**sections)
    keras.utils.set_random_seed(1)
    with computing_in(config.training.precision):
        if config.training.precision == "float32":
            networks = networks_of(config)
        else:
            events, labels, intensity, maps = parts
            networks = Networks.create(
                config.training,
                lambda: new_generator(config.generator, events.camera, labels, intensity),
                build_critic(config.critic, maps.side, maps.sizes, 2, labels.size),
            )
        networks = replace(networks, adaptive=adaptive_symmetries(config, parts))
        still, values = train_twice(config, networks, parts)
    assert np.isfinite(list(values.values())).all(), values
    # Attention has no effect until its last layer has left zero.
    assert not {name for name in still if "attention" not in name}
    assert ("head" in values) == bool(config.critic.label_head)
    assert ("ada" in values) == (config.training.symmetries == "adaptive")


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({"loss": {"adversarial": "wasserstein", "regularizer": "none"}}, "bounded slope"),
        ({"loss": {"adversarial": "hinge", "regularizer": "clip"}}, "weight clipping starves"),
        ({"loss": {"adversarial": "hinge", "label_smoothing": 0.1}}, "has no meaning"),
        (
            {"loss": {"adversarial": "wasserstein"}, "training": {"symmetries": "adaptive"}},
            "wasserstein scores have no zero",
        ),
        ({"training": {"symmetries": "sometimes"}}, "training.symmetries: .*'adaptive'"),
        ({"critic": {"conditioning": "none", "label_maps": True}}, "cannot have label_maps"),
        ({"generator": {"architecture": "dcgan", "conditioning": "film"}}, "beside the latents"),
        (
            {"critic": {"minibatch_std": True}, "training": {"batch_size": 6}},
            "multiple of 4",
        ),
    ],
)
def test_senseless_combinations_are_refused_with_the_reason(sections, reason):
    with pytest.raises(UserError, match=reason):
        make_config(**sections)


def test_spectral_norm_bounds_a_wasserstein_critic():
    make_config(
        loss={"adversarial": "wasserstein", "regularizer": "none"}, critic={"spectral_norm": True}
    )


def test_points_of_penalties():
    real, fake = tf.zeros((3, 4, 4, 2)), tf.ones((3, 4, 4, 2))
    key = tf.constant([1, 2], tf.int64)
    between = penalties.point("gradient_penalty", real, fake, key).numpy()
    # One share per image, the same in all its pixels.
    assert (np.ptp(between.reshape(3, -1), axis=1) == 0).all()
    assert len(np.unique(between)) == 3
    assert ((between > 0) & (between < 1)).all()
    rng = np.random.default_rng(0)
    real = tf.constant(rng.normal(5, 2, (200, 4, 4, 2)), tf.float32)
    moved = (penalties.point("dragan", real, fake, key) - real).numpy()
    assert moved.min() >= 0
    assert moved.max() <= 0.5 * np.std(real.numpy())


def test_one_sided_penalty_leaves_flat_critics_alone():
    flat, steep = tf.fill((2, 1, 1, 1), 0.5), tf.fill((2, 1, 1, 1), 3.0)
    assert float(penalties.penalty("one_sided_gradient_penalty", flat)) == 0
    assert float(penalties.penalty("gradient_penalty", flat)) == pytest.approx(0.25)
    for kind in ("one_sided_gradient_penalty", "dragan"):
        assert float(penalties.penalty(kind, steep)) == pytest.approx(4.0)


def test_clipping():
    variable = tf.Variable([-2.0, 0.005, 2.0])
    penalties.clip_weights([variable], 0.01)
    np.testing.assert_allclose(variable.numpy(), [-0.01, 0.005, 0.01])


def test_loss_scale_follows_overflow():
    scale = LossScale()
    first = float(scale.value)
    good, bad = tf.constant([2.0, 4.0]), tf.constant([np.inf, 1.0])
    (kept,) = scale.unscaled([good])
    np.testing.assert_allclose(kept[0], np.array([2.0, 4.0]) / first)
    assert float(scale.value) > first
    before = float(scale.value)
    kept, left_out = scale.unscaled([good], [good, bad])
    np.testing.assert_allclose(kept[0], np.array([2.0, 4.0]) / before)
    assert not any(np.any(g) for g in left_out)
    assert float(scale.value) == pytest.approx(before / 2)


def test_minibatch_deviation_by_hand():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 3, 3, 2)).astype(np.float32)
    x[4:] = x[4]  # a generator that repeats itself
    found = np.asarray(MinibatchDeviation(4)(x))
    assert found.shape == (8, 3, 3, 1)
    np.testing.assert_allclose(found[:4], x[:4].std(axis=0).mean(), rtol=1e-4)
    assert np.abs(found[4:]).max() < 1e-3


def test_attention_starts_without_effect_and_sees_everything():
    import keras

    inputs = keras.Input((4, 4, 8))
    model = keras.Model(inputs, attention(inputs, "look"))
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 8)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(model(x)), x)
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    other = x.copy()
    other[:, 3, 3] += 1.0  # far from the first cell
    assert np.abs(np.asarray(model(other) - model(x))[:, 0, 0]).max() > 1e-3
