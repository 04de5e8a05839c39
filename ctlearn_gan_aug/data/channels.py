"""The channels of dl1-data-handler's reader, made by its own function for many images at once."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

#: The reader's ``transforms`` of values that are physical already.
_PHYSICAL = dict.fromkeys(("image_scale", "image_offset", "peak_time_scale", "peak_time_offset"), 0)


def stored_columns(channels: Sequence[str]) -> list[str]:
    """Columns of an image table that a channel list is made of."""
    return ["image", "image_mask", *(["peak_time"] if needs_peak_time(channels) else [])]


def reader_channels(content: Mapping[str, np.ndarray], channels: Sequence[str]) -> np.ndarray:
    """Images as ``DLImageReader`` delivers them before mapping.

    Parameters
    ----------
    content : mapping
        Physical values (n, n_pixels) under ``image`` (p.e.) and, where a channel asks for it,
        ``peak_time`` (ns), and bools under ``image_mask``, where a channel asks for cleaned
        pixels.
    channels
        As the reader's.

    Returns
    -------
    ndarray float32 (n, n_pixels, n_channels)
        p.e. and ns, or their logarithm.
    """
    from dl1_data_handler.reader import get_unmapped_image

    stored = {"image_mask": np.broadcast_to(True, content["image"].shape), **content}
    shape = (*stored["image"].shape, len(channels))
    if not any("relative" in channel for channel in channels):
        # It works pixel by pixel, so all images may be one image of very many pixels.
        pixels = {name: values.ravel() for name, values in stored.items()}
        return get_unmapped_image(pixels, channels, _PHYSICAL).reshape(shape)
    images = np.empty(shape, np.float32)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # An image without cleaned pixel has no mean peak time.
        warnings.simplefilter("ignore", RuntimeWarning)
        for i, image in enumerate(images):
            row = {name: values[i].copy() for name, values in stored.items()}  # changed in place
            image[:] = get_unmapped_image(row, channels, _PHYSICAL)
    return images


def needs_mask(channels: Sequence[str]) -> bool:
    """Whether a channel list needs the cleaning mask."""
    return any("cleaned" in channel for channel in channels)


def needs_peak_time(channels: Sequence[str]) -> bool:
    """Whether a channel list needs peak times."""
    return any("peak_time" in channel for channel in channels)
