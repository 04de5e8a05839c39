"""Generated images as a tf.data.Dataset, and augmentation components on one."""

import itertools

import numpy as np
import tensorflow as tf

from ..streaming import ahead
from .batches import GeneratedBatches
from .components import Component


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
    return ahead(dataset)


def augmented(dataset: tf.data.Dataset, component: Component) -> tf.data.Dataset:
    """Batches (images, labels) after a component.

    Batches are numbered from the start of every iteration. For other numbers in every epoch give
    ``dataset.repeat()``, and ``steps_per_epoch`` to Keras.
    """
    spec = dataset.element_spec

    def apply(number, *values):
        return tf.nest.flatten(component(*tf.nest.pack_sequence_as(spec, values), int(number)))

    def batch(number, images, labels):
        given = tf.nest.flatten((images, labels))
        found = tf.numpy_function(apply, [number, *given], [value.dtype for value in given])
        for new, old in zip(found, given, strict=True):
            new.set_shape(old.shape)
        return tf.nest.pack_sequence_as(spec, found)

    return ahead(dataset.enumerate().map(lambda number, content: batch(number, *content)))
