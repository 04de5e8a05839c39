"""The spectrum fill: what a histogram lacks, and that accepted images bring exactly that."""

import numpy as np
import pytest
from augment_fakes import FakeBundle, label_table
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ctlearn_gan_aug.augment.label_chunks import FilledLabels
from ctlearn_gan_aug.config.region import Region
from ctlearn_gan_aug.sampling import fill, regions
from ctlearn_gan_aug.sampling.fill import Cells, lacking

histograms = arrays(float, (4, 3), elements=st.floats(0, 1e4))
shapes = arrays(float, (4, 3), elements=st.floats(0.01, 1))


@given(histograms, shapes, st.floats(1, 1e5))
def test_lacking_fills_to_one_level(counts, wanted, n):
    added = lacking(counts, wanted, n)
    assert added.sum() == pytest.approx(n, rel=1e-6)
    assert (added >= 0).all()
    levels = (counts + added) / wanted
    filled = added > 1e-9 * n
    np.testing.assert_allclose(levels[filled], levels[filled].mean(), rtol=1e-6)
    assert (levels[~filled] >= levels[filled].mean() * (1 - 1e-6)).all()


def test_lacking_by_hand():
    np.testing.assert_allclose(lacking(np.array([4.0, 1.0, 0.0]), np.ones(3), 3), [0, 1, 2])


def cells_of(spectrum, **limits):
    region = Region(particle="gamma", energy=(0.1, 10.0), spectrum=spectrum, **limits)
    return Cells.of(FakeBundle(), region)


def test_cells_count_as_numpys_histograms():
    table, camera = label_table(2000, "gamma"), FakeBundle().camera
    log_energy, offset = np.asarray(table["log_true_energy"]), regions.offsets(camera, table)
    flat = cells_of("fill")
    expected = np.histogram(log_energy, flat.log_energy)[0]
    np.testing.assert_array_equal(flat.counts(camera, table)[:, 0], expected)
    square = cells_of({"kind": "fill", "over": "energy x offset"})
    assert square.shape == (10, 5)
    expected = np.histogram2d(log_energy, offset, (square.log_energy, square.offset))[0]
    np.testing.assert_array_equal(square.counts(camera, table), expected)
    ring = cells_of("fill", offset=(0.5, 1.0))
    inside = log_energy[(offset >= 0.5) & (offset <= 1.0)]
    expected = np.histogram(inside, ring.log_energy)[0]
    np.testing.assert_array_equal(ring.counts(camera, table)[:, 0], expected)


def test_wanted_is_flat_or_a_power_law():
    np.testing.assert_allclose(cells_of("fill").wanted(), 0.1)
    steep = cells_of({"kind": "fill", "index": -2.0}).wanted()[:, 0]
    np.testing.assert_allclose(steep[1:] / steep[:-1], 10**-0.2)
    assert steep.sum() == pytest.approx(1.0)


def replay(bundle, sub_regions, energies, rng):
    """Stands in for `labels_at`: energies as asked for, directions anywhere in the sub-region."""
    from astropy.table import vstack

    tables = []
    for region, log_energy in zip(sub_regions, energies, strict=True):
        table = label_table(len(log_energy), "gamma")
        table["log_true_energy"] = log_energy
        low, high = region.offset or (0.0, 1.0)
        radius = bundle.camera.focal_length * np.tan(
            np.deg2rad(rng.uniform(low, high, len(log_energy)))
        )
        table["cam_coord_offset_x"], table["cam_coord_offset_y"] = radius, 0.0
        tables.append(table)
    return vstack(tables)


@pytest.mark.parametrize("over", ["energy", "energy x offset"])
def test_accepted_images_reach_the_target_within_poisson(monkeypatch, over):
    """Although a cut refuses most images of low energies."""
    monkeypatch.setattr(fill, "labels_at", replay)
    bundle, n = FakeBundle(), 20000
    cells = cells_of({"kind": "fill", "over": over})
    simulated = label_table(3000, "gamma", seed=3)
    counts = cells.counts(bundle.camera, simulated)
    missing = lacking(counts, cells.wanted(), n)
    rng = np.random.default_rng(1)
    chunks = FilledLabels(bundle, cells, missing).chunks(np.random.default_rng(2))
    found, total = np.zeros(cells.shape), 0
    table = next(chunks)
    while total < n:
        chance = 0.1 + 0.9 * (np.asarray(table["log_true_energy"]) + 1) / 2
        passed = rng.uniform(size=len(table)) < chance
        kept = table[np.flatnonzero(passed)[: n - total]]
        found += cells.counts(bundle.camera, kept)
        total += len(kept)
        table = chunks.send(passed)
    assert found.sum() == n
    pull = (found - missing) / np.sqrt(np.maximum(missing, 1.0))
    assert np.abs(pull).max() < 4.0
    assert np.mean(pull**2) < 2.0


def test_cells_that_nothing_passes_are_given_up(monkeypatch, caplog):
    monkeypatch.setattr(fill, "labels_at", replay)
    cells = cells_of("fill")
    chunks = FilledLabels(FakeBundle(), cells, np.ones(cells.shape)).chunks(
        np.random.default_rng(0)
    )
    table = next(chunks)
    for _ in range(60):
        passed = np.asarray(table["log_true_energy"]) > -0.6
        table = chunks.send(passed)
    assert (np.asarray(table["log_true_energy"]) > -0.6).all()
    assert "between 0.1 and 0.158 TeV hardly any" in caplog.text
    assert "between 0.158 and 0.251 TeV hardly any" in caplog.text


def test_fill_is_for_trainings_alone():
    from ctlearn_gan_aug.config.region import Spectrum
    from ctlearn_gan_aug.errors import UserError
    from ctlearn_gan_aug.sampling.spectra import draw_log_energy

    with pytest.raises(UserError, match="gan_augment alone"):
        draw_log_energy(Spectrum(kind="fill"), (0.0, 1.0), np.zeros(3), 5, np.random.default_rng(0))
