"""Bins of energy and offset in which samples are compared."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

BIN_WIDTH = 0.25  # dex of energy
MIN_EVENTS = 50  # fewer in a bin say nothing


def log_energies(labels) -> np.ndarray:
    """log10(E / TeV) of a label table, (n,)."""
    return np.asarray(labels["log_true_energy"], dtype=float)


def offsets(labels) -> np.ndarray:
    """Angles between event and pointing of a label table in deg, (n,)."""
    return np.hypot(*(np.asarray(labels[name], dtype=float) for name in ("fov_lon", "fov_lat")))


def energy_edges(log_energy: np.ndarray) -> np.ndarray:
    """Edges of the bins that hold all events, multiples of `BIN_WIDTH`."""
    first = np.floor(np.min(log_energy) / BIN_WIDTH)
    last = np.floor(np.max(log_energy) / BIN_WIDTH)
    return np.arange(first, last + 2) * BIN_WIDTH


def energy_bins(log_energy: np.ndarray) -> Iterator[tuple[dict[str, float], np.ndarray]]:
    """Edges of every bin with enough events, and which events (n,) it holds."""
    edges = energy_edges(log_energy)
    for low, high in pairwise(edges):
        inside = (log_energy >= low) & (log_energy < high)
        if np.count_nonzero(inside) >= MIN_EVENTS:
            yield {"log_energy_low": float(low), "log_energy_high": float(high)}, inside


def label_cells(labels, energy_width: float, offset_width: float) -> np.ndarray:
    """Cells of energy and offset that events lie in.

    Parameters
    ----------
    labels : astropy.table.Table (n rows)
        Event label table.
    energy_width, offset_width : float
        dex and deg.

    Returns
    -------
    ndarray of int (n, 2)
        Equal rows for events in the same cell.
    """
    energy = np.floor(log_energies(labels) / energy_width)
    return np.stack([energy, np.floor(offsets(labels) / offset_width)], axis=1).astype(int)
