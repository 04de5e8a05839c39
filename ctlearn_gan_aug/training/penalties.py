"""Regularisers of the critic: where its slope is taken, and what slope is wanted there."""

import tensorflow as tf

from .losses import gradient_penalty

#: Penalties at the simulated (r1) or generated (r2) images themselves.
AT_IMAGES = ("r1", "r2")
#: Penalties that cost a pass through the critic, every `interval` steps.
PENALTIES = (*AT_IMAGES, "gradient_penalty", "one_sided_gradient_penalty", "dragan")
#: Spread of the points around simulated images, in standard deviations of all their pixels.
_DRAGAN_SPREAD = 0.5


def point(kind: str, real, fake, key):
    """Images (B, side, side, c) at which the slope is taken.

    ``gradient_penalty``, ``one_sided_gradient_penalty``: between simulated and generated images
    (Gulrajani et al., arXiv 1704.00028), at a share from U(0, 1). ``dragan``: near simulated ones
    (Kodali et al., arXiv 1705.07215).

    Parameters
    ----------
    kind : str
        The regulariser.
    real, fake : tensor (B, side, side, c)
        Simulated and generated images.
    key : tensor of int64 (2,)
        Of the stateless random numbers.
    """
    share = tf.random.stateless_uniform((tf.shape(real)[0], 1, 1, 1), key)
    if kind == "dragan":
        noise = tf.random.stateless_uniform(tf.shape(real), key + 1)
        return real + share * _DRAGAN_SPREAD * tf.math.reduce_std(real) * noise
    return real + share * (fake - real)


def penalty(kind: str, gradient):
    """Penalty of the critic's slope (B, side, side, c) at `point`."""
    return gradient_penalty(gradient, one_sided=kind == "one_sided_gradient_penalty")


def clip_weights(variables, limit: float) -> None:
    """Keep every weight within +-limit (Arjovsky et al., arXiv 1701.07875)."""
    for variable in variables:
        variable.assign(tf.clip_by_value(variable, -limit, limit))
