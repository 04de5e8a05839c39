"""Critics: an image on the compact grid, seen with its labels, to one score."""

import keras
from keras import ops

from ..config.networks import MINIBATCH_GROUP, CriticConfig
from . import layers as L
from .blocks import MinibatchDeviation, attend, spectrally_normalised
from .moments import judged_moments
from .roughness import contrast, jitter, light

#: The night-sky noise is about 1/8 in network units: bring it near 1.
_IMAGE_SCALE = 4.0
#: Numbers that a processor multiplies at once.
_LANES = 16
#: Level at which label maps join: beside their large numbers the door would not see the image.
_MAPS_LEVEL = 1
#: Strides of the convolutions of the label heads, on features and on charges, and their filters.
_HEAD, _CHARGE_HEAD = ((2, 64), (2, 64)), ((1, 32), (2, 64), (2, 64))
#: Units and dropout of their dense layer.
_HEAD_WIDTH, _HEAD_DROPOUT = 128, 0.5


def build_critic(
    config: CriticConfig, side: int, told: tuple[int, int], n_channels: int, n_labels: int
) -> keras.Model:
    """Build a critic.

    Parameters
    ----------
    config : CriticConfig
        Architecture and conditioning.
    side, n_channels : int
        Shape of the image, (side, side, n_channels), in network units.
    told : (int, int)
        Length of the label vector, and number of label maps (see `LabelMaps`).
    n_labels : int
        Number of labels for a label head to find.

    Returns
    -------
    keras.Model
        Inputs ``image``, ``labels`` (B, told[0]), ``maps`` (B, side, side, told[1]); output
        (B, 1), unbounded, and with a label head (B, k n_labels): the labels found by k heads.
    """
    image = keras.Input((side, side, n_channels), name="image")
    labels = keras.Input((told[0],), name="labels")
    maps = keras.Input((side, side, told[1]), name="maps")
    charge, *times = channels = L.channels(image)
    if config.architecture == "residual":
        bright = light(charge)
        rough = [contrast(charge, bright), *(jitter(time, bright) for time in times)]
        unaware = _entrance(config, [*channels, *rough])
        features = _residual(config, unaware, maps)
        if config.moments and config.label_maps:
            found = judged_moments(channels, bright, rough, maps, labels)
            features = keras.layers.Concatenate(name="features")([features, found])
    else:
        features = unaware = _dcgan(config, image)
    outputs = [_float32(_score(config, features, labels), "score")]
    if config.label_head:
        charges = charge if times else None
        found = _found_labels(config, charges, unaware, n_labels)
        outputs.append(_float32(found, "found_labels"))
    inputs = [image, labels, maps]
    model = keras.Model(inputs, outputs if config.label_head else outputs[0], name="critic")
    return spectrally_normalised(model) if config.spectral_norm else model


def _float32(x, name: str):
    return keras.layers.Activation("linear", dtype="float32", name=name)(x)


def _entrance(config: CriticConfig, seen: list):
    """The door, and the level that knows of no labels yet."""
    x = door(config, seen)
    for level in range(_maps_level(config)):
        x = descend(config, x, level)
    return x


def door(config: CriticConfig, seen: list):
    """Maps (B, side, side), full resolution folded into depth, to half the resolution."""
    return _normed(config, _folded(seen), config.channels[0], "door")


def _folded(seen: list):
    return L.space_to_depth(_IMAGE_SCALE * ops.stack(seen, axis=1))


def _residual(config: CriticConfig, x, maps):
    """Strided residual blocks that see the label maps, and a global mean.

    Without the batch normalisation it hardly learns: nearly all of an image is night sky, and the
    few pixels that matter vanish beside it. Simulated and generated images therefore share a batch.
    """
    first = _maps_level(config)
    if config.label_maps:
        place = L.pool(maps, 2 ** (first + 1))
        x = keras.layers.Concatenate(name="image_and_maps")([x, place])
    for level in range(first, len(config.channels) - 1):
        x = descend(config, x, level)
    return keras.layers.GlobalAveragePooling2D()(_compared(config, x))


def _maps_level(config: CriticConfig) -> int:
    return min(_MAPS_LEVEL, len(config.channels) - 2)


def descend(config: CriticConfig, x, level: int):
    """A residual block at this level's resolution, and half of that."""
    x = attend(x, f"level{level}_attention", config.attention)
    return _down(config, x, config.channels[level + 1], f"level{level}")


def _normed(config: CriticConfig, x, width: int, name: str):
    """Convolution, batch normalisation and activation."""
    has_norm = config.normalization == "batch"
    x = L.conv(x, width, 3, name, use_bias=not has_norm)
    return L.leaky(_norm(config, x, name))


def _norm(config: CriticConfig, x, name: str):
    if config.normalization != "batch":
        return x
    return keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)


def _compared(config: CriticConfig, x):
    """Add how much the images of a group differ, which betrays a generator that repeats itself."""
    if not config.minibatch_std:
        return x
    deviation = MinibatchDeviation(MINIBATCH_GROUP, name="minibatch_std")(x)
    return keras.layers.Concatenate()([x, deviation])


def _down(config: CriticConfig, x, width: int, name: str):
    """Residual block at this resolution, then half of it."""
    has_norm = config.normalization == "batch"
    # As wide as x, but of a width that processors calculate fast with.
    y = _normed(config, x, -(-x.shape[-1] // _LANES) * _LANES, f"{name}_conv1")
    options = {"gain": 1.0, "use_bias": not has_norm}
    y = L.conv(y, width, 3, f"{name}_conv2", strides=2, **options)
    skip = keras.layers.AveragePooling2D(2, padding="same")(x)
    skip = L.conv(skip, width, 1, f"{name}_skip", **options)
    return L.leaky(_norm(config, keras.layers.Add()([skip, y]), name))


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
            x = keras.layers.Dropout(config.dropout, seed=level)(x)
        x = attend(x, f"level{level}_attention", config.attention)
    x = keras.layers.Flatten()(_compared(config, x))
    return keras.layers.Dropout(0.2, seed=levels)(x) if config.dropout else x


def _found_labels(config: CriticConfig, charges, features, n_labels: int):
    """Labels that show in features which have seen the image alone and, with times, in charges.

    Where times tell as much, one head for both would let shapes of images tell too much of the
    direction as long as times tell too little.
    """
    if config.architecture != "residual":
        return L.dense(features, n_labels, "head", gain=1.0)
    found = [_head(config, features, _HEAD, n_labels, "head")]
    if charges is None:
        return found[0]
    found.append(_head(config, _folded([charges]), _CHARGE_HEAD, n_labels, "charge_head"))
    return keras.layers.Concatenate()(found)


def _head(config: CriticConfig, x, convolutions, n_labels: int, name: str):
    for number, (stride, width) in enumerate(convolutions):
        conv = f"{name}_conv{number}"
        x = L.conv(x, width, 3, conv, strides=stride, use_bias=False)
        x = L.leaky(_norm(config, x, conv))
    # Without, it knows a few thousand images by heart and asks as much of generated ones.
    x = keras.layers.Dropout(_HEAD_DROPOUT, seed=0)(keras.layers.Flatten()(x))
    x = L.leaky(L.dense(x, _HEAD_WIDTH, f"{name}_joint"))
    return L.dense(x, n_labels, name, gain=1.0)


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
    embedding = L.dense(embedding, features.shape[-1], "embed_2", gain=0.01, use_bias=False)
    match = keras.layers.Dot(axes=1, normalize=False, name="projection")([features, embedding])
    return keras.layers.Add()([score, match])
