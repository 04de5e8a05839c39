"""Critics that score every patch of an image and the shape of its light, without labels."""

import keras
from keras import ops

from ..config.networks import CriticConfig
from ..config.refine import PatchCriticConfig
from . import layers as L
from .critic import descend, door
from .moments import judged_shape
from .roughness import contrast, jitter, light

#: Maps of a cell's place: whether it holds a pixel, and where that is.
PLACES = 3


def build_patch_critic(config: PatchCriticConfig, side: int, n_channels: int) -> keras.Model:
    """Build a critic of patches (PatchGAN, Isola et al., arXiv 1611.07004).

    Night sky, optics and electronics show in every patch, whereas energies and directions of an
    image do not: a critic of whole images would ask for those of its own domain. Of the whole, it
    judges by the shape of the light about its centroid alone.

    Parameters
    ----------
    config : PatchCriticConfig
        Widths, and whether shapes are judged.
    side, n_channels : int
        Shape of the image, (side, side, n_channels), in network units.

    Returns
    -------
    keras.Model
        Inputs ``image`` and ``places`` (B, side, side, PLACES); a list of outputs (B, n),
        unbounded: scores of patches and, of the shape, one.
    """
    image = keras.Input((side, side, n_channels), name="image")
    places = keras.Input((side, side, PLACES), name="places")
    charge, *times = channels = L.channels(image)
    bright = light(charge)
    rough = [contrast(charge, bright), *(jitter(time, bright) for time in times)]
    blocks = CriticConfig(channels=config.channels)
    x = door(blocks, [*channels, *rough])
    for level in range(len(config.channels) - 1):
        x = descend(blocks, x, level)
    found = [keras.layers.Flatten()(L.conv(x, 1, 1, "score", gain=1.0))]
    if config.shape:
        lights = [ops.square(x) for x in (bright, ops.tanh(bright))]
        found.append(L.dense(judged_shape(lights, times, places), 1, "score_shape", gain=1.0))
    scores = [
        keras.layers.Activation("linear", dtype="float32", name=f"scores{i}")(score)
        for i, score in enumerate(found)
    ]
    return keras.Model([image, places], scores, name="patch_critic")
