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


def fit_pedestal(charge, masks, neighbors) -> tuple[float, ...]:
    """Charges (p.e.) far from any signal, at the quantiles of `PEDESTAL_SIGMAS`.

    Parameters
    ----------
    charge : ndarray (n, n_pixels)
        p.e.
    masks : ndarray of bool (n, n_pixels)
        Cleaned pixels.
    neighbors : sparse matrix (n_pixels, n_pixels) or None
        Of the camera.
    """
    dark = charge[_far_from(masks, neighbors)]
    dark = dark if dark.size >= _PEDESTAL_MINIMUM else charge[~masks]
    dark = dark if dark.size else charge.ravel()
    shares = [0.5 * (1.0 + math.erf(sigma / math.sqrt(2.0))) for sigma in PEDESTAL_SIGMAS]
    return tuple(map(float, np.quantile(dark, shares)))


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


def fit_times(charge, time, masks, scale) -> dict:
    """Parameters of `IntensityTransform` for peak times, from charges and times (n, n_pixels)."""
    signal = time[masks] if masks.any() else time.ravel()
    low, center, high = np.percentile(signal, [15.9, 50, 84.1])
    noise = charge[~masks] if (~masks).any() else charge.ravel()
    gate_charge, top = map(float, np.percentile(noise, [_GATE_PERCENTILE, 99.5]))
    if masks.any():
        top = max(min(top, 0.85 * float(np.percentile(charge[masks], 1))), float(charge.min()))
    edges = np.unique(np.quantile(charge[charge <= top], np.linspace(0, 1, _CHARGE_BINS + 1)))
    if len(edges) == 1:  # pixels without signal are all 0 in files of reduced volume
        edges = np.repeat(edges, 2)
    rows, chances = [], np.linspace(0, 1, TIME_QUANTILES)
    for left, right in itertools.pairwise(edges):
        rows.append(np.quantile(time[(charge >= left) & (charge <= right)], chances))
    return {
        "time_center": float(center),
        "time_scale": max(float(high - low) / 2, 1e-3),
        "time_limits": (float(time.min()), float(time.max())),
        "gate_center": float(np.arcsinh(gate_charge / scale)),
        "noise_charges": tuple(map(float, edges[1:])),
        "noise_times": tuple(tuple(map(float, row)) for row in rows),
    }
