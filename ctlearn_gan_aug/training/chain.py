"""WGAN with gradient penalty on a critic that is a plain chain, without double backpropagation.

A critic of convolutions, LeakyReLU and dropout is piecewise linear: with the slopes D of its stages
(`stages`) held constant, the score's gradient with respect to the image is

    g = W1' D1 W2' D2 ... Wn' 1

and the gradient of a penalty P(g) (Gulrajani et al., arXiv 1704.00028) with respect to the kernels
is that of the linear network ``Wn ... D2 W2 D1 W1`` applied to v = dP/dg. Automatic differentiation
does not know: it sends exact zeros back through the second derivatives of the activations. Here the
points of the penalty share the batch of simulated and generated images on the way there and back
and in the kernels' gradients, and need one more, linear, pass for v.
"""

import itertools
from dataclasses import dataclass

import keras
import tensorflow as tf

from . import losses, penalties
from .stages import Stage

#: Penalties on the slope at points of their own.
REGULARIZERS = ("gradient_penalty", "one_sided_gradient_penalty", "dragan")
_PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class ChainGradients:
    """What one pass through a chain gives.

    Attributes
    ----------
    critic : list of tensor
        Gradients of the critic's total loss, in the order of its trainable variables.
    fake : tensor (B, side, side, c)
        Gradient of the critic's loss with respect to generated images, without penalty.
    real_score, fake_score : tensor (B, 1)
        Scores.
    penalty : tensor
        Unweighted.
    """

    critic: list
    fake: tf.Tensor
    real_score: tf.Tensor
    fake_score: tf.Tensor
    penalty: tf.Tensor


@dataclass
class Chain:
    """A plain critic.

    Attributes
    ----------
    stages : list of Stage
        From the image to the score.
    padding : ((int, int), (int, int))
        Zeros around the image, before the first stage.
    """

    stages: list[Stage]
    padding: tuple = ((0, 0), (0, 0))

    def gradients(self, real, fake, point, kind: str, weight: float, key) -> ChainGradients:
        """Gradients of the Wasserstein loss plus a weighted penalty.

        Parameters
        ----------
        real, fake, point : tensor (B, side, side, c)
            Simulated and generated images, and where the slope is penalised.
        kind : str
            One of `REGULARIZERS`.
        weight : float
            Of the penalty.
        key : tensor of int64 (2,)
            Of dropout's random numbers.
        """
        kernels = [stage.kernel for stage in self.stages]
        n_real, n_fake, n_points = (tf.shape(images)[0] for images in (real, fake, point))
        n_scored = n_real + n_fake
        scores, inputs, slopes = self._forward(tf.concat([real, fake, point], 0), kernels, key)
        real_score, fake_score = scores[:n_real], scores[n_real:n_scored]
        pull = _pull(real_score, fake_score)
        signals = self._backward(tf.concat([*pull, tf.ones((n_points, 1))], 0), kernels, slopes)

        slope = self._to_images(signals[0][n_scored:], kernels[0])
        with tf.GradientTape() as tape:
            tape.watch(slope)
            penalty = penalties.penalty(kind, slope)
        direction = weight * tape.gradient(penalty, slope)
        bent = self._linear(direction, kernels, [s.of_last(n_points) for s in slopes])
        gradients = [
            stage.gradients(tf.concat([x[:n_scored], v], 0), signal, n_scored)
            for stage, x, v, signal in zip(self.stages, inputs, bent, signals, strict=True)
        ]
        return ChainGradients(
            list(itertools.chain.from_iterable(gradients)),
            self._to_images(signals[0][n_real:n_scored], kernels[0]),
            real_score,
            fake_score,
            penalty,
        )

    def _forward(self, images, kernels, key):
        """Scores, and the inputs and slopes of every stage."""
        x, inputs, slopes = self._padded(images), [], []
        for number, (stage, kernel) in enumerate(zip(self.stages, kernels, strict=True)):
            inputs.append(x)
            own_key = tf.random.experimental.stateless_fold_in(key, number + 1)
            x, slope = stage.forward(x, kernel, own_key)
            slopes.append(slope)
        return tf.cast(x, tf.float32), inputs, slopes

    def _backward(self, signal, kernels, slopes) -> list:
        """Signals at the linear part of every stage, from those at the scores."""
        signals = [slopes[-1](tf.cast(signal, self.stages[-1].dtype))]
        for number in range(len(self.stages) - 1, 0, -1):
            shape = slopes[number - 1].features.shape[1:]
            signal = self.stages[number].transposed(signals[0], kernels[number], shape)
            signal = slopes[number - 1](tf.cast(signal, self.stages[number - 1].dtype))
            signals.insert(0, signal)
        return signals

    def _linear(self, direction, kernels, slopes) -> list:
        """Inputs of every stage when images go through its kernel and slopes, without biases."""
        inputs = [self._padded(direction)]
        for stage, kernel, slope in zip(self.stages[:-1], kernels, slopes, strict=False):
            inputs.append(slope(stage.linear(inputs[-1], kernel)))
        return inputs

    def _padded(self, images):
        images = tf.cast(images, self.stages[0].dtype)
        return tf.pad(images, [(0, 0), *self.padding, (0, 0)])

    def _to_images(self, signal, kernel):
        """Signals of the first stage back to images (B, side, side, c), in float32."""
        padded = self.stages[0].transposed(signal, kernel, self.stages[0].layer.input.shape[1:])
        (top, bottom), (left, right) = self.padding
        height, width = padded.shape[1] - bottom, padded.shape[2] - right
        return tf.cast(padded[:, top:height, left:width], tf.float32)


def _pull(real_score, fake_score):
    """Gradient of the Wasserstein loss with respect to the scores."""
    with tf.GradientTape() as tape:
        tape.watch([real_score, fake_score])
        loss = losses.critic_loss("wasserstein", real_score, fake_score)
    return tape.gradient(loss, [real_score, fake_score])


def find_chain(critic: keras.Model) -> Chain | None:
    """The chain a critic is, or None if it is another kind of network.

    A chain is an optional ZeroPadding2D, then convolutions and dense layers without activation,
    each followed by at most one LeakyReLU and one Dropout, to one score.
    """
    layers = _in_a_row(critic)
    if layers is None:
        return None
    padding = ((0, 0), (0, 0))
    if isinstance(layers[0], keras.layers.ZeroPadding2D):
        padding = tuple(map(tuple, layers.pop(0).padding))
    stages = _stages(layers)
    return Chain(stages, padding) if stages else None


def _in_a_row(critic: keras.Model) -> list | None:
    """The layers from image to score if each reads only the one before it."""
    layers = [x for x in critic.layers if not isinstance(x, keras.layers.InputLayer)]
    before = critic.inputs[0]
    for layer in layers:
        if layer.input is not before:
            return None
        before = layer.output
    is_score = len(critic.outputs) == 1 and before is critic.outputs[0] and before.shape[-1] == 1
    return layers if is_score else None


def _stages(layers) -> list[Stage] | None:
    stages = []
    for layer in layers:
        if _is_linear(layer):
            # Scores, alone, in float32: their differences are small beside them.
            dtype = layer.compute_dtype if layer is not _last_linear(layers) else "float32"
            stages.append(Stage(layer, dtype))
        elif not _joins(layer, stages):
            return None
    is_sound = stages and stages[-1].leak == 1.0 and stages[-1].rate == 0.0
    return stages if is_sound and all(s.dtype in _PRECISIONS for s in stages) else None


def _last_linear(layers):
    return next(layer for layer in reversed(layers) if _is_linear(layer))


def _is_linear(layer) -> bool:
    """Whether a layer is a convolution or dense layer a stage can be made of."""
    if type(layer) is keras.layers.Dense:
        return layer.activation is keras.activations.linear and len(layer.input.shape) == 2
    return (
        type(layer) is keras.layers.Conv2D
        and layer.activation is keras.activations.linear
        and layer.padding == "same"
        and layer.data_format == "channels_last"
        and layer.groups == 1
        and layer.dilation_rate == (1, 1)
    )


def _joins(layer, stages: list[Stage]) -> bool:
    """Add a layer that follows a linear one to its stage; False if it does not fit there."""
    if not stages:
        return False
    stage = stages[-1]
    if isinstance(layer, keras.layers.LeakyReLU) and stage.leak == 1.0 and stage.rate == 0.0:
        stage.leak = layer.negative_slope
        return True
    if isinstance(layer, keras.layers.Dropout) and layer.noise_shape is None and stage.rate == 0.0:
        stage.rate = layer.rate
        return True
    if isinstance(layer, keras.layers.Activation):
        return layer.activation is keras.activations.linear
    return isinstance(layer, keras.layers.Flatten)
