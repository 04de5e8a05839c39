"""A tf.data.Dataset of what a Python iterator gives, one element after the other."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

#: Iterators that are kept open: Keras may open more than it comes back to.
_KEPT = 4


class Sequence:
    """Iterators over one epoch each, as a dataset of known structure and length.

    ``Dataset.from_generator`` would do, but with TensorFlow 2.21 every array that it passes has the
    arrays of this process mapped anew, and batches take three times as long.

    Parameters
    ----------
    start : callable
        Gives an iterator of the epoch; called whenever an iteration starts.
    structure : nested structure of tf.TensorSpec
        Of its elements.
    n : int
        Their number.
    """

    def __init__(self, start: Callable[[], Iterator], structure, n: int):
        self._start, self._structure, self._n = start, structure, n
        self._numbers = itertools.count()
        self._open: dict[int, Iterator] = {}

    def dataset(self) -> tf.data.Dataset:
        """The dataset; it keeps this object alive."""

        def epoch(_):
            number = tf.numpy_function(self._begin, [], tf.int64)
            return tf.data.Dataset.range(self._n).map(lambda _: self._element(number))

        # The cardinality is not known beyond a flat_map.
        dataset = tf.data.Dataset.range(1).flat_map(epoch)
        return dataset.apply(tf.data.experimental.assert_cardinality(self._n))

    def _begin(self) -> np.int64:
        number = next(self._numbers)
        self._open[number] = self._start()
        for old in [key for key in self._open if key <= number - _KEPT]:
            del self._open[old]
        return np.int64(number)

    def _element(self, number: tf.Tensor):
        flat = tf.nest.flatten(self._structure)
        values = tf.numpy_function(self._next, [number], [spec.dtype for spec in flat])
        values = [tf.ensure_shape(v, spec.shape) for v, spec in zip(values, flat, strict=True)]
        return tf.nest.pack_sequence_as(self._structure, values)

    def _next(self, number: np.int64) -> list[np.ndarray]:
        return tf.nest.flatten(next(self._open[int(number)]))
