"""How many simulated events alone would give the same error: read off their learning curve."""

from dataclasses import dataclass

import numpy as np

_N_RESAMPLES = 1000
#: Percentiles of an interval of one standard error.
_INTERVAL = (15.87, 84.13)
#: Logarithms that differ by less are equal.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Amplification:
    """What a training set is worth, augmented.

    Attributes
    ----------
    factor : float
        Simulated events alone with the same error, relative to those in the training set.
    low, high : float
        Interval of one standard error; NaN for a single seed.
    limit : str
        ``least`` where the error is below, ``most`` where it is above all that the learning curve
        reaches: the factor is then that of its end. Empty otherwise.
    """

    factor: float
    low: float
    high: float
    limit: str = ""


def amplification(
    sizes: np.ndarray,
    curve: np.ndarray,
    size: int,
    errors: np.ndarray,
    rng: np.random.Generator,
) -> Amplification:
    """Amplification of a training set, with its error by a bootstrap over seeds.

    All trainings of a seed are drawn together, as they may share their events. The spread of the
    resampled means is widened to that of means of so few seeds, sqrt(n / (n - 1)).

    Parameters
    ----------
    sizes : ndarray (n_sizes,)
        Increasing numbers of simulated events.
    curve : ndarray (n_sizes, n_seeds)
        Errors with simulation alone, positive.
    size : int
        Number of simulated events in the augmented training set.
    errors : ndarray (n_seeds,)
        Its errors, of the same seeds.
    rng : numpy.random.Generator
        Draws the resamples.
    """
    n_seeds = len(errors)
    mean = curve.mean(axis=1)
    factor = equivalent_size(sizes, mean, errors.mean()) / size
    limit = _beyond(sizes, mean, errors.mean())
    if n_seeds < 2:
        return Amplification(float(factor), float("nan"), float("nan"), limit)
    widening = np.sqrt(n_seeds / (n_seeds - 1))
    everything = np.vstack([curve, errors])
    centre = everything.mean(axis=1)
    factors = []
    for _ in range(_N_RESAMPLES):
        drawn = everything[:, rng.integers(0, n_seeds, n_seeds)].mean(axis=1)
        *means, error = centre * np.exp(widening * np.log(drawn / centre))
        factors.append(equivalent_size(sizes, np.array(means), error) / size)
    low, high = np.percentile(factors, _INTERVAL)
    return Amplification(float(factor), float(low), float(high), limit)


def equivalent_size(sizes: np.ndarray, curve: np.ndarray, error: float) -> float:
    """Number of events at which a learning curve has an error; its ends where it has not.

    Between its points the curve is a power law. Points between which it rises, by chance, count
    as one in their middle: more events do not make a model worse.

    Parameters
    ----------
    sizes, curve : ndarray (n_sizes,)
        Increasing numbers of events, and positive errors.
    error : float
        The error looked for.
    """
    log_size, log_error = _falling(sizes, curve)
    return float(np.exp(np.interp(-np.log(error), -log_error, log_size)))


def _beyond(sizes: np.ndarray, curve: np.ndarray, error: float) -> str:
    _, log_error = _falling(sizes, curve)
    if np.log(error) < log_error[-1] - _ROUNDING:
        return "least"
    return "most" if np.log(error) > log_error[0] + _ROUNDING else ""


def _falling(sizes: np.ndarray, curve: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of sizes and errors of a curve that falls from each point to the next."""
    from scipy.optimize import isotonic_regression

    level = isotonic_regression(np.log(curve), increasing=False).x
    errors, group, counts = np.unique(-level, return_inverse=True, return_counts=True)
    return np.bincount(group, np.log(sizes)) / counts, -errors
