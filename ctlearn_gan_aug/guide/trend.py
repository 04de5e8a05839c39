"""The error that well-filled cells let expect everywhere, and how far others exceed it."""

from dataclasses import dataclass

import numpy as np

from .cells import CellErrors, Grid
from .filling import Filling

#: Standard errors by which a cell, pooled with its neighbours, must exceed the trend, and those
#: that do for cells connected to such a one.
SIGNIFICANCE, CONNECTED = 3.0, 1.5
#: And by which factor.
LEAST_EXCESS = 1.1
#: A mean error is known to this part of the mean of all cells at best.
_FINEST = 0.01
_MIN_SPARE = 3  # cells more than parameters


@dataclass(frozen=True)
class Excess:
    """Errors beside the trend, all (n_energies, n_offsets), NaN where nothing is known.

    Attributes
    ----------
    errors : CellErrors
        Measured ones.
    expected : ndarray
        Trend of the error in its unit.
    factor : ndarray
        Geometric mean of measured over expected error in a cell and the adjacent cells of few
        events, weighted with their precision.
    sigma : ndarray
        By how many standard errors its logarithm exceeds 0; those of the trend count.
    significant : ndarray of bool
        Cells whose error is higher than the trend: clearly, or, of those with few events, if they
        are connected to such a one.
    """

    errors: CellErrors
    expected: np.ndarray
    factor: np.ndarray
    sigma: np.ndarray
    significant: np.ndarray

    @classmethod
    def of(cls, errors: CellErrors, filling: Filling, grid: Grid) -> "Excess":
        """Fit the trend to cells of enough events and compare all cells with it.

        Beyond the energies of those cells the trend stays as it is at the last of them in holes,
        which are made by man; at thin ends, where nature itself changes, it may go straight on up.
        """
        few, known = filling.few, np.isfinite(errors.mean)
        finest = _FINEST * np.nanmean(errors.mean) if known.any() else np.nan
        mean, sem = (np.maximum(x, finest) for x in (errors.mean, errors.sem))
        log_error, variance = np.log(mean), (sem / mean) ** 2
        trend = _fit(log_error, variance, known & ~few, filling.hole, grid)
        if trend is None:
            nothing = np.full(grid.shape, np.nan)
            return cls(errors, nothing, nothing, nothing, np.zeros(grid.shape, bool))
        expected, uncertainty = trend
        pooled, own = _pool(log_error - expected, variance, known, few)
        sigma = pooled / np.sqrt(own + uncertainty)
        with np.errstate(invalid="ignore"):
            higher = (pooled >= np.log(LEAST_EXCESS)) & ~(log_error <= expected)
        significant = _connected(higher, sigma, few)
        return cls(errors, np.exp(expected), np.exp(pooled), sigma, significant)

    @property
    def is_known(self) -> bool:
        """Whether there were enough cells for a trend."""
        return bool(np.isfinite(self.expected).any())

    @property
    def ratio(self) -> np.ndarray:
        """Measured over expected error of every cell alone."""
        return self.errors.mean / self.expected


def _fit(log_error, variance, use, hole, grid: Grid) -> tuple[np.ndarray, np.ndarray] | None:
    """Trend of the log error and its variance (n_energies, n_offsets); None for too few cells.

    The scatter of the cells around the trend, beyond their own standard errors, counts as its
    uncertainty, too.
    """
    held, straight = _designs(use, grid)
    y, own, rows = log_error[use], variance[use], held[use]
    spare = len(y) - held.shape[-1]
    if spare < _MIN_SPARE:
        return None

    def solve(scatter):
        weight = 1.0 / (own + scatter)
        covariance = np.linalg.inv(rows.T @ (rows * weight[:, None]))
        found = covariance @ rows.T @ (weight * y)
        return found, covariance, np.sum(weight * (y - rows @ found) ** 2)

    low, high = 0.0, 1.0
    for _ in range(40):  # the scatter that makes chi2 the number of spare cells
        middle = (low + high) / 2
        low, high = (middle, high) if solve(middle)[2] > spare else (low, middle)
    found, covariance, _ = solve(high)
    rises = ~hole & (straight @ found > held @ found)
    design = np.where(rises[..., None], straight, held)
    return design @ found, np.einsum("eop,pq,eoq->eo", design, covariance, design) + high


def _designs(use: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Terms of the trend (n_energies, n_offsets, n_terms), no more than the used cells can tell.

    Quadratic in log E; quadratic in the offset, by an amount that changes with log E. Beyond the
    energies in use nothing changes in the first, and the slope in log E goes on in the second.
    """
    n_rows, n_columns = (np.count_nonzero(use.any(axis=axis)) for axis in (1, 0))
    x = np.broadcast_to(grid.energies[:, None], grid.shape)
    t = np.broadcast_to((grid.offsets / grid.offset_edges[-1]) ** 2, grid.shape)
    terms = [(np.ones(grid.shape),) * 2]
    if n_rows >= 3:
        low, high = x[use].min(), x[use].max()
        x = (x - (low + high) / 2) / (high - low)
        inside = np.clip(x, -0.5, 0.5)
        terms.append((inside, x))
    if n_rows >= 5:
        terms.append((inside**2, inside**2 + 2 * inside * (x - inside)))
    if n_columns >= 2:
        terms.append((t, t))
        if n_rows >= 3:
            terms.append((inside * t, inside * t))
    held, straight = (np.stack(parts, axis=-1) for parts in zip(*terms, strict=True))
    return held, straight


def _pool(excess, variance, known, few) -> tuple[np.ndarray, np.ndarray]:
    """Mean excess and its variance in every cell of few events with its like around it.

    Cells of few events whose error is not known get that of the others. All other cells stand for
    themselves.
    """
    weight = np.where(known & few, 1.0 / np.maximum(variance, 1e-12), 0.0)
    total, norm = _around(weight * np.nan_to_num(excess)), _around(weight)
    pools = few & (norm > 0)
    with np.errstate(all="ignore"):
        return np.where(pools, total / norm, excess), np.where(pools, 1.0 / norm, variance)


def _connected(higher: np.ndarray, sigma: np.ndarray, few: np.ndarray) -> np.ndarray:
    """Cells that are clearly higher, and those of few events that hang together with one."""
    from scipy.ndimage import label

    clear = higher & (sigma >= SIGNIFICANCE)
    part, _ = label(higher & few & (sigma >= CONNECTED), structure=np.ones((3, 3)))
    return clear | ((part > 0) & np.isin(part, part[clear]))


def _around(values: np.ndarray) -> np.ndarray:
    """Sum over every cell and the up to eight around it."""
    padded = np.pad(values, 1)
    n, m = values.shape
    return sum(padded[i : i + n, j : j + m] for i in range(3) for j in range(3))
