"""Distances between samples of feature vectors: Frechet and kernel physics distance.

Definitions of Kansal et al. (arXiv 2211.10295) and their JetNet package. Unlike there, subsets are
drawn without replacement: a sample of a few thousand has no room for the other kind, whose
repetitions the extrapolation cannot take out.
"""

from collections.abc import Callable

import numpy as np

from .metrics import percentile_interval

_N_SIZES = 8  # subset sizes of the extrapolation
_SMALLEST = 0.25  # of the whole sample
_N_SUBSETS = 6  # of the smallest size; larger ones overlap
_N_BATCHES = 10  # of the kernel distance
_MAX_BATCH = 500
_N_RESAMPLES = 20


def gaussian_frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Squared Frechet distance of the normal distributions that fit two samples.

    ``|mean_a - mean_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))``.

    Parameters
    ----------
    a, b : ndarray (n_a, d), (n_b, d)
        Feature vectors, without NaN.
    """
    shift = a.mean(axis=0) - b.mean(axis=0)
    cov_a, cov_b = _covariance(a), _covariance(b)
    # tr (C_a C_b)^(1/2) = tr (R C_b R)^(1/2) with R^2 = C_a, where all matrices are symmetric.
    values, vectors = np.linalg.eigh(cov_a)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    mixed = np.linalg.eigvalsh(root.T @ cov_b @ root)
    trace = np.trace(cov_a) + np.trace(cov_b) - 2.0 * np.sqrt(np.maximum(mixed, 0.0)).sum()
    return float(shift @ shift + trace)


def frechet_distance(sample: np.ndarray, simulated: np.ndarray, rng) -> float:
    """Frechet distance for infinitely many events (FPD), by a linear fit against 1/n.

    At n events it is too large by about c/n. As in JetNet, sizes lie evenly in 1/n, and neither
    intercept nor slope may be negative.

    Parameters
    ----------
    sample, simulated : ndarray (n, d)
        Feature vectors of comparable scale, without NaN.
    rng : numpy.random.Generator
        Draws the subsets.

    Returns
    -------
    float
        In squared feature units; NaN for fewer than 8 vectors.
    """
    from scipy.optimize import nnls

    n = min(len(sample), len(simulated))
    if n * _SMALLEST < 2:
        return float("nan")
    inverse = np.linspace(1.0 / (_SMALLEST * n), 1.0 / n, _N_SIZES)
    sizes = np.round(1.0 / inverse).astype(int)
    found = [
        np.mean([gaussian_frechet(*_subsets(sample, simulated, size, rng)) for _ in range(repeats)])
        for size, repeats in zip(sizes, _repeats(sizes), strict=True)
    ]
    design = np.stack([np.ones(_N_SIZES), 1.0 / sizes], axis=1)
    return float(nnls(design, np.array(found))[0][0])


def polynomial_mmd(a: np.ndarray, b: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel ``(x.y / d + 1)^4``.

    Parameters
    ----------
    a, b : ndarray (n_a, d), (n_b, d)
        Feature vectors; negative values occur where samples are alike.
    """
    within = (_mean_off_diagonal(_kernel(x, x)) for x in (a, b))
    return float(sum(within) - 2.0 * _kernel(a, b).mean())


def kernel_distance(sample: np.ndarray, simulated: np.ndarray, rng) -> float:
    """Kernel physics distance (KPD): median of `polynomial_mmd` over random batches.

    Parameters
    ----------
    sample, simulated : ndarray (n, d)
        Feature vectors of comparable scale, without NaN.

    Returns
    -------
    float
        NaN for fewer than 4 vectors.
    """
    n = min(len(sample), len(simulated))
    if n < 4:
        return float("nan")
    batch = min(_MAX_BATCH, n // 2)
    values = [polynomial_mmd(*_subsets(sample, simulated, batch, rng)) for _ in range(_N_BATCHES)]
    return float(np.median(values))


def against_null(
    statistic: Callable,
    generated: np.ndarray,
    simulated: np.ndarray,
    reference: np.ndarray,
    rng,
    lowest: float = 0.0,
) -> dict[str, float]:
    """A distance between samples, and what simulation shows against itself.

    Parameters
    ----------
    statistic : callable
        Takes two samples (n, d) and returns a float.
    generated, simulated, reference : ndarray (n, d)
        ``reference`` is simulated too; rows with NaN are left out.
    lowest : float
        Smallest value the statistic can have.

    Returns
    -------
    dict of str to float
        ``value`` with the 95% interval from resampled generated events (``low``, ``high``);
        ``null``, between the two simulated samples, with the interval from new divisions of all
        simulated events in two (``null_low``, ``null_high``).
    """
    generated, simulated, reference = (
        x[np.isfinite(x).all(axis=1)] for x in (generated, simulated, reference)
    )
    value = statistic(generated, simulated)
    # Repetitions make a resample look further away, so only the spread is used.
    resampled = [
        statistic(generated[rng.integers(0, len(generated), len(generated))], simulated)
        for _ in range(_N_RESAMPLES if np.isfinite(value) else 0)
    ]
    spread = 1.96 * float(np.std(resampled)) if resampled else float("nan")
    pool, n = np.concatenate([simulated, reference]), len(simulated)
    orders = (rng.permutation(len(pool)) for _ in range(_N_RESAMPLES))
    nulls = [statistic(pool[order[:n]], pool[order[n:]]) for order in orders]
    null_low, null_high = percentile_interval(np.array(nulls))
    return {
        "value": value,
        "low": max(value - spread, lowest),
        "high": value + spread,
        "null": statistic(reference, simulated),
        "null_low": null_low,
        "null_high": null_high,
    }


def split_null(
    statistic: Callable, generated: np.ndarray, simulated: np.ndarray, rng
) -> dict[str, float]:
    """`against_null` without a second simulated sample: halves are compared.

    Generated images of one half of the events stand beside simulated images of the other half, and
    so do the simulated images of the first half.

    Parameters
    ----------
    statistic : callable
        Takes two samples (n, d) and returns a float.
    generated, simulated : ndarray (n, d)
        Feature vectors of equal labels, without NaN.
    """
    half = len(simulated) // 2
    values, nulls = [], []
    for _ in range(_N_RESAMPLES // 2):
        order = rng.permutation(len(simulated))
        one, other = order[:half], order[half : 2 * half]
        values.append(statistic(generated[one], simulated[other]))
        nulls.append(statistic(simulated[one], simulated[other]))
    entry = {}
    for prefix, found in (("", values), ("null_", nulls)):
        low, high = percentile_interval(np.array(found))
        entry |= {prefix.rstrip("_") or "value": float(np.median(found))}
        entry |= {f"{prefix}low": low, f"{prefix}high": high}
    return entry


def _repeats(sizes: np.ndarray) -> list[int]:
    """How many subsets of every size; there is only one of all events."""
    share = (sizes[-1] / sizes - 1) / max(sizes[-1] / sizes[0] - 1, 1e-9)
    return [1 + round((_N_SUBSETS - 1) * x) for x in share]


def _covariance(x: np.ndarray) -> np.ndarray:
    """As np.cov, in half its time."""
    deviation = x - x.mean(axis=0)
    return deviation.T @ deviation / (len(x) - 1)


def _subsets(a: np.ndarray, b: np.ndarray, n: int, rng) -> list[np.ndarray]:
    return [x[rng.choice(len(x), n, replace=False)] for x in (a, b)]


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    square = (a @ b.T / a.shape[1] + 1.0) ** 2
    return square * square  # four times as fast as the fourth power


def _mean_off_diagonal(matrix: np.ndarray) -> float:
    n = len(matrix)
    return float((matrix.sum() - np.trace(matrix)) / (n * (n - 1)))
