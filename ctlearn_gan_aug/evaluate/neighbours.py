"""Statistics of nearest neighbours: variety of a sample, and repeated images."""

import numpy as np

from .metrics import Estimate, estimate

_MAX_EVENTS = 4000
_CHUNK = 512


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances (n_a, n_b) between rows of features."""
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2.0 * a @ b.T
    return np.sqrt(np.maximum(squares, 0.0))


def nearest(a: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    """Distance (n_a,) from every row of ``a`` to its nearest row of ``b``.

    Without ``b``: to the nearest other row of ``a``.
    """
    found = np.empty(len(a), np.float32)
    for start in range(0, len(a), _CHUNK):
        rows = slice(start, start + _CHUNK)
        chunk = distances(a[rows], a if b is None else b)
        if b is None:
            chunk[np.arange(len(chunk)), start + np.arange(len(chunk))] = np.inf
        found[rows] = chunk.min(axis=1)
    return found


def manifold(sample: np.ndarray, simulated: np.ndarray, rng, k: int = 5) -> dict[str, Estimate]:
    """Precision, recall, density and coverage (Naeem et al. 2020, arXiv 2002.09797).

    Parameters
    ----------
    sample, simulated : ndarray (n, n_features)
        Features of comparable scale; rows with NaN are left out, many rows subsampled.
    k : int
        Neighbours that span the ball around an image.

    Returns
    -------
    dict of str to Estimate
        ``precision`` and ``density``: generated images that lie among simulated ones; ``recall``
        and ``coverage``: simulated images that have generated ones around them.
    """
    sample, simulated = _usable(sample, rng), _usable(simulated, rng)
    if min(len(sample), len(simulated)) <= k:
        # Too few usable generated images cover nothing; too few simulated ones tell nothing.
        value = float("nan") if len(simulated) <= k else 0.0
        names = ("precision", "recall", "density", "coverage")
        return dict.fromkeys(names, Estimate(value, value, value))
    across = distances(simulated, sample)
    near_simulated = across < _ball(simulated, k)[:, None]
    near_sample = across < _ball(sample, k)[None]
    per_image = {
        "precision": near_simulated.any(axis=0),
        "recall": near_sample.any(axis=1),
        "density": near_simulated.sum(axis=0) / k,
        "coverage": near_simulated.any(axis=1),
    }
    return {
        name: estimate(lambda i, x=values: float(x[i].mean()), len(values), rng, 100)
        for name, values in per_image.items()
    }


def share_closer(sample: np.ndarray, simulated: np.ndarray, share: float) -> float:
    """Share of ``sample`` distances below the quantile ``share`` of the simulated ones.

    Equal to ``share`` for a sample as far away as simulation, larger for copies.
    """
    return float(np.mean(sample < np.quantile(simulated, share)))


def _ball(features: np.ndarray, k: int) -> np.ndarray:
    """Distance (n,) from every row to its k-th nearest other row."""
    return np.partition(distances(features, features), k, axis=1)[:, k]


def _usable(features: np.ndarray, rng) -> np.ndarray:
    features = features[np.isfinite(features).all(axis=1)]
    if len(features) > _MAX_EVENTS:
        features = features[rng.choice(len(features), _MAX_EVENTS, replace=False)]
    return features
