"""Generated images as a tf.data.Dataset."""

import itertools

import numpy as np
import tensorflow as tf

from .batches import GeneratedBatches

#: Batches prepared ahead.
_PREFETCH = 4


def as_dataset(batches: GeneratedBatches, n_batches: int | None = None) -> tf.data.Dataset:
    """The first ``n_batches`` batches, or all of them without end, as (images, labels by column).

    Shapes and units are those of `GeneratedBatches`.
    """

    def generated():
        yield from map(batches.__getitem__, itertools.islice(itertools.count(), n_batches))

    spec = tf.nest.map_structure(lambda x: tf.TensorSpec(np.shape(x), x.dtype), batches[0])
    dataset = tf.data.Dataset.from_generator(generated, output_signature=spec)
    if n_batches is not None:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(n_batches))
    return dataset.prefetch(_PREFETCH)
