"""Generators: (latent, labels, label maps, per-pixel noise) to an image on the compact grid."""

import keras

from ..config.train import GeneratorConfig
from . import layers as L

#: Channels of independent normal noise per pixel.
NOISE_CHANNELS = 4
_TRUNK_LAYERS = 3


def build_generator(
    config: GeneratorConfig,
    side: int,
    n_labels: int,
    n_maps: int,
    n_channels: int,
    gate: tuple[float, float] | None = None,
) -> keras.Model:
    """Build a generator.

    Parameters
    ----------
    config : GeneratorConfig
        Architecture.
    side, n_channels : int
        Shape of the image, (side, side, n_channels), in network units.
    n_labels, n_maps : int
        Number of label inputs and of label map channels.
    gate : (float, float), optional
        Slope and offset of the peak-time gate as a function of the charge channel; needed for two
        channels (see `ctlearn_gan_aug.intensity`).

    Returns
    -------
    keras.Model
        Inputs ``latent`` (B, latent), ``labels`` (B, n_labels), ``maps`` (B, side, side, n_maps),
        ``noise`` (B, side, side, NOISE_CHANNELS); output (B, side, side, n_channels).
    """
    inputs = {
        "latent": keras.Input((config.latent,), name="latent"),
        "labels": keras.Input((n_labels,), name="labels"),
        "maps": keras.Input((side, side, n_maps), name="maps"),
        "noise": keras.Input((side, side, NOISE_CHANNELS), name="noise"),
    }
    build = {"residual": _residual, "dcgan": _dcgan}[config.architecture]
    charge, *time = build(config, inputs, side, n_channels)
    if time:
        charge = keras.layers.Concatenate()([charge, _gated(time[0], charge, gate)])
    # Images leave in float32 whatever precision the layers compute in.
    image = keras.layers.Activation("linear", dtype="float32", name="image")(charge)
    return keras.Model(list(inputs.values()), image, name="generator")


def _level_sides(side: int, levels: int) -> list[int]:
    """Sides from the coarsest level to the finest, each half of the next, rounded up."""
    sides = [side]
    for _ in range(levels - 1):
        sides.insert(0, -(-sides[0] // 2))
    return sides


def _residual(config: GeneratorConfig, inputs: dict, side: int, n_channels: int):
    """A pointwise trunk that places the shower, and residual levels that make it fluctuate.

    The trunk sees each cell's position relative to the requested direction and core and the label
    embedding, so that it learns the mean image from every pixel of every event at once. Levels
    from coarse to fine add what varies at equal labels; per-pixel noise gives the night sky (as
    in StyleGAN, Karras et al., arXiv 1812.04948). Labels act by FiLM in the levels.
    """
    sides = _level_sides(side, len(config.channels))
    embedding = L.leaky(L.dense(inputs["labels"], config.embedding, "label_1"))
    labels = L.leaky(L.dense(embedding, config.embedding, "label_2"))
    embedding = keras.layers.Concatenate()([labels, inputs["latent"]])
    embedding = L.leaky(L.dense(embedding, config.embedding, "label_3"))
    trunk = _trunk(config, inputs["maps"], labels)
    local = keras.layers.Concatenate(name="local")([trunk, inputs["noise"]])

    width = config.channels[0]
    x = L.dense(embedding, sides[0] ** 2 * width, "base")
    x = keras.layers.Reshape((sides[0], sides[0], width))(x)
    for level, width in enumerate(config.channels[:-1]):
        factor = 2 ** (len(config.channels) - 1 - level)
        if level:
            x = L.upsample(x)
            x = L.crop_to(x, sides[level])
        x = _block(x, L.pool(local, factor), embedding, width, f"level{level}")
    return _finest(config, x, trunk, inputs["noise"], embedding, side, n_channels)


def _trunk(config: GeneratorConfig, maps, labels):
    """Pointwise network of label maps and labels; narrow and free of products, as it is large."""
    x = maps
    for layer in range(_TRUNK_LAYERS):
        x = L.conv(x, config.trunk, 1, f"trunk{layer}", use_bias=False)
        x = L.leaky(L.shift(x, labels, f"trunk{layer}"))
    return x


def _block(x, local, embedding, width: int, name: str):
    """Residual block: the skip is 1x1, the branch sees position, noise and labels."""
    skip = x if x.shape[-1] == width else L.conv(x, width, 1, f"{name}_skip", gain=1.0)
    y = keras.layers.Concatenate()([x, local])
    y = L.leaky(L.film(L.conv(y, width, 3, f"{name}_conv1"), embedding, f"{name}_film1"))
    y = L.leaky(L.film(L.conv(y, width, 3, f"{name}_conv2"), embedding, f"{name}_film2"))
    return keras.layers.Add()([skip, y])


def _finest(config, x, trunk, noise, embedding, side: int, n_channels: int):
    """Full resolution: sums instead of concatenations, since copying is what costs here."""
    width = config.channels[-1]
    x = L.conv(x, width, 3, "finest_from_levels")
    x = L.crop_to(L.upsample(x), side)
    place = L.conv(trunk, width, 1, "finest_from_trunk", use_bias=False)
    grain = L.conv(noise, width, 1, "finest_from_noise", use_bias=False)
    x = L.leaky(L.film(keras.layers.Add()([x, place, grain]), embedding, "finest_film1"))
    y = L.leaky(L.film(L.conv(x, width, 3, "finest_conv"), embedding, "finest_film2"))
    x = L.leaky(L.conv(keras.layers.Add()([x, y]), width, 1, "finest_out"))
    return [_pixels(x, noise, f"pixels{i}") for i in range(n_channels)]


def _pixels(x, noise, name: str):
    """One channel: a value, and noise of an amplitude that depends on the place in the image."""
    value = L.conv(x, 1, 1, f"{name}_value", gain=0.01)
    amplitude = L.conv(x, 1, 1, f"{name}_amplitude", gain=0.01, activation="softplus")
    grain = L.conv(noise, 1, 1, f"{name}_noise", gain=0.05, use_bias=False)
    return keras.layers.Add()([value, keras.layers.Multiply()([amplitude, grain])])


def _dcgan(config: GeneratorConfig, inputs: dict, side: int, n_channels: int):
    """The thesis' generator: labels beside the latents, upsampling by convolutions."""
    x = keras.layers.Concatenate()([inputs["latent"], inputs["labels"]])
    base = -(-side // 2 ** len(config.channels))
    width = config.channels[0]
    # By name: a shared initializer object would give equal layers equal weights.
    options = {"use_bias": False, "kernel_initializer": "orthogonal"}
    x = keras.layers.Dense(base * base * width, name="base", **options)(x)
    x = L.leaky(keras.layers.BatchNormalization(name="base_norm")(x))
    x = keras.layers.Reshape((base, base, width))(x)
    for level, width in enumerate(config.channels[1:]):
        x = _upsample(config.upsampling, x, width, f"up{level}", options)
        x = L.leaky(keras.layers.BatchNormalization(name=f"norm{level}")(x))
    channels = (
        _upsample(config.upsampling, x, 1, f"pixels{i}", options) for i in range(n_channels)
    )
    return [_centre_crop(channel, side) for channel in channels]


def _upsample(kind: str, x, width: int, name: str, options: dict):
    if kind == "transposed":
        return keras.layers.Conv2DTranspose(
            width, 4, strides=2, padding="same", name=name, **options
        )(x)
    x = L.upsample(x)
    return keras.layers.Conv2D(width, 3, padding="same", name=name, **options)(x)


def _centre_crop(x, side: int):
    excess = x.shape[1] - side
    cut = (excess // 2, excess - excess // 2)
    return keras.layers.Cropping2D((cut, cut))(x)


def _gated(time, charge, gate: tuple[float, float]):
    """Times of pixels without signal carry nothing: close them as the data's transform does."""
    slope, offset = gate
    opening = keras.layers.Rescaling(slope, offset, name="gate_scale")(charge)
    opening = keras.layers.Activation("sigmoid", name="gate")(opening)
    return keras.layers.Multiply(name="gated_time")([time, opening])
