"""Critics: an image on the compact grid, seen with its labels, to one score."""

import keras

from ..config.train import CriticConfig
from . import layers as L


def build_critic(
    config: CriticConfig, side: int, n_labels: int, n_maps: int, n_channels: int
) -> keras.Model:
    """Build a critic.

    Parameters
    ----------
    config : CriticConfig
        Architecture and conditioning.
    side, n_channels : int
        Shape of the image, (side, side, n_channels), in network units.
    n_labels, n_maps : int
        Number of label inputs and of label map channels.

    Returns
    -------
    keras.Model
        Inputs ``image``, ``labels`` (B, n_labels) and ``maps`` (B, side, side, n_maps); output
        (B, 1), unbounded.
    """
    image = keras.Input((side, side, n_channels), name="image")
    labels = keras.Input((n_labels,), name="labels")
    maps = keras.Input((side, side, n_maps), name="maps")
    x = image
    if config.label_maps:
        x = keras.layers.Concatenate(name="image_and_maps")([image, maps])
    features = {"residual": _residual, "dcgan": _dcgan}[config.architecture](config, x)
    score = _score(config, features, labels)
    score = keras.layers.Activation("linear", dtype="float32", name="score")(score)
    return keras.Model([image, labels, maps], score, name="critic")


def _residual(config: CriticConfig, x):
    """Full resolution folded into depth at the door, then strided residual blocks."""
    x = L.pad_to(x, x.shape[1] + x.shape[1] % 2)
    x = L.leaky(L.conv(L.space_to_depth(x), config.channels[0], 3, "door"))
    for level, width in enumerate(config.channels[1:]):
        x = _down(x, width, f"level{level}")
    x = keras.layers.Flatten()(x)
    return L.leaky(L.dense(x, config.channels[-1], "features"))


def _down(x, width: int, name: str):
    """Residual block at this resolution, then half of it."""
    y = L.leaky(L.conv(x, x.shape[-1], 3, f"{name}_conv1"))
    y = L.conv(y, width, 3, f"{name}_conv2", strides=2, gain=1.0)
    skip = keras.layers.AveragePooling2D(2, padding="same")(x)
    skip = L.conv(skip, width, 1, f"{name}_skip", gain=1.0)
    return L.leaky(keras.layers.Add()([skip, y]))


def _dcgan(config: CriticConfig, x):
    """The thesis' critic: strided 5x5 convolutions with dropout in the middle."""
    levels = len(config.channels)
    x = L.pad_to(x, -(-x.shape[1] // 2**levels) * 2**levels)
    for level, width in enumerate(config.channels):
        x = keras.layers.Conv2D(
            width,
            5,
            strides=2,
            padding="same",
            kernel_initializer="orthogonal",
            name=f"conv{level}",
        )(x)
        x = L.leaky(x)
        if config.dropout and 0 < level < levels - 1:
            x = keras.layers.Dropout(config.dropout)(x)
    x = keras.layers.Flatten()(x)
    return keras.layers.Dropout(0.2)(x) if config.dropout else x


def _score(config: CriticConfig, features, labels):
    if config.conditioning == "concat":
        features = keras.layers.Concatenate()([features, labels])
        features = L.leaky(L.dense(features, 128, "joint"))
    score = L.dense(features, 1, "score_image", gain=1.0)
    if config.conditioning != "projection":
        return score
    # Projection of continuous labels (Ding et al., CcGAN, arXiv 2011.07466, after
    # Miyato & Koyama, arXiv 1802.05637).
    embedding = L.leaky(L.dense(labels, 128, "embed_1"))
    embedding = L.dense(embedding, features.shape[-1], "embed_2", gain=1.0, use_bias=False)
    match = keras.layers.Dot(axes=1, normalize=False, name="projection")([features, embedding])
    return keras.layers.Add()([score, match])
