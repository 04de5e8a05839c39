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


def split(conv, kernel, bias, x, filters: int, dtype: str, crop=((0, 0), (0, 0))):
    """Output of an upsampling by 2, a ``same`` convolution and a crop, applied to a map.

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
    crop : ((int, int), (int, int))
        Rows and columns of the result to leave out at the near and far ends.

    Returns
    -------
    Keras tensor (B, 2 h, 2 w, filters), less the crop
    """
    if filters <= _NARROW:
        return _in_one(conv, kernel, bias, x, filters, dtype, crop)
    return _cropped(_in_four(conv, kernel, bias, x, filters, dtype), crop, dtype)


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


def _in_one(conv, kernel, bias, x, filters: int, dtype: str, crop):
    """One convolution, phases side by side, of what the crop leaves."""
    axes = zip(kernel.shape[:2], x.shape[1:3], crop, strict=True)
    orders, margins, rests = zip(*(_blocks(*axis) for axis in axes), strict=True)
    parts = [_phase_kernel(kernel, phases)[0] for phases in itertools.product(*orders)]
    y = _cropped(x, [[max(-n, 0) for n in pair] for pair in margins], dtype)
    y = keras.layers.ZeroPadding2D([[max(n, 0) for n in pair] for pair in margins], dtype=dtype)(y)
    y = conv(y, np.concatenate(parts, axis=-1), None if bias is None else np.tile(bias, 4), 0)
    height, width = y.shape[1:3]
    y = keras.layers.Reshape((height, width, 2, 2 * filters), dtype=dtype)(y)
    y = keras.layers.Permute((1, 3, 2, 4), dtype=dtype)(y)
    y = keras.layers.Reshape((2 * height, 2 * width, filters), dtype=dtype)(y)
    return _cropped(y, rests, dtype)


def _blocks(size: int, n: int, crop: tuple[int, int]):
    """How one convolution makes both phases along an axis of n cells.

    Radius 1: the first phase needs the cell and the one before, the second phase the cell and the
    one after. So one position of the kernel serves the second phase of a cell and the first of the
    next, and blocks begin one row early. Radius 2: both phases need the cell and both neighbours.

    Returns
    -------
    ((int, int), (int, int), (int, int))
        Order of the phases in a block, cells to add before and after (to cut off if negative), and
        what is left to crop.
    """
    radius = size // 2
    early = radius % 2
    added = (radius + 1) // 2
    start, stop = crop[0] + early, 2 * n - crop[1] + early  # rows wanted, counted in blocks
    first, last = start // 2, (stop - 1) // 2
    margins = added - first, added - (n + early - 1 - last)
    return ((1, 0) if early else (0, 1)), margins, (start - 2 * first, 2 * (last + 1) - stop)


def _cropped(x, crop, dtype: str):
    if not np.any(crop):
        return x
    return keras.layers.Cropping2D([list(map(int, pair)) for pair in crop], dtype=dtype)(x)


def _phase_kernel(kernel, phases: tuple[int, int]):
    """Kernel of one phase, and how many rows above and columns left of the cell it reaches."""
    (rows, above), (columns, left) = map(_taps, kernel.shape[:2], phases)
    return np.einsum("ps,qt,stio->pqio", rows, columns, kernel), above, left


def _taps(size: int, phase: int):
    """Which taps fall on which cell before upsampling (cells, taps), and the cells before it."""
    offsets = (phase + np.arange(size) - size // 2) // 2
    cells = np.arange(offsets[0], offsets[-1] + 1)
    return (cells[:, None] == offsets).astype(float), -offsets[0]
