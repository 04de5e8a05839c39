"""CTLearn's batches from a pixel store, as a tf.data.Dataset."""

import copy
import random
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from astropy.table import Table

from ..streaming import ahead
from ..symmetry import Pointing, Turns
from .mapper import GridMapper
from .rows import StoredRows

#: Batches read at a time; Python's lock lets more of them wait.
_AT_ONCE = 2


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
        self._turns: Turns | None = None
        self._pointing: Pointing | None = None
        mapping = reader.image_mappers[reader.cam_name].mapping_table
        self._map = GridMapper(mapping, *loader.input_shape[:2])
        labels = _labels(loader, reader.example_identifiers)
        self._labels = tf.nest.map_structure(lambda x: np.asarray(x, np.float32), labels)

    def __len__(self) -> int:
        """Batches per epoch."""
        return len(self.loader)

    def turned(self, turns: Turns | None) -> "StoreFeed":
        """The same feed in which events under symmetries are rows of their own: see `row`."""
        other = copy.copy(self)
        other._turns = turns
        if turns:
            other._pointing = Pointing.of(self.loader.DLDataReader.example_identifiers)
        return other

    @property
    def n_turns(self) -> int:
        """Symmetries there are, at least 1."""
        return len(self._turns) if self._turns else 1

    def row(self, event, turn):
        """Number of the row of an event, by its index in the reader, under a symmetry."""
        return event + turn * len(self._pixels)

    def batches(self, shuffled: bool) -> tf.data.Dataset:
        """Batches of one epoch in the loader's present order, as Keras would ask it for them.

        Parameters
        ----------
        shuffled : bool
            Whether the sequence of batches is shuffled; Keras does so for a training
            ``PyDataset``, with Python's global random generator at the start of every epoch.
        """
        return self.dataset(lambda: _epoch(self.loader, shuffled), len(self))

    def dataset(self, epoch: Callable[[], np.ndarray], n_batches: int) -> tf.data.Dataset:
        """Batches of events given by ``epoch()``, called whenever an iteration starts.

        Parameters
        ----------
        epoch : callable
            Gives rows, (n_batches, batch_size) of int; without symmetries they are indices of the
            reader's events.
        n_batches : int
            Batches per epoch.
        """

        def order(_):
            # Not by from_generator: TensorFlow 2.21 then has every array of this process mapped
            # anew, and a batch takes three times as long.
            index = tf.numpy_function(epoch, [], tf.int64)
            return tf.data.Dataset.from_tensor_slices(tf.ensure_shape(index, (None, None)))

        dataset = ahead(
            tf.data.Dataset.range(1)
            .flat_map(order)
            .map(self._batch, num_parallel_calls=_AT_ONCE, deterministic=True)
            .apply(tf.data.experimental.assert_cardinality(n_batches))
        )
        # CTLearn sizes the model's input by its loader.
        dataset.input_shape = self.input_shape
        return dataset

    def read(self, rows: np.ndarray):
        """Events of given rows.

        Parameters
        ----------
        rows : ndarray of int (n,)
            See `row`.

        Returns
        -------
        (ndarray float32 (n, n_pixels, n_channels), ndarray or dict of str to ndarray)
            Pixels in the reader's channels, labels as the loader gives them.
        """
        turn, index = np.divmod(rows, len(self._pixels))
        pixels = self._pixels[index]
        labels = tf.nest.map_structure(lambda label: label[index], self._labels)
        if self._turns is None:
            return pixels, labels
        return self._turns.turn(pixels, labels, turn, self._pointing[index])

    def _batch(self, rows: tf.Tensor):
        flat = tf.nest.flatten(self._labels)
        types = [tf.float32] * (1 + len(flat))
        images, *labels = tf.numpy_function(self._mapped, [rows], types, stateful=False)
        # Of unknown size, as Keras takes the loader's: sums over it then round alike.
        images = tf.ensure_shape(images, (None, *self.input_shape))
        labels = [
            tf.ensure_shape(label, (None, *like.shape[1:]))
            for label, like in zip(labels, flat, strict=True)
        ]
        return images, tf.nest.pack_sequence_as(self._labels, labels)

    def _mapped(self, rows: np.ndarray) -> list[np.ndarray]:
        pixels, labels = self.read(rows)
        return [self._map(pixels), *tf.nest.flatten(labels)]


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
