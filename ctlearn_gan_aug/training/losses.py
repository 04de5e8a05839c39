"""Adversarial losses and regularisers as pure functions of scores and gradients."""

import tensorflow as tf

from ..config.networks import CodesConfig


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


def gradient_penalty(gradient, one_sided: bool = False):
    """Penalty on slopes other than 1, or only on steeper ones.

    Two-sided: Gulrajani et al., arXiv 1704.00028; one-sided: Petzka et al., arXiv 1709.08894.
    """
    excess = tf.sqrt(squared_gradient(gradient) + 1e-12) - 1.0
    return tf.reduce_mean(tf.square(tf.nn.relu(excess) if one_sided else excess))


def r1_penalty(gradient):
    """Half the squared slope, at simulated (R1) or generated images (R2).

    Mescheder et al., arXiv 1801.04406.
    """
    return 0.5 * tf.reduce_mean(squared_gradient(gradient))


def excess_penalty(fake, reach):
    """Squared excess of generated images over the range of the data, summed over each image.

    A critic with batch normalisation sees one image of absurd brightness in its batch as a batch of
    dark ones, and does not call it back.

    Parameters
    ----------
    fake : tensor (B, side, side, c)
        Network units.
    reach : sequence of float (c,)
        Largest absolute value of every channel.
    """
    excess = tf.nn.relu(tf.abs(fake) - tf.constant(reach, tf.float32))
    return tf.reduce_mean(tf.reduce_sum(tf.square(excess), axis=[1, 2, 3]))


def information_loss(found, codes, config: CodesConfig):
    """How badly the critic finds the codes of generated images (InfoGAN, arXiv 1606.03657).

    Minus the lower bound on the mutual information of codes and images, less the entropy of the
    codes: the negative logarithm of the likelihood of the codes, normal ones with unit width,
    without its constant.

    Parameters
    ----------
    found, codes : tensor (B, config.size)
        What the critic says: values of continuous codes, logits of categories; and what is true.
    config : CodesConfig
        How many of which kind.
    """
    n = config.continuous
    loss = 0.5 * tf.reduce_sum(tf.square(found[:, :n] - codes[:, :n]), axis=1)
    for part in config.parts[n:]:
        loss += tf.nn.softmax_cross_entropy_with_logits(codes[:, part], found[:, part])
    return tf.reduce_mean(loss)
