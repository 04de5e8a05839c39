"""Quality cuts on generated images against the DL1 parameters ctapipe would write."""

from dataclasses import replace

import numpy as np
import pytest
from augment_fakes import CLEANING, label_table, toy_camera

from ctlearn_gan_aug.dl1.selection import ImageSelection
from ctlearn_gan_aug.errors import UserError

COLUMNS = ["obs_id", "hillas_intensity", "hillas_width", "leakage_intensity_width_2"]


def selection(*expressions):
    criteria = [(f"cut {i}", text) for i, text in enumerate(expressions)]
    return ImageSelection(criteria, COLUMNS, toy_camera(), CLEANING)


@pytest.fixture(scope="module")
def showers():
    """Elliptic images of very different size on noise, (40, n_pixels)."""
    rng = np.random.default_rng(0)
    xy = toy_camera().pixel_xy
    sizes = np.geomspace(5, 3000, 40)
    along = (xy - rng.uniform(-0.3, 0.3, (40, 1, 2))) / [0.06, 0.03]
    shape = np.exp(-0.5 * (along**2).sum(axis=-1))
    images = sizes[:, None] * shape / shape.sum(axis=1, keepdims=True)
    return (images + rng.normal(0, 1, images.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def parameters(showers):
    from ctlearn_gan_aug.dl1.parameters import compute

    return compute(showers, None, toy_camera().geometry, CLEANING).columns


def test_intensity_cut_equals_ctapipe(showers, parameters):
    cut = selection("hillas_intensity > 50")
    passed = cut.passes(showers, None, cut.mask(showers), label_table(40, "gamma"))
    expected = np.nan_to_num(parameters["hillas_intensity"]) > 50
    np.testing.assert_array_equal(passed, expected)
    assert 0 < passed.sum() < 40


def test_single_pixels_have_no_intensity():
    """ctapipe computes no parameters of them, so no cut lets them pass."""
    from ctlearn_gan_aug.dl1.parameters import compute

    camera = toy_camera()
    cleaning = replace(CLEANING, keep_isolated=True, min_neighbors=0)
    images = np.zeros((3, camera.n_pixels), np.float32)
    neighbour = np.flatnonzero(camera.geometry.neighbor_matrix[500])[0]
    images[0, 500] = images[1, [500, neighbour]] = 100.0
    cut = ImageSelection([("any", "hillas_intensity > 0")], COLUMNS, camera, cleaning)
    passed = cut.passes(images, None, cut.mask(images), label_table(3, "gamma"))
    np.testing.assert_array_equal(passed, [False, True, False])
    intensity = compute(images, None, camera.geometry, cleaning).columns["hillas_intensity"]
    np.testing.assert_array_equal(intensity, [np.nan, 200.0, np.nan])


def test_other_parameters_are_computed(showers, parameters):
    cut = selection("hillas_intensity > 50", "leakage_intensity_width_2 < 0.1")
    passed = cut.passes(showers, None, cut.mask(showers), label_table(40, "gamma"))
    expected = (np.nan_to_num(parameters["hillas_intensity"]) > 50) & (
        np.nan_to_num(parameters["leakage_intensity_width_2"], nan=1.0) < 0.1
    )
    np.testing.assert_array_equal(passed, expected)


def test_label_cut_needs_no_mask(showers):
    cut = selection("np.log10(true_energy) > 0", "cos(telescope_pointing_altitude) < 0.5")
    labels = label_table(40, "gamma")
    assert not cut.needs_mask
    cut.check(labels.colnames)
    passed = cut.passes(showers, None, None, labels)
    # Pointings are in rad in the reader's table: cos(70 deg) = 0.34, cos(70 rad) = 0.63.
    np.testing.assert_array_equal(passed, labels["log_true_energy"] > 0)


def test_no_criteria_accept_all(showers):
    assert selection().passes(showers, None, None, label_table(40, "gamma")).all()


def test_unknown_column_is_refused():
    with pytest.raises(UserError, match="'n_trig'"):
        selection("n_trig > 1", "hillas_intensity > 50").check(["true_energy"])
