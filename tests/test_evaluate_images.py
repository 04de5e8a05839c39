"""Observables of images, and what their comparison says of images that are wrong."""

import numpy as np
import pytest

from ctlearn_gan_aug.dl1.cleaning import CleaningSettings
from ctlearn_gan_aug.evaluate import observables
from ctlearn_gan_aug.evaluate.image_fidelity import judge_images
from ctlearn_gan_aug.evaluate.metrics import wasserstein_sigma
from ctlearn_gan_aug.evaluate.sample import Sample

CLEANING = CleaningSettings(picture=7.0, boundary=4.0, min_neighbors=1)


@pytest.fixture(scope="module")
def sample(toy_gamma):
    from ctlearn_gan_aug.data.events import read_events

    return Sample.of(read_events([toy_gamma]))


@pytest.fixture(scope="module")
def measured(sample):
    return observables.measure(sample, CLEANING)


@pytest.fixture(scope="module")
def halves(sample):
    return sample.halves(1)


def judged(generated, halves, **options):
    return judge_images(generated, halves[0], halves[1], CLEANING, seed=0, **options).metrics


def changed(sample, change):
    """The same sample with charges changed by a function."""
    pixels = sample.pixels.copy()
    pixels[..., 0] = change(pixels[..., 0])
    return sample.with_pixels(pixels)


def test_halves_share_no_event(sample, halves):
    first, second = halves
    assert len(first) == len(second) == len(sample) // 2
    events = [set(half.labels["event_id"]) for half in halves]
    assert not events[0] & events[1]
    assert (first.labels["event_id"] == sample.halves(1)[0].labels["event_id"]).all()


def test_hillas_parameters_are_those_of_the_file(toy_gamma, sample):
    import tables

    with tables.open_file(toy_gamma) as file:
        columns = file.root.dl1.event.telescope.parameters.tel_001[:]
    from ctlearn_gan_aug.data.events import read_events
    from ctlearn_gan_aug.dl1.cleaning import infer_cleaning

    events = read_events([toy_gamma])
    cleaning = infer_cleaning(events.pixels[..., 0], events.masks, events.camera.geometry)
    found = observables.measure(sample, cleaning)
    order = np.argsort(np.argsort(sample.labels["event_id"]))
    stored = columns[np.argsort(columns["event_id"])][order]
    for name in ("hillas_width", "hillas_r", "timing_deviation"):
        np.testing.assert_allclose(found[name], stored[name], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(10 ** found["log_hillas_intensity"], stored["hillas_intensity"])


def test_gammas_point_to_their_source(sample, measured):
    assert np.nanmedian(measured["alpha"]) < 15
    other = sample.labels.copy()
    other["cam_coord_offset_x"] = np.roll(other["cam_coord_offset_x"], 1)
    other["cam_coord_offset_y"] = np.roll(other["cam_coord_offset_y"], 1)
    shuffled = Sample(sample.pixels, other, sample.camera, sample.channels)
    assert np.nanmedian(observables.measure(shuffled, CLEANING)["alpha"]) > 25


def test_source_distance_is_in_degrees(sample, measured):
    radius = np.degrees(np.abs(sample.camera.pixel_xy).max() / sample.camera.focal_length)
    assert 0 < np.nanmedian(measured["source_distance"]) < radius


def test_skewness_towards_the_source_is_that_of_the_main_axis(measured):
    aligned = measured["alpha"] < 3
    assert aligned.sum() > 20
    found, along_axis = (
        np.abs(measured[x][aligned]) for x in ("source_skewness", "hillas_skewness")
    )
    assert np.median(np.abs(found - along_axis)) < 0.02


def test_one_pixel_has_no_parameters(sample):
    pixels = np.zeros_like(sample.pixels)
    rows = np.arange(len(sample))
    pixels[rows, rows % sample.camera.n_pixels, 0] = 20.0
    alone = sample.with_pixels(pixels)
    cleaning = CleaningSettings(keep_isolated=True, min_neighbors=0)
    found = observables.measure(alone, cleaning)
    assert np.isnan(found["log_hillas_intensity"]).all()  # as ctapipe has it
    assert np.isnan(found["source_skewness"]).all()


def test_noise_observables_see_noise(sample):
    rng = np.random.default_rng(0)
    white = rng.normal(2.0, 1.5, sample.charge.shape).astype(np.float32)
    neighbours = sample.camera.geometry.neighbor_matrix_sparse.astype(np.float32)
    smooth = white + 0.5 * (neighbours @ (white - 2.0).T).T
    found = [
        observables.measure(changed(sample, lambda q, x=noise: x), CleaningSettings(20, 15))
        for noise in (white, smooth)
    ]
    assert np.median(found[0]["noise_level"]) == pytest.approx(1.5, rel=0.05)
    assert np.median(found[0]["noise_mean"]) == pytest.approx(2.0, abs=0.1)
    assert abs(np.median(found[0]["noise_correlation"])) < 0.02
    assert np.median(found[1]["noise_correlation"]) > 0.2


def test_without_peak_times_there_are_no_timing_parameters(sample):
    charge = Sample(sample.pixels[..., :1], sample.labels, sample.camera, ("image",))
    found = observables.measure(charge, CLEANING)
    assert not any(name.startswith(("timing", "peak_time")) for name in found)
    assert np.isfinite(found["hillas_length"]).any()


def test_images_without_cleaned_pixel_are_missing_values(sample):
    empty = changed(sample, lambda q: 0 * q)
    found = observables.measure(empty, CLEANING)
    assert all(np.isnan(found[name]).all() for name in observables.image_parameters(found))


def test_simulation_beside_simulation_is_at_the_null(halves, sample):
    third = sample.select(np.arange(0, len(sample), 2))
    found = judged(third, halves)
    images, diversity = found["images"], found["diversity"]
    assert images["mean_w1"]["value"] < images["mean_w1"]["null"] + 0.08
    assert images["auc"]["value"] < 0.62
    assert images["pixel_charge"]["w1"] < 0.05
    assert diversity["coverage"]["value"] > 0.85
    assert diversity["duplicates"] < 0.02
    assert diversity["memorised"] is None


def test_brighter_images_fire(halves):
    found = judged(changed(halves[0], lambda q: 1.5 * q), halves)["images"]
    assert found["parameters"]["log_hillas_intensity"]["w1"] > 0.3
    assert found["mean_w1"]["low"] > found["mean_w1"]["null"]


def test_removed_noise_fires(halves):
    found = judged(changed(halves[0], lambda q: np.where(q > 4, q, 0)), halves)["images"]
    noise = found["parameters"]["noise_level"]
    assert noise["w1"] > 1.0 > 10 * noise["w1_null"] or noise["w1"] > 10 * noise["w1_null"]
    assert found["pixel_charge"]["w1"] > 3 * found["pixel_charge"]["w1_null"]


def test_shuffled_images_fire_only_beside_their_labels(halves):
    shuffled = halves[0].with_pixels(np.roll(halves[0].pixels, 1, axis=0))
    found = judged(shuffled, halves)["images"]
    assert found["auc"]["value"] < 0.62
    assert found["auc_with_labels"]["value"] > 0.7
    assert found["parameters"]["alpha"]["w1"] > 0.3


def test_tails_where_heads_should_be_fire(halves):
    lit = np.where(halves[0].charge > 7, halves[0].charge, 0)
    centroid = lit @ halves[0].camera.pixel_xy / np.maximum(lit.sum(axis=1), 1)[:, None]
    labels = halves[0].labels.copy()
    for axis, name in enumerate(("cam_coord_offset_x", "cam_coord_offset_y")):
        labels[name] = 2 * centroid[:, axis] - labels[name]
    opposite = Sample(halves[0].pixels, labels, halves[0].camera, halves[0].channels)
    found = judged(opposite, halves)["images"]["parameters"]
    assert found["alpha"]["w1"] < 0.2
    assert found["source_skewness"]["w1"] > 0.4
    assert found["hillas_skewness"]["w1"] < 0.01


def test_repeated_images_fire(halves):
    n = len(halves[0])
    repeated = halves[0].with_pixels(halves[0].pixels[np.arange(n) % 20])
    found = judged(repeated, halves)["diversity"]
    assert found["duplicates"] > 0.9
    assert found["coverage"]["value"] < 0.6


def test_images_with_little_noise_are_no_copies(halves):
    quiet = changed(halves[0], lambda q: 0.3 * q)
    assert judged(quiet, halves)["diversity"]["duplicates"] < 0.1


def test_copied_training_images_fire(halves):
    training = halves[1]
    found = judged(halves[0].with_pixels(training.pixels), halves, training=training)
    assert found["diversity"]["memorised"]["value"] > 0.95
    assert found["diversity"]["memorised"]["median_distance_ratio"] < 0.01
    honest = judged(halves[0], halves, training=training)["diversity"]["memorised"]
    assert honest["value"] == pytest.approx(0.01, abs=0.01)


def test_changes_at_high_energies_fire_in_their_bins(halves, monkeypatch):
    monkeypatch.setattr("ctlearn_gan_aug.evaluate.bins.MIN_EVENTS", 15)
    monkeypatch.setattr("ctlearn_gan_aug.evaluate.bins.BIN_WIDTH", 0.5)
    log_energy = np.asarray(halves[0].labels["log_true_energy"])
    factor = np.where(log_energy >= 0.0, 2.5, 1.0)[:, None].astype(np.float32)
    found = judged(changed(halves[0], lambda q: factor * q), halves)["images"]["bins"]
    assert len(found) >= 2
    for entry in found:
        distance = entry["parameters"]["log_hillas_intensity"]
        assert {"w1", "w1_null", "ks", "ks_null"} <= set(distance)
        fires = distance["w1"] > distance["w1_null"] + 0.3
        assert fires == (entry["log_energy_low"] >= 0.0)
        assert (entry["mean_w1"] > 1.5 * entry["mean_w1_null"]) == fires


def test_joint_distances_are_at_their_null_and_fire(halves):
    found = judged(halves[0], halves)["images"]  # the very same images
    for name in ("correlations", "fpd", "kpd"):
        assert found[name]["value"] <= max(2 * found[name]["null_high"], 0.1)
    brighter = judged(changed(halves[0], lambda q: 1.5 * q), halves)["images"]
    for name in ("correlations", "fpd"):
        assert brighter[name]["value"] > found[name]["value"]
    assert brighter["fpd"]["low"] > brighter["fpd"]["null_high"]


def test_pixel_charges_are_reproducible(sample):
    first, second = (
        observables.pixel_charges(sample, 1000, np.random.default_rng(2)) for _ in range(2)
    )
    assert (first == second).all()
    assert wasserstein_sigma(first, np.arcsinh(sample.charge.ravel() / 5.0)) < 0.2
