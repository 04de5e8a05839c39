"""Vicinal labels against brute force and analytic cases; streams that go on where they ended."""

import numpy as np
import pytest
from scipy import stats

from ctlearn_gan_aug.config.base import parse
from ctlearn_gan_aug.config.train import TrainConfig
from ctlearn_gan_aug.config.vicinity import VicinityConfig
from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.data.pipeline import Symmetries, training_batches
from ctlearn_gan_aug.data.rows import RowFile, StoredRows
from ctlearn_gan_aug.data.vicinity import (
    FAINTEST_WEIGHT,
    Vicinity,
    neighbour_distance,
    rule_of_thumb,
)
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.labels import LabelSet


@pytest.fixture(scope="module")
def points():
    """Labels of 300 events in three dimensions."""
    return np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def targets():
    return np.random.default_rng(1).normal(size=(40, 3))


def vicinity(points, **options):
    columns = options.pop("columns", range(points.shape[1]))
    options = {"sigma": np.full(len(columns), 0.2), "kappa": 0.8, **options}
    return Vicinity(points, columns, **options)


def distances(points, targets):
    return np.linalg.norm(points[None].astype(float) - targets[:, None], axis=2)


def test_hard_members_are_those_within_kappa(points, targets):
    members = vicinity(points).members(targets)
    for (events, weights), away in zip(members, distances(points, targets), strict=True):
        inside = np.flatnonzero(away <= 0.8)
        expected = inside if len(inside) else [np.argmin(away)]
        np.testing.assert_array_equal(events, expected)
        np.testing.assert_array_equal(weights, 1.0)
    sizes = {len(events) for events, _ in members}
    assert max(sizes) > 5


def test_label_without_neighbours_takes_the_nearest_event(points):
    far = np.array([[8.0, 0.0, 0.0]])
    ((events, _),) = vicinity(points, kappa=0.1).members(far)
    np.testing.assert_array_equal(events, [np.argmin(distances(points, far))])


def test_soft_weights_are_gaussian_in_the_distance(points, targets):
    members = vicinity(points, soft=True).members(targets)
    for (events, weights), away in zip(members, distances(points, targets), strict=True):
        expected = np.exp(-(away**2) / 0.8**2)
        kept = np.flatnonzero(expected >= FAINTEST_WEIGHT)
        np.testing.assert_array_equal(events, kept)
        np.testing.assert_allclose(weights, expected[kept], rtol=1e-5)


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_events_are_drawn_by_their_weights(points, soft):
    """Many draws for one label: the frequencies of its events pass a chi-squared test."""
    drawn = vicinity(points, soft=soft, sigma=np.zeros(3))
    n, start = 20_000, 7
    events, _ = drawn.draw(np.full(n, start), seed=1, number=0)
    ((members, weights),) = drawn.members(points[[start]])
    counts = np.array([np.sum(events == member) for member in members])
    assert counts.sum() == n
    expected = n * weights / weights.sum()
    often = expected > 5
    counts, expected = counts[often], expected[often]
    assert stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-3


def test_vicinity_grows_until_it_holds_enough_events(points, targets):
    wide = vicinity(points, kappa=0.3, min_events=12)
    away = np.sort(distances(points, targets), axis=1)
    np.testing.assert_allclose(wide.radii(targets), np.maximum(0.3, away[:, 11]), rtol=1e-6)
    sizes = np.array([len(events) for events, _ in wide.members(targets)])
    inside = (away <= 0.3).sum(axis=1)
    np.testing.assert_array_equal(sizes, np.maximum(inside, 12))
    ((_, weights),) = vicinity(points, kappa=1e-6, soft=True, min_events=12).members(targets[:1])
    assert weights.min() < np.exp(-1.0) < weights.max()
    assert np.sum(weights >= np.exp(-1.0) * (1 - 1e-6)) == 12


def test_shown_labels_are_those_of_the_events_and_normal_noise():
    """With zero for every label, what is shown is the noise itself."""
    labels = np.zeros((500, 2), np.float32)
    sigma = np.array([0.3, 0.05])
    events, shown = vicinity(labels, sigma=sigma).draw(np.arange(500).repeat(20), 3, 5)
    for column, width in zip(shown.T, sigma, strict=True):
        assert stats.kstest(column, stats.norm(0.0, width).cdf).pvalue > 1e-3
    assert len(np.unique(events)) == 500  # all are at distance 0 of each other


def test_other_labels_stay_those_of_the_image(points):
    index = np.arange(50)
    events, shown = vicinity(points, columns=[0, 2]).draw(index, 1, 2)
    np.testing.assert_array_equal(shown[:, 1], points[events, 1])
    away = np.linalg.norm((shown - points[events])[:, [0, 2]], axis=1)
    assert np.mean(away <= 0.8) > 0.9  # all but those without an event nearby
    shift = (shown - points[index])[:, [0, 2]]
    assert 0.1 < shift.std() < 0.3
    assert np.any(events != index)


def test_automatic_lengths():
    line = np.arange(0.0, 100.0)[:, None]
    assert neighbour_distance(np.concatenate([line, line])) == 1.0  # equal labels do not count
    assert neighbour_distance(np.zeros((5, 2))) == 0.0
    expected = (4 * line.std() ** 5 / (3 * 100)) ** 0.2
    np.testing.assert_allclose(rule_of_thumb(line), [expected])


@pytest.fixture(scope="module")
def events(toy_gamma):
    return read_events([toy_gamma])


@pytest.fixture(scope="module")
def label_set(events):
    return LabelSet.fit(["energy", "cameradirection"], events.labels)


def test_configuration_becomes_a_vicinity(events, label_set):
    encoded = label_set.encode(events.labels)
    auto = Vicinity.of(VicinityConfig(), label_set, encoded)
    np.testing.assert_allclose(auto.sigma, rule_of_thumb(encoded.astype(float)))
    assert auto.kappa == pytest.approx(neighbour_distance(encoded.astype(float)))
    assert list(auto.columns) == [0, 1, 2]
    config = VicinityConfig(kind="soft", labels=["energy"], sigma=0.1, nu=25, min_events=4)
    chosen = Vicinity.of(config, label_set, encoded)
    assert (chosen.kappa, chosen.soft, chosen.min_events) == (pytest.approx(0.2), True, 4)
    assert list(chosen.columns) == [label_set.columns.index("log_true_energy")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"labels": ["x_max"]}, "vicinity.labels: 'x_max' is not among.*energy, cameradirection"),
        ({"labels": ["type"]}, "vicinity.labels: the type is a class"),
        ({"min_events": 10_000}, "vicinity.min_events: 10000 events cannot be found"),
    ],
)
def test_vicinity_that_fits_no_data_is_refused(events, label_set, options, expected):
    encoded = label_set.encode(events.labels)
    with pytest.raises(UserError, match=expected):
        Vicinity.of(VicinityConfig(**options), label_set, encoded)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"kind": "hard", "nu": 3}, "nu belongs to kind: soft"),
        ({"kind": "soft", "kappa": 3}, "kappa belongs to kind: hard"),
        ({"kind": "soft", "nu": 0}, "nu must be larger than 0"),
        ({"sigma": "wide"}, "vicinity.sigma: must be auto or a number of at least 0, not 'wide'"),
        ({"kappa": -1}, "vicinity.kappa: must be auto or a number"),
        ({"labels": []}, "labels is empty"),
        ({"min_event": 3}, "did you mean 'min_events'"),
    ],
)
def test_senseless_sections_are_refused(section, expected):
    with pytest.raises(UserError, match=expected):
        parse(TrainConfig, {"particle": "g", "training": {"steps": 1}, "vicinity": section})


def test_section_reads_back():
    content = {"particle": "g", "training": {"steps": 1}, "vicinity": {"sigma": 0.1}}
    config = parse(TrainConfig, content)
    assert config.vicinity.sigma == 0.1
    assert parse(TrainConfig, config.model_dump(mode="json")) == config
    assert parse(TrainConfig, {**content, "vicinity": None}).vicinity is None


def test_resumed_stream_is_the_same(points):
    pixels = np.arange(300, dtype=np.float32)[:, None, None]
    arguments = (pixels, points, 16, 3)
    near = vicinity(points)
    stream = list(training_batches(*arguments, 0, None, near).take(6).as_numpy_iterator())
    later = list(training_batches(*arguments, 4, None, near).take(2).as_numpy_iterator())
    for whole, resumed in zip(stream[4:], later, strict=True):
        for one, other in zip(whole, resumed, strict=True):
            np.testing.assert_array_equal(one, other)
    other_seed = next(iter(training_batches(pixels, points, 16, 4, 0, None, near)))
    assert not np.array_equal(stream[0][1], other_seed[1])
    assert not np.array_equal(stream[0][1], stream[1][1])


def test_stream_shows_images_with_labels_of_their_vicinity(points, tmp_path):
    """The pixels tell which event an image is; they may be in memory or in a file."""
    pixels = np.arange(300, dtype=np.float32)[:, None, None]
    with RowFile(tmp_path / "pixels.npy", pixels.dtype, pixels.shape) as rows:
        rows.write(np.arange(300), pixels)
    near = vicinity(points, min_events=10)
    stored = StoredRows(tmp_path / "pixels.npy")
    batches = training_batches(pixels, points, 32, 3, 0, None, near).take(3)
    from_file = training_batches(stored, points, 32, 3, 0, None, near).take(3)
    for (x, shown, own), (x_file, *_) in zip(batches, from_file, strict=True):
        np.testing.assert_array_equal(x, x_file)
        event = x.numpy().ravel().astype(int)
        np.testing.assert_array_equal(own, points[event])
        for target, chosen in zip(shown.numpy(), event, strict=True):
            ((members, _),) = near.members(target[None])
            assert chosen in members


def test_all_labels_turn_with_the_image(events, label_set):
    """Without shift and with kappa 0 an image's label to show is its own, turned or not."""
    encoded = label_set.encode(events.labels)
    same = Vicinity(encoded, range(3), np.zeros(3), 0.0)
    symmetries = Symmetries.of(events.camera, label_set)
    x, shown, own = next(iter(training_batches(events.pixels, encoded, 64, 1, 0, symmetries, same)))
    x_plain, plain = next(iter(training_batches(events.pixels, encoded, 64, 1, 0, symmetries)))
    np.testing.assert_array_equal(x, x_plain)
    np.testing.assert_allclose(shown, plain, atol=1e-6)
    np.testing.assert_allclose(own, plain, atol=1e-6)
    assert not np.allclose(own, encoded[:64])
