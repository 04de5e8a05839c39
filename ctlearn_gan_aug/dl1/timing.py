"""Compiled fit of peak times along the image axis: ctapipe's least trimmed squares.

ctapipe draws the pairs of pixels that the fit starts from with one generator for the whole
process, so that its result depends on the images before. Here every image finds the generator as
ctapipe creates it: the result is a function of the image.
"""

from functools import lru_cache

import numpy as np
from ctapipe.fitting import choose_two_without_replacement, lts_linear_regression

from ..compiled import compiled

#: Settings of ctapipe's fit.
_N_STARTS, _KEPT_SHARE, _MAX_STEPS, _SEED = 5, 0.85, 20, 0
_CONVERGED, _SINGULAR = 1e-12, 2 * np.finfo(np.float64).eps
#: Choices between residuals that differ by less than this share are made by rounding.
_TIE = 1e-9
#: Squared residuals (ns^2) below which a fit is exact.
_NOTHING = 1e-18


@lru_cache(maxsize=16)
def fit_starts(n_pixels: int) -> np.ndarray:
    """Pairs of points that ctapipe's fit of an image starts from.

    Returns
    -------
    ndarray of int, shape (n_pixels + 1, n_starts, 2)
        The pairs by the number of cleaned pixels.
    """
    pairs = np.zeros((n_pixels + 1, _N_STARTS, 2), np.int16)
    for n in range(2, n_pixels + 1):
        rng = np.random.default_rng(_SEED)
        pairs[n] = [choose_two_without_replacement(rng, n) for _ in range(_N_STARTS)]
    return pairs


@compiled
def fit_timing(along, time, starts, out):
    """Robust straight line of peak time against position along the image axis.

    Parameters
    ----------
    along, time : ndarray of float64, shape (n_cleaned,)
        Positions (deg or m) and peak times (ns) of the cleaned pixels.
    starts : ndarray of int
        See `fit_starts`.
    out : ndarray, shape (3,)
        Takes slope, intercept and deviation.

    Returns
    -------
    bool
        Whether rounding decided between different lines.
    """
    known = np.isfinite(along) & np.isfinite(time)
    slope, offset, in_doubt = _trimmed_line(along[known], time[known], starts[known.sum()])
    _describe(along, time, slope, offset, out)
    return in_doubt


def refit_timing(along: np.ndarray, time: np.ndarray, out: np.ndarray) -> None:
    """As `fit_timing`, but by ctapipe's own function: equal to the last bit."""
    rng = np.random.default_rng(_SEED)
    line, _ = lts_linear_regression(along, time, _N_STARTS, rng=rng)
    _describe(along, time, line[0], line[1], out)


@compiled
def _describe(along, time, slope, offset, out):
    out[0], out[1] = slope, offset
    out[2] = np.sqrt(np.mean((along * slope + offset - time) ** 2))


@compiled
def _trimmed_line(x, y, starts):
    """Least trimmed squares from ctapipe's random starts, several times as fast as its own.

    Selection takes the place of sorting, and closed forms that of matrix algebra.
    """
    n = len(x)
    n_kept = int(_KEPT_SHARE * n)
    best_slope, best_offset, best_error, in_doubt = np.nan, np.nan, np.inf, False
    kept, residuals = np.empty(n, np.bool_), np.empty(n)
    for pair in starts if n > 1 else starts[:0]:
        kept[:] = False
        kept[pair[0]] = kept[pair[1]] = True
        slope, offset, error = _line(x, y, kept)
        for _ in range(_MAX_STEPS):
            for i in range(n):
                residuals[i] = (y[i] - (x[i] * slope + offset)) ** 2
            in_doubt |= _keep_smallest(residuals, n_kept, kept)
            last_error = error
            slope, offset, error = _line(x, y, kept)
            if not abs(last_error - error) >= _CONVERGED:
                break
        if np.isfinite(best_error) and np.isfinite(error):
            is_tie = abs(error - best_error) <= _TIE * error + _NOTHING
            in_doubt |= is_tie and abs(slope - best_slope) > _TIE * abs(slope)
        if error < best_error:
            best_error, best_slope, best_offset = error, slope, offset
    return best_slope, best_offset, in_doubt


@compiled
def _keep_smallest(values, n_kept, kept):
    """Mark the ``n_kept`` smallest values; returns whether the last place was a draw."""
    if n_kept == 0 or n_kept == len(values):
        kept[:] = n_kept > 0
        return False
    limit = np.partition(values, n_kept - 1)[n_kept - 1]
    n_below, runner_up = 0, np.inf
    for i in range(len(values)):
        kept[i] = values[i] < limit
        n_below += kept[i]
        if values[i] > limit:
            runner_up = min(runner_up, values[i])
    for i in range(len(values)):
        if not kept[i] and values[i] == limit:
            kept[i] = n_below < n_kept
            n_below += 1
    return n_below > n_kept or runner_up - limit <= _TIE * limit + _NOTHING


@compiled
def _line(x, y, kept):
    """Slope, offset and summed squared residuals of a straight line through the kept points."""
    n, sum_x, sum_y, sum_xx, sum_xy = 0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(x)):
        if kept[i]:
            n += 1
            sum_x += x[i]
            sum_y += y[i]
            sum_xx += x[i] * x[i]
            sum_xy += x[i] * y[i]
    determinant = n * sum_xx - sum_x * sum_x
    if determinant < _SINGULAR:
        return np.nan, np.nan, np.nan
    slope = (n * sum_xy - sum_x * sum_y) / determinant
    offset = (sum_xx * sum_y - sum_x * sum_xy) / determinant
    error = 0.0
    for i in range(len(x)):
        if kept[i]:
            error += (y[i] - slope * x[i] - offset) ** 2
    return slope, offset, error
