"""Codes: the first entries of the latent vector, which the critic has to find in the image.

After InfoGAN (Chen et al., arXiv 1606.03657): what varies at equal labels falls into few numbers
that can be chosen.
"""

import keras
import numpy as np
from keras import ops

from ..config.networks import CodesConfig
from . import layers as L

#: Makes an entry the largest of its category whatever the others are.
_CHOSEN = 10.0


class Codes(keras.layers.Layer):
    """Latent vectors whose codes are as the rest of the network is to see them.

    Parameters
    ----------
    continuous : int
        Number of continuous codes.
    categorical : list of int
        Number of categories of every categorical code.
    """

    def __init__(self, continuous: int, categorical: list[int], **options):
        super().__init__(**options)
        self.continuous, self.categorical = continuous, categorical

    def call(self, latent):
        """Latent vectors (B, latent) to (B, latent)."""
        config = CodesConfig(continuous=self.continuous, categorical=self.categorical)
        return ops.concatenate([codes_of(latent, config), latent[:, config.size :]], axis=-1)

    def get_config(self):
        """Of the layer, for Keras."""
        codes = {"continuous": self.continuous, "categorical": self.categorical}
        return {**super().get_config(), **codes}


def with_codes(latent, config: CodesConfig | None):
    """The latent vectors of a network, with codes if it has some."""
    if config is None:
        return latent
    with L.precision("float32"):  # the largest entry of a category is the same everywhere
        return Codes(config.continuous, config.categorical, name="codes")(latent)


def codes_of(latent, config: CodesConfig):
    """Codes of normally distributed latent vectors.

    Parameters
    ----------
    latent : tensor (B, latent)
        Normal numbers.
    config : CodesConfig
        How many codes of which kind.

    Returns
    -------
    tensor (B, config.size)
        Continuous codes as they are; of a category the largest of its numbers is 1, the others 0.
    """
    parts = [latent[:, : config.continuous]]
    for part in config.parts[config.continuous :]:
        group = latent[:, part]
        parts.append(ops.one_hot(ops.argmax(group, -1), group.shape[-1], dtype=latent.dtype))
    return ops.concatenate(parts, axis=-1)


def chosen_latents(config: CodesConfig, code: int, value: float) -> np.ndarray:
    """First entries (config.size,) of latent vectors with one chosen code, the others NaN.

    Parameters
    ----------
    config : CodesConfig
        How many codes of which kind.
    code : int
        Number of the code, continuous ones first.
    value : float
        Its value, or the number of its category.
    """
    latents, part = np.full(config.size, np.nan, np.float32), config.parts[code]
    if code < config.continuous:
        latents[part] = value
    else:
        latents[part] = 0.0
        latents[part.start + int(value)] = _CHOSEN
    return latents
