"""The model's performance by energy and offset, by pyirf's definitions."""

import warnings

import astropy.units as u
import numpy as np
from astropy.table import QTable
from pyirf.benchmarks import angular_resolution, energy_bias_resolution

from .cells import MIN_TEST, Grid
from .measure import event_errors
from .predict import Predicted

_DIRECTIONS = ("cameradirection", "skydirection")


def performance(events: Predicted, grid: Grid, cell: np.ndarray) -> dict[str, np.ndarray]:
    """Benchmarks in every cell, by true energy.

    Parameters
    ----------
    events : Predicted
        Test events of one class.
    grid : Grid
        The cells.
    cell : ndarray (n,)
        Where the events lie.

    Returns
    -------
    dict of str to ndarray (n_energies, n_offsets)
        For an energy model ``energy_bias`` and ``energy_resolution`` (median and half of the 68 %
        interval of reconstructed over true energy minus 1), for a direction model
        ``angular_resolution_68`` (deg); NaN in cells of few test events.
    """
    column, edges = cell % grid.shape[1], 10.0**grid.energy_edges * u.TeV
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        tables = [
            _benchmarks(events.select(np.flatnonzero((cell >= 0) & (column == number))), edges)
            for number in range(grid.shape[1])
        ]
    tested = grid.count(cell) >= MIN_TEST
    found = {}
    for name in tables[0].colnames:
        values = np.stack([u.Quantity(table[name]).value for table in tables], axis=1)
        found[name] = np.where(tested, values, np.nan)
    return found


def _benchmarks(events: Predicted, energy_bins: u.Quantity) -> QTable:
    """Columns of all benchmarks that the model's tasks allow, one row per energy."""
    found = QTable()
    true_energy = 10.0**events.log_energy * u.TeV
    if "energy" in events.outputs:
        reco_energy = 10.0 ** events.outputs["energy"][:, 0].astype(float) * u.TeV
        table = QTable({"true_energy": true_energy, "reco_energy": reco_energy})
        result = energy_bias_resolution(table, energy_bins)
        found["energy_bias"], found["energy_resolution"] = result["bias"], result["resolution"]
    for task in set(_DIRECTIONS) & set(events.outputs):
        theta = event_errors(task, events) * u.deg
        result = angular_resolution(
            QTable({"true_energy": true_energy, "theta": theta}), energy_bins
        )
        found["angular_resolution_68"] = result["angular_resolution_68"]
    return found
