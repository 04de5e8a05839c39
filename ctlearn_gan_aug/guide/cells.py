"""Cells of true energy and offset, and what is counted and averaged in them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

#: Fewer test events in a cell tell nothing of its error.
MIN_TEST = 20
ENERGY_WIDTH = 0.25  # dex
N_OFFSETS = 3
#: Offsets are rounded to this, deg.
_OFFSET_STEP = 0.1


@dataclass(frozen=True)
class Grid:
    """Cells that hold the test events.

    Attributes
    ----------
    energy_edges : ndarray (n_energies + 1,)
        log10(E / TeV), increasing.
    offset_edges : ndarray (n_offsets + 1,)
        Angle from the telescope axis in deg, increasing.
    energies : ndarray (n_energies,)
        Mean log10(E / TeV) of the test events in every interval; its middle if there is none.
    offsets : ndarray (n_offsets,)
        Likewise the mean offset, deg.
    """

    energy_edges: np.ndarray
    offset_edges: np.ndarray
    energies: np.ndarray
    offsets: np.ndarray

    @classmethod
    def fit(cls, log_energy, offset, n_offsets: int, energy_width: float) -> "Grid":
        """Take cells from test events, wide enough that most hold `MIN_TEST` of them.

        Parameters
        ----------
        log_energy, offset : ndarray (n,)
            log10 TeV and deg.
        n_offsets : int
            Most intervals of offset; they hold about equal numbers of events.
        energy_width : float
            Of an interval of energy, dex; at both ends of the spectrum several are one.
        """
        offset_edges = _offset_edges(offset, n_offsets)
        first, last = np.floor(log_energy.min() / energy_width), log_energy.max() / energy_width
        edges = np.arange(first, np.floor(last) + 2) * energy_width
        counts, _ = np.histogram(log_energy, edges)
        wanted = MIN_TEST * (len(offset_edges) - 1)
        low = int(np.searchsorted(np.cumsum(counts), wanted))
        high = int(np.searchsorted(np.cumsum(counts[::-1]), wanted))
        inner = edges[low + 1 : max(len(edges) - 1 - high, low + 1)]
        edges = np.concatenate([edges[:1], inner, edges[-1:]])
        return cls(edges, offset_edges, _means(log_energy, edges), _means(offset, offset_edges))

    @property
    def shape(self) -> tuple[int, int]:
        """Intervals of energy and of offset."""
        return len(self.energy_edges) - 1, len(self.offset_edges) - 1

    def locate(self, log_energy, offset) -> np.ndarray:
        """Flat number (n,) of every event's cell; -1 for events in none."""
        row = np.searchsorted(self.energy_edges, log_energy, side="right") - 1
        column = np.searchsorted(self.offset_edges, offset, side="right") - 1
        n_energies, n_offsets = self.shape
        inside = (row >= 0) & (row < n_energies) & (column >= 0) & (column < n_offsets)
        return np.where(inside, row * n_offsets + column, -1)

    def count(self, cell: np.ndarray) -> np.ndarray:
        """Events per cell (n_energies, n_offsets) of located ones."""
        return np.bincount(cell[cell >= 0], minlength=np.prod(self.shape)).reshape(self.shape)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Row and column of every cell."""
        return iter(np.ndindex(self.shape))

    def limits(self, row: int, column: int) -> tuple[tuple[float, float], tuple[float, float]]:
        """Lowest and highest energy in TeV and offset in deg of a cell."""
        low, high = 10.0 ** self.energy_edges[row : row + 2]
        inner, outer = self.offset_edges[column : column + 2]
        return (float(low), float(high)), (float(inner), float(outer))

    def describe(self, row: int, column: int) -> str:
        """One cell in words, e.g. ``3.16 to 5.62 TeV, 0 to 0.9 deg``."""
        (low, high), (inner, outer) = self.limits(row, column)
        return f"{low:.3g} to {high:.3g} TeV, {inner:.3g} to {outer:.3g} deg"


@dataclass(frozen=True)
class CellErrors:
    """Mean error of a task in every cell; NaN in cells of fewer than `MIN_TEST` test events.

    Attributes
    ----------
    task : str
        CTLearn's name.
    unit : str
        Of the error; empty for a number.
    mean, sem : ndarray (n_energies, n_offsets)
        Mean over the cell's test events and its standard error.
    """

    task: str
    unit: str
    mean: np.ndarray
    sem: np.ndarray

    @classmethod
    def of(cls, task: str, unit: str, error: np.ndarray, cell: np.ndarray, grid: Grid):
        """Average errors (n,) of events in the cells (n,)."""
        inside = cell >= 0
        cell, error = cell[inside], error[inside]
        n = grid.count(cell)
        total, square = (
            np.bincount(cell, values, np.prod(grid.shape)).reshape(grid.shape)
            for values in (error, error**2)
        )
        with np.errstate(all="ignore"):
            mean = total / n
            sem = np.sqrt(np.maximum(square / n - mean**2, 0.0) / (n - 1))
        tested = n >= MIN_TEST
        return cls(task, unit, np.where(tested, mean, np.nan), np.where(tested, sem, np.nan))


def _offset_edges(offset: np.ndarray, n_offsets: int) -> np.ndarray:
    """Edges of about equally filled intervals from 0 to beyond the last event."""
    inner = np.quantile(offset, np.arange(1, n_offsets) / n_offsets)
    inner = np.round(inner / _OFFSET_STEP) * _OFFSET_STEP
    last = (np.floor(offset.max() / _OFFSET_STEP) + 1) * _OFFSET_STEP
    inner = np.unique(inner[(inner > 0) & (inner < last - _OFFSET_STEP / 2)])
    return np.concatenate([[0.0], inner, [last]])


def _means(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Mean of the values in every interval, its middle for none."""
    n, _ = np.histogram(values, edges)
    total, _ = np.histogram(values, edges, weights=values)
    return np.where(n > 0, total / np.maximum(n, 1), (edges[1:] + edges[:-1]) / 2)
