"""From features to pixels: a signal with noise of its own, put on pedestals drawn from the data."""

import math
from collections.abc import Sequence

import keras
from keras import ops

from ..intensity import CHARGE_UNIT
from . import layers as L
from .ellipse import CompressedTimes

#: Inverse width of the transition from pedestal to signal. The night-sky noise is 1/8 in network
#: units by choice of the charge scale; a transition as wide would let light leak into all pixels.
_SHARPNESS = 20.0
#: The same for times; softer, so that pixels where signal and pedestal compete teach them too.
_TIME_SHARPNESS = 16.0
#: Charge in units of its scale below which fluctuations are the same, and asinh of the largest one.
_DARK, _MOST = 0.2, 10.0
#: How far below its pedestal in network units a signal shows nothing anyway.
_FLOOR = -0.3


def signal_over_pedestal(
    x,
    noise,
    pedestal: list,
    reach: tuple[float, ...],
    ending: str = "",
    drawn: Sequence = (),
    shot_noise: bool = False,
) -> list:
    """Channels (B, side, side, 1) of images, charge first, times not gated.

    Parameters
    ----------
    x : tensor (B, side, side, c)
        Features.
    noise : tensor (B, side, side, n)
        Normal noise of every pixel.
    pedestal : list of tensor (B, side, side, 1)
        What pixels show without signal, one per channel.
    reach : tuple of float
        Largest absolute value of every channel in network units.
    ending : str
        Of the names of its layers.
    drawn : sequence of tensor (B, side, side, 1)
        What signals are details on, one per channel (see `outline`), times on a linear scale; or
        nothing.
    shot_noise : bool
        Let charges fluctuate in proportion to their square root.
    """
    # Pixels in bfloat16 would show its steps.
    with L.precision("float32"):
        names = [f"pixels{i}{ending}" for i in range(len(reach))]
        # Near zero at the start: from far above the pedestals the first steps of pairs take all
        # signals so far below them that no gradient leads back.
        values = [L.conv(x, 1, 1, f"{name}_value", gain=0.003) for name in names]
        if drawn:
            values = [keras.layers.Add()(both) for both in zip(values, drawn, strict=True)]
        grains = [_grain(x, noise, name) for name in names]
        if shot_noise:
            shot = ShotNoise(name=f"shot_noise{ending}")(values[0])
            grains[0] = keras.layers.Multiply()([grains[0], shot])
        signal = [keras.layers.Add()(both) for both in zip(values, grains, strict=True)]
        if drawn:
            signal[1:] = [CompressedTimes(name=f"time_compressed{ending}")(t) for t in signal[1:]]
        signal = [_bounded(x, 2.0 * limit) for x, limit in zip(signal, reach, strict=True)]
        return _over_pedestal(signal, pedestal, ending)


def _grain(x, noise, name: str):
    """Noise of every pixel, of an amplitude that depends on the place in the image."""
    amplitude = L.conv(x, 1, 1, f"{name}_amplitude", gain=0.01, activation="softplus")
    grain = L.conv(noise, 1, 1, f"{name}_noise", gain=0.05, use_bias=False)
    return keras.layers.Multiply()([amplitude, grain])


class ShotNoise(keras.layers.Layer):
    """How much charges fluctuate that are numbers of photoelectrons: by their square root.

    In network units, asinh(q) / CHARGE_UNIT for a charge q in units of its scale, and 1 where q is
    1. Faint images then fluctuate by more of their light than bright ones, as layers that know the
    labels, but not the charge they add to, are slow to learn.
    """

    def call(self, charge):
        """Charges of any shape."""
        x = ops.clip(CHARGE_UNIT * charge, -_MOST, _MOST)
        root = ops.sqrt(ops.sqrt(ops.square(ops.sinh(x)) + _DARK**2))
        return math.sqrt(2.0) * root / ops.cosh(x)


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


def _over_pedestal(signal, pedestal, ending: str):
    """The larger of signal and pedestal, and its time, as a pulse finder would choose."""
    excess = keras.layers.Subtract(name=f"excess{ending}")([signal[0], pedestal[0]])
    rise = keras.layers.Rescaling(_SHARPNESS)(_floored(excess))
    rise = keras.layers.Activation("softplus")(rise)
    rise = keras.layers.Rescaling(1.0 / _SHARPNESS)(rise)
    image = [keras.layers.Add(name=f"charge{ending}")([pedestal[0], rise])]
    if len(signal) > 1:
        won = keras.layers.Rescaling(_TIME_SHARPNESS)(excess)
        won = keras.layers.Activation("sigmoid")(won)
        change = keras.layers.Subtract()([signal[1], pedestal[1]])
        change = keras.layers.Multiply()([won, change])
        image.append(keras.layers.Add(name=f"time{ending}")([pedestal[1], change]))
    return image


def gated(time, charge, gate: tuple[float, float], ending: str = ""):
    """Times of pixels without signal carry nothing: close them as the data's transform does."""
    slope, offset = gate
    opening = keras.layers.Rescaling(slope, offset, name=f"gate_scale{ending}")(charge)
    opening = keras.layers.Activation("sigmoid", name=f"gate{ending}")(opening)
    return keras.layers.Multiply(name=f"gated_time{ending}")([time, opening])
