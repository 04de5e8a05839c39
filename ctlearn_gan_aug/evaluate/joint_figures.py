"""Figure of how image parameters hang together, and where in energy they differ."""

from pathlib import Path

import numpy as np

from ..pages import figure_of, save
from .observables import title

_MOST = 0.5  # sigma; W1 at the end of the colour scale


def draw_joint(target: Path, images: dict) -> None:
    """Differences of correlations, and W1 by parameter and energy.

    Parameters
    ----------
    target : Path
        PNG file.
    images : dict
        Section ``images`` of metrics.json.
    """
    figure, axes = figure_of(1, 3, width=4.6, height=4.6)
    correlations = images["correlations"]
    names = correlations["names"]
    real, made = (np.array(correlations[kind]) for kind in ("simulated", "generated"))
    _correlations(figure, axes[0, 0], real, names, "correlations, simulated", 1.0)
    _correlations(figure, axes[0, 1], made - real, names, "generated minus simulated", 0.5)
    _by_energy(figure, axes[0, 2], images["bins"])
    save(figure, target)


def _correlations(figure, axis, matrix: np.ndarray, names, heading: str, limit: float) -> None:
    image = axis.imshow(matrix, cmap="RdBu_r", vmin=-limit, vmax=limit)
    _name_rows(axis, names)
    axis.set_xticks(range(len(names)), labels=map(_short, names), rotation=90, fontsize=6)
    axis.set_title(heading, fontsize=9)
    figure.colorbar(image, ax=axis, shrink=0.6)


def _by_energy(figure, axis, bins: list[dict]) -> None:
    """W1 beyond that between simulated samples."""
    axis.set_title("W1 beyond sim-sim [sigma]", fontsize=9)
    if not bins:
        axis.set_axis_off()
        return
    names = list(bins[0]["parameters"])
    excess = [[_excess(b["parameters"].get(name)) for b in bins] for name in names]
    image = axis.imshow(excess, cmap="YlOrRd", vmin=0, vmax=_MOST, aspect="auto")
    _name_rows(axis, names)
    labels = [f"{b['log_energy_low']:.2f}" for b in bins]
    axis.set_xticks(np.arange(len(bins)) - 0.5, labels=labels, fontsize=6)
    axis.set_xlabel("requested log10 E/TeV, from", fontsize=8)
    figure.colorbar(image, ax=axis, shrink=0.6)


def _excess(entry: dict | None) -> float:
    return float("nan") if entry is None else entry["w1"] - entry["w1_null"]


def _name_rows(axis, names) -> None:
    axis.set_yticks(range(len(names)), labels=map(_short, names), fontsize=6)


def _short(name: str) -> str:
    return title(name).split(" [")[0]
