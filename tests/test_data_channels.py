"""Channels of many images at once against dl1-data-handler's own, image by image."""

import warnings

import numpy as np
import pytest

from ctlearn_gan_aug.data.channels import as_stored, reader_channels

CHANNEL_LISTS = [
    ["image"],
    ["image", "peak_time"],
    ["log_image", "log_cleaned_image", "peak_time"],
    ["cleaned_image", "relative_peak_time"],
    ["image", "cleaned_peak_time"],
    ["peak_time", "cleaned_relative_peak_time", "peak_time", "relative_peak_time"],
    ["cleaned_relative_peak_time", "cleaned_peak_time", "cleaned_image"],
]
FLOAT = {"image_scale": 0.0, "image_offset": 0, "peak_time_scale": 0.0, "peak_time_offset": 0}
FIXED = {"image_scale": 10.0, "image_offset": 200, "peak_time_scale": 100.0, "peak_time_offset": 5}
BOTH = pytest.mark.parametrize("transforms", [FLOAT, FIXED], ids=["float", "fixed-point"])


def stored_events(transforms, n=6, n_pixels=40):
    """Rows of an image table, and the calibrated values they stand for."""
    rng = np.random.default_rng(3)
    kind = np.uint16 if transforms is FIXED else np.float32
    dtype = [("image", kind, n_pixels), ("peak_time", kind, n_pixels)]
    rows = np.zeros(n, dtype=[*dtype, ("image_mask", bool, n_pixels)])
    values = {}
    for name, value in (
        ("image", rng.normal(5, 10, (n, n_pixels))),
        ("peak_time", rng.uniform(1, 30, (n, n_pixels))),
    ):
        scale, offset = transforms[f"{name}_scale"] or 1.0, transforms[f"{name}_offset"]
        rows[name] = ((value + offset) * scale).astype(kind)
        values[name] = (rows[name] / scale - offset).astype(np.float32)
    rows["image_mask"] = rng.random((n, n_pixels)) < 0.3
    rows["image_mask"][-1] = False  # an image without cleaned pixel has no mean time
    return rows, values


def one_by_one(rows, channels, transforms):
    from dl1_data_handler.reader import get_unmapped_image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.stack([get_unmapped_image(row, channels, transforms) for row in rows.copy()])


@BOTH
@pytest.mark.parametrize("channels", CHANNEL_LISTS, ids="-".join)
def test_many_images_are_as_the_reader_makes_them_one_by_one(channels, transforms):
    rows, _ = stored_events(transforms)
    expected = one_by_one(rows, channels, transforms)
    delivered = reader_channels(rows.copy(), channels, transforms)
    assert delivered.dtype == np.float32
    np.testing.assert_array_equal(delivered, expected)


@BOTH
@pytest.mark.parametrize("channels", CHANNEL_LISTS, ids="-".join)
def test_calibrated_images_become_what_the_reader_makes_of_the_file(channels, transforms):
    """But for relative times of fixed-point files, which the reader rounds to integers."""
    rows, values = stored_events(transforms)
    stored = as_stored(values["image"], values["peak_time"], rows["image_mask"], transforms)
    ours = reader_channels(stored, channels, transforms)
    if transforms is FIXED:
        rows = rows.astype([("image", "f8", 40), ("peak_time", "f8", 40), ("image_mask", bool, 40)])
    theirs = one_by_one(rows, channels, transforms)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-4)


def test_every_channel_of_the_reader_is_compared():
    from dl1_data_handler.reader import DLImageReader

    known = DLImageReader.class_traits()["channels"]._trait.values
    assert set(known) <= {channel for channels in CHANNEL_LISTS for channel in channels}


def test_values_given_are_not_changed():
    rows, values = stored_events(FLOAT)
    before = {name: value.copy() for name, value in values.items()}
    stored = as_stored(values["image"], values["peak_time"], rows["image_mask"], FLOAT)
    reader_channels(stored, ["cleaned_relative_peak_time", "cleaned_image"], FLOAT)
    for name, value in values.items():
        np.testing.assert_array_equal(value, before[name])


def test_image_without_times():
    images = np.ones((2, 5), np.float32)
    delivered = reader_channels(as_stored(images, None, None, FLOAT), ["image"], FLOAT)
    assert delivered.shape == (2, 5, 1)
    assert delivered.dtype == np.float32
