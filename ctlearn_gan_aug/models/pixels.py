"""From features to pixels: a signal with noise of its own, put on pedestals drawn from the data."""

from collections.abc import Sequence

import keras

from . import layers as L
from .ellipse import CompressedTimes

#: Inverse width of the transition from pedestal to signal, and from its time to the signal's.
#: Pixels where the two compete show some of both, and teach both; all others show one alone. The
#: night-sky noise is 1/8 in network units by choice of the charge scale. Transitions with tails, as
#: of softplus and sigmoid, let light and the far ends of a surface of times leak into all pixels.
_SHARPNESS, _TIME_SHARPNESS = 7.2, 24.0
#: The slope that hidden signals keep: without any a dark generator could not learn to shine.
_LEAK = 1e-4
#: How far below its pedestal in network units a signal shows nothing anyway.
_FLOOR = -0.3


def signal_over_pedestal(
    x, noise, pedestal: list, reach: tuple[float, ...], ending: str = "", drawn: Sequence = ()
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
    """
    # Pixels in bfloat16 would show its steps.
    with L.precision("float32"):
        signal = [_pixels(x, noise, f"pixels{i}{ending}") for i in range(len(reach))]
        if drawn:
            charge, *time = (keras.layers.Add()(both) for both in zip(signal, drawn, strict=True))
            signal = [charge, *(CompressedTimes(name=f"time_compressed{ending}")(t) for t in time)]
        signal = [_bounded(x, 2.0 * limit) for x, limit in zip(signal, reach, strict=True)]
        return _over_pedestal(signal, pedestal, ending)


def _pixels(x, noise, name: str):
    """One channel: a value, and noise of an amplitude that depends on the place in the image."""
    # Near zero at the start: from far above the pedestals the first steps of pairs take all signals
    # so far below them that no gradient leads back.
    value = L.conv(x, 1, 1, f"{name}_value", gain=0.003)
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

    A signal below the pedestal has hardly any gradient. Most pixels are dark, and would take the
    rest of the image with them before the generator knows where showers lie.
    """
    x = keras.layers.Rescaling(1.0, -_FLOOR)(x)
    return keras.layers.Rescaling(1.0, _FLOOR)(L.leaky(L.leaky(x)))


def _over_pedestal(signal, pedestal, ending: str):
    """The larger of signal and pedestal, and its time, as a pulse finder would choose."""
    excess = keras.layers.Subtract(name=f"excess{ending}")([signal[0], pedestal[0]])
    rise = keras.layers.Rescaling(_SHARPNESS)(_floored(excess))
    leak = keras.layers.Rescaling(_LEAK)(rise)
    rise = keras.layers.Add()([keras.layers.Activation("sparse_plus")(rise), leak])
    rise = keras.layers.Rescaling(1.0 / _SHARPNESS)(rise)
    image = [keras.layers.Add(name=f"charge{ending}")([pedestal[0], rise])]
    if len(signal) > 1:
        won = keras.layers.Rescaling(_TIME_SHARPNESS)(excess)
        won = keras.layers.Activation("hard_sigmoid")(won)
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
