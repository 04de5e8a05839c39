"""Adversarial losses and regularisers as pure functions of scores and gradients."""

import tensorflow as tf


def _bce(scores, target: float):
    targets = tf.fill(tf.shape(scores), target)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, scores))


def critic_loss(kind: str, real, fake, smoothing: float = 0.0):
    """Loss the critic minimises, from its scores (B, 1) on real and generated images.

    ``wasserstein``: Arjovsky et al., arXiv 1701.07875; ``nonsaturating`` and ``minimax``:
    Goodfellow et al., arXiv 1406.2661; ``hinge``: Lim & Ye, arXiv 1705.02894; ``least_squares``:
    Mao et al., arXiv 1611.04076. ``smoothing`` lowers the real target (one-sided,
    Salimans et al., arXiv 1606.03498).
    """
    if kind == "wasserstein":
        return tf.reduce_mean(fake) - tf.reduce_mean(real)
    if kind == "hinge":
        return tf.reduce_mean(tf.nn.relu(1.0 - real)) + tf.reduce_mean(tf.nn.relu(1.0 + fake))
    if kind == "least_squares":
        return 0.5 * (tf.reduce_mean(tf.square(real - 1.0)) + tf.reduce_mean(tf.square(fake)))
    return _bce(real, 1.0 - smoothing) + _bce(fake, 0.0)


def generator_loss(kind: str, fake):
    """Loss the generator minimises, from the critic's scores (B, 1) on its images."""
    if kind in ("wasserstein", "hinge"):
        return -tf.reduce_mean(fake)
    if kind == "least_squares":
        return 0.5 * tf.reduce_mean(tf.square(fake - 1.0))
    if kind == "minimax":
        return -_bce(fake, 0.0)
    return _bce(fake, 1.0)


def squared_gradient(gradient):
    """Squared norm (B,) of the score's gradient with respect to every image."""
    return tf.reduce_sum(tf.square(gradient), axis=[1, 2, 3])


def gradient_penalty(gradient):
    """Two-sided penalty on interpolates (Gulrajani et al., arXiv 1704.00028)."""
    norm = tf.sqrt(squared_gradient(gradient) + 1e-12)
    return tf.reduce_mean(tf.square(norm - 1.0))


def r1_penalty(gradient):
    """Penalty on real images (Mescheder et al., arXiv 1801.04406), half the squared norm."""
    return 0.5 * tf.reduce_mean(squared_gradient(gradient))


def pair_loss(real, fake):
    """Mean squared difference of images (B, side, side, c) with equal labels, network units.

    Its minimum is the mean image of the labels (as in pix2pix, Isola et al., arXiv 1611.07004,
    with squares for the mean); it places images within minutes but smooths them, so it only
    starts a training.
    """
    return tf.reduce_mean(tf.square(real - fake))
