"""Correlations between image parameters: whether they hang together as in simulation."""

import numpy as np

from .physics_distances import against_null


def correlation_matrix(table: np.ndarray) -> np.ndarray:
    """Pearson correlations (d, d) of the columns of ``table`` (n, d); 0 where nothing varies.

    Rows with NaN are left out.
    """
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) < 2:
        return np.full((table.shape[1],) * 2, np.nan)
    deviation = table - table.mean(axis=0)
    norm = np.linalg.norm(deviation, axis=0)
    scaled = np.divide(deviation, norm, out=np.zeros_like(deviation), where=norm > 0)
    matrix = scaled.T @ scaled
    np.fill_diagonal(matrix, 1.0)
    return matrix


def rms_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square difference of two correlation matrices (d, d) off the diagonal."""
    above = np.triu_indices(len(a), k=1)
    return float(np.sqrt(np.mean((a[above] - b[above]) ** 2)))


def compare_correlations(names, generated, simulated, reference, rng) -> dict:
    """Correlation matrices of two samples and their distance, simulation's own beside it.

    Parameters
    ----------
    names : sequence of str
        Of the columns.
    generated, simulated, reference : ndarray (n, d)
        Parameters; rows with NaN are left out.

    Returns
    -------
    dict
        `physics_distances.against_null` of the RMS difference, the ``names``, and both matrices.
    """

    def statistic(a, b):
        return rms_difference(correlation_matrix(a), correlation_matrix(b))

    return against_null(statistic, generated, simulated, reference, rng) | {
        "names": list(names),
        "simulated": correlation_matrix(simulated).tolist(),
        "generated": correlation_matrix(generated).tolist(),
    }
