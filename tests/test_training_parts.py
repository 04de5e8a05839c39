"""Losses against hand-computed values, steps that change what they should, data that repeats."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ctlearn_gan_aug.bundle import new_generator
from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.data.pipeline import Symmetries, training_batches
from ctlearn_gan_aug.intensity import CHARGE_UNIT, IntensityTransform
from ctlearn_gan_aug.labels import LabelSet
from ctlearn_gan_aug.models.critic import build_critic
from ctlearn_gan_aug.models.maps import LabelMaps
from ctlearn_gan_aug.training import losses, scores
from ctlearn_gan_aug.training.criticism import Turns
from ctlearn_gan_aug.training.networks import Networks
from ctlearn_gan_aug.training.step import AdversarialStep, uses_xla

REAL, FAKE = tf.constant([[2.0], [0.5]]), tf.constant([[-1.0], [0.0]])


def softplus(x):
    return np.log1p(np.exp(np.asarray(x)))


@pytest.mark.parametrize(
    ("kind", "critic", "generator"),
    [
        ("wasserstein", -0.5 - 1.25, 0.5),
        ("hinge", 0.25 + 0.5, 0.5),
        ("least_squares", 0.5 * (0.625 + 0.5), 0.5 * 2.5),
        (
            "nonsaturating",
            softplus([-2, -0.5]).mean() + softplus([-1, 0]).mean(),
            softplus([1, 0]).mean(),
        ),
        (
            "minimax",
            softplus([-2, -0.5]).mean() + softplus([-1, 0]).mean(),
            -softplus([-1, 0]).mean(),
        ),
    ],
)
def test_losses_by_hand(kind, critic, generator):
    assert float(losses.critic_loss(kind, REAL, FAKE)) == pytest.approx(critic, rel=1e-5)
    assert float(losses.generator_loss(kind, FAKE)) == pytest.approx(generator, rel=1e-5)


def test_smoothing_moves_the_best_real_score():
    """With target 1 - s the real part is least at the logit of 1 - s."""
    scores = tf.linspace(-4.0, 6.0, 1001)[:, None]
    far = tf.constant([[-30.0]])
    values = [float(losses.critic_loss("nonsaturating", s[None], far, 0.1)) for s in scores]
    assert float(scores[int(np.argmin(values)), 0]) == pytest.approx(np.log(0.9 / 0.1), abs=0.02)


def test_penalties_on_a_linear_critic():
    """For a critic w.x the gradient is w everywhere."""
    weights = tf.random.stateless_normal((1, 4, 4, 2), [1, 2])
    gradient = tf.repeat(weights, 3, axis=0)
    squared = float(tf.reduce_sum(weights**2))
    assert float(losses.gradient_penalty(gradient)) == pytest.approx((squared**0.5 - 1) ** 2, 1e-4)
    assert float(losses.r1_penalty(gradient)) == pytest.approx(squared / 2, rel=1e-5)


def test_excess_is_called_back():
    """Nothing within the range of the data, the square of what is beyond."""
    image = np.zeros((2, 3, 3, 2), np.float32)
    image[..., 0], image[..., 1] = 3.9, -1.9
    assert float(losses.excess_penalty(image, (4.0, 2.0))) == 0
    image[1, 0, 0] = 7.0, -4.0
    assert float(losses.excess_penalty(image, (4.0, 2.0))) == pytest.approx((9 + 4) / 2)


def test_pair_loss_is_least_for_the_right_distribution():
    """Neither a shifted nor a too narrow nor a too wide generator scores as well."""
    rng = np.random.default_rng(0)

    def score(center, width):
        draw = [rng.normal(0, 1, (4000, 8, 8, 1)).astype(np.float32) for _ in range(3)]
        return float(scores.pair_loss(draw[0], *(center + width * d for d in draw[1:])))

    best = score(0.0, 1.0)
    for center, width in ((0.2, 1.0), (0.0, 0.7), (0.0, 1.4)):
        assert score(center, width) > best + 0.005


def test_brightness_is_the_whole_light_as_if_one_pixel_had_it():
    """However it is spread, and whatever the night sky does around it."""
    rng = np.random.default_rng(0)
    sky = rng.normal(0.05, 1 / 8, (3, 20, 20, 2)).astype(np.float32)
    sky[..., 1] = 9.0  # times tell nothing
    sky[:2, 4:8, 5:9, 0] = 0.0
    spread, single = sky[:2].copy()
    spread[4:8, 5:9, 0] = np.arcsinh(50.0) / CHARGE_UNIT
    single[5, 6, 0] = np.arcsinh(16 * 50.0) / CHARGE_UNIT
    found = scores.brightness(np.stack([spread, single, sky[2]])).numpy()
    assert found[0] == pytest.approx(np.arcsinh(16 * 50.0) / CHARGE_UNIT, abs=0.02)
    assert found[1] == pytest.approx(found[0], abs=0.02)
    assert found[2] < 0.5


def test_images_score_best_if_they_are_as_bright_as_simulated_ones():
    """As bright on average and as variable, that is, wherever their light lies."""

    def gammas(seed, mean, spread):
        rng = np.random.default_rng(seed)
        light = rng.lognormal(np.log(mean), spread, (2000, 1, 1))
        place = rng.dirichlet(np.ones(16), 2000).reshape(-1, 4, 4)
        return np.float32(np.arcsinh(light * place) / CHARGE_UNIT)[..., None]

    def score(mean, spread):
        made = (gammas(seed, mean, spread) for seed in (1, 2))
        return float(scores.brightness_score(gammas(0, 300, 0.3), *made))

    for mean, spread in ((330, 0.3), (270, 0.3), (300, 0.1), (300, 0.6)):
        assert score(mean, spread) > 1.005 * score(300, 0.3)


def test_images_score_best_if_their_axes_are_turned_as_simulated_ones():
    """Neither exactly along what they are told nor more than simulated ones are."""
    side = 15
    place = np.stack(np.meshgrid(*2 * [np.linspace(-1, 1, side)], indexing="ij"), axis=-1)
    maps = np.float32(np.concatenate([np.ones((side, side, 1)), place], axis=-1))

    def gammas(seed, spread):
        tilt = np.random.default_rng(seed).normal(0, spread, (600, 1, 1))
        along, across = place[..., 0], place[..., 1] - tilt * place[..., 0]
        return np.float32(3 * np.exp(-6 * along**2 - 60 * across**2))[..., None]

    def score(spread):
        made = (gammas(seed, spread) for seed in (1, 2))
        return float(scores.shape_score(gammas(0, 0.3), *made, np.repeat(maps[None], 600, axis=0)))

    for spread in (0.1, 0.2, 0.45):
        assert score(spread) > 1.005 * score(0.3)


def test_errors_are_to_be_as_large_as_simulated_ones():
    """The label head's score: neither no error at all nor twice the natural one is as good."""
    real, first, second = np.random.default_rng(0).normal(size=(3, 4000, 2)).astype(np.float32)

    def score(width):
        return float(scores.energy_score(real, width * first, width * second))

    assert score(0.0) > score(1.0) + 0.05
    assert score(2.0) > score(1.0) + 0.05


@pytest.fixture(scope="module")
def events(toy_gamma):
    return read_events([toy_gamma])


def make_step(events, tiny_config, **sections):
    config = tiny_config("unused", ["unused"], **sections)
    labels = LabelSet.fit(config.labels, events.labels)
    intensity = IntensityTransform.fit(events.pixels, events.masks, events.channels)
    maps = LabelMaps(events.camera, labels)
    critic = build_critic(config.critic, maps.side, maps.sizes, 2, labels.size)

    def generator():
        return new_generator(config.generator, events.camera, labels, intensity)

    networks = Networks.create(config.training, generator, critic)
    step = AdversarialStep(config, networks, intensity, maps, events.camera)
    batch = events.pixels[:8], labels.encode(events.labels[:8])
    return step, networks, batch


def test_compiled_steps_have_the_losses_of_plain_ones(events, tiny_config, monkeypatch):
    """As graphs and with XLA, which turns the same random bits into other numbers."""
    random = [tf.random.stateless_normal(shape, [1, 2]) for shape in ((8, 8), (8, 39, 39, 4))]
    monkeypatch.setattr("ctlearn_gan_aug.training.step.random_inputs", lambda *_: random)
    small = {"critic": {"channels": [8, 8], "moments": True}, "generator": {"channels": [8, 8]}}
    zero, found = tf.constant(0, tf.int64), []
    for jit, is_plain in ((False, True), (False, False), (True, False)):
        keras.utils.set_random_seed(1)
        step, _, batch = make_step(events, tiny_config, training={"jit": jit}, **small)
        with monkeypatch.context() as patch:
            if is_plain:
                patch.setattr(step, "joint_step", step._joint_step)
            for _ in range(2):  # the second after an update
                values = step.joint_step(zero, zero, *batch, tf.constant(10.0), Turns(False))
        found.append({name: float(value) for name, value in values.items()})
    for compiled in found[1:]:
        assert compiled == pytest.approx(found[0], rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("has_gpu", [True, False])
def test_by_default_xla_is_for_gpus(monkeypatch, has_gpu):
    monkeypatch.setattr("ctlearn_gan_aug.training.step.has_gpu", lambda: has_gpu)
    assert uses_xla("auto") == has_gpu
    assert uses_xla(True)
    assert not uses_xla(False)


def test_labels_found_in_every_second_step_count_twice(events, tiny_config):
    head = {"channels": [8, 8, 8], "label_head": 1.0}
    losses_by_interval = {}
    for interval in (1, 2):
        keras.utils.set_random_seed(1)
        options = {"critic": head | {"label_interval": interval}}
        step, networks, (pixels, labels) = make_step(events, tiny_config, **options)
        assert Turns.of(step.config, 0).find_labels
        assert Turns.of(step.config, 1).find_labels == (interval == 1)
        real = step.real_images(pixels)
        for found in (True, False):
            data = real, real, labels, labels, tf.constant(0, tf.int64), Turns(False, found)
            losses_by_interval[interval, found] = step.criticism.gradients(*data)
    heads = [i for i, v in enumerate(networks.critic.trainable_variables) if "head" in v.path]
    once, twice = (losses_by_interval[interval, True][0] for interval in (1, 2))
    for i in heads:
        np.testing.assert_allclose(twice[i], 2.0 * once[i], rtol=1e-3, atol=1e-6)
        assert losses_by_interval[2, False][0][i] is None
    assert "head" not in losses_by_interval[2, False][2]


THESIS = {
    "generator": {"architecture": "dcgan", "channels": [8, 8, 8]},
    "critic": {
        "architecture": "dcgan",
        "conditioning": "none",
        "label_maps": False,
        "channels": [8, 8, 8],
    },
    "loss": {"adversarial": "wasserstein", "regularizer": "gradient_penalty", "interval": 1},
    "warmup": {"fraction": 0, "final_weight": 0},
}


@pytest.mark.parametrize("sections", [{}, THESIS], ids=["default", "thesis"])
def test_gradients_reach_all_weights(events, tiny_config, sections):
    step, networks, (pixels, labels) = make_step(events, tiny_config, **sections)
    before = {
        "generator": [w.copy() for w in networks.generator.get_weights()],
        "critic": [w.copy() for w in networks.critic.get_weights()],
    }
    zero = tf.constant(0, tf.int64)
    step.critic_step(zero, zero, pixels, labels, Turns(True))
    moved = changed(networks.critic, before["critic"])
    if sections:  # Wasserstein compares scores: a constant on all of them has no effect
        moved.pop("score_image/bias")
    assert all(moved.values()), moved
    assert not any(changed(networks.generator, before["generator"]).values())
    for i in range(2):  # the last layer starts near zero, the others move from the second on
        number = tf.constant(i, tf.int64)
        values = step.joint_step(number, zero, pixels, labels, tf.constant(1.0), Turns(True))
    moved = changed(networks.generator, before["generator"])
    # Channel-wise biases right before a batch normalisation cannot matter.
    assert all(moved.values()), moved
    assert all(np.isfinite(float(v)) for v in values.values())


@pytest.mark.parametrize("name", ["brightness", "shape"])
def test_images_are_scored_as_wholes_beside_the_critic_alone_and_if_asked_for(
    events, tiny_config, name
):
    zero, weight = tf.constant(0, tf.int64), tf.constant(1.0)
    for wanted in (0.0, 1.0):
        step, _, (pixels, labels) = make_step(events, tiny_config, loss={name: wanted})
        values = step.joint_step(zero, zero, pixels, labels, weight, Turns(True))
        assert (name in values) == bool(wanted)
        assert set(step.generator_step(zero, pixels, labels, weight)) == {"pairs"}


def changed(model, before) -> dict[str, bool]:
    return {
        v.path: bool(np.any(old != new))
        for v, old, new in zip(model.weights, before, model.get_weights(), strict=True)
        if v.trainable
    }


def test_real_images_lie_on_the_grid(events, tiny_config):
    step, _, (pixels, _) = make_step(events, tiny_config)
    images = step.real_images(pixels).numpy()
    encoded = step.intensity.encode(pixels).numpy()
    np.testing.assert_array_equal(images, events.camera.to_grid(encoded))


def test_maps_measure_from_the_source_along_the_core(events):
    labels = LabelSet.fit(["energy", "cameradirection", "impact"], events.labels)
    maps = LabelMaps(events.camera, labels)(labels.encode(events.labels[:5]))[1].numpy()
    cells = maps.reshape(5, -1, maps.shape[-1])[:, events.camera.cell_of_pixel]
    scale = labels.scale[labels.columns.index("cam_coord_offset_x")]
    for i in range(5):
        row = events.labels[i]
        relative = events.camera.pixel_xy - [row["cam_coord_offset_x"], row["cam_coord_offset_y"]]
        unit = np.array([row["impact_x"], row["impact_y"]])
        unit /= np.linalg.norm(unit)
        np.testing.assert_allclose(cells[i, :, 1:3] * scale, relative, atol=1e-4)
        np.testing.assert_allclose(cells[i, :, 3] * scale, relative @ unit, atol=1e-4)
        across = relative @ np.array([-unit[1], unit[0]])
        np.testing.assert_allclose(cells[i, :, 4] * scale, across, atol=1e-4)


def test_the_label_vector_tells_how_far_the_core_is(events):
    labels = LabelSet.fit(["energy", "cameradirection", "impact"], events.labels)
    encoded = labels.encode(events.labels[:5])
    maps = LabelMaps(events.camera, labels)
    vector = maps(encoded)[0].numpy()
    assert vector.shape == (5, maps.sizes[0])
    source, core = encoded[:, 1:3], encoded[:, 3:5]
    np.testing.assert_array_equal(vector[:, :5], encoded)
    np.testing.assert_allclose(vector[:, 5], np.linalg.norm(core, axis=1), rtol=1e-5)
    np.testing.assert_allclose(vector[:, 6], np.linalg.norm(source, axis=1), rtol=1e-5)
    np.testing.assert_allclose(np.hypot(vector[:, 7], vector[:, 8]), vector[:, 6], rtol=1e-4)
    # The bump that is highest is the one whose centre is next to the core distance.
    spacing = 0.35
    nearest = np.minimum(np.round(vector[:, 5] / spacing), vector.shape[1] - 10)
    np.testing.assert_array_equal(vector[:, 9:].argmax(axis=1), nearest)


def test_the_label_vector_is_the_labels_without_an_impact(events):
    labels = LabelSet.fit(["energy", "cameradirection"], events.labels)
    encoded = labels.encode(events.labels[:5])
    np.testing.assert_array_equal(LabelMaps(events.camera, labels)(encoded)[0], encoded)


def test_batches_repeat_from_any_start():
    pixels = np.arange(10, dtype=np.float32)[:, None, None]
    labels = np.arange(10, dtype=np.float32)[:, None]
    stream = list(training_batches(pixels, labels, 4, 3).take(10).as_numpy_iterator())
    later = list(training_batches(pixels, labels, 4, 3, start=6).take(4).as_numpy_iterator())
    for (x, y), (x_later, y_later) in zip(stream[6:], later, strict=True):
        np.testing.assert_array_equal(x, x_later)
        np.testing.assert_array_equal(y, y_later)
    seen = np.concatenate([y[:, 0] for _, y in stream])
    for epoch in seen.reshape(4, 10):
        assert sorted(epoch) == list(range(10))
    assert not np.array_equal(seen[:10], seen[10:20])


def test_turned_batches_keep_image_and_label_together(events):
    labels = LabelSet.fit(["energy", "cameradirection"], events.labels)
    symmetries = Symmetries.of(events.camera, labels)
    charge = np.where(events.masks, events.pixels[..., 0], 0)[..., None]
    bright = np.flatnonzero(charge.sum(axis=(1, 2)) > 100)[:50]
    encoded = labels.encode(events.labels)
    x, y = next(iter(training_batches(charge[bright], encoded[bright], 50, 0, 0, symmetries)))
    plain, y_plain = next(iter(training_batches(charge[bright], encoded[bright], 50, 0)))

    def source_distance(images, rows):
        centre = images[..., 0] @ events.camera.pixel_xy / images.sum(axis=1)
        decoded = labels.decode(rows)
        source = np.stack([decoded["cam_coord_offset_x"], decoded["cam_coord_offset_y"]], axis=1)
        return np.hypot(*(centre - source).T)

    np.testing.assert_allclose(
        source_distance(x.numpy(), y.numpy()),
        source_distance(plain.numpy(), y_plain.numpy()),
        atol=0.01,
    )
    assert not np.allclose(y, y_plain)
