"""Moments of an image's light about its labels, for a critic to judge by."""

import keras

from . import layers as L
from .shape import image_shape

#: Inverse of the jitter of times that counts as much.
_STEEPNESS = 5.0
_WIDTHS = (128, 64)


def judged_moments(image, bright, rough, maps, labels):
    """Features (B, 64) of where the light lies, how much there is and when it came.

    As Hillas did (ICRC 19 (1985) 3, 445), images are described by sums over their pixels; here of
    the light, its square, its times and its roughness, weighted by the label maps and their
    squares. They say what convolutions and a global mean find late: whether brightness, centroid,
    extent and time gradient suit the labels, and light and times are as rough as they should be.
    The image's own shape (`image_shape`) is judged with them.

    Parameters
    ----------
    image : tensor (B, side, side, c)
        Network units, charge first.
    bright : tensor (B, side, side, 1)
        Its `light`.
    rough : list of tensor (B, side, side, 1)
        Its `roughness`.
    maps : tensor (B, side, side, n_maps)
        Label maps.
    labels : tensor (B, n)
        The label vector (see `LabelMaps`).
    """
    cells = image.shape[1] * image.shape[2]
    powers = _powers(image, bright, rough)
    powers = keras.layers.Reshape((cells, powers.shape[-1]))(powers)
    place = keras.layers.Reshape((cells, maps.shape[-1]))(maps)
    place = keras.layers.Concatenate()([place, keras.layers.Multiply()([place, place])])
    sums = keras.layers.Dot(axes=(1, 1), name="moments")([powers, place])
    sums = keras.layers.Flatten()(keras.layers.Rescaling(1.0 / cells)(sums))
    sums = keras.layers.BatchNormalization(momentum=0.9, name="moments_norm")(sums)
    shape = image_shape(image, bright, maps)
    shape = keras.layers.BatchNormalization(momentum=0.9, name="shape_norm")(shape)
    x = keras.layers.Concatenate()([sums, shape, labels])
    for number, width in enumerate(_WIDTHS):
        x = L.leaky(L.dense(x, width, f"moments_{number}"))
    return x


def _powers(image, bright, rough):
    """Light, squares of light and roughness, and with times their product with light and again."""
    _, *time = L.channels(image)
    contrast, *jitter = rough
    squares = [bright, contrast, *(_saturated(x) for x in jitter)]
    powers = [bright, *(keras.layers.Multiply()([x, x]) for x in squares)]
    for t in time:
        late = keras.layers.Multiply()([bright, t])
        powers += [late, keras.layers.Multiply()([late, t])]
    return keras.layers.Concatenate()(powers)


def _saturated(jitter):
    """Accidental times are far off: squared as they are, nothing else would count."""
    return keras.layers.Activation("tanh")(keras.layers.Rescaling(_STEEPNESS)(jitter))
