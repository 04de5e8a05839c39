"""Translators: camera images on the compact grid to the same showers seen by another camera."""

import keras
from keras import ops

from ..config.refine import TranslatorConfig
from . import layers as L

#: The night-sky noise is about 1/8 in network units: bring it near 1.
_IMAGE_SCALE = 4.0
#: Width of what all cells are told of the whole image.
_STYLE_WIDTH = 32


def build_translator(
    config: TranslatorConfig,
    side: int,
    n_channels: int,
    gate: tuple[float, float] | None = None,
) -> keras.Model:
    """Build a translator that changes nothing yet: its last layers are zero.

    Parameters
    ----------
    config : TranslatorConfig
        Widths.
    side, n_channels : int
        Shape of the image, (side, side, n_channels), in network units.
    gate : (float, float), optional
        Slope and offset of the peak-time gate as a function of the charge channel; needed for two
        channels (see `ctlearn_gan_aug.intensity`).

    Returns
    -------
    keras.Model
        Inputs ``image`` (B, side, side, n_channels), ``noise`` (B, side, side, config.noise) and
        ``mask`` (B, side, side, 1), the camera's; output as ``image``.
    """
    image = keras.Input((side, side, n_channels), name="image")
    noise = keras.Input((side, side, config.noise), name="noise")
    mask = keras.Input((side, side, 1), name="mask")
    seen = keras.layers.Rescaling(_IMAGE_SCALE)(image)
    seen = keras.layers.Concatenate(name="seen")([seen, noise, mask])
    x = _unet(config, seen)
    # Pixels in bfloat16 would show its steps.
    with L.precision("float32"):
        change = [_change(x, noise, f"change{i}") for i in range(n_channels)]
        change = keras.layers.Concatenate()(change) if n_channels > 1 else change[0]
        change = keras.layers.Multiply(name="change")([change, mask])
        if n_channels > 1:
            translated = GatedSum(*gate, name="translated")([image, change])
        else:
            translated = keras.layers.Add(name="translated")([image, change])
    return keras.Model([image, noise, mask], translated, name="translator")


def _unet(config: TranslatorConfig, seen):
    """Features at full resolution, of the surroundings at all levels and of the whole image."""
    x = L.leaky(L.conv(seen, config.channels[0], 3, "door"))
    levels = [x]
    for number, width in enumerate(config.channels[1:], start=1):
        x = _block(L.pool(x, 2), width, f"level{number}")
        levels.append(x)
    style = keras.layers.GlobalAveragePooling2D()(x)
    style = L.leaky(L.dense(style, _STYLE_WIDTH, "style"))
    for number in reversed(range(len(levels) - 1)):
        fine = levels[number]
        x = keras.layers.Concatenate()([L.upsample(x, fine.shape[1]), fine])
        x = L.conv(x, fine.shape[-1], 3, f"up{number}")
        x = L.leaky(L.shift(x, style, f"up{number}"))
    return _block(x, config.channels[0], "finest")


def _block(x, width: int, name: str):
    skip = x if x.shape[-1] == width else L.conv(x, width, 1, f"{name}_skip", gain=1.0)
    y = L.leaky(L.conv(x, width, 3, f"{name}_conv1"))
    y = L.conv(y, width, 3, f"{name}_conv2", gain=1.0)
    return L.leaky(keras.layers.Add()([skip, y]))


def _change(x, noise, name: str):
    """One channel: a value, and noise of an amplitude that depends on the place in the image."""
    value = L.conv(x, 1, 1, f"{name}_value", kernel_initializer="zeros")
    amplitude = L.conv(x, 1, 1, f"{name}_amplitude", gain=0.01, activation="softplus")
    options = {"use_bias": False, "kernel_initializer": "zeros"}
    grain = L.conv(noise, 1, 1, f"{name}_noise", **options)
    return keras.layers.Add()([value, keras.layers.Multiply()([amplitude, grain])])


class GatedSum(keras.layers.Layer):
    """Charges and gated times plus their changes, times as the new charges open the gate.

    A pixel that gets brighter shows the time that it has had all along.

    Parameters
    ----------
    slope, offset : float
        Of the gate, sigmoid(slope charge + offset).
    """

    def __init__(self, slope: float, offset: float, **options):
        super().__init__(**options)
        self.slope, self.offset = slope, offset

    def call(self, inputs):
        """Image and change (B, side, side, 2) to the changed image."""
        image, change = inputs
        charge = image[..., :1] + change[..., :1]
        before, after = (
            ops.log_sigmoid(self.slope * x + self.offset) for x in (image[..., :1], charge)
        )
        time = image[..., 1:] * ops.exp(after - before) + ops.exp(after) * change[..., 1:]
        return ops.concatenate([charge, time], axis=-1)

    def get_config(self):
        """Of the layer, for Keras."""
        return {**super().get_config(), "slope": self.slope, "offset": self.offset}
