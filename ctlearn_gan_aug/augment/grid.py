"""A dl1-data-handler image mapper as one sparse product in the graph."""

import numpy as np
import tensorflow as tf


class GridMapper:
    """Maps batches of pixel vectors onto the reader's square grid.

    Parameters
    ----------
    mapping : scipy sparse matrix (n_pixels, height * width)
        ``mapping_table`` of the reader's ImageMapper.
    height, width : int
        Sides of the grid.
    """

    def __init__(self, mapping, height: int, width: int):
        self.n_pixels = mapping.shape[0]
        self._shape = (height, width)
        # Row by row of the grid: the order the sparse product is fastest in.
        cells = mapping.T.tocoo()
        indices = np.stack([cells.row, cells.col], axis=1).astype(np.int64)
        self._table = tf.sparse.reorder(
            tf.SparseTensor(indices, cells.data.astype(np.float32), cells.shape)
        )

    def __call__(self, pixels: tf.Tensor) -> tf.Tensor:
        """Pixel vectors (n, n_pixels, c) to images (n, height, width, c), float32."""
        n, n_pixels, channels = pixels.shape
        columns = tf.reshape(tf.transpose(pixels, (1, 0, 2)), (n_pixels, n * channels))
        grid = tf.sparse.sparse_dense_matmul(self._table, columns)
        grid = tf.transpose(tf.reshape(grid, (-1, n, channels)), (1, 0, 2))
        return tf.reshape(grid, (n, *self._shape, channels))
