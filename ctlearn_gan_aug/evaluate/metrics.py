"""Statistics that compare two samples, and their uncertainty: pure NumPy, no physics."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A statistic with its 95% bootstrap interval.

    Attributes
    ----------
    value, low, high : float
        Best value and interval; NaN where it is not defined.
    """

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Plain values for JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


def bootstrap(statistic: Callable, n: int, rng: np.random.Generator, n_resamples: int = 200):
    """Values of a statistic on resampled events.

    Parameters
    ----------
    statistic : callable
        Takes event numbers (n,) and returns a float.
    n : int
        Number of events.
    rng : numpy.random.Generator
        Draws the resamples.

    Returns
    -------
    ndarray (n_resamples,)
    """
    return np.array([statistic(rng.integers(0, n, n)) for _ in range(n_resamples)], dtype=float)


def percentile_interval(values: np.ndarray) -> tuple[float, float]:
    """Central 95% of resampled values; NaN for none."""
    values = values[np.isfinite(values)]
    if not values.size:
        return float("nan"), float("nan")
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def estimate(statistic: Callable, n: int, rng, n_resamples: int = 200) -> Estimate:
    """A statistic of event numbers with its percentile bootstrap interval."""
    values = bootstrap(statistic, n, rng, n_resamples)
    return Estimate(float(statistic(np.arange(n))), *percentile_interval(values))


def distance_estimate(statistic: Callable, n: int, rng, n_resamples: int = 50) -> Estimate:
    """The same for a statistic that is a distance, hence never negative.

    Resampling twice makes two samples look further apart than they are, so only the spread of the
    resampled values is used, around the value itself.
    """
    value = float(statistic(np.arange(n)))
    spread = 1.96 * float(np.nanstd(bootstrap(statistic, n, rng, n_resamples)))
    return Estimate(value, max(value - spread, 0.0), value + spread)


def wasserstein_sigma(
    sample: np.ndarray, simulated: np.ndarray, sigma: float | None = None
) -> float:
    """Wasserstein-1 distance in standard deviations of the simulated values.

    Values that are not finite are left out; NaN where either sample has none. ``sigma`` overrides
    the standard deviation, for resamples of one sample.
    """
    from scipy.stats import wasserstein_distance

    sample, simulated = sample[np.isfinite(sample)], simulated[np.isfinite(simulated)]
    if not sample.size or not simulated.size:
        return float("nan")
    distance = float(wasserstein_distance(sample, simulated))
    if distance == 0.0:
        return 0.0
    sigma = float(simulated.std()) if sigma is None else sigma
    return distance / sigma if sigma > 0.0 else float("inf")


def kolmogorov_smirnov(sample: np.ndarray, simulated: np.ndarray) -> float:
    """Largest difference of the two distribution functions, of finite values, in [0, 1]."""
    from scipy.stats import ks_2samp

    sample, simulated = sample[np.isfinite(sample)], simulated[np.isfinite(simulated)]
    if not sample.size or not simulated.size:
        return float("nan")
    return float(ks_2samp(sample, simulated, method="asymp").statistic)


def ranking_auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Chance that a positive scores above a negative; ties count half.

    Parameters
    ----------
    scores : ndarray (n,)
        Of a classifier.
    positive : ndarray of bool (n,)
        The true class.
    """
    from scipy.stats import rankdata

    n_positive, n_negative = np.count_nonzero(positive), np.count_nonzero(~positive)
    if not n_positive or not n_negative:
        return float("nan")
    ranks = rankdata(scores)[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(ranks / (n_positive * n_negative))


def auc_estimate(scores: np.ndarray, positive: np.ndarray, rng) -> Estimate:
    """`ranking_auc` with its bootstrap interval."""
    return estimate(lambda i: ranking_auc(scores[i], positive[i]), len(scores), rng, 100)


def classifier_auc(sample: np.ndarray, simulated: np.ndarray, rng, n_folds: int = 4) -> Estimate:
    """How well gradient-boosted trees tell two samples apart: 0.5 not at all, 1 always.

    Parameters
    ----------
    sample, simulated : ndarray (n, n_features)
        Row i of both may belong to the same labels: both are always scored by trees that have
        seen neither. NaN is allowed.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    features = np.concatenate([sample, simulated])
    positive = np.repeat([True, False], [len(sample), len(simulated)])
    n = max(len(sample), len(simulated))
    fold_of_row = rng.permutation(n) % n_folds
    fold = np.concatenate([fold_of_row[: len(sample)], fold_of_row[: len(simulated)]])
    scores = np.zeros(len(features))
    # Its threads wait for each other busily, which takes minutes on cores that others use too.
    with threadpool_limits(1):
        for held_out in range(n_folds):
            inside = fold == held_out
            trees = HistGradientBoostingClassifier(
                max_iter=80, max_leaf_nodes=16, random_state=int(rng.integers(2**31))
            )
            trees.fit(features[~inside], positive[~inside])
            scores[inside] = trees.decision_function(features[inside])
    return auc_estimate(scores, positive, rng)
