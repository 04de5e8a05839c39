"""The toy showers behave as showers do: light, geometry, timing, noise, trigger."""

import dataclasses

import numpy as np
import pytest

from ctlearn_gan_aug.data.toy import showers
from ctlearn_gan_aug.data.toy import telescope as tel
from ctlearn_gan_aug.data.toy.events import event_batches
from ctlearn_gan_aug.directions import camera_from_altaz

SIGNAL = 7.0  # p.e.


@dataclasses.dataclass
class Sample:
    """Toy events with what the tests ask of them; positions derotated, m."""

    charge: np.ndarray
    peak_time: np.ndarray
    photo_electrons: np.ndarray
    energy: np.ndarray
    impact: np.ndarray
    core: np.ndarray
    towards_ground: np.ndarray
    pixels: np.ndarray
    source: np.ndarray
    n_thrown: int

    @property
    def size(self):
        return self.photo_electrons.sum(axis=1)

    @property
    def centroid(self):
        return (self.photo_electrons @ self.pixels) / self.size[:, np.newaxis]

    def spread(self):
        """Length and width (n, 2) of the images' true light, m."""
        dx = self.pixels[np.newaxis] - self.centroid[:, np.newaxis]
        weight = self.photo_electrons / self.size[:, np.newaxis]
        covariance = np.einsum("np,npi,npj->nij", weight, dx, dx)
        return np.sqrt(np.maximum(np.linalg.eigvalsh(covariance)[:, ::-1], 0))


def _sample(particle: str, n_batches: int) -> Sample:
    batches = event_batches(particle, seed=11)
    parts = [next(batches) for _ in range(n_batches)]
    merged = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in dataclasses.fields(parts[0])
        if field.name != "n_thrown"
    }
    subarray = tel.toy_subarray()
    n = len(merged["alt"])
    pointing = np.full(n, tel.POINTING_ALT), np.full(n, tel.POINTING_AZ)
    source = camera_from_altaz(subarray, tel.TEL_ID, merged["alt"], merged["az"], *pointing)
    alt, az = np.deg2rad(merged["alt"]), np.deg2rad(merged["az"])
    towards = np.stack([np.cos(alt) * np.cos(az), -np.cos(alt) * np.sin(az), np.sin(alt)], axis=1)
    core = np.stack([merged["core_x"], merged["core_y"], np.zeros(n)], axis=1)
    geometry = tel.toy_geometry()
    geometry.rotate(geometry.pix_rotation)
    return Sample(
        charge=merged["charge"],
        peak_time=merged["peak_time"],
        photo_electrons=merged["photo_electrons"],
        energy=merged["energy"],
        impact=np.linalg.norm(np.cross(core, towards), axis=1),
        core=core,
        towards_ground=towards,
        pixels=np.stack([geometry.pix_x.to_value("m"), geometry.pix_y.to_value("m")], axis=1),
        source=np.stack(source, axis=1),
        n_thrown=sum(part.n_thrown for part in parts),
    )


@pytest.fixture(scope="module")
def gammas() -> Sample:
    return _sample("gamma", 8)


@pytest.fixture(scope="module")
def protons() -> Sample:
    return _sample("proton", 8)


def _light_at(height: float, sample: Sample) -> np.ndarray:
    """Where in the camera (n, 2) light from the axes at a height (m a.s.l.) is seen.

    Written out with ctapipe's ground frame (x north, y west) and sky, not with the toy's vectors.
    """
    along = (height - tel.OBSERVATION_LEVEL) / sample.towards_ground[:, 2:]
    north, west, up = (sample.core + along * sample.towards_ground).T
    alt = np.rad2deg(np.arctan2(up, np.hypot(north, west)))
    az = np.rad2deg(np.arctan2(-west, north)) % 360
    pointing = np.full(len(alt), tel.POINTING_ALT), np.full(len(alt), tel.POINTING_AZ)
    subarray = tel.toy_subarray()
    return np.stack(camera_from_altaz(subarray, tel.TEL_ID, alt, az, *pointing), axis=1)


def _is_contained(sample: Sample) -> np.ndarray:
    return (sample.size > 150) & (np.linalg.norm(sample.centroid, axis=1) < 0.3)


def test_same_seed_same_events_other_seed_or_particle_others():
    first = next(event_batches("gamma", 5))
    again = next(event_batches("gamma", 5))
    for field in dataclasses.fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(again, field.name))
    for other in (next(event_batches("gamma", 6)), next(event_batches("proton", 5))):
        n = min(len(first), len(other))
        assert not np.array_equal(first.energy[:n], other.energy[:n])


def test_batches_continue_without_repeating():
    batches = event_batches("gamma", 5)
    first, second = next(batches), next(batches)
    assert first.thrown_index.max() < first.n_thrown <= second.thrown_index.min()
    assert not np.intersect1d(first.energy, second.energy).size


def test_charge_and_time_are_physical(gammas, protons):
    for sample in (gammas, protons):
        assert sample.charge.dtype == sample.peak_time.dtype == np.float32
        assert np.isfinite(sample.charge).all()
        assert sample.peak_time.min() >= 0
        assert sample.peak_time.max() <= tel.WINDOW


def test_light_grows_with_energy(gammas):
    in_pool = (gammas.impact < 120) & _is_contained(gammas)
    slope = np.polyfit(np.log10(gammas.energy[in_pool]), np.log10(gammas.size[in_pool]), 1)[0]
    assert 0.9 < slope < 1.4


def test_light_pool_ends_near_120_m(gammas):
    per_energy = gammas.size / gammas.energy
    bright = (gammas.energy > 0.3) & _is_contained(gammas)

    def density(low, high):
        return np.median(per_energy[bright & (gammas.impact > low) & (gammas.impact < high)])

    assert 0.5 < density(90, 120) / density(30, 80) < 1.5
    assert density(200, 260) < 0.35 * density(60, 120)


def test_true_image_is_the_charge_without_noise(gammas):
    bright = gammas.photo_electrons > 50
    ratio = gammas.charge[bright] / gammas.photo_electrons[bright]
    assert np.median(ratio) == pytest.approx(1, abs=0.03)
    assert np.std(ratio) < 0.15


def test_images_lie_where_light_from_the_shower_maximum_comes_from(gammas):
    ok = _is_contained(gammas)
    high, low = _light_at(14_000, gammas), _light_at(6_000, gammas)
    middle = _light_at(9_000, gammas)
    along = (low - high)[ok]
    length = np.linalg.norm(along, axis=1)
    miss = (gammas.centroid - middle)[ok]
    across = (along[:, 0] * miss[:, 1] - along[:, 1] * miss[:, 0]) / length
    assert np.median(np.abs(across)) < 0.1 * np.deg2rad(1) * tel.FOCAL_LENGTH / 2
    assert np.median(np.linalg.norm(miss, axis=1)) < np.deg2rad(0.15) * tel.FOCAL_LENGTH


def test_image_axis_passes_the_source_and_displacement_grows_with_impact(gammas):
    ok = _is_contained(gammas) & (gammas.impact > 60)
    offset = (gammas.centroid - gammas.source)[ok]
    distance = np.linalg.norm(offset, axis=1)
    away = (_light_at(9_000, gammas) - gammas.source)[ok]
    assert np.mean((offset * away).sum(axis=1) > 0) > 0.99
    assert np.corrcoef(distance, gammas.impact[ok])[0, 1] > 0.75
    length, width = gammas.spread()[ok].T
    assert np.median(length / width) > 1.8


def test_farther_showers_have_longer_displaced_images_and_later_tails(gammas):
    ok = _is_contained(gammas)
    slope = _time_slopes(gammas)
    near, far = ok & (gammas.impact < 60), ok & (gammas.impact > 180)
    # Near the core light from high up is slowed by the air and comes last; far out the light
    # from low down has the longer way.
    assert np.nanmedian(slope[near]) < -0.5
    assert np.nanmedian(slope[far]) > 2


def _time_slopes(sample: Sample) -> np.ndarray:
    """Gradient (n,) of the peak time in ns/deg along the direction away from the source."""
    away = sample.centroid - sample.source
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    along = np.rad2deg((away @ sample.pixels.T) / tel.FOCAL_LENGTH)
    slopes = np.full(len(away), np.nan)
    for i, signal in enumerate(sample.photo_electrons > SIGNAL):
        if signal.sum() >= 6:
            slopes[i] = np.polyfit(along[i, signal], sample.peak_time[i, signal], 1)[0]
    return slopes


def test_protons_are_wider_and_patchier(gammas, protons):
    def median_width(sample):
        bright = (sample.size > 150) & (sample.size < 1500)
        return np.median(sample.spread()[bright, 1])

    assert median_width(protons) > 1.3 * median_width(gammas)
    assert _mean_islands(protons) > 1.3 * _mean_islands(gammas)
    assert np.median(protons.energy) > 1.3 * np.median(gammas.energy)  # less light per energy


def _mean_islands(sample: Sample) -> float:
    from ctapipe.image import number_of_islands

    bright = np.flatnonzero(sample.size > 150)[:300]
    geometry = tel.toy_geometry()
    masks = sample.photo_electrons[bright] > SIGNAL
    return float(np.mean([number_of_islands(geometry, mask)[0] for mask in masks]))


def test_night_sky_noise_is_positive_biased_and_flat_in_time(gammas):
    dark = gammas.photo_electrons == 0
    charge, time = gammas.charge[dark], gammas.peak_time[dark]
    assert 0.9 < charge.mean() < 1.7
    assert 0.6 < charge.std() < 1.1
    assert np.percentile(charge, 99) - np.median(charge) > np.median(charge) - charge.min()
    density, _ = np.histogram(time, bins=10, range=(0, tel.WINDOW), density=True)
    np.testing.assert_allclose(density, 1 / tel.WINDOW, rtol=0.05)


def test_trigger_loses_far_and_faint_showers(gammas):
    def efficiency(low, high, faint):
        # Cores are uniform in area and energies a power law, so the thrown share is known.
        energies = (0.05, 0.1) if faint else (0.5, 50.0)
        of_energy = (1 / energies[0] - 1 / energies[1]) / (1 / 0.05 - 1 / 50.0)
        of_area = (high**2 - low**2) / showers.MAX_IMPACT**2
        here = (gammas.impact > low) & (gammas.impact < high)
        here &= (gammas.energy > energies[0]) & (gammas.energy < energies[1])
        return here.sum() / (gammas.n_thrown * of_energy * of_area)

    assert efficiency(0, 120, faint=True) > 5 * efficiency(200, 300, faint=True)
    assert efficiency(200, 300, faint=False) > 5 * efficiency(200, 300, faint=True)
    assert efficiency(0, 120, faint=False) < 1.01


def test_every_mapper_takes_the_camera():
    from dl1_data_handler.image_mapper import ImageMapper

    subarray = tel.toy_subarray()
    for name in ("ShiftingMapper", "AxialMapper"):
        mapper = ImageMapper.from_name(name, geometry=tel.toy_geometry(), subarray=subarray)
        table = mapper.mapping_table
        assert (table.getnnz(axis=1) == 1).all()
        assert (table.getnnz(axis=0) <= 1).all()
    for name in ("BilinearMapper", "NearestNeighborMapper", "OversamplingMapper"):
        mapper = ImageMapper.from_name(name, geometry=tel.toy_geometry(), subarray=subarray)
        assert mapper.mapping_table.shape[0] == tel.toy_camera().n_pixels
