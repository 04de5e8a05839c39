"""Nearest upsampling by 2 and a convolution, as convolutions at the lower resolution.

Each of the four positions (phases) in a block of 2 x 2 cells has a small kernel of its own, whose
taps are sums of the taps that fall on the same cell before upsampling (sub-pixel convolution, Shi
et al., arXiv 1609.05158): 4 taps instead of 9 per cell for a 3x3 kernel, 9 instead of 25 for 5x5.
"""

import itertools

import keras
import numpy as np

#: Filters up to which one convolution for all four phases is faster than four.
_NARROW = 16
_PHASES = tuple(itertools.product((0, 1), (0, 1)))  # row and column in the block


def split(conv, kernel, bias, x, filters: int, dtype: str):
    """Output of an upsampling by 2 and a ``same`` convolution, applied to a map.

    Parameters
    ----------
    conv : callable
        (map, kernel, bias, number of the part) to the ``valid`` convolution of a map, with
        whatever acts on its cells one by one.
    kernel : ndarray (k, l, inputs, filters)
        Of the convolution; sides are odd.
    bias : ndarray (filters,) or None
        Likewise.
    x : Keras tensor (B, h, w, inputs)
        Before upsampling.
    filters : int
        Of the convolution.
    dtype : str
        Of the result.

    Returns
    -------
    Keras tensor (B, 2 h, 2 w, filters)
    """
    make = _in_one if filters <= _NARROW else _in_four
    return make(conv, kernel, bias, x, filters, dtype)


def _in_four(conv, kernel, bias, x, filters: int, dtype: str):
    """One convolution per phase, none multiplying more than it must."""
    height, width = x.shape[1:3]
    maps = []
    for number, phases in enumerate(_PHASES):
        part, *before = _phase_kernel(kernel, phases)
        margins = [(n, size - 1 - n) for n, size in zip(before, part.shape, strict=False)]
        padded = keras.layers.ZeroPadding2D(tuple(margins), dtype=dtype)(x)
        y = conv(padded, part, bias, number)
        maps.append(keras.layers.Reshape((height, width, 1, filters), dtype=dtype)(y))
    # Concatenating rows and columns in turn is faster than permuting axes.
    rows = [keras.layers.Concatenate(axis=3, dtype=dtype)(pair) for pair in (maps[:2], maps[2:])]
    shape = (height, 1, width, 2 * filters)
    rows = [keras.layers.Reshape(shape, dtype=dtype)(row) for row in rows]
    y = keras.layers.Concatenate(axis=2, dtype=dtype)(rows)
    return keras.layers.Reshape((2 * height, 2 * width, filters), dtype=dtype)(y)


def _in_one(conv, kernel, bias, x, filters: int, dtype: str):
    """One convolution, phases side by side; blocks may be offset by a cell, which is cut off."""
    (rows, above, cut_rows), (columns, left, cut_columns) = map(_block, kernel.shape[:2])
    parts = [_phase_kernel(kernel, (row, column))[0] for row in rows for column in columns]
    y = keras.layers.ZeroPadding2D((above, left), dtype=dtype)(x)
    y = conv(y, np.concatenate(parts, axis=-1), None if bias is None else np.tile(bias, 4), 0)
    height, width = y.shape[1:3]
    y = keras.layers.Reshape((height, width, 2, 2 * filters), dtype=dtype)(y)
    y = keras.layers.Permute((1, 3, 2, 4), dtype=dtype)(y)
    y = keras.layers.Reshape((2 * height, 2 * width, filters), dtype=dtype)(y)
    if not (cut_rows or cut_columns):
        return y
    return keras.layers.Cropping2D((cut_rows, cut_columns), dtype=dtype)(y)


def _block(size: int) -> tuple[tuple[int, int], int, int]:
    """Phases in the block that equal taps serve, padding, and cells to cut off at each end.

    Radius 1: the first phase needs the cell and the one before, the second phase the cell and the
    one after. So one position of the kernel serves the second phase of a cell and the first of the
    next. Radius 2: both phases need the cell and both neighbours.
    """
    radius = size // 2
    return ((1, 0), (radius + 1) // 2, 1) if radius % 2 else ((0, 1), radius // 2, 0)


def _phase_kernel(kernel, phases: tuple[int, int]):
    """Kernel of one phase, and how many rows above and columns left of the cell it reaches."""
    (rows, above), (columns, left) = map(_taps, kernel.shape[:2], phases)
    return np.einsum("ps,qt,stio->pqio", rows, columns, kernel), above, left


def _taps(size: int, phase: int):
    """Which taps fall on which cell before upsampling (cells, taps), and the cells before it."""
    offsets = (phase + np.arange(size) - size // 2) // 2
    cells = np.arange(offsets[0], offsets[-1] + 1)
    return (cells[:, None] == offsets).astype(float), -offsets[0]
