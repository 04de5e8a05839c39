"""Reconstructed minus requested labels, generated beside simulated.

A good generator has the residuals of simulation, neither larger nor smaller.
"""

from dataclasses import dataclass

import numpy as np

from .bins import energy_bins
from .metrics import percentile_interval

#: Statistics of residuals whose ratio to simulation is quoted.
RATIOS = ("mae", "width68")
_N_RESAMPLES = 200


@dataclass(frozen=True)
class Reconstruction:
    """Labels a judge reconstructs from images, and those the images have.

    Attributes
    ----------
    predicted, requested : ndarray (n, 1) or (n, 2)
        Energies in log10 TeV, directions in deg.
    """

    predicted: np.ndarray
    requested: np.ndarray

    def select(self, index) -> "Reconstruction":
        """Events at ``index``."""
        return Reconstruction(self.predicted[index], self.requested[index])

    def __len__(self) -> int:
        return len(self.predicted)


def statistics(events: Reconstruction) -> dict[str, float]:
    """Summary of residuals.

    Returns
    -------
    dict of str to float
        ``mae``: mean absolute residual (of directions: mean angular distance); ``bias``: median
        residual (of directions: its length); ``width68``: 68% containment around the median;
        ``tails``: share beyond twice that width; ``correlation`` of predicted and requested
        (mean over the components of a direction); ``r2``: share of the variance reconstructed.
    """
    residual = events.predicted - events.requested
    centre = np.median(residual, axis=0)
    distance = np.linalg.norm(residual - centre, axis=1)
    width = float(np.quantile(distance, 0.68))
    spread = events.requested - events.requested.mean(axis=0)
    return {
        "mae": float(np.linalg.norm(residual, axis=1).mean()),
        "bias": float(centre[0] if len(centre) == 1 else np.linalg.norm(centre)),
        "width68": width,
        "tails": float(np.mean(distance > 2.0 * width)),
        "correlation": _correlation(events),
        "r2": float(1.0 - np.sum(residual**2) / max(np.sum(spread**2), 1e-12)),
    }


def trivial_mae(requested: np.ndarray) -> float:
    """Mean absolute residual of the best guess that ignores the image."""
    return float(np.linalg.norm(requested - np.median(requested, axis=0), axis=1).mean())


def compare(generated: Reconstruction, simulated: Reconstruction, rng) -> dict:
    """Residuals of generated images beside those of simulated ones with the same labels.

    Returns
    -------
    dict
        ``simulated`` and ``generated`` statistics; ``ratio`` of `RATIOS` and ``bias_shift``
        (generated minus simulated), each with value, 95% interval (low, high) and the interval
        between two simulated samples of this size (null_low, null_high).
    """
    result = {"n": len(simulated)}
    result |= {"simulated": statistics(simulated), "generated": statistics(generated)}
    n = len(simulated)
    draws, nulls = [], []
    for _ in range(_N_RESAMPLES):
        same, other = rng.integers(0, n, (2, n))  # `same` keeps pairs of equal labels together
        reference = statistics(simulated.select(same))
        draws.append((statistics(generated.select(same)), reference))
        nulls.append((statistics(simulated.select(other)), reference))
    result["ratio"] = {
        name: _entry(result, draws, nulls, lambda a, b, k=name: a[k] / max(b[k], 1e-9))
        for name in RATIOS
    }
    result["bias_shift"] = _entry(result, draws, nulls, lambda a, b: a["bias"] - b["bias"])
    return result


def by_energy(generated: Reconstruction, simulated: Reconstruction, log_energy, rng) -> list[dict]:
    """`compare` in bins of the requested energy; bins with few events are left out.

    Parameters
    ----------
    log_energy : ndarray (n,)
        log10(E / TeV) of both samples' events.
    """
    return [
        edges | compare(generated.select(inside), simulated.select(inside), rng)
        for edges, inside in energy_bins(log_energy)
    ]


def _entry(result, draws, nulls, statistic) -> dict[str, float]:
    low, high = percentile_interval(np.array([statistic(a, b) for a, b in draws]))
    null_low, null_high = percentile_interval(np.array([statistic(a, b) for a, b in nulls]))
    value = float(statistic(result["generated"], result["simulated"]))
    interval = {"value": value, "low": low, "high": high}
    return interval | {"null_low": null_low, "null_high": null_high}


def _correlation(events: Reconstruction) -> float:
    """Mean Pearson correlation over components; 0 where nothing varies."""
    predicted = events.predicted - events.predicted.mean(axis=0)
    requested = events.requested - events.requested.mean(axis=0)
    norm = np.sqrt((predicted**2).sum(axis=0) * (requested**2).sum(axis=0))
    product = (predicted * requested).sum(axis=0)
    return float(np.mean(np.divide(product, norm, out=np.zeros_like(norm), where=norm > 0)))
