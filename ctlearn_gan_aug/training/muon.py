"""Muon for the kernels of networks, Adam for their other variables."""

import math

import tensorflow as tf

from ..config.train import TrainingConfig
from .optimizer import FusedAdam

#: Of the Newton-Schulz iteration, so that singular values above a thousandth end near 1.
_COEFFICIENTS, _ITERATIONS = (3.4445, -4.7750, 2.0315), 5
_MOMENTUM = 0.9
#: Kernels are matrices with sides of at least so many, one of them of no more.
_LEAST, _MOST = 16, 128


def new_optimizer(config: TrainingConfig, kernel_step: float) -> FusedAdam:
    """The optimizer of a network; the last is the step of its kernels, if Muon moves them."""
    beta_1, beta_2 = config.betas
    options = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": 1e-8}
    options["global_clipnorm"] = config.gradient_clip
    if config.optimizer == "muon":
        return Muon(config.learning_rate, kernel_step, **options)
    return FusedAdam(config.learning_rate, **options)


class Muon(FusedAdam):
    """Moves kernels by orthogonal matrices, so that all that a layer does is learnt equally fast.

    The steps are the momentum of the gradient with singular values of nearly 1 (Jordan et al. 2024,
    https://kellerjordan.github.io/posts/muon/; Bernstein & Newhouse, arXiv 2409.20325), as long as
    Adam's would be (Liu et al., arXiv 2502.16982). Keras has it for dense layers alone. Here the
    kernel of a convolution is a matrix of all it sees by all it makes, and the iteration goes over
    the matrix of products of its columns, which has no more sides than it has channels.

    Parameters
    ----------
    learning_rate, **options
        As of Adam.
    step : float
        Root mean square of the steps of kernels, in learning rates.
    """

    def __init__(self, learning_rate: float, step: float, **options):
        super().__init__(learning_rate, **options)
        self.step = step

    def update_step(self, gradient, variable, learning_rate):
        """Move one variable against its gradient."""
        rows, columns = math.prod(variable.shape[:-1]), variable.shape[-1]
        if min(rows, columns) not in range(_LEAST, _MOST + 1):
            super().update_step(gradient, variable, learning_rate)
            return
        momentum = self._momentums[self._get_variable_index(variable)].value
        gradient = tf.cast(gradient, tf.float32)
        momentum.assign(_MOMENTUM * momentum + (1.0 - _MOMENTUM) * gradient)
        ahead = _MOMENTUM * momentum + (1.0 - _MOMENTUM) * gradient  # Nesterov's
        turned = orthogonal(tf.reshape(ahead, (rows, columns)))
        length = tf.cast(learning_rate, tf.float32) * self.step * math.sqrt(max(rows, columns))
        variable.assign_sub(length * tf.reshape(turned, variable.shape))


def orthogonal(matrix):
    """A matrix (n, m) with its singular vectors, and singular values of nearly 1."""
    is_wide = matrix.shape[0] < matrix.shape[1]
    products = tf.matmul(matrix, matrix, transpose_a=not is_wide, transpose_b=is_wide)
    factor = _inverse_root(products)
    return tf.matmul(factor, matrix) if is_wide else tf.matmul(matrix, factor)


def _inverse_root(products):
    """Nearly the inverse square root of a symmetric matrix (n, n)."""
    a, b, c = _COEFFICIENTS
    one = tf.eye(products.shape[0])
    size = tf.linalg.trace(products) + 1e-24
    products, factor = products / size, one
    for _ in range(_ITERATIONS):
        turn = a * one + tf.matmul(b * one + c * products, products)
        factor = tf.matmul(turn, factor)
        products = tf.matmul(tf.matmul(turn, products), turn)
    return factor * tf.math.rsqrt(size)
