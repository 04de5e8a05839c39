"""Proper scores of two generated images per simulated one, all of equal labels."""

import math

import tensorflow as tf

from ..intensity import CHARGE_UNIT
from ..models.roughness import shower
from ..models.shape import image_ellipse

#: Weight of the mean's squared error beside the energy score in the warm-up.
MEAN_WEIGHT = 3.0
#: Charge in network units that hardly any pixel of night sky has.
_FAINTEST = 0.5
#: Least spread that shapes are divided by.
_SAME = 1e-3


def energy_score(real, first, second):
    """Mean score of two generated values per simulated one, all of equal labels.

    ``E|x - y| - E|y - y'| / 2`` is strictly proper: its expectation is least if generated values
    have the distribution of simulated ones at these labels, spread included (Gneiting & Raftery,
    JASA 102 (2007) 359; for generators Pacchiardi et al., arXiv 2112.08217).
    """
    error = tf.reduce_mean(tf.abs(first - real)) + tf.reduce_mean(tf.abs(second - real))
    return 0.5 * (error - tf.reduce_mean(tf.abs(first - second)))


def pair_loss(real, first, second, mean_weight=MEAN_WEIGHT, scales=(1, 2, 4, 8)):
    """Proper score of two generated images per simulated one, all of equal labels.

    In every pixel, and in averages over blocks of pixels so that correlated fluctuations count,
    the sum of two scores, the `energy_score` and the product of errors ``E[(y - x) (y' - x)]``:
    the squared error of the mean whatever the spread, which finds the mean image sooner. No critic
    is needed, which makes a fast start; but the product of a single pair has no lower bound, so
    that it is for the start only.

    Parameters
    ----------
    real, first, second : tensor (B, side, side, c)
        Network units.
    mean_weight : float
        Weight of the product of errors; 0 leaves it out.
    scales : sequence of int
        Block sides in cells.
    """
    score = 0.0
    for scale in scales:
        x, y, z = (
            image if scale == 1 else tf.nn.avg_pool2d(image, scale, scale, "SAME")
            for image in (real, first, second)
        )
        score += energy_score(x, y, z)
        if mean_weight:
            score += mean_weight * tf.reduce_mean((y - x) * (z - x))
    return score


def brightness_score(real, first, second):
    """`energy_score` of the brightness of images."""
    return energy_score(*map(brightness, (real, first, second)))


def brightness(image):
    """The whole light of images (B, side, side, c) as the charge of one pixel, network units (B,).

    Night sky does not count: its sum over the camera would hide faint showers.
    """
    charge = image[..., 0] * CHARGE_UNIT
    excess = tf.nn.relu(tf.sinh(charge) - math.sinh(_FAINTEST * CHARGE_UNIT))
    return tf.asinh(tf.reduce_sum(excess, axis=[1, 2])) / CHARGE_UNIT


def shape_score(real, first, second, maps):
    """`energy_score` of the `image_ellipse` of images, in units of its spread in simulated ones.

    Parameters
    ----------
    real, first, second : tensor (B, side, side, c)
        Network units.
    maps : tensor (B, side, side, n_maps)
        Label maps.
    """
    x, y, z = (_ellipse(image, maps) for image in (real, first, second))
    spread = tf.math.reduce_std(x, axis=0) + _SAME
    return energy_score(x / spread, y / spread, z / spread)


def _ellipse(image, maps):
    """That of all bright cells alike, whose gradient hardly reaches the night sky."""
    _, alike = shower(image[..., 0])
    return image_ellipse(alike, maps)
