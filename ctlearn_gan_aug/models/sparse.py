"""Sparse matrices as TensorFlow has them."""

import numpy as np
import tensorflow as tf


def sparse_tensor(matrix) -> tf.SparseTensor:
    """A scipy sparse matrix (n, m) as a float32 tensor of rows in order."""
    matrix = matrix.tocoo()
    indices = np.stack([matrix.row, matrix.col], axis=1).astype(np.int64)
    tensor = tf.SparseTensor(indices, matrix.data.astype(np.float32), matrix.shape)
    return tf.sparse.reorder(tensor)
