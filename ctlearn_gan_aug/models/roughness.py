"""How far lit pixels stand out from their neighbours: what a critic is shown beside the image."""

import keras

from . import layers as L

#: Charge in network units below which a pixel may be night sky.
_NIGHT_SKY = 0.35
#: Brings the jitter of times near the numbers of the other channels.
_JITTER_SCALE = 4.0


def light(image):
    """Charge beyond the night sky's (B, side, side, 1) of images (B, side, side, c)."""
    charge, *_ = L.channels(image)
    return keras.layers.ReLU()(keras.layers.Rescaling(1.0, -_NIGHT_SKY)(charge))


def roughness(image, bright) -> list:
    """Contrast of the charges and, if there are times, their jitter; each (B, side, side, 1).

    Parameters
    ----------
    image : tensor (B, side, side, c)
        Network units, charge first.
    bright : tensor (B, side, side, 1)
        Its `light`.
    """
    charge, *time = L.channels(image)
    return [_contrast(charge, bright), *(_jitter(t, bright) for t in time)]


def _contrast(charge, bright):
    """How far pixels with light stand out from their neighbours, in proportion to that light.

    In the compressed units of the network a bright pixel that is half too bright differs less from
    its neighbours than one pixel of night sky from the next.
    """
    contrast = keras.layers.Subtract()([charge, _around(charge)])
    return keras.layers.Multiply(name="contrast")([contrast, bright])


def _jitter(time, bright):
    """Differences of a pixel's time from those around it, weighted by the light of both.

    Times of pixels without light mean nothing, and would hide how exactly those of a shower agree.
    """
    same = keras.layers.Multiply()([time, _around(bright)])
    others = _around(keras.layers.Multiply()([time, bright]))
    difference = keras.layers.Subtract()([same, others])
    jitter = keras.layers.Multiply()([difference, bright])
    return keras.layers.Rescaling(_JITTER_SCALE, name="jitter")(jitter)


def _around(x):
    return keras.layers.AveragePooling2D(3, strides=1, padding="same")(x)
