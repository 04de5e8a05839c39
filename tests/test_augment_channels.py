"""Channels assembled by us against dl1-data-handler's own function."""

import numpy as np
import pytest

from ctlearn_gan_aug.augment.channels import as_reader

CHANNEL_LISTS = [
    ["image"],
    ["image", "peak_time"],
    ["cleaned_image", "relative_peak_time"],
    ["image", "cleaned_peak_time"],
    ["peak_time", "cleaned_relative_peak_time", "peak_time", "relative_peak_time"],
    ["cleaned_relative_peak_time", "cleaned_peak_time", "cleaned_image"],
]
FLOAT = {"image_scale": 0.0, "image_offset": 0, "peak_time_scale": 0.0, "peak_time_offset": 0}
FIXED = {"image_scale": 10.0, "image_offset": 200, "peak_time_scale": 100.0, "peak_time_offset": 5}


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
    return rows, values


@pytest.mark.parametrize("channels", CHANNEL_LISTS, ids="-".join)
@pytest.mark.parametrize("transforms", [FLOAT, FIXED], ids=["float", "fixed-point"])
def test_equal_to_the_reader(channels, transforms):
    from dl1_data_handler.reader import get_unmapped_image

    rows, values = stored_events(transforms)
    ours = as_reader(values["image"], values["peak_time"], rows["image_mask"], channels, transforms)
    # The reader changes rows of integers in place, rounding them: give it floats to compare.
    if transforms is FIXED:
        rows = rows.astype([("image", "f8", 40), ("peak_time", "f8", 40), ("image_mask", bool, 40)])
    theirs = np.stack([get_unmapped_image(row.copy(), channels, transforms) for row in rows])
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-4)


def test_image_without_times():
    images = np.ones((2, 5), np.float32)
    delivered = as_reader(images, None, None, ["image"], FLOAT)
    assert delivered.shape == (2, 5, 1)
    assert delivered.dtype == np.float32
