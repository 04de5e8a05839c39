"""Pixel vectors as dl1-data-handler's reader delivers them, channel by channel."""

from collections.abc import Mapping, Sequence

import numpy as np


def needs_mask(channels: Sequence[str]) -> bool:
    """Whether a channel list needs the cleaning mask."""
    return any("cleaned" in channel for channel in channels)


def needs_peak_time(channels: Sequence[str]) -> bool:
    """Whether a channel list needs peak times."""
    return any("peak_time" in channel for channel in channels)


def as_reader(
    images: np.ndarray,
    peak_times: np.ndarray | None,
    mask: np.ndarray | None,
    channels: Sequence[str],
    offsets: Mapping[str, float],
) -> np.ndarray:
    """Assemble the channels of ``DLImageReader`` from calibrated pixel values.

    Parameters
    ----------
    images : ndarray (n, n_pixels)
        Charges, p.e.
    peak_times : ndarray (n, n_pixels) or None
        Peak times, ns.
    mask : ndarray (n, n_pixels) of bool or None
        Cleaning mask, for ``cleaned_*`` channels.
    channels : sequence of str
        The reader's ``channels``.
    offsets : mapping
        The reader's ``transforms``: offsets of fixed-point columns under ``image_offset`` and
        ``peak_time_offset``, 0 for float columns.

    Returns
    -------
    ndarray float32 (n, n_pixels, n_channels)
    """
    # The reader masks and averages the stored values and removes the offset afterwards, so a
    # masked pixel of a fixed-point file comes out at minus the offset. Generated images must
    # look the same as the read ones beside them.
    image_offset = max(float(offsets["image_offset"]), 0.0)
    time_offset = max(float(offsets["peak_time_offset"]), 0.0)
    times = None if peak_times is None else peak_times + np.float32(time_offset)
    assembled = np.empty((*images.shape, len(channels)), dtype=np.float32)
    for i, channel in enumerate(channels):
        if "image" in channel:
            values, offset = images + np.float32(image_offset), image_offset
        elif "relative" in channel:
            if "cleaned" in channel:
                times = times * mask  # the reader does so in place: later channels see it
            values, offset = times - _mean_of_nonzero(times), time_offset
        else:
            values, offset = times, time_offset
        if "cleaned" in channel:
            values = values * mask
        assembled[..., i] = values - np.float32(offset)
    return assembled


def _mean_of_nonzero(times: np.ndarray) -> np.ndarray:
    count = np.count_nonzero(times, axis=1)
    return (times.sum(axis=1) / np.maximum(count, 1)).astype(np.float32)[:, np.newaxis]
