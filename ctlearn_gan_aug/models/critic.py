"""Critics: an image on the compact grid, seen with its labels, to one score."""

from functools import partial

import keras
from keras import ops

from ..config.networks import MAPS_LEVEL, MINIBATCH_GROUP, CriticConfig
from . import layers as L
from .blocks import MinibatchDeviation, attend, spectrally_normalised
from .growth import PLAIN, Growth
from .moments import judged_moments
from .view import View

#: The night-sky noise is about 1/8 in network units: bring it near 1.
_IMAGE_SCALE = 4.0
#: Numbers that a processor multiplies at once.
_LANES = 16
#: Strides of the convolutions of the label heads, on features and on charges, and their filters.
_HEAD, _CHARGE_HEAD = ((2, 64), (2, 64)), ((1, 32), (2, 64), (2, 64))
#: Units and dropout of their dense layer.
_HEAD_WIDTH, _HEAD_DROPOUT = 128, 0.5


def build_critic(
    config: CriticConfig,
    side: int,
    told: tuple[int, int],
    n_channels: int,
    n_labels: int,
    n_codes: int = 0,
    growth: Growth | None = None,
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
    n_codes : int
        Entries of the latent vector to find (see `models.codes`).
    growth : Growth, optional
        How far it has grown; without, fully.

    Returns
    -------
    keras.Model
        Inputs ``image``, at the side of its level while it grows, ``labels`` (B, told[0]), ``maps``
        (B, side, side, told[1]); output ``score`` (B, 1), unbounded; with a label head also
        ``found_labels`` (B, k n_labels), the labels found by k heads, and with codes
        ``found_codes`` (B, n_codes). Several are a dict.
    """
    growth = growth or PLAIN
    shown_side = growth.side() if growth.level else side
    image = keras.Input((shown_side, shown_side, n_channels), name="image")
    labels = keras.Input((told[0],), name="labels")
    maps = keras.Input((side, side, told[1]), name="maps")
    images = {growth.level: image}
    if growth.fading:
        images[growth.level + 1] = growth.coarser(image, growth.level)
    if config.architecture == "residual":
        views = {level: View.of(image) for level, image in images.items()}
        unaware = _entrance(config, growth, views)
        features = _residual(config, unaware, maps)
        if config.moments and config.label_maps:
            found = judged_moments(views, maps, labels, growth)
            features = keras.layers.Concatenate(name="features")([features, found])
    else:
        views = None
        features = unaware = _dcgan(config, growth, side, images)
    found = {"score": _score(config, features, labels)}
    if config.label_head:
        found["found_labels"] = _found_labels(config, growth, views, unaware, n_labels)
    if n_codes:
        joint = L.leaky(L.dense(features, _HEAD_WIDTH, "codes_joint"))
        found["found_codes"] = L.dense(joint, n_codes, "codes_head", gain=1.0)
    outputs = {name: _float32(x, name) for name, x in found.items()}
    outputs = outputs if len(outputs) > 1 else outputs["score"]
    model = keras.Model([image, labels, maps], outputs, name="critic")
    return spectrally_normalised(model) if config.spectral_norm else model


def _float32(x, name: str):
    return keras.layers.Activation("linear", dtype="float32", name=name)(x)


def _entrance(config: CriticConfig, growth: Growth, views: dict):
    """The door, and the level that knows of no labels yet."""

    def first_door(view):
        return door(config, view.seen)

    def later_door(view, place: int):
        return _normed(config, _stacked(view.seen), config.channels[place - 1], f"door_at{place}")

    levels = [partial(descend, config, level=level) for level in range(_maps_level(config))]
    return growth.entered(views, [first_door, *levels], later_door, "image_blend")


def door(config: CriticConfig, seen: list):
    """Maps (B, side, side), full resolution folded into depth, to half the resolution."""
    return _normed(config, _folded(seen), config.channels[0], "door")


def _folded(seen: list):
    return L.space_to_depth(_IMAGE_SCALE * ops.stack(seen, axis=1))


def _stacked(seen: list):
    return _IMAGE_SCALE * ops.stack(seen, axis=-1)


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
    """Level at which label maps join; the door would not see the image beside large numbers."""
    return min(MAPS_LEVEL, len(config.channels) - 2)


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


def _dcgan(config: CriticConfig, growth: Growth, side: int, images: dict):
    """The thesis' critic: strided 5x5 convolutions with dropout in the middle."""
    levels = len(config.channels)
    coarsest = -(-side // 2**levels)

    def block(x, level: int):
        x = x if level else L.pad_to(x, coarsest * 2**levels)
        return _dcgan_block(config, x, level)

    def later_door(image, place: int):
        x = L.pad_to(image, coarsest * 2 ** (levels - place))
        return L.leaky(L.conv(x, config.channels[place - 1], 1, f"door_at{place}"))

    blocks = [partial(block, level=level) for level in range(levels)]
    x = growth.entered(images, blocks, later_door, "image_blend")
    x = keras.layers.Flatten()(_compared(config, x))
    return keras.layers.Dropout(0.2, seed=levels)(x) if config.dropout else x


def _dcgan_block(config: CriticConfig, x, level: int):
    x = keras.layers.Conv2D(
        config.channels[level],
        5,
        strides=2,
        padding="same",
        kernel_initializer="orthogonal",
        name=f"conv{level}",
    )(x)
    x = L.leaky(x)
    if config.dropout and 0 < level < len(config.channels) - 1:
        x = keras.layers.Dropout(config.dropout, seed=level)(x)
    return attend(x, f"level{level}_attention", config.attention)


def _found_labels(config: CriticConfig, growth: Growth, views, features, n_labels: int):
    """Labels that show in features which have seen the image alone and, with times, in charges.

    Where times tell as much, one head for both would let shapes of images tell too much of the
    direction as long as times tell too little.
    """
    if config.architecture != "residual":
        return L.dense(features, n_labels, "head", gain=1.0)
    x = features
    for number, part in enumerate(_HEAD):
        x = _head_conv(config, x, *part, f"head_conv{number}")
    found = [_head(x, n_labels, "head")]
    if not views[growth.level].times:
        return found[0]
    found.append(_head(_charge_features(config, growth, views), n_labels, "charge_head"))
    return keras.layers.Concatenate()(found)


def _charge_features(config: CriticConfig, growth: Growth, views: dict):
    """Features that have seen the charges alone."""

    def block(x, number: int):
        x = x if number else _folded([x])
        return _head_conv(config, x, *_CHARGE_HEAD[number], f"charge_head_conv{number}")

    def later_door(charge, place: int):
        width = _CHARGE_HEAD[place - 1][1]
        return _head_conv(config, _stacked([charge]), 1, width, f"charge_head_door_at{place}")

    charges = {level: view.charge for level, view in views.items()}
    blocks = [partial(block, number=number) for number in range(len(_CHARGE_HEAD))]
    return growth.entered(charges, blocks, later_door, "charge_head_blend")


def _head_conv(config: CriticConfig, x, stride: int, width: int, name: str):
    x = L.conv(x, width, 3, name, strides=stride, use_bias=False)
    return L.leaky(_norm(config, x, name))


def _head(x, n_labels: int, name: str):
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
