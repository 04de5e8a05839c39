"""Small building blocks out of plain Keras layers."""

import keras
import numpy as np
from keras import ops

SLOPE = 0.2


def leaky(x):
    """LeakyReLU of slope 0.2."""
    return keras.layers.LeakyReLU(negative_slope=SLOPE)(x)


def conv(x, filters: int, kernel: int, name: str, strides: int = 1, gain: float = 2.0, **options):
    """Same-padded convolution with variance-scaling weights of the given gain."""
    initializer = keras.initializers.VarianceScaling(gain, "fan_in", "truncated_normal")
    options.setdefault("kernel_initializer", initializer)
    return keras.layers.Conv2D(
        filters, kernel, strides=strides, padding="same", name=name, **options
    )(x)


def dense(x, units: int, name: str, gain: float = 2.0, **options):
    """Fully connected layer with variance-scaling weights of the given gain."""
    initializer = keras.initializers.VarianceScaling(gain, "fan_in", "truncated_normal")
    return keras.layers.Dense(units, kernel_initializer=initializer, name=name, **options)(x)


def film(x, embedding, name: str):
    """Feature-wise linear modulation by a label embedding (Perez et al., arXiv 1709.07871).

    Without embedding (None) nothing is modulated.
    """
    if embedding is None:
        return x
    filters = x.shape[-1]
    scale = dense(embedding, filters, f"{name}_scale", gain=0.1, bias_initializer="ones")
    shift = dense(embedding, filters, f"{name}_shift", gain=0.1)
    scale = keras.layers.Reshape((1, 1, filters))(scale)
    shift = keras.layers.Reshape((1, 1, filters))(shift)
    return keras.layers.Add()([keras.layers.Multiply()([x, scale]), shift])


def shift(x, embedding, name: str):
    """Add a bias that depends on the label embedding to every channel."""
    filters = x.shape[-1]
    bias = dense(embedding, filters, f"{name}_shift", gain=1.0)
    return keras.layers.Add()([x, keras.layers.Reshape((1, 1, filters))(bias)])


def crop_to(x, side: int):
    """Cut a square map down to ``side`` cells, at the far edges."""
    excess = x.shape[1] - side
    return keras.layers.Cropping2D(((0, excess), (0, excess)))(x) if excess else x


def pad_to(x, side: int):
    """Zero-pad a square map up to ``side`` cells, at the far edges."""
    missing = side - x.shape[1]
    return keras.layers.ZeroPadding2D(((0, missing), (0, missing)))(x) if missing else x


def upsample(x):
    """Double the resolution by repeating cells, with a gradient that XLA can compile."""
    side, depth = x.shape[1], x.shape[-1]
    x = keras.layers.Reshape((side, 1, side, depth))(x)
    x = keras.layers.Concatenate(axis=2)([x, x])
    x = keras.layers.Reshape((2 * side, side, 1, depth))(x)
    x = keras.layers.Concatenate(axis=3)([x, x])
    return keras.layers.Reshape((2 * side, 2 * side, depth))(x)


def channels(image) -> list:
    """Images (B, side, side, c) as c tensors (B, side, side, 1)."""
    side, n = image.shape[1], image.shape[-1]
    if n == 1:
        return [image]
    rows = keras.layers.Permute((2, 1))(keras.layers.Reshape((side * side, n))(image))
    cuts = (keras.layers.Cropping1D((i, n - 1 - i))(rows) for i in range(n))
    return [keras.layers.Reshape((side, side, 1))(cut) for cut in cuts]


def space_to_depth(x):
    """Halve the resolution, one channel becoming four; the side must be even."""
    side, depth = x.shape[1] // 2, x.shape[-1]
    x = keras.layers.Reshape((side, 2, side, 2, depth))(x)
    x = keras.layers.Permute((1, 3, 2, 4, 5))(x)
    return keras.layers.Reshape((side, side, 4 * depth))(x)


def pool(x, factor: int):
    """Average over blocks of ``factor`` cells, at the rim over the cells that exist."""
    return BlockMean(factor)(x)


class BlockMean(keras.layers.Layer):
    """Average of every block of a square map, at the rim over the cells that exist.

    This is what ``AveragePooling2D(padding="same")`` promises; on PyTorch Keras repeats the last
    cells instead where the missing ones are odd in number.

    Parameters
    ----------
    factor : int
        Side of a block in cells.
    """

    def __init__(self, factor: int, **options):
        super().__init__(**options)
        self.factor = factor

    def build(self, input_shape):
        """Note how many cells are missing, and what the average of a block leaves out."""
        side = input_shape[1]
        missing = -side % self.factor
        self.rim = (missing // 2, missing - missing // 2)
        exists = np.pad(np.ones(side), self.rim).reshape(-1, self.factor).mean(axis=1)
        self.gain = (1.0 / np.outer(exists, exists))[..., None].astype(np.float32)

    def call(self, x):
        """Map (B, side, side, c) to (B, side / factor rounded up, the same, c)."""
        x = ops.pad(x, ((0, 0), self.rim, self.rim, (0, 0)))
        mean = ops.average_pool(x, self.factor, strides=self.factor)
        return mean * ops.cast(self.gain, x.dtype)

    def get_config(self):
        """Of the layer, for Keras."""
        return {**super().get_config(), "factor": self.factor}
