"""Critics that score every patch of an image, without labels."""

import keras

from ..config.networks import CriticConfig
from ..config.refine import PatchCriticConfig
from . import layers as L
from .critic import descend, door
from .roughness import contrast, jitter, light


def build_patch_critic(config: PatchCriticConfig, side: int, n_channels: int) -> keras.Model:
    """Build a critic of patches (PatchGAN, Isola et al., arXiv 1611.07004).

    Night sky, optics and electronics show in every patch, whereas energies and directions of an
    image do not: a critic of whole images would ask for those of its own domain.

    Parameters
    ----------
    config : PatchCriticConfig
        Widths.
    side, n_channels : int
        Shape of the image, (side, side, n_channels), in network units.

    Returns
    -------
    keras.Model
        Input ``image``; output (B, n_patches), unbounded.
    """
    image = keras.Input((side, side, n_channels), name="image")
    charge, *times = channels = L.channels(image)
    bright = light(charge)
    rough = [contrast(charge, bright), *(jitter(time, bright) for time in times)]
    blocks = CriticConfig(channels=config.channels)
    x = door(blocks, [*channels, *rough])
    for level in range(len(config.channels) - 1):
        x = descend(blocks, x, level)
    score = keras.layers.Flatten()(L.conv(x, 1, 1, "score", gain=1.0))
    score = keras.layers.Activation("linear", dtype="float32", name="scores")(score)
    return keras.Model(image, score, name="patch_critic")
