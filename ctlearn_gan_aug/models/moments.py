"""Moments of an image's light about its labels, for a critic to judge by."""

import keras

from . import layers as L

#: Charge in network units below which a pixel may be night sky.
_NIGHT_SKY = 0.35
_WIDTHS = (128, 64)


def judged_moments(image, bright, contrast, maps, labels):
    """Features (B, 64) of where the light lies, how much there is and when it came.

    As Hillas did (ICRC 19 (1985) 3, 445), images are described by sums over their pixels; here of
    the light, its square, its times and its contrast squared, weighted by the label maps and their
    squares. They say what convolutions and a global mean find late: whether brightness, centroid,
    extent and time gradient suit the labels, and light and times are as rough as they should be.

    Parameters
    ----------
    image : tensor (B, side, side, c)
        Network units, charge first.
    bright : tensor (B, side, side, 1)
        Its `light`.
    contrast : tensor (B, side, side, c)
        How far pixels stand out from their neighbours, times ``bright``.
    maps : tensor (B, side, side, n_maps)
        Label maps.
    labels : tensor (B, n_labels)
        Encoded.
    """
    cells = image.shape[1] * image.shape[2]
    powers = _powers(image, bright, contrast)
    powers = keras.layers.Reshape((cells, powers.shape[-1]))(powers)
    place = keras.layers.Reshape((cells, maps.shape[-1]))(maps)
    place = keras.layers.Concatenate()([place, keras.layers.Multiply()([place, place])])
    sums = keras.layers.Dot(axes=(1, 1), name="moments")([powers, place])
    sums = keras.layers.Flatten()(keras.layers.Rescaling(1.0 / cells)(sums))
    sums = keras.layers.BatchNormalization(momentum=0.9, name="moments_norm")(sums)
    x = keras.layers.Concatenate()([sums, labels])
    for number, width in enumerate(_WIDTHS):
        x = L.leaky(L.dense(x, width, f"moments_{number}"))
    return x


def light(image):
    """Charge beyond the night sky's (B, side, side, 1) of images (B, side, side, c)."""
    charge, *_ = _channels(image)
    return keras.layers.ReLU()(keras.layers.Rescaling(1.0, -_NIGHT_SKY)(charge))


def _powers(image, bright, contrast):
    """Light, its square and that of contrast, and with times their product with light and again."""
    _, *time = _channels(image)
    squares = [keras.layers.Multiply()([x, x]) for x in (bright, contrast)]
    powers = [bright, *squares]
    for t in time:
        late = keras.layers.Multiply()([bright, t])
        powers += [late, keras.layers.Multiply()([late, t])]
    return keras.layers.Concatenate()(powers)


def _channels(image) -> list:
    """Images (B, side, side, c) as c tensors (B, side, side, 1)."""
    side, n = image.shape[1], image.shape[-1]
    if n == 1:
        return [image]
    rows = keras.layers.Permute((2, 1))(keras.layers.Reshape((side * side, n))(image))
    cuts = (keras.layers.Cropping1D((i, n - 1 - i))(rows) for i in range(n))
    return [keras.layers.Reshape((side, side, 1))(cut) for cut in cuts]
