"""An Inception Score for camera images: clear images of many kinds score high."""

import numpy as np

from .bins import energy_edges
from .metrics import percentile_interval

_N_RESAMPLES = 200


def inception_score(probabilities: np.ndarray) -> float:
    """``exp E KL(p(y|x) || p(y))``, Salimans et al. (arXiv 1606.03498).

    Parameters
    ----------
    probabilities : ndarray (n, n_classes)
        What a classifier says of every image; rows sum to 1.

    Returns
    -------
    float
        1 if all images look alike to it, at most the number of classes: how many of them it tells
        apart.
    """
    mean = probabilities.mean(axis=0)
    ratio = probabilities / np.maximum(mean, 1e-12)
    terms = probabilities * np.log(np.maximum(ratio, 1e-12))
    return float(np.exp(terms.sum(axis=1).mean()))


def energy_probabilities(predicted: np.ndarray, width: float, edges: np.ndarray) -> np.ndarray:
    """Chance of every energy bin, for a judge whose residuals are normal.

    Parameters
    ----------
    predicted : ndarray (n,)
        Reconstructed log10(E / TeV).
    width : float
        dex; the judge's resolution on simulated images.
    edges : ndarray (n_bins + 1,)
        Of the bins; the outermost ones are open.

    Returns
    -------
    ndarray (n, n_bins)
    """
    from scipy.special import ndtr

    below = ndtr((edges[None, 1:-1] - predicted[:, None]) / max(width, 1e-6))
    ends = np.zeros((len(predicted), 1)), np.ones((len(predicted), 1))
    return np.diff(np.concatenate([ends[0], below, ends[1]], axis=1), axis=1)


def energy_score(generated, simulated, width: float, rng) -> dict[str, float]:
    """Inception score in bins of reconstructed energy of two `residuals.Reconstruction`."""
    edges = energy_edges(simulated.requested[:, 0])
    parts = [energy_probabilities(x.predicted[:, 0], width, edges) for x in (generated, simulated)]
    return compare_scores(*parts, rng)


def type_score(
    generated: np.ndarray, simulated: np.ndarray, other: np.ndarray, rng
) -> dict[str, float]:
    """Inception score of the particle type; both samples are mixed with the other particle's.

    Parameters
    ----------
    generated, simulated, other : ndarray (n,)
        Probability a judge gives to the generator's particle.
    """
    parts = [_two_classes(np.concatenate([x, other])) for x in (generated, simulated)]
    return compare_scores(*parts, rng)


def compare_scores(generated: np.ndarray, simulated: np.ndarray, rng) -> dict[str, float]:
    """Scores of both samples and their ratio.

    Parameters
    ----------
    generated, simulated : ndarray (n, n_classes)
        Probabilities; row i of both belongs to the same labels.

    Returns
    -------
    dict of str to float
        ``generated`` and ``simulated`` scores, their ratio ``value`` with 95% interval (low, high)
        and the interval between two simulated samples of this size (null_low, null_high).
    """
    n, ratios, nulls = len(simulated), [], []
    for _ in range(_N_RESAMPLES):
        same, other = rng.integers(0, n, (2, n))
        reference = inception_score(simulated[same])
        ratios.append(inception_score(generated[same]) / reference)
        nulls.append(inception_score(simulated[other]) / reference)
    scores = inception_score(generated), inception_score(simulated)
    low, high = percentile_interval(np.array(ratios))
    null_low, null_high = percentile_interval(np.array(nulls))
    interval = {"value": scores[0] / scores[1], "low": low, "high": high}
    null = {"null_low": null_low, "null_high": null_high}
    return {"generated": scores[0], "simulated": scores[1]} | interval | null


def _two_classes(scores: np.ndarray) -> np.ndarray:
    return np.stack([scores, 1.0 - scores], axis=1)
