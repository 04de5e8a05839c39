"""Events to an endless, shuffled, seeded tf.data stream that can start at any batch."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..camera import Camera
from ..labels import LabelSet
from ..streaming import ahead
from .rows import StoredRows
from .vicinity import Vicinity


@dataclass(frozen=True)
class Symmetries:
    """Camera symmetries as tables: pixel permutations and what they do to encoded labels.

    Attributes
    ----------
    source : ndarray (n_symmetries, n_pixels) of int
        ``image[source[k]]`` is the image under symmetry k.
    rotation : ndarray float32 (n_symmetries, n_labels, n_labels)
        ``labels @ rotation[k]`` are its labels.
    """

    source: np.ndarray
    rotation: np.ndarray

    @classmethod
    def of(cls, camera: Camera, labels: LabelSet) -> "Symmetries":
        """The symmetries of a camera; only the identity where a label would not follow."""
        found = camera.symmetries
        if "skydirection" in labels.names:  # sky offsets do not turn with the camera frame
            found = found[:1]
        return cls(
            np.stack([s.source for s in found]),
            np.stack([labels.rotation(s.matrix) for s in found]),
        )


class Batch(NamedTuple):
    """What one step learns from.

    Attributes
    ----------
    pixels : tensor (B, n_pixels, c)
        Images to learn from, p.e. and ns.
    shown : tensor (B, n_labels)
        Labels that the critic is told of them.
    own : tensor (B, n_labels) or None
        Their own labels, where these are others.
    """

    pixels: tf.Tensor
    shown: tf.Tensor
    own: tf.Tensor | None = None

    @property
    def labels(self):
        """The images' own labels (B, n_labels)."""
        return self.shown if self.own is None else self.own


def training_batches(
    pixels: np.ndarray | StoredRows,
    labels: np.ndarray,
    batch_size: int,
    seed: int,
    start: int = 0,
    symmetries: Symmetries | None = None,
    vicinity: Vicinity | None = None,
) -> tf.data.Dataset:
    """Endless batches (pixels (B, n_pixels, c), encoded labels (B, n_labels)).

    With a ``vicinity`` batches are (pixels, labels to show, own labels of the pixels), the last
    two (B, n_labels).

    Every epoch is a new permutation of the events; batch number i is the same whether the stream
    started at 0 or at i, so an interrupted training goes on with the data it would have seen.

    Parameters
    ----------
    pixels : ndarray or StoredRows, float32 (n, n_pixels, c)
        p.e. and ns.
    labels : ndarray float32 (n, n_labels)
        Encoded labels.
    batch_size, seed, start : int
        Size, random seed, number of the first batch.
    symmetries : Symmetries, optional
        Turn and mirror every image at random, all its labels with it.
    vicinity : Vicinity, optional
        Show every image with the label of which it is in the vicinity.
    """
    n = len(pixels)
    # A tensor is captured by reference; an array would be copied into the graph as a constant.
    labels = tf.convert_to_tensor(labels)
    order = np.arange(batch_size, dtype=np.int64)

    def rows(batch):
        position = batch * batch_size + order
        epoch, place = position // n, position % n
        keys = tf.stack([tf.fill([batch_size], np.int64(seed)), epoch], axis=1)
        return tf.map_fn(
            lambda x: tf.random.experimental.index_shuffle(x[0], x[1:], np.int64(n - 1)),
            tf.concat([place[:, None], keys], axis=1),
        )

    def events_and_labels(number):
        index = rows(number)
        if vicinity is None:
            return index, (tf.gather(labels, index),)
        drawn, shown = tf.numpy_function(
            vicinity.draw, [index, np.int64(seed), number], (tf.int64, tf.float32), stateful=False
        )
        drawn = tf.ensure_shape(drawn, (batch_size,))
        shown = tf.ensure_shape(shown, (batch_size, labels.shape[1]))
        return drawn, (shown, tf.gather(labels, drawn))

    def batch(number):
        index, y = events_and_labels(number)
        x = tf.numpy_function(pixels.__getitem__, [index], tf.float32, stateful=False)
        x = tf.ensure_shape(x, (batch_size, *pixels.shape[1:]))
        if symmetries is None or len(symmetries.source) == 1:
            return (x, *y)
        return _turn(x, y, tf.stack([np.int64(seed), number]), symmetries)

    numbers = tf.data.Dataset.counter(np.int64(start), dtype=tf.int64)
    return ahead(numbers.map(batch, num_parallel_calls=2, deterministic=True))


def _turn(pixels, labels: tuple, key, symmetries: Symmetries) -> tuple:
    n = len(symmetries.source)
    which = tf.random.stateless_uniform((tf.shape(pixels)[0],), key, maxval=n, dtype=tf.int32)
    source = tf.gather(symmetries.source, which)
    rotation = tf.gather(symmetries.rotation, which)
    turned = tf.gather(pixels, source, axis=1, batch_dims=1)
    return turned, *(tf.linalg.matvec(rotation, y, transpose_a=True) for y in labels)
