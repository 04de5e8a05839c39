"""Energies by spectrum."""

import numpy as np

from ..config.region import Spectrum
from ..errors import UserError

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

    Raises
    ------
    UserError
        If the spectrum fills what a training lacks; there is none here.
    """
    if spectrum.kind == "fill":
        raise UserError(
            "spectrum: fill tops up the events of a training, so it is for gan_augment alone; "
            "choose index=-2, empirical or uniform."
        )
    low, high = limits
    if spectrum.kind == "uniform" or (spectrum.kind == "empirical" and len(training) == 0):
        return rng.uniform(low, high, n)
    if spectrum.kind == "empirical":
        smeared = rng.choice(training, n) + rng.normal(0.0, ENERGY_SMEARING, n)
        return _reflect(smeared, low, high)
    return power_law(spectrum.index, low, high, rng.uniform(0.0, 1.0, n))


def power_law(index: float, low, high, chance: np.ndarray) -> np.ndarray:
    """log10 E of a power law dN/dE ~ E^index between two energies.

    Parameters
    ----------
    index : float
        Spectral index.
    low, high : float or ndarray (n,)
        log10 of the lowest and highest energies.
    chance : ndarray (n,)
        Cumulative distribution, in [0, 1].

    Returns
    -------
    ndarray (n,)
    """
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
