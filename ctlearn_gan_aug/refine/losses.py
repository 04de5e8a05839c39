"""What both translators are held to, beside their critics, as pure functions."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

#: Block sides in cells whose means are compared. Noise that a translator adds or takes away
#: averages out in blocks, a shower does not.
SCALES = (1, 2, 4)


class Translated(NamedTuple):
    """Images (B, side, side, c) of one domain, in network units, and what becomes of them.

    Attributes
    ----------
    own : tensor
        As they are.
    other : tensor
        In the other domain.
    back : tensor
        In their own domain again.
    same : tensor
        After the translator into their own domain.
    """

    own: object
    other: object
    back: object
    same: object


def translate_both(
    source, target, forward: Callable, backward: Callable
) -> tuple[Translated, Translated]:
    """All that becomes of the images of both domains; a translator is called once for two of them.

    Parameters
    ----------
    source, target : tensor (B, side, side, c)
        Images.
    forward, backward : callable
        Images, and the number of the call (0 or 1) for its random numbers, to the other domain.
    """
    n = tf.shape(source)[0], tf.shape(target)[0]
    in_target, same_target = tf.split(forward(tf.concat([source, target], 0), 0), n)
    in_source, same_source = tf.split(backward(tf.concat([target, source], 0), 0), n[::-1])
    return (
        Translated(source, in_target, backward(in_target, 1), same_source),
        Translated(target, in_source, forward(in_source, 1), same_target),
    )


def image_distance(one, other, scales=SCALES):
    """Mean absolute difference of two sets of images, in every cell and of means over blocks.

    Parameters
    ----------
    one, other : tensor (B, side, side, c)
        Network units.
    scales : sequence of int
        Block sides in cells.
    """
    difference = one - other
    found = [tf.reduce_mean(tf.abs(_blocks(difference, scale))) for scale in scales]
    return tf.add_n(found) / len(found)


def cycle_loss(images: Translated):
    """Distance of images from what comes back of them (Zhu et al., arXiv 1703.10593).

    It vanishes if the translators are each other's inverse.
    """
    return image_distance(images.back, images.own)


def identity_loss(images: Translated):
    """Distance of images from what the translator into their own domain makes of them."""
    return image_distance(images.same, images.own)


def label_loss(found, before):
    """Mean squared change of the labels (B, n_labels) that show, by the spread of the labels.

    Not the error: refined images should show their labels no better than simulated ones do.
    """
    return tf.reduce_mean(tf.square(found - tf.stop_gradient(before)))


def _blocks(images, scale: int):
    return images if scale == 1 else tf.nn.avg_pool2d(images, scale, scale, "SAME")
