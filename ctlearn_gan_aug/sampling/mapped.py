"""Images as a dl1-data-handler mapper makes them, to pixels and back."""

import math

import numpy as np

from ..errors import UserError

#: Residual of pixels read back, and a relative error above which a mapper is not invertible.
_PRECISION, _TOLERANCE = 1e-6, 1e-3
_MAX_ITERATIONS = 50
_TINY = np.finfo(np.float32).tiny


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
        self._normal = (self._to_pixels @ self._to_cells).tocsr()
        probe = np.random.default_rng(0).random((1, self.n_pixels, 1), dtype=np.float32)
        if not np.allclose(self.to_pixels(self.to_images(probe)), probe, atol=_TOLERANCE):
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
        return _on_columns(lambda x: _least_squares(self._normal, self._to_pixels @ x), cells)


def _on_columns(apply, values: np.ndarray) -> np.ndarray:
    """Apply a linear map of columns (m, k) to the middle axis of (n, m, c)."""
    n, m, c = values.shape
    columns = np.ascontiguousarray(np.moveaxis(values, 1, 0), np.float32).reshape(m, n * c)
    return np.ascontiguousarray(np.moveaxis(apply(columns).reshape(-1, n, c), 0, 1))


def _least_squares(normal, target: np.ndarray) -> np.ndarray:
    """Solve ``normal @ x = target`` for many columns (m, k) by conjugate gradients.

    Mappers are so well conditioned that this takes a dozen sparse products; factors of a matrix
    would be dense, and take longer.
    """
    solution, residual = np.zeros_like(target), target.copy()
    direction, size = residual.copy(), _squared(residual)
    limit = _PRECISION**2 * size
    for _ in range(_MAX_ITERATIONS):
        if (size <= limit).all():
            break
        change = normal @ direction
        step = size / np.maximum(np.einsum("mk,mk->k", direction, change), _TINY)
        solution += step * direction
        residual -= step * change
        before, size = size, _squared(residual)
        direction *= size / np.maximum(before, _TINY)
        direction += residual
    return solution


def _squared(columns: np.ndarray) -> np.ndarray:
    return np.einsum("mk,mk->k", columns, columns)
