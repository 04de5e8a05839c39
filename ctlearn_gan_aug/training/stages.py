"""Stages of a plain critic, as matrices: a linear layer, then the slopes of what follows it.

A stage maps x to ``D (W x + b)``, where the diagonal D holds the slopes of LeakyReLU and dropout at
these images. `Stage` knows W forwards, backwards (transposed) and its gradient, `Slopes` is D.
"""

from dataclasses import dataclass

import keras
import tensorflow as tf

from ..models.device import has_gpu

#: Sides of maps up to which a CPU convolves faster as a product of patches and kernel.
_SMALL_SIDE = 4
#: Channels from which it also finds the kernel's gradient faster that way.
_DEEP = 32


@dataclass(frozen=True)
class Slopes:
    """Slopes of LeakyReLU and dropout at the outputs of a stage, a diagonal matrix.

    Attributes
    ----------
    features : tensor
        Outputs of LeakyReLU, whose signs decide.
    leak : float
        Its slope at negative values.
    kept : tensor or None
        Dropout's factors, 0 or 1 / (1 - rate).
    """

    features: tf.Tensor
    leak: float
    kept: tf.Tensor | None

    def __call__(self, x):
        """The slopes times x."""
        if self.kept is not None:
            x *= self.kept
        if self.leak == 1.0:
            return x
        return tf.raw_ops.LeakyReluGrad(gradients=x, features=self.features, alpha=self.leak)

    def of_last(self, n) -> "Slopes":
        """Slopes at the last n images."""
        kept = None if self.kept is None else self.kept[-n:]
        return Slopes(self.features[-n:], self.leak, kept)


@dataclass
class Stage:
    """A convolution or dense layer, and the LeakyReLU and dropout that follow it.

    Attributes
    ----------
    layer : keras.layers.Conv2D or keras.layers.Dense
        The linear part. Convolutions have no activation and same padding.
    dtype : str
        What it is calculated in.
    leak : float
        LeakyReLU's slope at negative values; 1 without LeakyReLU.
    rate : float
        Of dropout.
    """

    layer: keras.layers.Layer
    dtype: str
    leak: float = 1.0
    rate: float = 0.0

    @property
    def is_convolution(self) -> bool:
        """Whether the layer is a convolution."""
        return isinstance(self.layer, keras.layers.Conv2D)

    @property
    def kernel(self):
        """The layer's kernel in the stage's precision."""
        return tf.cast(self.layer.kernel, self.dtype)

    def linear(self, x, kernel):
        """Images x of the stage before, times the kernel, without bias."""
        x = tf.cast(x, self.dtype)
        if not self.is_convolution:
            return _flat(x) @ kernel
        if has_gpu() or self.layer.output.shape[1] > _SMALL_SIDE:
            return tf.nn.conv2d(x, kernel, self.layer.strides, "SAME")
        patches = self._patches(x)
        sizes = tf.concat([tf.shape(patches)[:3], kernel.shape[-1:]], 0)
        return tf.reshape(_rows(patches) @ _rows(kernel), sizes)

    def forward(self, x, kernel, key):
        """Outputs for x, and the slopes there; ``key`` (2,) is that of dropout's random numbers."""
        x = self.linear(x, kernel)
        if self.layer.use_bias:
            x = tf.nn.bias_add(x, tf.cast(self.layer.bias, self.dtype))
        x = features = x if self.leak == 1.0 else tf.nn.leaky_relu(x, self.leak)
        kept = None
        if self.rate:
            kept = tf.random.stateless_uniform(tf.shape(x), key) >= self.rate
            kept = tf.cast(kept, self.dtype) / tf.cast(1.0 - self.rate, self.dtype)
            x *= kept
        return x, Slopes(features, self.leak, kept)

    def transposed(self, signal, kernel, shape):
        """Signals at the outputs, back to inputs of a shape (H, W, C) or (C,)."""
        sizes = tf.concat([tf.shape(signal)[:1], shape], 0)
        if not self.is_convolution:
            return tf.reshape(tf.matmul(signal, kernel, transpose_b=True), sizes)
        return tf.nn.conv2d_transpose(signal, kernel, sizes, self.layer.strides, "SAME")

    def gradients(self, x, signal, n_scored) -> list:
        """Gradients of kernel and bias in float32.

        Parameters
        ----------
        x, signal : tensor
            Inputs, and signals at the outputs.
        n_scored : tensor
            The bias acts only on the scores of the first so many images.
        """
        gradients = [self._kernel_gradient(tf.cast(x, self.dtype), signal)]
        if self.layer.use_bias:
            # Added up in float32: thousands of positions would be lost in half precision.
            scored = tf.cast(signal[:n_scored], tf.float32)
            gradients.append(tf.reduce_sum(scored, axis=tuple(range(scored.shape.rank - 1))))
        return [tf.cast(gradient, tf.float32) for gradient in gradients]

    def _kernel_gradient(self, x, signal):
        shape = self.layer.kernel.shape
        if not self.is_convolution:
            return tf.matmul(_flat(x), signal, transpose_a=True)
        if has_gpu() or x.shape[-1] < _DEEP:
            strides = [1, *self.layer.strides, 1]
            return tf.raw_ops.Conv2DBackpropFilter(
                input=x, filter_sizes=shape, out_backprop=signal, strides=strides, padding="SAME"
            )
        patches, signal = _rows(self._patches(x)), _rows(signal)
        return tf.reshape(tf.matmul(patches, signal, transpose_a=True), shape)

    def _patches(self, x):
        """What the kernel sees (B, H, W, kernel size) at every position of the output."""
        sizes, strides = [1, *self.layer.kernel_size, 1], [1, *self.layer.strides, 1]
        return tf.image.extract_patches(x, sizes, strides, [1, 1, 1, 1], "SAME")


def _flat(x):
    return tf.reshape(x, (-1, x.shape[1:].num_elements()))


def _rows(x):
    """A matrix of the last dimension."""
    return tf.reshape(x, (-1, x.shape[-1]))
