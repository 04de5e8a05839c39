"""Generators: latent, labels, label maps, noise and pedestals to images on the compact grid."""

from collections.abc import Iterator
from typing import NamedTuple

import keras

from ..config.networks import GeneratorConfig
from . import layers as L
from .blocks import attend, spectrally_normalised
from .codes import with_codes
from .ellipse import outline
from .growth import PLAIN, Growth
from .pixels import gated, signal_over_pedestal

#: Channels of independent normal noise per pixel.
NOISE_CHANNELS = 4
_TRUNK_LAYERS = 3
#: Of the dcgan's layers, by name: a shared initializer object would give them equal weights.
_DCGAN = {"use_bias": False, "kernel_initializer": "orthogonal"}


def build_generator(
    config: GeneratorConfig,
    side: int,
    told: tuple[int, int],
    reach: tuple[float, ...],
    gate: tuple[float, float] | None = None,
    growth: Growth | None = None,
) -> keras.Model:
    """Build a generator.

    Parameters
    ----------
    config : GeneratorConfig
        Architecture.
    side : int
        Cells along each side of the image, (side, side, n_channels).
    told : (int, int)
        Length of the label vector, and number of label maps (see `LabelMaps`).
    reach : tuple of float
        Largest absolute value of every channel in network units.
    gate : (float, float), optional
        Slope and offset of the peak-time gate as a function of the charge channel; needed for two
        channels (see `ctlearn_gan_aug.intensity`).
    growth : Growth, optional
        How far it has grown; without, fully.

    Returns
    -------
    keras.Model
        Inputs ``latent`` (B, latent), ``labels`` (B, told[0]), ``maps`` (B, side, side, told[1]),
        ``noise`` (B, side, side, NOISE_CHANNELS) and, for every channel, ``pedestal0`` ...
        (B, side, side, 1) of `IntensityTransform.pedestals`; output (B, side, side, n_channels),
        at the side of its level while it grows. While it fades in, a second output is the image of
        the newest layers alone.
    """
    growth = growth or PLAIN
    n_channels = len(reach)
    inputs = {
        "latent": keras.Input((config.latent,), name="latent"),
        "labels": keras.Input((told[0],), name="labels"),
        "maps": keras.Input((side, side, told[1]), name="maps"),
        "noise": keras.Input((side, side, NOISE_CHANNELS), name="noise"),
    }
    for i in range(n_channels):
        inputs[f"pedestal{i}"] = keras.Input((side, side, 1), name=f"pedestal{i}")
    seen = inputs | {"latent": with_codes(inputs["latent"], config.codes)}
    is_residual = config.architecture == "residual"
    image, drawn = None, []
    if is_residual:
        code = _code(config, seen)
        if config.ellipse:
            drawn = outline(code.style, inputs["maps"], n_channels)
        levels = _residual(config, code, inputs["noise"], side)
    else:
        levels = _dcgan(config, seen, side)
    for level, features in levels:
        if level in growth.shown:
            if is_residual:
                channels = _residual_pixels(features, inputs, level, reach, growth, drawn)
            else:
                channels = _dcgan_pixels(config, features, side, level, n_channels)
            newest = _image(channels, level, gate)
            image = newest if image is None else _blended(image, newest, growth)
        if level == growth.level:
            break
    # Images leave in float32 whatever precision the layers compute in.
    with L.precision("float32"):
        image = keras.layers.Activation("linear", name="image")(image)
    outputs = [image, newest] if growth.fading else image
    model = keras.Model(list(inputs.values()), outputs, name="generator")
    return spectrally_normalised(model) if config.spectral_norm else model


def _image(channels: list, level: int, gate):
    """The image of a level from its channels."""
    with L.precision("float32"):
        charge, *time = channels
        if time:
            charge = keras.layers.Concatenate()([charge, gated(*time, charge, gate, _at(level))])
        return charge


def _blended(coarser, newest, growth: Growth):
    """The image that fades in over the coarser one."""
    with L.precision("float32"):
        coarser = L.upsample(coarser, newest.shape[1])
        return growth.blended(coarser, newest, "image_blend")


def _at(level: int) -> str:
    """Ending of the names of layers that make the pixels of a level other than the last."""
    return f"_at{level}" if level else ""


def _level_sides(side: int, levels: int) -> list[int]:
    """Sides from the coarsest level to the finest, each half of the next, rounded up."""
    sides = [side]
    for _ in range(levels - 1):
        sides.insert(0, -(-sides[0] // 2))
    return sides


class _Code(NamedTuple):
    """What images are made of: what the first level starts from, and what all of them follow.

    Attributes
    ----------
    start : tensor (B, n)
    style : tensor (B, n) or None
        Modulates the levels.
    trunk : tensor (B, side, side, c) or None
        Places the shower.
    """

    start: keras.KerasTensor
    style: keras.KerasTensor | None = None
    trunk: keras.KerasTensor | None = None


def _residual(config: GeneratorConfig, code: _Code, noise, side: int) -> Iterator[tuple]:
    """A pointwise trunk that places the shower, and residual levels that make it fluctuate.

    The trunk sees each cell's position relative to the requested direction and core and the label
    embedding, so that it learns the mean image from every pixel of every event at once. Levels
    from coarse to fine add what varies at equal labels, down to per-pixel noise (as in StyleGAN,
    Karras et al., arXiv 1812.04948). Labels act by FiLM in the levels. The night sky needs no
    learning: the signal is put on pedestals drawn from the data.

    Yields
    ------
    (int, tensor (B, side, side, c))
        How often the side of its features is half the image's, and the features, coarse to fine.
    """
    sides = _level_sides(side, len(config.channels))
    _, style, trunk = code
    local = [noise] if trunk is None else [trunk, noise]

    width = config.channels[0]
    x = L.dense(code.start, sides[0] ** 2 * width, "base")
    x = keras.layers.Reshape((sides[0], sides[0], width))(x)
    for level, width in enumerate(config.channels[:-1]):
        factor = 2 ** (len(config.channels) - 1 - level)
        seen = [L.pool(part, factor) for part in local]
        seen = keras.layers.Concatenate()(seen) if len(seen) > 1 else seen[0]
        x = _block(config, x, seen, style, width, f"level{level}")
        x = attend(x, f"level{level}_attention", config.attention)
        yield len(sides) - 1 - level, x
    yield 0, _finest(config, x, trunk, noise, style, side)


def _residual_pixels(
    features, inputs: dict, level: int, reach, growth: Growth, drawn: list
) -> list:
    """Channels of an image at a level, times not gated; details on what is drawn, if anything."""
    pedestal = [inputs[f"pedestal{i}"] for i in range(len(reach))]
    noise = inputs["noise"]
    if level:
        with L.precision("float32"):
            noise = L.pool(noise, 2**level)
            pedestal = growth.pedestals(pedestal, level)
            drawn = [L.pool(channel, 2**level) for channel in drawn]
    return signal_over_pedestal(features, noise, pedestal, reach, _at(level), drawn)


def _code(config: GeneratorConfig, inputs: dict) -> _Code:
    """The code of labels and latents.

    Without FiLM labels are at most a part of the input vector, and nothing else knows of them.
    """
    latent, labels = inputs["latent"], inputs["labels"]
    if config.conditioning != "film":
        if config.conditioning == "concat":
            latent = keras.layers.Concatenate()([labels, latent])
        return _Code(L.leaky(L.dense(latent, config.embedding, "code")))
    embedding = L.leaky(L.dense(labels, config.embedding, "label_1"))
    labels = L.leaky(L.dense(embedding, config.embedding, "label_2"))
    embedding = keras.layers.Concatenate()([labels, latent])
    embedding = L.leaky(L.dense(embedding, config.embedding, "label_3"))
    return _Code(embedding, embedding, _trunk(config, inputs["maps"], labels))


def _trunk(config: GeneratorConfig, maps, labels):
    """Pointwise network of label maps and labels; narrow and free of products, as it is large."""
    x = maps
    for layer in range(_TRUNK_LAYERS):
        x = L.conv(x, config.trunk, 1, f"trunk{layer}", use_bias=False)
        x = L.leaky(L.shift(x, labels, f"trunk{layer}"))
    return x


def _block(config, x, local, style, width: int, name: str):
    """Residual block at the resolution of ``local``, which is that of x or the next finer one.

    The skip is 1x1, the branch sees position, noise and labels.
    """
    skip = x if x.shape[-1] == width else L.conv(x, width, 1, f"{name}_skip", gain=1.0)
    skip = L.upsample(skip, local.shape[1])
    y = _joined(config, x, local, width, f"{name}_conv1")
    y = L.leaky(L.film(y, style, f"{name}_film1"))
    y = L.leaky(L.film(L.conv(y, width, 3, f"{name}_conv2"), style, f"{name}_film2"))
    return keras.layers.Add()([skip, y])


def _joined(config, x, local, width: int, name: str):
    """Convolution of a map, upsampled if it is coarser, beside a local one."""
    if 2 * x.shape[1] == local.shape[1] and not config.spectral_norm:
        return L.UpsampledConv(width, name=name)([x, local])
    y = keras.layers.Concatenate()([L.upsample(x, local.shape[1]), local])
    return L.conv(y, width, 3, name)


def _finest(config, x, trunk, noise, style, side: int):
    """Full resolution: sums instead of concatenations, since copying is what costs here."""
    width = config.channels[-1]
    x = L.conv(x, width, 3, "finest_from_levels")
    terms = [L.upsample(x, side)]
    if trunk is not None:
        terms.append(L.conv(trunk, width, 1, "finest_from_trunk", use_bias=False))
    terms.append(L.conv(noise, width, 1, "finest_from_noise", use_bias=False))
    x = L.leaky(L.film(keras.layers.Add()(terms), style, "finest_film1"))
    y = L.leaky(L.film(L.conv(x, width, 3, "finest_conv"), style, "finest_film2"))
    return L.leaky(L.conv(keras.layers.Add()([x, y]), width, 1, "finest_out"))


def _dcgan(config: GeneratorConfig, inputs: dict, side: int) -> Iterator[tuple]:
    """The thesis' generator: labels beside the latents, upsampling by convolutions.

    Yields as `_residual` does; the last upsampling, to pixels, is left to `_dcgan_pixels`.
    """
    x = inputs["latent"]
    if config.conditioning == "concat":
        x = keras.layers.Concatenate()([x, inputs["labels"]])
    base = -(-side // 2 ** len(config.channels))
    width = config.channels[0]
    x = keras.layers.Dense(base * base * width, name="base", **_DCGAN)(x)
    x = L.leaky(keras.layers.BatchNormalization(name="base_norm")(x))
    x = keras.layers.Reshape((base, base, width))(x)
    yield len(config.channels) - 1, x
    for level, width in enumerate(config.channels[1:]):
        x = _upsample(config.upsampling, x, width, f"up{level}")
        x = L.leaky(keras.layers.BatchNormalization(name=f"norm{level}")(x))
        x = attend(x, f"level{level}_attention", config.attention)
        yield len(config.channels) - 2 - level, x


def _dcgan_pixels(config: GeneratorConfig, features, side: int, level: int, n: int) -> list:
    """Channels of an image at a level, cut from the middle of the camera's grid and its margin."""
    margin = (2 ** (level + 1) * features.shape[1] - side) // 2
    cut = margin // 2**level, -(-side // 2**level)
    channels = (
        _upsample(config.upsampling, features, 1, f"pixels{i}{_at(level)}") for i in range(n)
    )
    return [_cropped(channel, *cut) for channel in channels]


def _upsample(kind: str, x, width: int, name: str):
    if kind == "transposed":
        return keras.layers.Conv2DTranspose(
            width, 4, strides=2, padding="same", name=name, **_DCGAN
        )(x)
    x = L.upsample(x)
    return keras.layers.Conv2D(width, 3, padding="same", name=name, **_DCGAN)(x)


def _cropped(x, first: int, side: int):
    cut = (first, x.shape[1] - side - first)
    return keras.layers.Cropping2D((cut, cut))(x)
