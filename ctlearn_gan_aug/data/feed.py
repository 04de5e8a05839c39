"""CTLearn's batches from a pixel store, as a tf.data.Dataset."""

import copy
import random
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from astropy.table import Table

from .mapper import GridMapper
from .rows import StoredRows

#: Batches prepared ahead of the training step.
_PREFETCH = 4


class StoreFeed:
    """What CTLearn's ``DLDataLoader`` delivers, but with pixels from a store.

    The loader keeps the say in everything else: which events, in which order, its labels.

    Parameters
    ----------
    loader : DLDataLoader
        In mono mode, over a DLImageReader.
    pixels : StoredRows float32 (n, n_pixels, n_channels)
        One row per event of the reader, by its index, in the reader's channels.
    """

    def __init__(self, loader, pixels: StoredRows):
        reader = loader.DLDataReader
        self.loader = loader
        self.input_shape = loader.input_shape
        self._pixels = pixels
        mapping = reader.image_mappers[reader.cam_name].mapping_table
        self._map = GridMapper(mapping, *loader.input_shape[:2])
        labels = _labels(loader, reader.example_identifiers)
        self._labels = tf.nest.map_structure(_tensor, labels)

    def __len__(self) -> int:
        """Batches per epoch."""
        return len(self.loader)

    def resized(self, batch_size: int) -> "StoreFeed":
        """The same events in batches of another size, with an order of their own."""
        other = copy.copy(self)
        other.loader = copy.copy(self.loader)
        other.loader.batch_size = batch_size
        return other

    def batches(self, shuffled: bool) -> tf.data.Dataset:
        """Batches of one epoch in the loader's present order, as Keras would ask it for them.

        Parameters
        ----------
        shuffled : bool
            Whether the sequence of batches is shuffled; Keras does so for a training
            ``PyDataset``, with Python's global random generator at the start of every epoch.
        """
        return self.dataset(lambda: _epoch(self.loader, shuffled))

    def dataset(self, epoch: Callable[[], np.ndarray]) -> tf.data.Dataset:
        """Batches of events given by ``epoch()``, called whenever an iteration starts.

        Parameters
        ----------
        epoch : callable
            Gives indices of the reader's events, (steps, batch_size) of int.
        """

        def order(_):
            # Not by from_generator: TensorFlow 2.21 then has every array of this process mapped
            # anew, and a batch takes three times as long.
            index = tf.numpy_function(epoch, [], tf.int64)
            return tf.data.Dataset.from_tensor_slices(tf.ensure_shape(index, (None, None)))

        options = tf.data.Options()
        # With several workers each takes its part of the batches.
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.DATA
        )
        dataset = (
            tf.data.Dataset.range(1)
            .flat_map(order)
            .map(self._batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
            .apply(tf.data.experimental.assert_cardinality(len(self)))
            .prefetch(_PREFETCH)
            .with_options(options)
        )
        # CTLearn sizes the model's input by its loader.
        dataset.input_shape = self.input_shape
        return dataset

    def _batch(self, index: tf.Tensor):
        images = tf.numpy_function(self._images, [index], tf.float32, stateful=False)
        # Of unknown size, as Keras takes the loader's: sums over it then round alike.
        images = tf.ensure_shape(images, (None, *self.input_shape))
        return images, tf.nest.map_structure(lambda label: tf.gather(label, index), self._labels)

    def _images(self, index: np.ndarray) -> np.ndarray:
        return self._map(self._pixels[index])


def _epoch(loader, shuffled: bool) -> np.ndarray:
    steps, size = len(loader), loader.batch_size
    order = list(range(steps))
    if shuffled:
        random.shuffle(order)
    return np.reshape(loader.indices[: steps * size], (steps, size))[order]


def _labels(loader, identifiers: Table):
    """Labels of all events, as the loader makes them of one large batch."""
    everything = Table(identifiers, copy=False)
    everything["features"] = np.zeros((len(identifiers), 0), np.float32)
    return loader._get_mono_item(everything)[1]


def _tensor(values) -> tf.Tensor:
    return tf.constant(np.asarray(values, np.float32))
