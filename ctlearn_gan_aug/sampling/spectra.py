"""Energies by spectrum."""

import numpy as np

from ..config.region import Spectrum

#: Width (dex) by which resampled training energies are smeared, so that none repeats exactly.
ENERGY_SMEARING = 0.02


def draw_log_energy(
    spectrum: Spectrum,
    limits: tuple[float, float],
    training: np.ndarray,
    n: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw log10(E / TeV) of images.

    Parameters
    ----------
    spectrum : Spectrum
        Distribution of the *images'* true energies.
    limits : (float, float)
        log10(E / TeV).
    training : ndarray
        log10(E / TeV) of the training events inside the region, for ``empirical``.
    n : int
        Number of draws.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray (n,)
    """
    low, high = limits
    if spectrum.kind == "uniform" or (spectrum.kind == "empirical" and len(training) == 0):
        return rng.uniform(low, high, n)
    if spectrum.kind == "empirical":
        smeared = rng.choice(training, n) + rng.normal(0.0, ENERGY_SMEARING, n)
        return _reflect(smeared, low, high)
    return _power_law(spectrum.index, low, high, rng.uniform(0.0, 1.0, n))


def _power_law(index: float, low: float, high: float, chance: np.ndarray) -> np.ndarray:
    """Inverse of the cumulative distribution of dN/dE ~ E^index, in log10 E."""
    slope = (index + 1.0) * np.log(10.0)
    if abs(slope) < 1e-9:
        return low + chance * (high - low)
    # Relative to the upper limit, so that steep spectra neither overflow nor underflow.
    ratio = np.exp(slope * (low - high))
    return high + np.log(ratio + chance * (1.0 - ratio)) / slope


def _reflect(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Fold values that left [low, high] back at its ends."""
    if high <= low:
        return np.full_like(values, low)
    values = np.where(values < low, 2 * low - values, values)
    return np.clip(np.where(values > high, 2 * high - values, values), low, high)
