"""Small building blocks out of plain Keras layers."""

import contextlib
from collections.abc import Iterator

import keras
import numpy as np
from keras import ops

SLOPE = 0.2


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Let layers that are made meanwhile calculate in a Keras precision policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


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


def pad_to(x, side: int):
    """Zero-pad a square map up to ``side`` cells, at the far edges."""
    missing = side - x.shape[1]
    return keras.layers.ZeroPadding2D(((0, missing), (0, missing)))(x) if missing else x


def channels(image) -> list:
    """Images (B, side, side, c) as c tensors (B, side, side)."""
    return ops.unstack(ops.transpose(image, (0, 3, 1, 2)), axis=1)


def space_to_depth(x):
    """Maps (B, n, side, side) at half the resolution, with four channels for each.

    An odd side gets a row and a column of zeros at the far edges.

    Returns
    -------
    tensor (B, half, half, 4 n)
        Channels of a cell's first row come first.
    """
    _, n, side, _ = x.shape
    half = (side + 1) // 2
    margin = (0, 2 * half - side)
    x = ops.pad(x, ((0, 0), (0, 0), margin, margin))
    x = ops.reshape(x, (-1, n, half, 2, half, 2))
    return ops.reshape(ops.transpose(x, (0, 2, 4, 3, 5, 1)), (-1, half, half, 4 * n))


def upsample(x, side: int | None = None):
    """Double the resolution by repeating cells, up to a side that may leave out the last ones.

    A map of that side already stays as it is.
    """
    side = side or 2 * x.shape[1]
    return x if x.shape[1] == side else Upsample(side)(x)


class Upsample(keras.layers.Layer):
    """Nearest upsampling by 2 of a square map, cropped at the far edges.

    Cells are chosen by a product with a constant matrix per axis: on processors the gradient is six
    times as fast as that of repeating and cropping, and XLA can compile it.

    Parameters
    ----------
    side : int
        Of the result, at most twice that of the map.
    """

    def __init__(self, side: int, **options):
        super().__init__(**options)
        self.side = side

    def call(self, x):
        """Map (B, s, s, c) to (B, side, side, c)."""
        _, before, _, depth = x.shape
        chosen = np.eye(before)[np.arange(self.side) // 2]
        chosen = ops.cast(chosen, x.dtype)
        x = ops.matmul(chosen, ops.reshape(x, (-1, before, before * depth)))
        x = ops.matmul(chosen, ops.reshape(x, (-1, before, depth)))
        return ops.reshape(x, (-1, self.side, self.side, depth))

    def get_config(self):
        """Of the layer, for Keras."""
        return {**super().get_config(), "side": self.side}


class UpsampledConv(keras.layers.Layer):
    """3x3 convolution of a map, after nearest upsampling by 2, concatenated with a finer map.

    Repeated cells are multiplied once: upsampling and convolution together are a transposed
    convolution of stride 2 whose 4x4 taps are sums of the 3x3 ones (compare Shi et al., arXiv
    1609.05158), 4 products per cell in place of 9.

    Parameters
    ----------
    filters : int
        Channels of the result.
    """

    #: Taps of the transposed convolution (rows) as sums of those of the convolution.
    _TAPS = ((0, 0, 1), (0, 1, 1), (1, 1, 0), (1, 0, 0))

    def __init__(self, filters: int, **options):
        super().__init__(**options)
        self.filters = filters

    def build(self, input_shape):
        """Make the weights of the convolution of both maps together."""
        depth = input_shape[0][-1] + input_shape[1][-1]
        initializer = keras.initializers.VarianceScaling(2.0, "fan_in", "truncated_normal")
        shape = (3, 3, depth, self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=initializer, name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs):
        """Maps (B, s, s, c) and (B, 2 s, 2 s, d) to (B, 2 s, 2 s, filters)."""
        coarse, fine = inputs
        kernels = self.kernel[:, :, : coarse.shape[-1]], self.kernel[:, :, coarse.shape[-1] :]
        taps = ops.cast(self._TAPS, coarse.dtype)
        spread = ops.einsum("ps,qt,stio->pqoi", taps, taps, kernels[0])
        y = ops.conv_transpose(coarse, spread, strides=2, padding="same")
        return y + ops.conv(fine, kernels[1], padding="same") + self.bias

    def get_config(self):
        """Of the layer, for Keras."""
        return {**super().get_config(), "filters": self.filters}


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
