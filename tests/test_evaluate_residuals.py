"""Residuals: as simulation on simulation, and off where labels, widths or biases are."""

import numpy as np
import pytest

from ctlearn_gan_aug.evaluate.residuals import (
    Reconstruction,
    by_energy,
    compare,
    statistics,
    trivial_mae,
)

N = 3000


@pytest.fixture()
def rng():
    return np.random.default_rng(3)


def reconstruct(log_energy, rng, *, width=0.15, bias=0.0):
    noise = rng.normal(bias, width, (len(log_energy), 1))
    return Reconstruction(log_energy[:, None] + noise, log_energy[:, None])


@pytest.fixture()
def log_energy(rng):
    return rng.uniform(-1.0, 1.5, N)


def inside(entry, value):
    return entry["null_low"] <= value <= entry["null_high"]


def test_statistics_of_gaussian_residuals(log_energy, rng):
    found = statistics(reconstruct(log_energy, rng, bias=0.1))
    assert found["bias"] == pytest.approx(0.1, abs=0.01)
    assert found["width68"] == pytest.approx(0.15, rel=0.05)
    assert found["tails"] == pytest.approx(0.0455, abs=0.015)
    assert found["correlation"] > 0.97
    assert 0.9 < found["r2"] < found["correlation"]


def test_direction_statistics_are_distances(rng):
    requested = rng.uniform(-2, 2, (N, 2))
    residual = rng.normal([0.3, -0.4], 0.2, (N, 2))
    found = statistics(Reconstruction(requested + residual, requested))
    assert found["bias"] == pytest.approx(0.5, abs=0.02)
    assert found["width68"] == pytest.approx(0.2 * np.sqrt(-2 * np.log(0.32)), rel=0.05)
    assert found["mae"] == pytest.approx(np.linalg.norm(residual, axis=1).mean())


def test_simulation_beside_simulation_is_at_the_null(log_energy, rng):
    found = compare(reconstruct(log_energy, rng), reconstruct(log_energy, rng), rng)
    for entry in (*found["ratio"].values(), found["bias_shift"]):
        assert inside(entry, entry["value"])
        assert entry["low"] <= entry["value"] <= entry["high"]
    assert inside(found["ratio"]["mae"], 1.0)
    assert inside(found["bias_shift"], 0.0)


@pytest.mark.parametrize("width, above", [(0.2, True), (0.1, False)])
def test_width_fires_both_ways(log_energy, rng, width, above):
    generated = reconstruct(log_energy, rng, width=width)
    found = compare(generated, reconstruct(log_energy, rng), rng)["ratio"]["width68"]
    assert not inside(found, found["value"])
    assert (found["value"] > 1) == above
    assert found["value"] == pytest.approx(width / 0.15, rel=0.1)


def test_shifted_energies_fire(log_energy, rng):
    generated = reconstruct(log_energy, rng, bias=0.05)
    found = compare(generated, reconstruct(log_energy, rng), rng)["bias_shift"]
    assert not inside(found, found["value"])
    assert found["value"] == pytest.approx(0.05, abs=0.015)


def test_shuffled_labels_fire(log_energy, rng):
    simulated = reconstruct(log_energy, rng)
    shuffled = Reconstruction(rng.permutation(simulated.predicted), simulated.requested)
    found = compare(shuffled, simulated, rng)
    assert abs(found["generated"]["correlation"]) < 0.1
    assert found["generated"]["r2"] < 0
    assert found["ratio"]["mae"]["value"] > 3


def test_null_interval_shrinks_with_the_sample(log_energy, rng):
    def width(n):
        pair = (reconstruct(log_energy[:n], rng) for _ in range(2))
        entry = compare(*pair, rng)["ratio"]["mae"]
        return entry["null_high"] - entry["null_low"]

    assert width(200) / width(N) == pytest.approx(np.sqrt(N / 200), rel=0.4)


def test_energy_bins_find_where_it_goes_wrong(log_energy, rng):
    simulated = reconstruct(log_energy, rng)
    residual = rng.normal(0, np.where(log_energy > 1.0, 0.4, 0.15))
    generated = Reconstruction((log_energy + residual)[:, None], log_energy[:, None])
    bins = by_energy(generated, simulated, log_energy, rng)
    assert sum(b["n"] for b in bins) <= N
    for found in bins:
        ratio = found["ratio"]["width68"]
        assert (ratio["value"] > ratio["null_high"] + 0.5) == (found["log_energy_low"] >= 1.0)


def test_thin_bins_are_left_out(rng):
    log_energy = np.concatenate([np.full(100, 0.1), np.full(10, 0.9)])
    pair = [reconstruct(log_energy, rng) for _ in range(2)]
    assert [b["n"] for b in by_energy(*pair, log_energy, rng)] == [100]


def test_trivial_error_ignores_the_image(log_energy):
    assert trivial_mae(log_energy[:, None]) == pytest.approx(2.5 / 4, rel=0.05)


def test_constant_predictions_have_no_correlation(log_energy):
    events = Reconstruction(np.zeros((N, 1)), log_energy[:, None])
    assert statistics(events)["correlation"] == 0.0
