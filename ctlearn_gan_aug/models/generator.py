"""Generators: latent, labels, label maps, noise and pedestals to images on the compact grid."""

import keras

from ..config.networks import GeneratorConfig
from . import layers as L
from .blocks import attend, spectrally_normalised
from .codes import with_codes

#: Channels of independent normal noise per pixel.
NOISE_CHANNELS = 4
_TRUNK_LAYERS = 3
#: Inverse width of the transition from pedestal to signal. The night-sky noise is 1/8 in network
#: units by choice of the charge scale; a transition as wide would let light leak into all pixels.
_SHARPNESS = 20.0
#: The same for times; softer, so that pixels where signal and pedestal compete teach them too.
_TIME_SHARPNESS = 16.0
#: How far below its pedestal in network units a signal shows nothing anyway.
_FLOOR = -0.3


def build_generator(
    config: GeneratorConfig,
    side: int,
    told: tuple[int, int],
    reach: tuple[float, ...],
    gate: tuple[float, float] | None = None,
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

    Returns
    -------
    keras.Model
        Inputs ``latent`` (B, latent), ``labels`` (B, told[0]), ``maps`` (B, side, side, told[1]),
        ``noise`` (B, side, side, NOISE_CHANNELS) and, for every channel, ``pedestal0`` ...
        (B, side, side, 1) of `IntensityTransform.pedestals`; output (B, side, side, n_channels).
    """
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
    if config.architecture == "residual":
        charge, *time = _residual(config, seen, side, reach)
    else:
        charge, *time = _dcgan(config, seen, side, n_channels)
    # Images leave in float32 whatever precision the layers compute in.
    with L.precision("float32"):
        if time:
            charge = keras.layers.Concatenate()([charge, _gated(time[0], charge, gate)])
        image = keras.layers.Activation("linear", name="image")(charge)
    model = keras.Model(list(inputs.values()), image, name="generator")
    return spectrally_normalised(model) if config.spectral_norm else model


def _level_sides(side: int, levels: int) -> list[int]:
    """Sides from the coarsest level to the finest, each half of the next, rounded up."""
    sides = [side]
    for _ in range(levels - 1):
        sides.insert(0, -(-sides[0] // 2))
    return sides


def _residual(config: GeneratorConfig, inputs: dict, side: int, reach: tuple[float, ...]):
    """A pointwise trunk that places the shower, and residual levels that make it fluctuate.

    The trunk sees each cell's position relative to the requested direction and core and the label
    embedding, so that it learns the mean image from every pixel of every event at once. Levels
    from coarse to fine add what varies at equal labels, down to per-pixel noise (as in StyleGAN,
    Karras et al., arXiv 1812.04948). Labels act by FiLM in the levels. The night sky needs no
    learning: the signal is put on pedestals drawn from the data.
    """
    sides = _level_sides(side, len(config.channels))
    code, style, trunk = _code(config, inputs)
    local = [inputs["noise"]] if trunk is None else [trunk, inputs["noise"]]

    width = config.channels[0]
    x = L.dense(code, sides[0] ** 2 * width, "base")
    x = keras.layers.Reshape((sides[0], sides[0], width))(x)
    for level, width in enumerate(config.channels[:-1]):
        factor = 2 ** (len(config.channels) - 1 - level)
        seen = [L.pool(part, factor) for part in local]
        seen = keras.layers.Concatenate()(seen) if len(seen) > 1 else seen[0]
        x = _block(config, x, seen, style, width, f"level{level}")
        x = attend(x, f"level{level}_attention", config.attention)
    x = _finest(config, x, trunk, inputs["noise"], style, side)
    # Pixels in bfloat16 would show its steps.
    with L.precision("float32"):
        signal = [_pixels(x, inputs["noise"], f"pixels{i}") for i in range(len(reach))]
        signal = [_bounded(x, 2.0 * limit) for x, limit in zip(signal, reach, strict=True)]
        return _over_pedestal(signal, [inputs[f"pedestal{i}"] for i in range(len(reach))])


def _code(config: GeneratorConfig, inputs: dict):
    """What the first level starts from, what modulates the levels, and the trunk.

    Without FiLM labels are at most a part of the input vector, and nothing else knows of them.
    """
    latent, labels = inputs["latent"], inputs["labels"]
    if config.conditioning != "film":
        if config.conditioning == "concat":
            latent = keras.layers.Concatenate()([labels, latent])
        return L.leaky(L.dense(latent, config.embedding, "code")), None, None
    embedding = L.leaky(L.dense(labels, config.embedding, "label_1"))
    labels = L.leaky(L.dense(embedding, config.embedding, "label_2"))
    embedding = keras.layers.Concatenate()([labels, latent])
    embedding = L.leaky(L.dense(embedding, config.embedding, "label_3"))
    return embedding, embedding, _trunk(config, inputs["maps"], labels)


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


def _pixels(x, noise, name: str):
    """One channel: a value, and noise of an amplitude that depends on the place in the image."""
    value = L.conv(x, 1, 1, f"{name}_value", gain=0.01)
    amplitude = L.conv(x, 1, 1, f"{name}_amplitude", gain=0.01, activation="softplus")
    grain = L.conv(noise, 1, 1, f"{name}_noise", gain=0.05, use_bias=False)
    return keras.layers.Add()([value, keras.layers.Multiply()([amplitude, grain])])


def _bounded(x, limit: float):
    """Smoothly within +-limit: a critic with batch normalisation does not call back runaways."""
    x = keras.layers.Rescaling(1.0 / limit)(x)
    x = keras.layers.Activation("tanh")(x)
    return keras.layers.Rescaling(limit)(x)


def _floored(x):
    """Hardly lower than the floor.

    A signal far below the pedestal has no gradient any more. Most pixels are dark, and would take
    the rest of the image with them before the generator knows where showers lie.
    """
    x = keras.layers.Rescaling(1.0, -_FLOOR)(x)
    return keras.layers.Rescaling(1.0, _FLOOR)(L.leaky(L.leaky(x)))


def _over_pedestal(signal, pedestal):
    """The larger of signal and pedestal, and its time, as a pulse finder would choose."""
    excess = keras.layers.Subtract(name="excess")([signal[0], pedestal[0]])
    rise = keras.layers.Rescaling(_SHARPNESS)(_floored(excess))
    rise = keras.layers.Activation("softplus")(rise)
    rise = keras.layers.Rescaling(1.0 / _SHARPNESS)(rise)
    image = [keras.layers.Add(name="charge")([pedestal[0], rise])]
    if len(signal) > 1:
        won = keras.layers.Rescaling(_TIME_SHARPNESS)(excess)
        won = keras.layers.Activation("sigmoid")(won)
        change = keras.layers.Subtract()([signal[1], pedestal[1]])
        change = keras.layers.Multiply()([won, change])
        image.append(keras.layers.Add(name="time")([pedestal[1], change]))
    return image


def _dcgan(config: GeneratorConfig, inputs: dict, side: int, n_channels: int):
    """The thesis' generator: labels beside the latents, upsampling by convolutions."""
    x = inputs["latent"]
    if config.conditioning == "concat":
        x = keras.layers.Concatenate()([x, inputs["labels"]])
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
        x = attend(x, f"level{level}_attention", config.attention)
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
