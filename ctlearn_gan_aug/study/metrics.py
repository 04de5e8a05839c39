"""Figures of a model on test events, as the field defines them (pyirf's benchmarks)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.table import QTable

from ..config.region import Region

#: Bins of true energy per decade, and fewest events in one.
_BINS_PER_DECADE, _MIN_EVENTS = 4, 20
#: Columns of predictions that regions limit.
_LIMITED = ("offset", "fov_lon", "fov_lat", "cam_coord_offset_x", "cam_coord_offset_y")
DOMAINS = ("all", "inside", "outside")


@dataclass(frozen=True)
class Figure:
    """One number that describes a model.

    Attributes
    ----------
    title, unit : str
        For tables and axes.
    column : str
        Column of the predictions that it is made of.
    is_error : bool
        Whether less is better, so that it has a learning curve.
    """

    title: str
    unit: str
    column: str
    is_error: bool = True

    @property
    def label(self) -> str:
        """Title with unit."""
        return f"{self.title} [{self.unit}]" if self.unit else self.title


FIGURES = {
    "energy_mae": Figure("energy MAE", "dex", "reco_energy"),
    "energy_bias": Figure("energy bias", "", "reco_energy", is_error=False),
    "energy_resolution": Figure("energy resolution", "", "reco_energy"),
    "direction_mae": Figure("mean angular error", "deg", "theta"),
    "angular_resolution": Figure("angular resolution (68 %)", "deg", "theta"),
    "auc": Figure("gamma/proton AUC", "", "gammaness", is_error=False),
    "auc_missing": Figure("1 - AUC", "", "gammaness"),
}


def domains(events: QTable, regions: Sequence[Region] | None) -> dict[str, np.ndarray]:
    """Which events lie inside of the augmented regions and outside, and all.

    Regions count for both classes, whatever particle they name. Without regions all events are
    inside.

    Returns
    -------
    dict of str to ndarray of bool (n,)
        By `DOMAINS`.
    """
    inside = np.ones(len(events), bool)
    if regions is not None:
        inside = np.any([_in_region(events, region) for region in regions], axis=0)
    return {"all": np.ones(len(events), bool), "inside": inside, "outside": ~inside}


def measure(events: QTable) -> dict[str, float]:
    """All figures that the predictions allow, of all events together.

    Parameters
    ----------
    events : QTable
        As from `predict.predict`.

    Returns
    -------
    dict of str to float
        ``n`` and, by `FIGURES`, values in their units; NaN where there are too few events.
    """
    if len(events) < _MIN_EVENTS:
        return {"n": len(events)} | dict.fromkeys(_known(events), float("nan"))
    energy = events["true_energy"].to_value(u.TeV)
    edges = np.array([energy.min() * 0.999, energy.max() * 1.001]) * u.TeV
    (figures,) = _in_bins(events, edges)
    return figures


def measure_by_energy(events: QTable) -> list[dict[str, float]]:
    """The same in bins of true energy with enough events; ``low`` and ``high`` are TeV."""
    log_energy = np.log10(events["true_energy"].to_value(u.TeV))
    first, last = np.floor([log_energy.min(), log_energy.max()] * np.array(_BINS_PER_DECADE))
    edges = 10.0 ** (np.arange(first, last + 2) / _BINS_PER_DECADE) * u.TeV
    bins = [
        {"low": low, "high": high} | figures
        for low, high, figures in zip(
            edges[:-1].value, edges[1:].value, _in_bins(events, edges), strict=True
        )
    ]
    return [figures for figures in bins if figures["n"] >= _MIN_EVENTS]


def _in_bins(events: QTable, edges: u.Quantity) -> list[dict[str, float]]:
    index = np.digitize(events["true_energy"].to_value(u.TeV), edges.to_value(u.TeV)) - 1
    n_bins = len(edges) - 1
    columns = {"n": np.bincount(index, minlength=n_bins)}
    # Energies and directions are those of gammas; protons are there for the AUC.
    signal = events[events["is_signal"]]
    if "reco_energy" in events.colnames:
        columns |= _energy_figures(signal, index[events["is_signal"]], edges)
    if "theta" in events.colnames:
        columns |= _direction_figures(signal, index[events["is_signal"]], edges)
    if "gammaness" in events.colnames:
        columns["auc"] = np.array([_auc(events[index == i]) for i in range(n_bins)])
        columns["auc_missing"] = 1.0 - columns["auc"]
    return [{name: values[i].item() for name, values in columns.items()} for i in range(n_bins)]


def _energy_figures(events: QTable, index, edges) -> dict[str, np.ndarray]:
    from pyirf.benchmarks import energy_bias_resolution

    found = energy_bias_resolution(events, edges)
    dex = np.abs(np.log10((events["reco_energy"] / events["true_energy"]).to_value("")))
    return {
        "energy_mae": _means(dex, index, len(edges) - 1),
        "energy_bias": np.asarray(found["bias"]),
        "energy_resolution": np.asarray(found["resolution"]),
    }


def _direction_figures(events: QTable, index, edges) -> dict[str, np.ndarray]:
    from pyirf.benchmarks import angular_resolution

    found = angular_resolution(events, edges)
    return {
        "direction_mae": _means(events["theta"].to_value(u.deg), index, len(edges) - 1),
        "angular_resolution": found["angular_resolution_68"].to_value(u.deg),
    }


def _means(values: np.ndarray, index: np.ndarray, n_bins: int) -> np.ndarray:
    """Mean of the values of every bin; NaN in empty ones."""
    counts = np.bincount(index, minlength=n_bins)
    sums = np.bincount(index, values, minlength=n_bins)
    return np.divide(sums, counts, out=np.full(n_bins, np.nan), where=counts > 0)


def _auc(events: QTable) -> float:
    from sklearn.metrics import roc_auc_score

    if len(set(events["is_signal"].tolist())) < 2:
        return float("nan")
    return float(roc_auc_score(events["is_signal"], events["gammaness"]))


def _in_region(events: QTable, region: Region) -> np.ndarray:
    inside = np.ones(len(events), bool)
    for name in ("energy", *_LIMITED):
        limits = getattr(region, name)
        if limits is not None:
            values = events["true_energy" if name == "energy" else name].value
            inside &= (values >= limits[0]) & (values <= limits[1])
    return inside


def _known(events: QTable) -> list[str]:
    return [name for name, figure in FIGURES.items() if figure.column in events.colnames]
