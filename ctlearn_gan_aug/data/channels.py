"""The channels of dl1-data-handler's reader, made by its own function for many images at once."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np


def reader_channels(
    content: Mapping[str, np.ndarray] | np.ndarray,
    channels: Sequence[str],
    transforms: Mapping[str, float],
) -> np.ndarray:
    """Images as ``DLImageReader`` delivers them before mapping.

    Parameters
    ----------
    content : mapping or structured array
        Stored values (n, n_pixels) under ``image``, ``image_mask`` and, where a channel asks for
        it, ``peak_time``. Values may change: relative times of cleaned pixels are made in place.
    channels, transforms
        As the reader's.

    Returns
    -------
    ndarray float32 (n, n_pixels, n_channels)
        p.e. and ns, or their logarithm.
    """
    from dl1_data_handler.reader import get_unmapped_image

    names = ["image", "image_mask", *(["peak_time"] if needs_peak_time(channels) else [])]
    stored = {name: content[name] for name in names}
    shape = (*stored["image"].shape, len(channels))
    if not any("relative" in channel for channel in channels):
        # It works pixel by pixel, so all images may be one image of very many pixels.
        pixels = {name: values.ravel() for name, values in stored.items()}
        return get_unmapped_image(pixels, channels, transforms).reshape(shape)
    images = np.empty(shape, np.float32)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # An image without cleaned pixel has no mean peak time.
        warnings.simplefilter("ignore", RuntimeWarning)
        for i, image in enumerate(images):
            row = {name: values[i] for name, values in stored.items()}
            image[:] = get_unmapped_image(row, channels, transforms)
    return images


def as_stored(
    images: np.ndarray,
    peak_times: np.ndarray | None,
    masks: np.ndarray | None,
    transforms: Mapping[str, float],
) -> dict[str, np.ndarray]:
    """Pixel values as the reader's files would hold them, but unrounded.

    Parameters
    ----------
    images, peak_times : ndarray (n, n_pixels)
        p.e. and ns; ``peak_times`` may be None if no channel needs them.
    masks : ndarray (n, n_pixels) of bool or None
        Cleaning masks; None if no channel needs them.
    transforms : mapping
        The reader's: scales and offsets of fixed-point columns, 0 for float columns.
    """
    stored = {
        "image": _fixed_point(images, "image", transforms),
        "image_mask": np.ones(images.shape, bool) if masks is None else masks,
    }
    if peak_times is not None:
        stored["peak_time"] = _fixed_point(peak_times, "peak_time", transforms)
    return stored


def needs_mask(channels: Sequence[str]) -> bool:
    """Whether a channel list needs the cleaning mask."""
    return any("cleaned" in channel for channel in channels)


def needs_peak_time(channels: Sequence[str]) -> bool:
    """Whether a channel list needs peak times."""
    return any("peak_time" in channel for channel in channels)


def _fixed_point(values: np.ndarray, name: str, transforms: Mapping[str, float]) -> np.ndarray:
    # The reader divides by a scale that is not 0, then takes off an offset that is not 0.
    scale = transforms[f"{name}_scale"]
    values = values + np.float32(max(transforms[f"{name}_offset"], 0))
    return values * np.float32(scale if scale > 0 else 1)
