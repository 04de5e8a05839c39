"""Every metric near its null on equal samples, and firing where samples differ."""

import numpy as np
import pytest

from ctlearn_gan_aug.evaluate import metrics as m
from ctlearn_gan_aug.evaluate import neighbours as nb

N = 1200


@pytest.fixture()
def rng():
    return np.random.default_rng(7)


@pytest.fixture()
def samples(rng):
    """Two samples of the same two-dimensional distribution."""
    draw = rng.normal(size=(2, N, 2)) @ np.array([[1.0, 0.5], [0.0, 0.6]])
    return draw[0], draw[1]


def test_wasserstein_of_a_shift_is_the_shift_in_sigmas(rng):
    simulated = rng.normal(5.0, 3.0, 4000)
    assert m.wasserstein_sigma(simulated + 1.5, simulated) == pytest.approx(1.5 / simulated.std())


def test_wasserstein_does_not_depend_on_units(rng):
    a, b = rng.normal(size=(2, N))
    assert m.wasserstein_sigma(1e3 * a, 1e3 * b) == pytest.approx(m.wasserstein_sigma(a, b))


def test_one_dimensional_distances_of_unequal_sizes_by_hand():
    # A quarter of the one sample moves by 4, two quarters by 2; the other's sigma is 1.
    a, b = np.array([-1.0, 1.0, 3.0, 5.0]), np.array([-1.0, 1.0] * 3)
    assert m.wasserstein_sigma(a, b) == pytest.approx(2.0)
    assert m.kolmogorov_smirnov(a, b) == pytest.approx(0.5)


def test_one_dimensional_distances_are_small_on_equal_samples(samples):
    a, b = samples[0][:, 0], samples[1][:, 0]
    assert m.wasserstein_sigma(a, b) < 0.08
    assert m.kolmogorov_smirnov(a, b) < 0.08


def test_one_dimensional_distances_see_a_width(samples):
    a, b = samples[0][:, 0], samples[1][:, 0]
    assert m.wasserstein_sigma(1.5 * a, b) > 0.25
    assert m.kolmogorov_smirnov(1.5 * a, b) > 0.08


def test_distances_leave_out_what_is_not_finite(samples):
    a, b = samples[0][:, 0].copy(), samples[1][:, 0]
    expected = m.wasserstein_sigma(a[100:], b)
    a[:100] = np.nan
    assert m.wasserstein_sigma(a, b) == expected
    assert np.isnan(m.wasserstein_sigma(np.full(5, np.nan), b))
    assert np.isnan(m.kolmogorov_smirnov(np.full(5, np.nan), b))


def test_constant_values():
    one = np.ones(10)
    assert m.wasserstein_sigma(one, one) == 0.0
    assert m.wasserstein_sigma(2 * one, one) == np.inf


def test_bootstrap_interval_of_a_mean_is_its_standard_error(rng):
    x = rng.normal(2.0, 1.0, 400)
    found = m.estimate(lambda i: x[i].mean(), len(x), rng, 1000)
    assert found.value == pytest.approx(x.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 / 20, rel=0.2)


def test_bootstrap_is_reproducible():
    x = np.arange(50.0)
    first, second = (
        m.estimate(lambda i: x[i].mean(), 50, np.random.default_rng(1)) for _ in range(2)
    )
    assert first == second


def test_distance_interval_is_never_negative(samples, rng):
    a, b = samples[0][:, 0], samples[1][:, 0]
    found = m.distance_estimate(lambda i: m.wasserstein_sigma(a[i], b[i]), N, rng)
    assert 0.0 <= found.low <= found.value <= found.high


def test_ranking_auc_extremes_and_ties():
    positive = np.array([True, True, False, False])
    assert m.ranking_auc(np.array([3.0, 2.0, 1.0, 0.0]), positive) == 1.0
    assert m.ranking_auc(np.array([0.0, 1.0, 2.0, 3.0]), positive) == 0.0
    assert m.ranking_auc(np.zeros(4), positive) == 0.5
    assert np.isnan(m.ranking_auc(np.zeros(2), np.array([True, True])))


def test_classifier_cannot_tell_equal_samples_apart(samples, rng):
    found = m.classifier_auc(*samples, rng)
    assert 0.45 < found.value < 0.55
    assert found.low < 0.52


def test_classifier_sees_a_lost_correlation(samples, rng):
    shuffled = samples[0].copy()
    shuffled[:, 1] = rng.permutation(shuffled[:, 1])
    for column in range(2):  # each column alone looks right
        assert m.wasserstein_sigma(shuffled[:, column], samples[1][:, column]) < 0.08
    assert m.classifier_auc(shuffled, samples[1], rng).value > 0.6


def test_classifier_allows_missing_values(samples, rng):
    missing = samples[0].copy()
    missing[::2, 0] = np.nan
    assert m.classifier_auc(missing, samples[1], rng).value > 0.6


def test_classifier_is_not_misled_by_pairs_of_equal_labels(samples, rng):
    labels = rng.normal(size=(N, 1))  # row i of both samples belongs to the same labels
    a, b = (np.concatenate([sample, labels], axis=1) for sample in samples)
    assert 0.45 < m.classifier_auc(a, b, rng).value < 0.55


def test_manifold_metrics_are_high_on_equal_samples(samples, rng):
    found = nb.manifold(*samples, rng)
    assert all(found[name].value > 0.9 for name in ("precision", "recall", "coverage"))
    assert found["density"].value == pytest.approx(1.0, abs=0.1)
    assert found["coverage"].low < found["coverage"].value < found["coverage"].high


def test_coverage_and_recall_see_missing_variety(samples, rng):
    narrow = nb.manifold(0.2 * samples[0], samples[1], rng)
    assert narrow["precision"].value > 0.9
    assert narrow["recall"].value < 0.5
    assert narrow["coverage"].value < 0.5


def test_coverage_sees_repeated_images(samples, rng):
    repeated = np.tile(samples[0][:40], (N // 40, 1))
    assert nb.manifold(repeated, samples[1], rng)["coverage"].value < 0.3


def test_precision_sees_outliers(samples, rng):
    assert nb.manifold(samples[0] + 6.0, samples[1], rng)["precision"].value < 0.1


def test_manifold_of_too_few_images(samples, rng):
    assert nb.manifold(samples[0][:4], samples[1], rng)["coverage"].value == 0.0
    assert np.isnan(nb.manifold(samples[0], samples[1][:4], rng)["coverage"].value)


def test_nearest_agrees_with_brute_force(samples):
    a, b = samples[0][:600], samples[1][:50]
    brute = np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=-1))
    np.testing.assert_allclose(nb.nearest(a, b), brute.min(axis=1), atol=1e-3)
    among = np.sqrt(((a[:, None] - a[None]) ** 2).sum(axis=-1)) + 1e9 * np.eye(len(a))
    np.testing.assert_allclose(nb.nearest(a), among.min(axis=1), atol=1e-3)


def test_share_closer_fires_on_copies_of_training_images(samples, rng):
    training, new = samples
    expected = nb.nearest(new, training)
    independent = nb.nearest(rng.permutation(new) + 0.0, training)
    assert nb.share_closer(independent, expected, 0.01) == pytest.approx(0.01, abs=0.002)
    copied = nb.nearest(training[:300] + 1e-6, training)
    assert nb.share_closer(copied, expected, 0.01) > 0.9
