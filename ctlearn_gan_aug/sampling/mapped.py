"""Images as a dl1-data-handler mapper makes them, to pixels and back."""

import math
from collections.abc import Callable

import numpy as np

from ..errors import UserError

#: Error of pixels in [0, 1) above which they do not follow from the mapper's images.
_TOLERANCE = 1e-3


class MappedImages:
    """Pixel vectors to mapped images and exactly back.

    Most mappers have more cells than pixels and lose nothing: pixels follow from their image by
    least squares. So whatever can be done with pixels can be done with images.

    Parameters
    ----------
    mapping : scipy sparse matrix (n_pixels, side * side)
        ``mapping_table`` of an ImageMapper, or `Camera.mapping`.

    Raises
    ------
    UserError
        If pixels do not follow from the mapper's images.
    """

    def __init__(self, mapping):
        self.n_pixels, n_cells = mapping.shape
        self.side = math.isqrt(n_cells)
        self._to_pixels = mapping.tocsr().astype(np.float32)
        self._to_cells = self._to_pixels.T.tocsr()
        self._solve = _least_squares(self._to_pixels)
        probe = np.random.default_rng(0).random((1, self.n_pixels, 1), dtype=np.float32)
        found = self.to_pixels(self.to_images(probe)) if self._solve else None
        if found is None or not np.allclose(found, probe, atol=_TOLERANCE):
            raise UserError(
                "Pixels do not follow from images of this mapper; use another, such as "
                "BilinearMapper, or work on pixels before they are mapped."
            )

    def to_images(self, pixels: np.ndarray) -> np.ndarray:
        """Pixel vectors (n, n_pixels, c) to images (n, side, side, c), float32."""
        cells = _on_columns(self._to_cells.__matmul__, pixels)
        return cells.reshape(len(pixels), self.side, self.side, -1)

    def to_pixels(self, images: np.ndarray) -> np.ndarray:
        """Images (n, side, side, c) of `to_images` to their pixel vectors (n, n_pixels, c).

        Raises
        ------
        UserError
            If the images are not of this size.
        """
        if images.shape[1:3] != (self.side, self.side):
            raise UserError(
                f"Images of {images.shape[1]} x {images.shape[2]} cells are not of this mapper, "
                f"which makes {self.side} x {self.side}; take the mapper of the images."
            )
        cells = images.reshape(len(images), self.side**2, -1)
        return _on_columns(self._solve, cells)


def _on_columns(apply, values: np.ndarray) -> np.ndarray:
    """Apply a linear map of columns (m, k) to the middle axis of (n, m, c)."""
    n, m, c = values.shape
    columns = np.ascontiguousarray(np.moveaxis(values, 1, 0), np.float32).reshape(m, n * c)
    return np.ascontiguousarray(np.moveaxis(apply(columns).reshape(-1, n, c), 0, 1))


def _least_squares(to_pixels) -> Callable | None:
    """From columns of cells (n_cells, k) to pixels (n_pixels, k); None if these do not follow."""
    from scipy.sparse.linalg import splu

    try:
        factors = splu((to_pixels @ to_pixels.T).tocsc().astype(float))
    except RuntimeError:  # singular
        return None
    return lambda cells: factors.solve((to_pixels @ cells).astype(float)).astype(np.float32)
