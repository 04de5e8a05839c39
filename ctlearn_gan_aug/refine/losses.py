"""What both translators are held to, beside their critics, as pure functions."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

#: Block sides in cells whose means are compared. Noise that a translator adds or takes away
#: averages out in blocks, a shower does not.
SCALES = (1, 2, 4)
#: The cell in the middle of a 3 x 3 neighbourhood, and the part of them that counts as lit.
_MIDDLE, _LIT_SHARE = 4, 0.05


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


def sliced_distance(one, other, key, interior, n_slices: int = 16):
    """Wasserstein-1 distance of pixels with their surroundings, mean over random projections.

    Bonneel et al., J. Math. Imaging Vis. 51 (2015) 22; for generators Deshpande et al., arXiv
    1803.11188. What the night sky does to all pixels, out to the tails, and the optics to lit ones,
    needs no critic. Three kinds of projections have the same weight: of single cells, of
    neighbourhoods, and of the contrast of the brightest ones, which says nothing of how bright
    they are.

    Parameters
    ----------
    one, other : tensor (B, side, side, c)
        Network units, equally many.
    key : tensor of int64 (2,)
        Of the stateless random numbers.
    interior : tensor of int (n,)
        Flat index of the 3 x 3 neighbourhoods that lie in the camera, see `interior_cells`.
    n_slices : int
        Number of projections of each kind.
    """
    n_channels = one.shape[-1]
    slices = tf.random.stateless_normal((3, 9, n_channels, n_slices), key)
    middle = np.zeros((9, 1, 1), np.float32)
    middle[_MIDDLE] = 1.0
    found = []
    for weights, prepare in ((middle, _all), (1.0, _all), (1.0, _lit_contrast)):
        directions = tf.reshape(slices[len(found)] * weights, (9 * n_channels, n_slices))
        directions = tf.math.l2_normalize(directions, axis=0)
        first, second = (
            tf.matmul(directions, prepare(x, interior), transpose_a=True, transpose_b=True)
            for x in (one, other)
        )
        found.append(tf.reduce_mean(tf.abs(tf.sort(first) - tf.sort(second))))
    return tf.add_n(found) / len(found)


def interior_cells(mask) -> np.ndarray:
    """Flat indices of the 3 x 3 neighbourhoods, (side - 2) a side, of which all cells have a pixel.

    Parameters
    ----------
    mask : ndarray (side, side)
        1 in cells that hold a pixel.
    """
    windows = np.lib.stride_tricks.sliding_window_view(mask, (3, 3))
    return np.flatnonzero(windows.all(axis=(2, 3)))


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


def _all(images, interior):
    """Neighbourhoods (N, 9 c) of all cells inside the camera."""
    patches = tf.image.extract_patches(images, (1, 3, 3, 1), (1,) * 4, (1,) * 4, "VALID")
    patches = tf.reshape(patches, (tf.shape(images)[0], -1, patches.shape[-1]))
    return tf.reshape(tf.gather(patches, interior, axis=1), (-1, patches.shape[-1]))


def _lit_contrast(images, interior):
    """How the brightest neighbourhoods (n, 9 c) differ from their own means."""
    n_channels = images.shape[-1]
    patches = tf.reshape(_all(images, interior), (-1, 9, n_channels))
    n_lit = tf.cast(_LIT_SHARE * tf.cast(tf.shape(patches)[0], tf.float32), tf.int32)
    rows = tf.math.top_k(patches[:, _MIDDLE, 0], tf.maximum(n_lit, 1)).indices
    lit = tf.gather(patches, rows)
    return tf.reshape(lit - tf.reduce_mean(lit, axis=1, keepdims=True), (-1, 9 * n_channels))


def _blocks(images, scale: int):
    return images if scale == 1 else tf.nn.avg_pool2d(images, scale, scale, "SAME")
