"""A dl1-data-handler image mapper applied to whole batches."""

import numpy as np

from ..compiled import compiled

_ALIGNMENT = 64  # bytes
_LANES = 16  # float32 numbers that are computed side by side


class GridMapper:
    """Maps batches of pixel vectors onto a square grid, as the mapper does one by one.

    Every grid cell is a weighted sum of a few pixels. The sum is compiled and runs without
    Python's lock. The sparse product of ``ImageMapper.map_image``, made contiguous as TensorFlow
    takes it, is four times as long, and one in TensorFlow twice, for the transpositions around it.

    Parameters
    ----------
    mapping : scipy sparse matrix (n_pixels, height * width)
        ``mapping_table`` of an ImageMapper.
    height, width : int
        Sides of the grid.
    """

    def __init__(self, mapping, height: int, width: int):
        self.n_pixels = mapping.shape[0]
        self._shape = (height, width)
        cells = mapping.T.tocsr().astype(np.float32)
        cells.sort_indices()
        counts = np.diff(cells.indptr)
        self._filled = np.flatnonzero(counts).astype(np.uint32)
        counts = counts[self._filled]
        term = np.arange(cells.nnz) - np.repeat(np.cumsum(counts) - counts, counts)
        place = np.repeat(np.arange(len(counts)), counts)
        # Cells with fewer terms than others point behind the last pixel, where there is a zero.
        self._pixel = np.full((counts.max(), len(counts)), self.n_pixels, np.uint32)
        self._weight = np.zeros(self._pixel.shape, np.float32)
        self._pixel[term, place] = cells.indices
        self._weight[term, place] = cells.data

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Map pixel vectors float32 (n, n_pixels, n_channels) to (n, height, width, n_channels)."""
        pixels = np.ascontiguousarray(pixels, np.float32)
        n_images, _, n_channels = pixels.shape
        grid = _empty((n_images, np.prod(self._shape), n_channels))
        source, target = pixels, grid
        if n_channels == 2:  # a pair of channels is moved as one number
            source, target = pixels.view(np.complex64), grid.view(np.complex64)
        for channel in range(source.shape[-1]):
            terms = self._filled, self._pixel, self._weight
            _map(source[..., channel], *terms, target[..., channel])
        return grid.reshape(n_images, *self._shape, n_channels)


def _empty(shape: tuple[int, ...]) -> np.ndarray:
    """New float32 array that TensorFlow takes over as it is; less aligned ones it copies."""
    size = int(np.prod(shape))
    room = np.empty(size + _ALIGNMENT // 4, np.float32)
    start = -room.ctypes.data % _ALIGNMENT // 4
    return room[start : start + size].reshape(shape)


@compiled
def _map(source, filled, pixel, weight, target):
    """Sum ``weight[k, n] * source[i, pixel[k, n]]`` over k into ``target[i, filled[n]]``.

    As many images as fit into the lanes are taken together, so that a sum is one vector operation
    per term. It is a sum of real numbers also where two channels are moved as one complex number:
    a product of those would let a NaN pass from one channel to the other.
    """
    n_terms, n_filled = pixel.shape
    n_images, n_pixels = source.shape
    values = np.zeros((n_pixels + 1, _LANES), np.float32)
    total = np.zeros(_LANES, np.float32)
    moved_in, moved_out = values.view(source.dtype), total.view(source.dtype)
    n_together = len(moved_out)
    for first in range(0, n_images, n_together):
        last = min(n_together, n_images - first)
        for i in range(last):
            image = source[first + i]
            for p in range(n_pixels):
                moved_in[p, i] = image[p]
            target[first + i] = 0
        for n in range(n_filled):
            total[:] = 0
            for k in range(n_terms):
                terms, factor = values[pixel[k, n]], weight[k, n]
                for lane in range(_LANES):
                    total[lane] += factor * terms[lane]
            for i in range(last):
                target[first + i, filled[n]] = moved_out[i]
