"""Parameters of the intensity transform, from training images."""

import itertools
import math

import numpy as np

#: Normal deviations at whose quantiles pedestal charges are tabulated, out to rare outliers.
PEDESTAL_SIGMAS = tuple(np.linspace(-4.0, 4.0, 81).tolist())
#: The pedestal is taken from this part of the pixels, those furthest from the cleaned ones: faint
#: light reaches far around a shower.
_PEDESTAL_SHARE = 0.4
_PEDESTAL_MINIMUM = 10_000
#: Quantiles by which times of pixels without signal are tabulated.
TIME_QUANTILES = 65
_CHARGE_BINS = 12
#: Of the noise, where the gate is half open: lower, and times without meaning swamp the channel;
#: higher, and faint pixels of a shower lose theirs.
_GATE_PERCENTILE = 84.1


def dark_pixels(masks, neighbors) -> np.ndarray:
    """Pixels far from any signal; where these are few, all not cleaned, and else all.

    Parameters
    ----------
    masks : ndarray of bool (n, n_pixels)
        Cleaned pixels.
    neighbors : sparse matrix (n_pixels, n_pixels) or None
        Of the camera.
    """
    far = _far_from(masks, neighbors)
    if far.sum() >= _PEDESTAL_MINIMUM:
        return far
    return np.ones_like(masks) if masks.all() else ~masks


def fit_pedestal(charge) -> tuple[float, ...]:
    """Charges (p.e.) of dark pixels (n,) at the quantiles of `PEDESTAL_SIGMAS`."""
    shares = [0.5 * (1.0 + math.erf(sigma / math.sqrt(2.0))) for sigma in PEDESTAL_SIGMAS]
    return tuple(map(float, np.quantile(charge, shares)))


def _far_from(masks, neighbors) -> np.ndarray:
    """Pixels furthest from the cleaned ones, at least `_PEDESTAL_SHARE` of images that have some.

    Without cleaned pixel, faint light may be anywhere.
    """
    has_signal = masks.any(axis=1)
    far = ~masks & has_signal[:, None]
    least = _PEDESTAL_SHARE * masks[has_signal].size
    while neighbors is not None:
        near = (~far).astype(np.float32)
        further = far & ((neighbors @ near.T).T == 0)
        if further.sum() < least or further.sum() == far.sum():
            break
        far = further
    return far


def faintest_signal(charge, masks) -> float:
    """Charge of faint signal pixels, p.e.: about the noise's reach where it has been cut off."""
    return float(np.percentile(charge[masks] if masks.any() else charge[charge > 0], 1))


def fit_times(charge, time, masks, dark, scale) -> dict:
    """Parameters of `IntensityTransform` for peak times.

    Parameters
    ----------
    charge, time : ndarray (n, n_pixels)
        p.e., ns.
    masks, dark : ndarray of bool (n, n_pixels)
        Cleaned pixels, and those of `dark_pixels`.
    scale : float
        p.e.; of charges in network units.
    """
    signal = time[masks] if masks.any() else time.ravel()
    low, center, high = np.percentile(signal, [15.9, 50, 84.1])
    noise = charge[~masks] if (~masks).any() else charge.ravel()
    charges, times = _noise_times(charge[dark], time[dark])
    return {
        "time_center": float(center),
        "time_scale": max(float(high - low) / 2, 1e-3),
        "time_limits": (float(time.min()), float(time.max())),
        "gate_center": float(np.arcsinh(np.percentile(noise, _GATE_PERCENTILE) / scale)),
        "noise_charges": charges,
        "noise_times": times,
    }


def _noise_times(charge, time) -> tuple[tuple, tuple]:
    """Upper edges (p.e.) of bins of the charge, and quantiles of the times (ns) in each.

    Parameters
    ----------
    charge, time : ndarray (n,)
        Of pixels without signal.
    """
    edges = np.unique(np.quantile(charge, np.linspace(0, 1, _CHARGE_BINS + 1)))
    if len(edges) == 1:  # pixels without signal are all 0 in files of reduced volume
        edges = np.repeat(edges, 2)
    chances = np.linspace(0, 1, TIME_QUANTILES)
    rows = [
        np.quantile(time[(charge >= left) & (charge <= right)], chances)
        for left, right in itertools.pairwise(edges)
    ]
    return tuple(map(float, edges[1:])), tuple(tuple(map(float, row)) for row in rows)
