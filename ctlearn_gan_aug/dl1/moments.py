"""Compiled loops over images: the moments behind DL1 image parameters.

They follow ctapipe's definitions step by step, in single precision where ctapipe works in single
precision, because skewness and kurtosis of peak times depend on it far above 1e-6. ctapipe's own
compiled functions are called where it has them.
"""

import numpy as np
from ctapipe.image.statistics import kurtosis, skewness

from ..compiled import compiled
from .timing import fit_timing

#: Below this, ctapipe takes an eigenvalue of the covariance for zero.
_ZERO_VARIANCE = np.finfo(np.float64).eps
_SMALL_ISLAND, _MEDIUM_ISLAND = 2, 50
#: Images narrower than this share of their length are lines, whose width is rounding noise.
_LINE_WIDTH = 1e-3
#: Images wider than this share of their length are round: no more than rounding tells their axes.
_ROUND_WIDTH = 1 - 1e-5
#: Order of the values that `moments` returns for each image.
MOMENTS = (
    "hillas_intensity",
    "hillas_skewness",
    "hillas_kurtosis",
    "hillas_x",
    "hillas_y",
    "hillas_length",
    "hillas_length_uncertainty",
    "hillas_width",
    "hillas_width_uncertainty",
    "hillas_psi",
    "hillas_psi_uncertainty",
    "hillas_transverse_cog_uncertainty",
    "leakage_pixels_width_1",
    "leakage_pixels_width_2",
    "leakage_intensity_width_1",
    "leakage_intensity_width_2",
    "concentration_cog",
    "concentration_core",
    "concentration_pixel",
)
STATISTICS = ("max", "min", "mean", "std", "skewness", "kurtosis")
ISLANDS = ("n_pixels", "n_islands", "n_small_islands", "n_medium_islands", "n_large_islands")
TIMING = ("slope", "intercept", "deviation")


@compiled
def parametrise(images, masks, times, x, y, width, area, borders, indices, indptr, starts):
    """Image parameters of a batch.

    Parameters
    ----------
    images : ndarray of float32 or float64, shape (n, n_pixels)
        Charges, p.e.
    masks : ndarray of bool, shape (n, n_pixels)
        Cleaned pixels.
    times : ndarray, shape (n, n_pixels) or (0, n_pixels)
        Peak times, ns; no rows if there are none.
    x, y, width, area : ndarray, shape (n_pixels,)
        Positions, widths and areas of the pixels, all in one unit.
    borders : ndarray of bool, shape (2, n_pixels)
        Pixels within one and two rows of the camera's edge.
    indices, indptr : ndarray of int
        Neighbours of each pixel, as in a CSR matrix.
    starts : ndarray of int
        See `timing.fit_starts`.

    Returns
    -------
    moments, intensities, peak_times, timing, islands : ndarray, shape (n, ...)
        Values in the order of MOMENTS, STATISTICS (twice), TIMING and ISLANDS; NaN and -1 for
        images without light or with less than two cleaned pixels.
    in_doubt : ndarray of bool, shape (n,)
        Images whose orientation, width or timing hangs on rounding.
    """
    n = len(images)
    moments = np.full((n, len(MOMENTS)), np.nan)
    intensities = np.full((n, len(STATISTICS)), np.nan)
    peak_times = np.full((n, len(STATISTICS)), np.nan)
    timing = np.full((n, len(TIMING)), np.nan)
    islands = np.full((n, len(ISLANDS)), -1)
    in_doubt = np.zeros(n, np.bool_)
    for i in range(n):
        pixels = np.flatnonzero(masks[i])
        image = images[i][pixels]
        if len(pixels) < 2 or not pairwise_sum(image) > 0:
            continue
        charge = image.astype(np.float64)
        longitudinal, transverse = _hillas(x[pixels], y[pixels], charge, area[pixels], moments[i])
        _leakage(charge, borders[0][pixels], borders[1][pixels], moments[i])
        _concentration(
            charge, x[pixels], y[pixels], width[pixels], longitudinal, transverse, moments[i]
        )
        share = moments[i, 7] / moments[i, 5] if moments[i, 5] > 0 else 0.0
        in_doubt[i] = share < _LINE_WIDTH or share > _ROUND_WIDTH
        _statistics(image, intensities[i])
        _islands(masks[i], pixels, indices, indptr, islands[i])
        if len(times) > 0:
            time = times[i][pixels]
            _statistics(time, peak_times[i])
            in_doubt[i] |= fit_timing(longitudinal, time.astype(np.float64), starts, timing[i])
    return moments, intensities, peak_times, timing, islands, in_doubt


@compiled
def _hillas(x, y, charge, area, out):
    """Fill the Hillas moments; returns coordinates along and across the image axis."""
    size = charge.sum()
    center_x, center_y = (x * charge).sum() / size, (y * charge).sum() / size
    dx, dy = x - center_x, y - center_y
    covariance = np.empty((2, 2))
    covariance[0, 0] = (dx * dx * charge).sum() / size
    covariance[1, 1] = (dy * dy * charge).sum() / size
    covariance[0, 1] = covariance[1, 0] = (dx * dy * charge).sum() / size
    variances, axes = np.linalg.eigh(covariance)
    width = np.sqrt(variances[0]) if abs(variances[0]) > _ZERO_VARIANCE else 0.0
    length = np.sqrt(variances[1]) if abs(variances[1]) > _ZERO_VARIANCE else 0.0
    psi = np.nan
    if length > 0:
        psi = np.arctan(axes[1, 1] / axes[0, 1]) if axes[0, 1] != 0 else np.pi / 2
    along = dx * np.cos(psi) + dy * np.sin(psi)
    across = dy * np.cos(psi) - dx * np.sin(psi)
    out[0], out[3], out[4], out[9] = size, center_x, center_y, psi
    out[5], out[7] = length, width
    if length > 0:
        out[1] = (along**3 * charge).sum() / size / length**3
        out[2] = (along**4 * charge).sum() / size / length**4
        out[6] = _uncertainty(dx, dy, charge, covariance, psi) / (2 * length)
        out[10], out[11] = _axis_uncertainties(along, across, charge / area, width / length)
    if width > 0:
        out[8] = _uncertainty(dx, dy, charge, covariance, psi + np.pi / 2) / (2 * width)
    return along, across


@compiled
def _uncertainty(dx, dy, charge, covariance, angle):
    """Uncertainty of the variance along ``angle``, as in ctapipe's Hillas uncertainties."""
    cosine, sine = np.cos(2 * angle), np.sin(2 * angle)
    size = charge.sum()
    deviation = (1 + cosine) / 2 * (dx * dx - covariance[0, 0])
    deviation += (1 - cosine) / 2 * (dy * dy - covariance[1, 1])
    deviation += sine * (dx * dy - covariance[0, 1])
    return np.sqrt(((deviation / size) ** 2 * charge).sum())


@compiled
def _axis_uncertainties(along, across, weight, elongation):
    """Uncertainties of psi (rad) and of the centroid across the axis, from a fit of the axis."""
    sum_0, sum_1, sum_2 = weight.sum(), (weight * along).sum(), (weight * along**2).sum()
    determinant = sum_0 * sum_2 - sum_1**2
    slope = sum_0 * (weight * along * across).sum() - sum_1 * (weight * across).sum()
    slope /= determinant
    psi = np.sqrt(sum_0 / determinant + slope**2) * (1 + np.tan(elongation * np.pi / 2) ** 2)
    return psi, np.sqrt(sum_2 / determinant * (1 + np.sin(slope) ** 2))


@compiled
def _leakage(charge, border_1, border_2, out):
    """Fractions of pixels and of light at the camera's edge."""
    size = charge.sum()
    out[12], out[13] = border_1.mean(), border_2.mean()
    out[14], out[15] = charge[border_1].sum() / size, charge[border_2].sum() / size


@compiled
def _concentration(charge, x, y, width, along, across, out):
    """Fractions of light near the centre, inside the ellipse, and in the brightest pixel."""
    size = charge.sum()
    near_center = (x - out[3]) ** 2 + (y - out[4]) ** 2 < width**2
    out[16] = charge[near_center].sum() / size
    out[17] = 0.0
    if out[7] != 0:
        in_ellipse = along**2 / out[5] ** 2 + across**2 / out[7] ** 2 <= 1.0
        out[17] = charge[in_ellipse].sum() / size
    out[18] = charge.max() / size


@compiled
def _statistics(values, out):
    """Maximum, minimum, mean, standard deviation, skewness and kurtosis, as numpy rounds them."""
    mean = _rounded_mean(values)
    std = np.sqrt(_rounded_mean((values - mean) * (values - mean)))
    out[0], out[1], out[2], out[3] = values.max(), values.min(), mean, std
    out[4], out[5] = skewness(values, mean, std), kurtosis(values, mean, std)


@compiled
def _rounded_mean(values):
    mean = np.empty(1, values.dtype)
    mean[0] = pairwise_sum(values) / len(values)
    return mean[0]


@compiled
def _islands(mask, pixels, indices, indptr, out):
    """Count connected groups of cleaned pixels, in all and by size."""
    unseen = mask.copy()
    stack = np.empty(len(pixels), np.int64)
    out[:] = 0
    out[0] = len(pixels)
    for seed in pixels:
        if not unseen[seed]:
            continue
        unseen[seed] = False
        stack[0], n_stacked, n_seen = seed, 1, 0
        while n_stacked > 0:
            n_stacked -= 1
            pixel = stack[n_stacked]
            n_seen += 1
            for k in range(indptr[pixel], indptr[pixel + 1]):
                if unseen[indices[k]]:
                    unseen[indices[k]] = False
                    stack[n_stacked] = indices[k]
                    n_stacked += 1
        out[1] += 1
        if n_seen <= _SMALL_ISLAND:
            out[2] += 1
        elif n_seen <= _MEDIUM_ISLAND:
            out[3] += 1
        else:
            out[4] += 1


@compiled
def pairwise_sum(values):
    """Sum in the precision of ``values`` and in the order of ``numpy.sum``."""
    n = len(values)
    if n < 8:
        total = values[0]
        for i in range(1, n):
            total += values[i]
        return total
    if n > 128:
        half = n // 2
        half -= half % 8
        return pairwise_sum(values[:half]) + pairwise_sum(values[half:])
    lanes = values[:8].copy()
    end = n - n % 8
    for i in range(8, end, 8):
        for lane in range(8):
            lanes[lane] += values[i + lane]
    total = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + (
        (lanes[4] + lanes[5]) + (lanes[6] + lanes[7])
    )
    for i in range(end, n):
        total += values[i]
    return total
