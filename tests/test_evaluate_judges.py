"""Judges learn on simulation, and say so of images that do not follow their labels."""

import numpy as np
import pytest

from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.evaluate import label_fidelity
from ctlearn_gan_aug.evaluate.judges import Judge, PixelFeatures
from ctlearn_gan_aug.evaluate.sample import Sample


def nothing(n_images):
    """Progress that nobody sees."""


@pytest.fixture(scope="module")
def gammas(toy_gamma):
    return Sample.of(read_events([toy_gamma])).halves(0)


@pytest.fixture(scope="module")
def protons(toy_proton):
    return Sample.of(read_events([toy_proton])).halves(0)


@pytest.fixture(scope="module")
def shuffled(gammas):
    """Images that do not follow their labels."""
    return gammas[1].with_pixels(np.roll(gammas[1].pixels, 7, axis=0))


@pytest.fixture(scope="module")
def judged(gammas, shuffled):
    training, simulated = gammas
    return label_fidelity.judge_labels(
        training, simulated, shuffled, n_images=9000, seed=0, progress=nothing
    )


def test_features_know_noise_and_time(gammas):
    features = PixelFeatures.fit(gammas[0])
    assert 0.1 < features.noise < 5
    found = features(gammas[0])
    assert found.shape == gammas[0].pixels.shape and found.dtype == np.float32
    assert np.abs(found).max() < 10
    times, signal = found[..., 1], gammas[0].charge > 4 * features.noise
    assert (times[~signal] == 0).all()
    assert np.abs(np.average(times[signal], weights=gammas[0].charge[signal])) < 0.05


def test_features_of_charge_alone(gammas):
    charge = Sample(gammas[0].pixels[..., :1], gammas[0].labels, gammas[0].camera, ("image",))
    assert PixelFeatures.fit(charge)(charge).shape[-1] == 1


def test_a_judge_is_a_ctlearn_network_on_the_compact_grid(gammas):
    camera = gammas[0].camera
    judge = Judge(("energy", "cameradirection"), camera, 2, seed=1)
    assert judge.model.name == "CTLearn_model"
    assert judge.model.input_shape == (None, camera.grid_side, camera.grid_side, 4)
    again = Judge(("energy", "cameradirection"), camera, 2, seed=1)
    features = PixelFeatures.fit(gammas[0])(gammas[0].select(slice(0, 5)))
    np.testing.assert_array_equal(judge.predict(features), again.predict(features))
    assert judge.predict(features).shape == (5, 3)


def test_a_judge_fits_a_camera_of_few_cells(tmp_path):
    from ctlearn_gan_aug.data.toy.simulate import simulate

    simulate("gamma", 20, 1, tmp_path / "few.dl1.h5", camera="hex127")
    few = Sample.of(read_events([tmp_path / "few.dl1.h5"]))
    assert few.camera.grid_side < 16
    features = PixelFeatures.fit(few)(few)
    judge = Judge(["energy", "cameradirection"], few.camera, features.shape[-1], seed=1)
    assert judge.predict(features).shape == (20, 3)


def test_the_judge_has_learnt_on_simulation(judged):
    energy = judged.metrics["energy"]
    assert energy["simulated"]["correlation"] > 0.6
    assert energy["simulated"]["mae"] < energy["trivial_mae"]


def test_images_that_do_not_follow_their_labels_are_found(judged):
    energy, direction = judged.metrics["energy"], judged.metrics["direction"]
    assert abs(energy["generated"]["correlation"]) < 0.3
    assert energy["ratio"]["mae"]["value"] > energy["ratio"]["mae"]["null_high"]
    assert direction["ratio"]["mae"]["value"] > direction["ratio"]["mae"]["null_high"]


def test_reconstructed_samples_are_kept_for_figures(judged, gammas):
    energy = judged.simulated["energy"]
    assert energy.predicted.shape == energy.requested.shape == (len(gammas[1]), 1)
    np.testing.assert_allclose(energy.requested[:, 0], gammas[1].labels["log_true_energy"])
    direction = judged.generated["direction"]
    offset = np.hypot(*direction.requested.T)
    fov = np.hypot(gammas[1].labels["fov_lon"], gammas[1].labels["fov_lat"])
    np.testing.assert_allclose(offset, fov, rtol=0.02)  # deg


def test_blind_judge_is_not_believed(gammas):
    blank = gammas[0].with_pixels(np.zeros_like(gammas[0].pixels))
    found = label_fidelity.judge_labels(
        blank, gammas[1], gammas[1], n_images=640, seed=0, progress=nothing
    )
    assert not found.metrics["direction"]["judge_learnt"]


def test_type_judge_takes_protons_for_protons(gammas, protons):
    n = len(protons[1])
    simulated = gammas[1].select(slice(0, n))
    protons_as_gammas = simulated.with_pixels(protons[1].pixels)
    found = label_fidelity.judge_type(
        (gammas[0], protons[0]),
        (simulated, protons[1]),
        protons_as_gammas,
        n_images=6000,
        seed=0,
        progress=nothing,
    )
    metrics = found.metrics
    assert metrics["auc"]["simulated"]["value"] > 0.6
    assert metrics["generated"]["accuracy"] == pytest.approx(1 - metrics["other"]["accuracy"])
    difference = metrics["difference"]
    assert difference["value"] < difference["null_low"] < 0 < difference["null_high"]
    assert found.generated.shape == (n,)
    assert ((found.generated >= 0) & (found.generated <= 1)).all()


def test_type_scores_fire_in_the_energy_bin_where_images_are_of_the_other_type():
    rng = np.random.default_rng(0)
    log_energy = rng.uniform(-0.5, 0.5, 1000)
    simulated = rng.beta(6, 1, 1000)
    generated = np.where(log_energy > 0.25, rng.beta(1, 6, 1000), rng.beta(6, 1, 1000))
    bins = label_fidelity.type_by_energy(generated, simulated, log_energy, rng)
    assert len(bins) == 4
    for entry in bins:
        difference = entry["difference"]
        wrong = entry["log_energy_low"] >= 0.25
        assert (difference["value"] < 2 * difference["null_low"]) == wrong
        assert (entry["generated"]["mean_score"] < 0.5) == wrong
        assert entry["simulated"]["accuracy"] > 0.9


def test_pixel_classifier_sees_removed_noise(gammas):
    clean = gammas[1].pixels.copy()
    clean[..., 0] = np.where(clean[..., 0] > 4, clean[..., 0], 0)
    options = {"n_images": 2500, "seed": 0, "progress": nothing}
    found = label_fidelity.pixel_auc(gammas[1], gammas[1].with_pixels(clean), **options)
    assert found["value"] > 0.9
    assert found["null_low"] < 0.5 < found["null_high"] < 0.65


def test_pixel_classifier_cannot_tell_simulation_from_itself(gammas):
    options = {"n_images": 2500, "seed": 0, "progress": nothing}
    found = label_fidelity.pixel_auc(gammas[0], gammas[1], **options)
    assert found["null_low"] - 0.1 < found["value"] < found["null_high"] + 0.1
