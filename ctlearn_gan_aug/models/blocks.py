"""Optional parts of both networks: self-attention, group deviation, spectral normalisation."""

import keras
from keras import ops

from . import layers as L

#: Side in cells of the level that attends: every cell looks at every other one.
_ATTENTION_SIDE = 13


def attend(x, name: str, wanted: bool):
    """The map after self-attention if that is wanted and the map is of the right size."""
    fits = x.shape[1] <= _ATTENTION_SIDE < 2 * x.shape[1]
    return attention(x, name) if wanted and fits else x


def attention(x, name: str):
    """Self-attention over all cells, at first without effect.

    SAGAN, Zhang et al., arXiv 1805.08318.

    Parameters
    ----------
    x : tensor (B, side, side, c)
        The map.
    """
    side, width = x.shape[1], x.shape[-1]
    cells = side * x.shape[2]
    narrow, half = max(width // 8, 1), max(width // 2, 1)
    query, key, value = (
        keras.layers.Reshape((cells, n))(L.conv(x, n, 1, f"{name}_{part}", gain=1.0))
        for part, n in (("query", narrow), ("key", narrow), ("value", half))
    )
    weights = keras.layers.Dot(axes=(2, 2), name=f"{name}_match")([query, key])
    weights = keras.layers.Softmax(name=f"{name}_weights")(weights)
    y = keras.layers.Dot(axes=(2, 1), name=f"{name}_sum")([weights, value])
    y = keras.layers.Reshape((side, x.shape[2], half))(y)
    y = L.conv(y, width, 1, f"{name}_out", kernel_initializer="zeros")
    return keras.layers.Add(name=name)([x, y])


class MinibatchDeviation(keras.layers.Layer):
    """Mean standard deviation within groups of images, as a map of one channel.

    Karras et al., arXiv 1710.10196. Groups are of neighbours in the batch, hence of one kind where
    simulated and generated images follow each other in one batch.

    Parameters
    ----------
    group : int
        Images in a group; the batch size must be a multiple of it.
    """

    def __init__(self, group: int, **options):
        super().__init__(**options)
        self.group = group

    def call(self, x):
        """Map (B, side, side, c) to (B, side, side, 1)."""
        grouped = ops.reshape(x, (-1, self.group, *x.shape[1:]))
        mean = ops.mean(grouped, axis=1, keepdims=True)
        deviation = ops.sqrt(ops.mean(ops.square(grouped - mean), axis=1, keepdims=True) + 1e-8)
        deviation = ops.mean(deviation, axis=(2, 3, 4), keepdims=True)
        spread = ops.zeros_like(grouped[..., :1]) + deviation
        return ops.reshape(spread, (-1, *x.shape[1:-1], 1))

    def get_config(self):
        """Of the layer, for Keras."""
        return {**super().get_config(), "group": self.group}


def spectrally_normalised(model: keras.Model) -> keras.Model:
    """The same network with the largest singular value of every weight kept at 1.

    Miyato et al., arXiv 1802.05957.
    """
    wrapped = (keras.layers.Conv2D, keras.layers.Dense)  # transposed ones count as Conv2D

    def wrap(layer):
        new = layer.__class__.from_config(layer.get_config())
        if isinstance(layer, wrapped):
            return keras.layers.SpectralNormalization(new, name=f"{layer.name}_spectral")
        return new

    return keras.models.clone_model(model, clone_function=wrap)
