"""Channels of many images at once against dl1-data-handler's own, image by image."""

import warnings

import numpy as np
import pytest

from ctlearn_gan_aug.data.channels import reader_channels

CHANNEL_LISTS = [
    ["image"],
    ["image", "peak_time"],
    ["log_image", "log_cleaned_image", "peak_time"],
    ["cleaned_image", "relative_peak_time"],
    ["image", "cleaned_peak_time"],
    ["peak_time", "cleaned_relative_peak_time", "peak_time", "relative_peak_time"],
    ["cleaned_relative_peak_time", "cleaned_peak_time", "cleaned_image"],
]
PHYSICAL = dict.fromkeys(("image_scale", "image_offset", "peak_time_scale", "peak_time_offset"), 0)


def events(n=6, n_pixels=40):
    """Physical pixel values, as arrays of a few images."""
    rng = np.random.default_rng(3)
    mask = rng.random((n, n_pixels)) < 0.3
    mask[-1] = False  # an image without cleaned pixel has no mean time
    return {
        "image": rng.normal(5, 10, (n, n_pixels)).astype(np.float32),
        "peak_time": rng.uniform(1, 30, (n, n_pixels)).astype(np.float32),
        "image_mask": mask,
    }


def one_by_one(content, channels):
    from dl1_data_handler.reader import get_unmapped_image

    rows = [{k: v[i].copy() for k, v in content.items()} for i in range(len(content["image"]))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.stack([get_unmapped_image(row, channels, PHYSICAL) for row in rows])


@pytest.mark.parametrize("channels", CHANNEL_LISTS, ids="-".join)
def test_many_images_are_as_the_reader_makes_them_one_by_one(channels):
    content = events()
    before = {name: values.copy() for name, values in content.items()}
    delivered = reader_channels(content, channels)
    assert delivered.dtype == np.float32
    np.testing.assert_array_equal(delivered, one_by_one(before, channels))
    for name, values in content.items():  # values given are not changed
        np.testing.assert_array_equal(values, before[name])


def test_every_channel_of_the_reader_is_compared():
    from dl1_data_handler.reader import DLImageReader

    known = DLImageReader.class_traits()["channels"]._trait.values
    assert set(known) <= {channel for channels in CHANNEL_LISTS for channel in channels}


def test_image_without_times():
    delivered = reader_channels({"image": np.ones((2, 5), np.float32)}, ["image"])
    assert delivered.shape == (2, 5, 1)
    assert delivered.dtype == np.float32
