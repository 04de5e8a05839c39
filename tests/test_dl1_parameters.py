"""Batch parameters equal ctapipe's ImageProcessor on the same images."""

import numpy as np
import pytest
import tables
from ctapipe import fitting
from ctapipe.containers import ArrayEventContainer, DL1CameraContainer
from ctapipe.coordinates import CameraFrame
from ctapipe.image import ImageProcessor
from traitlets.config import Config

from ctlearn_gan_aug.dl1.cleaning import CleaningSettings
from ctlearn_gan_aug.dl1.moments import pairwise_sum
from ctlearn_gan_aug.dl1.parameters import compute
from ctlearn_gan_aug.dl1.subarray import read_subarray

CUTS = CleaningSettings(7, 4, False, 1)


def by_ctapipe(subarray, tel_id, images, peak_times, cuts, use_telescope_frame=True):
    """Masks and columns of ctapipe's ImageProcessor, each image the first of its process."""
    config = {
        "picture_threshold_pe": cuts.picture,
        "boundary_threshold_pe": cuts.boundary,
        "keep_isolated_pixels": cuts.keep_isolated,
        "min_picture_neighbors": cuts.min_neighbors,
    }
    process = ImageProcessor(
        subarray=subarray,
        use_telescope_frame=use_telescope_frame,
        config=Config({"TailcutsImageCleaner": config}),
    )
    masks, rows = [], []
    for image, peak_time in zip(images, peak_times, strict=True):
        event = ArrayEventContainer()
        event.dl1.tel[tel_id] = DL1CameraContainer(image=image, peak_time=peak_time)
        fitting.FIT_RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state
        process(event)
        masks.append(event.dl1.tel[tel_id].image_mask)
        rows.append({})
        for container in event.dl1.tel[tel_id].parameters.values():
            fields = container.fields.values()
            for (name, value), field in zip(container.items(add_prefix=True), fields, strict=True):
                rows[-1][name] = value.to_value(field.unit) if hasattr(value, "unit") else value
    return np.array(masks), {name: np.array([row[name] for row in rows]) for name in rows[0]}


def assert_equal(result, masks, columns):
    assert np.array_equal(result.mask, masks)
    # ctapipe declares the core's psi but never fills it
    assert set(columns) - set(result.columns) <= {"core_psi"}
    for name, values in result.columns.items():
        np.testing.assert_allclose(values, columns[name], rtol=1e-6, atol=1e-11, err_msg=name)


def read_images(path, n):
    with tables.open_file(path) as h5file:
        rows = h5file.root.dl1.event.telescope.images.tel_001[:n]
    return np.array(rows["image"]), np.array(rows["peak_time"])


@pytest.mark.parametrize("use_telescope_frame", [True, False])
def test_toy_images(toy_proton, use_telescope_frame):
    subarray = read_subarray(toy_proton)
    images, times = read_images(toy_proton, 150)
    geometry = subarray.tel[1].camera.geometry
    result = compute(images, times, geometry, CUTS, use_telescope_frame=use_telescope_frame)
    assert_equal(result, *by_ctapipe(subarray, 1, images, times, CUTS, use_telescope_frame))


def test_few_pixels(toy_gamma):
    """One to six pixels, on a line or not: the cases that hang on rounding."""
    subarray = read_subarray(toy_gamma)
    geometry = subarray.tel[1].camera.geometry
    cuts = CleaningSettings(7, 4, True, 1)
    rng = np.random.default_rng(1)
    images = rng.normal(0, 0.5, (300, geometry.n_pixels)).astype(np.float32)
    times = rng.normal(15, 1, images.shape).astype(np.float32)
    for image in images:
        seed = rng.integers(geometry.n_pixels)
        group = [seed, *geometry.neighbors[seed][: rng.integers(0, 6)]]
        image[group] = rng.uniform(8, 30, len(group))
    result = compute(images, times, geometry, cuts)
    assert set(result.mask.sum(axis=1)) >= {1, 2, 3, 4, 5}
    assert_equal(result, *by_ctapipe(subarray, 1, images, times, cuts))


def test_round_images(toy_gamma):
    """Equal light in a pixel and all its neighbours: rounding alone tells the axes."""
    subarray = read_subarray(toy_gamma)
    geometry = subarray.tel[1].camera.geometry
    images = np.zeros((40, geometry.n_pixels), np.float32)
    inner = np.argsort(np.hypot(geometry.pix_x, geometry.pix_y))[: len(images)]
    for seed, image in zip(inner, images, strict=True):
        image[[seed, *geometry.neighbors[seed]]] = 20
    times = np.broadcast_to(np.arange(geometry.n_pixels, dtype=np.float32) % 9, images.shape)
    result = compute(images, times, geometry, CUTS)
    shape = result.columns["hillas_width"] / result.columns["hillas_length"]
    np.testing.assert_allclose(shape, 1, rtol=1e-6)
    assert_equal(result, *by_ctapipe(subarray, 1, images, times, CUTS))


def test_unknown_peak_times(toy_gamma):
    """ctapipe fits the times that are known."""
    subarray = read_subarray(toy_gamma)
    images, times = read_images(toy_gamma, 30)
    times[np.arange(30), images.argmax(axis=1)] = np.nan
    result = compute(images, times, subarray.tel[1].camera.geometry, CUTS)
    assert np.isfinite(result.columns["timing_slope"]).any()
    assert_equal(result, *by_ctapipe(subarray, 1, images, times, CUTS))


def test_dark_images_have_no_parameters(toy_gamma):
    geometry = read_subarray(toy_gamma).tel[1].camera.geometry
    images = np.zeros((2, geometry.n_pixels), np.float32)
    result = compute(images, images, geometry, CUTS)
    assert not result.mask.any()
    for values in result.columns.values():
        assert np.all(np.isnan(values)) if values.dtype.kind == "f" else np.all(values == -1)


def test_without_peak_times_timing_is_unknown(toy_gamma):
    geometry = read_subarray(toy_gamma).tel[1].camera.geometry
    images, times = read_images(toy_gamma, 30)
    with_times, without = (compute(images, t, geometry, CUTS) for t in (times, None))
    for name, values in without.columns.items():
        if name.startswith(("timing", "peak_time")):
            assert np.all(np.isnan(values))
        else:
            np.testing.assert_array_equal(values, with_times.columns[name])


def test_parameters_do_not_depend_on_the_batch(toy_gamma):
    geometry = read_subarray(toy_gamma).tel[1].camera.geometry
    images, times = read_images(toy_gamma, 40)
    whole = compute(images, times, geometry, CUTS).columns
    halves = [
        compute(images[h], times[h], geometry, CUTS).columns for h in np.split(np.arange(40), 2)
    ]
    for name, values in whole.items():
        np.testing.assert_array_equal(values, np.concatenate([h[name] for h in halves]))


def test_focal_length_counts(toy_gamma):
    """Geometries that differ in nothing else compare equal, but see other angles."""
    import copy

    near = read_subarray(toy_gamma).tel[1].camera.geometry
    far = copy.deepcopy(near)
    far.frame = CameraFrame(focal_length=2 * near.frame.focal_length)
    images, times = read_images(toy_gamma, 20)
    lengths = [compute(images, times, g, CUTS).columns["hillas_length"] for g in (near, far)]
    known = np.isfinite(lengths[0])
    assert np.all(lengths[1][known] < 0.6 * lengths[0][known])


@pytest.mark.parametrize("n", [1, 7, 8, 9, 100, 128, 129, 1000, 1855])
def test_sums_round_as_numpy_does(n):
    values = np.random.default_rng(n).normal(13, 1, n).astype(np.float32)
    assert pairwise_sum(values) == values.sum()


@pytest.mark.parametrize(
    "name, cuts",
    [
        ("lst_muons", CleaningSettings()),
        ("gct_checs_muons", CleaningSettings()),
        ("showers/gamma_11", CUTS),
        ("showers/proton_21", CUTS),
        ("mst/mst_gamma_41", CleaningSettings(7, 3.5, False, 1)),
        ("mst/mst_proton_51", CleaningSettings(7, 3.5, False, 1)),
    ],
)
def test_real_images(shared_data, name, cuts):
    path = shared_data / f"{name}.dl1.h5"
    subarray = read_subarray(path)
    images, times = read_images(path, 400)
    result = compute(images, times, subarray.tel[1].camera.geometry, cuts)
    assert_equal(result, *by_ctapipe(subarray, 1, images, times, cuts))
