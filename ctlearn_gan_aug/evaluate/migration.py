"""Energy migration: where images of one requested energy bin are reconstructed."""

import numpy as np

from .bins import energy_edges
from .metrics import percentile_interval
from .residuals import Reconstruction

_N_RESAMPLES = 200


def counts(events: Reconstruction, edges: np.ndarray) -> np.ndarray:
    """Events by requested (rows) and reconstructed (columns) energy, (n_bins, n_bins).

    Reconstructed energies beyond the edges count in the outermost bins.
    """
    places = (_places(x[:, 0], edges) for x in (events.requested, events.predicted))
    n_bins = len(edges) - 1
    flat = np.ravel_multi_index(tuple(places), (n_bins, n_bins))
    return np.bincount(flat, minlength=n_bins**2).reshape(n_bins, n_bins)


def shares(matrix: np.ndarray) -> np.ndarray:
    """Share of each requested bin's events in the reconstructed bins; rows without events are 0."""
    total = matrix.sum(axis=1, keepdims=True)
    return np.divide(matrix, total, out=np.zeros(matrix.shape), where=total > 0)


def difference(generated: np.ndarray, simulated: np.ndarray) -> float:
    """Share of events that lie in another reconstructed bin than they should, in [0, 1].

    The total variation distance of the rows of two count matrices, weighted by their events.
    """
    weight = simulated.sum(axis=1)
    distance = 0.5 * np.abs(shares(generated) - shares(simulated)).sum(axis=1)
    return float((weight * distance).sum() / max(weight.sum(), 1))


def migration(generated: Reconstruction, simulated: Reconstruction, rng) -> dict:
    """Migration matrices of both samples and their difference.

    Returns
    -------
    dict
        ``edges`` in log10 TeV, ``simulated`` and ``generated`` shares by requested (rows) and
        reconstructed (columns) energy, ``difference`` with value, 95% interval (low, high) and the
        interval between two simulated samples of this size (null_low, null_high).
    """
    edges = energy_edges(simulated.requested[:, 0])
    n, found, nulls = len(simulated), [], []
    for _ in range(_N_RESAMPLES):
        same, other = rng.integers(0, n, (2, n))
        reference = counts(simulated.select(same), edges)
        found.append(difference(counts(generated.select(same), edges), reference))
        nulls.append(difference(counts(simulated.select(other), edges), reference))
    made, real = counts(generated, edges), counts(simulated, edges)
    value, spread = difference(made, real), 1.96 * float(np.std(found))
    null_low, null_high = percentile_interval(np.array(nulls))
    return {
        "edges": edges.tolist(),
        "simulated": shares(real).tolist(),
        "generated": shares(made).tolist(),
        "difference": {
            "value": value,
            "low": max(value - spread, 0.0),
            "high": value + spread,
            "null_low": null_low,
            "null_high": null_high,
        },
    }


def _places(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
