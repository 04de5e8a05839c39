"""The channels of dl1-data-handler's reader, of generated images while a generator is trained."""

from collections.abc import Sequence

import tensorflow as tf

from .sparse import sparse_tensor

#: Charges whose logarithm gets a gradient, p.e.: it grows without limit towards zero.
_LEAST_CHARGE = 1.0


class ReaderChannels:
    """What `data.channels.reader_channels` makes of arrays, as operations that gradients pass.

    No gradient passes through the choice of the cleaned pixels.

    Parameters
    ----------
    names : sequence of str
        Channels of dl1-data-handler's ``DLImageReader``.
    geometry : ctapipe.instrument.CameraGeometry
        The camera.
    cleaning : dl1.cleaning.CleaningSettings, optional
        Tail cuts of the DL1 files, where a channel holds cleaned pixels.
    """

    def __init__(self, names: Sequence[str], geometry, cleaning=None):
        self.names = tuple(names)
        self._cleaning = cleaning
        self._neighbors = sparse_tensor(geometry.neighbor_matrix_sparse)

    def __call__(self, pixels) -> list:
        """Channels (B, n_pixels), each, of images (B, n_pixels, c) in p.e. and ns.

        The reader has no relative peak times for images without cleaned pixel; these have 0 here.
        """
        values = dict(zip(("image", "peak_time"), tf.unstack(pixels, axis=-1), strict=False))
        mask = self._mask(values["image"]) if any("cleaned" in n for n in self.names) else None
        return [self._channel(name, values, mask) for name in self.names]

    def _channel(self, name: str, values: dict, mask):
        channel = values["image" if name.endswith("image") else "peak_time"]
        kept = mask if "cleaned" in name else tf.ones_like(channel)
        if "relative" in name:
            counted = kept * tf.cast(channel != 0, channel.dtype)
            n_counted = tf.reduce_sum(counted, axis=1, keepdims=True)
            total = tf.reduce_sum(channel * counted, axis=1, keepdims=True)
            channel -= tf.math.divide_no_nan(total, n_counted)
        channel *= kept
        return _log(channel) if "log" in name else channel

    def _mask(self, charge):
        """1.0 where tail cuts, as ctapipe's ``tailcuts_clean``, leave a pixel, else 0.0."""
        settings = self._cleaning
        picture = charge >= settings.picture
        if settings.min_neighbors and not settings.keep_isolated:
            picture &= self._n_neighbors(picture) >= settings.min_neighbors
        boundary = charge >= settings.boundary
        kept = boundary & (self._n_neighbors(picture) > 0)
        if settings.keep_isolated:
            return tf.cast(kept | picture, charge.dtype)
        return tf.cast(kept | (picture & (self._n_neighbors(boundary) > 0)), charge.dtype)

    def _n_neighbors(self, chosen):
        """How many neighbours (B, n_pixels) of every pixel are among those chosen."""
        numbers = tf.cast(chosen, tf.float32)
        return tf.transpose(tf.sparse.sparse_dense_matmul(self._neighbors, numbers, adjoint_b=True))


def _log(charge):
    """Logarithm to base 10 of positive charges; others stay as they are, as in the reader."""
    positive = tf.where(charge > 0, charge, 1.0)
    exact = tf.where(charge > 0, tf.math.log(positive) / tf.math.log(10.0), charge)
    bounded = tf.math.log(tf.maximum(charge, _LEAST_CHARGE)) / tf.math.log(10.0)
    return bounded + tf.stop_gradient(exact - bounded)
