"""A small network that finds labels in images on the compact grid."""

import keras

from ..config.networks import CriticConfig
from ..config.refine import RegressorConfig
from . import layers as L
from .critic import descend, door
from .roughness import light

_HEAD_WIDTH, _DROPOUT = 128, 0.2


def build_regressor(
    config: RegressorConfig, side: int, n_channels: int, n_labels: int
) -> keras.Model:
    """Build a regressor out of the blocks of critics.

    It sees what stands out of the night sky alone: that of another domain should not change what
    it finds.

    Parameters
    ----------
    config : RegressorConfig
        Widths.
    side, n_channels : int
        Shape of the image, (side, side, n_channels), in network units.
    n_labels : int
        Labels to find.

    Returns
    -------
    keras.Model
        Input ``image``; output (B, n_labels), encoded.
    """
    image = keras.Input((side, side, n_channels), name="image")
    charge, *times = L.channels(image)
    bright = light(charge)
    blocks = CriticConfig(channels=config.channels)
    x = door(blocks, [bright, *(time * bright for time in times)])
    for level in range(len(config.channels) - 1):
        x = descend(blocks, x, level)
    x = keras.layers.Dropout(_DROPOUT, seed=0)(keras.layers.Flatten()(x))
    x = L.leaky(L.dense(x, _HEAD_WIDTH, "joint"))
    labels = L.dense(x, n_labels, "found", gain=1.0)
    labels = keras.layers.Activation("linear", dtype="float32", name="labels")(labels)
    return keras.Model(image, labels, name="regressor")
