"""Distances of whole samples: hand-checked, near their null on equal samples, firing otherwise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctlearn_gan_aug.evaluate import correlations, inception, migration
from ctlearn_gan_aug.evaluate import physics_distances as pd
from ctlearn_gan_aug.evaluate.feature_space import relative_frechet
from ctlearn_gan_aug.evaluate.residuals import Reconstruction

N, D = 800, 5


@pytest.fixture()
def rng():
    return np.random.default_rng(11)


@pytest.fixture()
def mixing(rng):
    return rng.normal(size=(D, D))


@pytest.fixture()
def samples(rng, mixing):
    """Three samples of one correlated distribution."""
    return [x @ mixing for x in rng.normal(size=(3, N, D))]


def exactly_normal(mean, sigma):
    """Two points a dimension whose mean and covariance are exactly those given."""
    d = len(sigma)
    points = np.concatenate([np.diag(sigma), -np.diag(sigma)]) * np.sqrt((2 * d - 1) / 2)
    return points + mean


def near_null(entry):
    return entry["null_low"] <= entry["value"] <= entry["null_high"] * 1.5


def fires(entry):
    return entry["low"] > entry["null_high"]


# --- Frechet -------------------------------------------------------------------------------------


def test_frechet_of_diagonal_normals_by_hand():
    a = exactly_normal(np.zeros(3), np.array([1.0, 2.0, 3.0]))
    b = exactly_normal(np.array([1.0, 0.0, -2.0]), np.array([2.0, 2.0, 1.0]))
    # |shift|^2 + sum (sigma_a - sigma_b)^2 = 5 + 1 + 0 + 4
    assert pd.gaussian_frechet(a, b) == pytest.approx(10.0)
    assert pd.gaussian_frechet(a, a) == pytest.approx(0.0, abs=1e-9)


def test_frechet_of_correlated_normals_agrees_with_matrix_root(samples):
    from scipy.linalg import sqrtm

    a, b = samples[0], samples[1] * 1.3 + 0.2
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    shift = a.mean(axis=0) - b.mean(axis=0)
    expected = shift @ shift + np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real)
    assert pd.gaussian_frechet(a, b) == pytest.approx(expected)


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(8, 40), st.integers(0, 2**32 - 1))
def test_frechet_is_symmetric_and_does_not_turn(d, n, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, d)), 2 * rng.normal(size=(n, d)) + 1
    turn, _ = np.linalg.qr(rng.normal(size=(d, d)))
    found = pd.gaussian_frechet(a, b)
    assert found >= -1e-9
    assert pd.gaussian_frechet(b, a) == pytest.approx(found, abs=1e-7)
    assert pd.gaussian_frechet(a @ turn, b @ turn) == pytest.approx(found, abs=1e-7)


def test_extrapolation_takes_the_bias_out(rng):
    a, b = rng.normal(size=(2, 400, 20))
    assert pd.gaussian_frechet(a, b) > 0.3  # of equal distributions
    assert pd.frechet_distance(a, b, rng) < 0.1
    far = pd.frechet_distance(a + 1.0, b, rng)
    assert far == pytest.approx(20.0, rel=0.1)


def test_frechet_of_too_few_vectors_is_unknown(rng):
    assert np.isnan(pd.frechet_distance(np.zeros((7, 2)), np.zeros((7, 2)), rng))


# --- kernel --------------------------------------------------------------------------------------


def test_kernel_discrepancy_by_hand():
    a, b = np.array([[1.0], [2.0]]), np.array([[0.0], [3.0]])
    within = (1 * 2 + 1) ** 4 + (0 * 3 + 1) ** 4  # one pair each, both orders
    across = (1 + 4**4 + 1 + 7**4) / 4
    assert pd.polynomial_mmd(a, b) == pytest.approx(within - 2 * across)


def test_kernel_distance_is_unbiased(rng):
    values = [pd.polynomial_mmd(*rng.normal(size=(2, 30, 3))) for _ in range(400)]
    assert np.mean(values) == pytest.approx(0.0, abs=3 * np.std(values) / 20)


def test_kernel_distance_of_too_few_vectors_is_unknown(rng):
    assert np.isnan(pd.kernel_distance(np.zeros((3, 2)), np.zeros((3, 2)), rng))


# --- beside the null -----------------------------------------------------------------------------

STATISTICS = {
    "fpd": lambda a, b, rng: pd.frechet_distance(a, b, rng),
    "kpd": lambda a, b, rng: pd.kernel_distance(a, b, rng),
    "correlations": lambda a, b, rng: correlations.rms_difference(
        correlations.correlation_matrix(a), correlations.correlation_matrix(b)
    ),
}


@pytest.mark.parametrize("name", STATISTICS)
def test_equal_samples_are_at_the_null(samples, rng, name):
    found = pd.against_null(lambda a, b: STATISTICS[name](a, b, rng), *samples, rng)
    assert near_null(found)
    assert found["null_low"] <= found["null"] <= 1.5 * found["null_high"]


@pytest.mark.parametrize(
    "name, change",
    [
        ("fpd", lambda x, rng: 1.4 * x),
        ("fpd", lambda x, rng: x + 0.5),
        ("kpd", lambda x, rng: 1.4 * x),
        ("correlations", lambda x, rng: rng.permuted(x, axis=0)),
    ],
)
def test_changed_samples_fire(samples, rng, name, change):
    generated = change(samples[0], rng)
    parts = (generated, *samples[1:], rng)
    assert fires(pd.against_null(lambda a, b: STATISTICS[name](a, b, rng), *parts))


def test_rows_with_missing_values_are_left_out(samples, rng):
    generated = samples[0].copy()
    generated[::3] = np.nan
    found = pd.against_null(pd.gaussian_frechet, generated, *samples[1:], rng)
    assert all(map(np.isfinite, found.values()))


def test_no_generated_vector_at_all_is_unknown(samples, rng):
    generated = np.full_like(samples[0], np.nan)
    found = pd.against_null(
        lambda a, b: pd.frechet_distance(a, b, rng), generated, *samples[1:], rng
    )
    assert np.isnan(found["value"]) and np.isfinite(found["null"])


def test_feature_distance_is_a_share_of_the_variance(samples, rng):
    found = relative_frechet(samples[0], samples[1], rng)
    assert near_null(found) and found["null"] < 0.02
    total = samples[1].var(axis=0).sum()
    shifted = relative_frechet(samples[0] + np.sqrt(0.3 * total / D), samples[1], rng)
    assert shifted["value"] == pytest.approx(0.3, abs=0.1)
    assert fires(shifted)
    assert relative_frechet(10 * samples[0], 10 * samples[1], rng)["value"] < 0.02


# --- correlations --------------------------------------------------------------------------------


def test_correlations_agree_with_numpy(samples):
    found = correlations.correlation_matrix(samples[0])
    np.testing.assert_allclose(found, np.corrcoef(samples[0], rowvar=False))
    constant = samples[0].copy()
    constant[:, 2] = 4.0
    found = correlations.correlation_matrix(constant)
    assert (found[2] == np.eye(D)[2]).all()


def test_rms_difference_by_hand():
    a, b = np.eye(3), np.eye(3)
    b[0, 1] = b[1, 0] = 0.6
    assert correlations.rms_difference(a, b) == pytest.approx(0.6 / np.sqrt(3))


def test_correlations_name_their_columns(samples, rng):
    found = correlations.compare_correlations("abcde", *samples, rng)
    assert found["names"] == list("abcde")
    assert np.shape(found["simulated"]) == np.shape(found["generated"]) == (D, D)


# --- migration -----------------------------------------------------------------------------------


def reconstruct(log_energy, rng, width=0.1, bias=0.0):
    noise = rng.normal(bias, width, (len(log_energy), 1))
    return Reconstruction(log_energy[:, None] + noise, log_energy[:, None])


def test_migration_shares_by_hand():
    events = Reconstruction(
        np.array([[0.1], [0.3], [9.0], [-9.0]]), np.array([[0.1], [0.1], [0.3], [0.3]])
    )
    edges = np.array([0.0, 0.25, 0.5])
    matrix = migration.counts(events, edges)
    assert matrix.tolist() == [[1, 1], [1, 1]]
    assert migration.shares(matrix).tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert migration.difference(np.diag([2, 2]), matrix) == 0.5
    assert migration.shares(np.array([[0, 0], [0, 2]])).tolist() == [[0, 0], [0, 1]]


def test_migration_of_equal_samples_is_at_the_null(rng):
    log_energy = rng.uniform(-1, 1, N)
    found = migration.migration(reconstruct(log_energy, rng), reconstruct(log_energy, rng), rng)
    entry = found["difference"]
    assert entry["null_low"] <= entry["value"] <= entry["null_high"]
    assert len(found["edges"]) - 1 == len(found["simulated"]) == len(found["generated"])


@pytest.mark.parametrize("change", [{"bias": 0.1}, {"width": 0.3}])
def test_shifted_and_smeared_energies_migrate(rng, change):
    log_energy = rng.uniform(-1, 1, N)
    made = reconstruct(log_energy, rng, **change)
    assert fires(migration.migration(made, reconstruct(log_energy, rng), rng)["difference"])


# --- Inception Score -----------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.integers(1, 8), st.integers(1, 20))
def test_inception_score_counts_clear_classes(n_classes, repeats):
    clear = np.tile(np.eye(n_classes), (repeats, 1))
    assert inception.inception_score(clear) == pytest.approx(n_classes)
    vague = np.full((repeats, n_classes), 1 / n_classes)
    assert inception.inception_score(vague) == pytest.approx(1.0)


def test_energy_probabilities_are_those_of_a_normal():
    edges = np.array([0.0, 0.25, 0.5, 0.75])
    found = inception.energy_probabilities(np.array([0.25, 9.0]), 0.25, edges)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    np.testing.assert_allclose(found[0], [0.5, 0.3413, 0.1587], atol=1e-4)
    assert found[1, 2] == 1.0


def test_inception_score_of_equal_samples_is_at_the_null(rng):
    log_energy = rng.uniform(-1, 1, N)
    pair = [reconstruct(log_energy, rng) for _ in range(2)]
    found = inception.energy_score(*pair, 0.1, rng)
    assert found["null_low"] <= found["value"] <= found["null_high"]
    assert 4 < found["simulated"] < 8


def test_images_of_one_energy_have_a_low_inception_score(rng):
    log_energy = rng.uniform(-1, 1, N)
    same = Reconstruction(rng.normal(0.3, 0.02, (N, 1)), log_energy[:, None])
    found = inception.energy_score(same, reconstruct(log_energy, rng), 0.1, rng)
    assert found["high"] < found["null_low"]


def test_images_of_undecided_type_have_a_low_inception_score(rng):
    own, made, other = rng.beta(8, 1, N), rng.beta(8, 1, N), rng.beta(1, 8, N)
    alike = inception.type_score(made, own, other, rng)
    assert alike["null_low"] <= alike["value"] <= alike["null_high"]
    vague = inception.type_score(np.full(N, 0.5), own, other, rng)
    assert vague["high"] < vague["null_low"]
