"""An image as a whole, before any detail: an ellipse of light, and a surface of times."""

import keras
from keras import ops

from ..intensity import TIME_UNIT, arcsinh
from . import layers as L
from .maps import axes

#: Factors of a surface of second order, and of an ellipse.
_SURFACE, _ELLIPSE = 6, 7
#: Network units of light per unit of its factor, and how much narrower an ellipse is across the
#: image axis than along it, squared, both before anything is learnt.
_LIGHT, _NARROWER = 3.0, 5.0
#: By how much at most the square of an ellipse's half length differs at its ends from their mean.
_UNEVEN = 0.9


def outline(style, maps, n_channels: int) -> list:
    """Channels (B, side, side, 1) that details are added to, near zero at first.

    Charges are in network units, and so are times on a linear scale: see `CompressedTimes`.

    A shower's image is an ellipse, as Hillas described it (ICRC 19 (1985) 3, 445), and lies nearly
    on a plane in time (Hess et al., Astropart. Phys. 11 (1999) 363). What a few numbers say of the
    whole image, layers that see a few cells each find late: where it lies, how bright, long and
    wide it is, how steep its times are and in what direction, and how all that fluctuates.

    Parameters
    ----------
    style : tensor (B, n)
        What is known of each image: labels and latents.
    maps : tensor (B, side, side, n_maps)
        Label maps (see `LabelMaps`), of which `axes` are used.
    n_channels : int
        1 for charges alone.
    """
    parts = [(Ellipse, _ELLIPSE, "ellipse"), (TimeSurface, _SURFACE, "time_surface")]
    found = []
    with L.precision("float32"):
        for kind, n_factors, name in parts[:n_channels]:
            factors = L.dense(style, n_factors, f"{name}_factors", gain=0.01)
            found.append(kind(name=name)([factors, maps]))
    return found


class Ellipse(keras.layers.Layer):
    """Charges of an ellipse with a normal profile, which may be longer at one end of its axis."""

    def call(self, inputs):
        """Factors (B, 7) and label maps (B, side, side, n_maps) to charges (B, side, side, 1).

        Factors: light, centre along and across the axis, tilt, and what length, its difference
        between the ends, and width follow from.
        """
        factors, maps = inputs
        light, *centre, tilt, long, skew, wide = (
            factors[:, None, i : i + 1] for i in range(_ELLIPSE)
        )
        along, across = (x - c for x, c in zip(_place(maps), centre, strict=True))
        across = across + tilt * along
        place = along * ops.sqrt(ops.softplus(long))
        end = place * ops.rsqrt(1.0 + ops.square(place))
        exponent = ops.square(place) * (1.0 + _UNEVEN * ops.tanh(skew) * end)
        exponent += _NARROWER * ops.softplus(wide) * ops.square(across)
        return _map(_LIGHT * light * ops.exp(-exponent), maps)


class TimeSurface(keras.layers.Layer):
    """Times of second order in the place, which `CompressedTimes` make network units of."""

    def call(self, inputs):
        """Factors (B, 6) and label maps (B, side, side, n_maps) to times (B, side, side, 1)."""
        factors, maps = inputs
        along, across = _place(maps)
        terms = [ops.ones_like(along), along, across]
        terms += [ops.square(along), along * across, ops.square(across)]
        times = ops.matmul(ops.concatenate(terms, axis=-1), factors[..., None])
        return _map(times / TIME_UNIT, maps)


class CompressedTimes(keras.layers.Layer):
    """Network units of times that were made on a linear scale, where those near zero agree.

    Pixels' times fluctuate as much far from the mean as near it. Added to compressed ones, what
    is right near the mean would be several times too wide far from it.
    """

    def call(self, times):
        """Times of any shape."""
        return arcsinh(TIME_UNIT * times) / TIME_UNIT


def _place(maps) -> list:
    """Coordinates of every cell, each (B, cells, 1)."""
    place = ops.reshape(maps[..., axes(maps.shape[-1])], (-1, maps.shape[1] * maps.shape[2], 2))
    return [place[..., :1], place[..., 1:]]


def _map(values, maps):
    """Values (B, cells, 1) by cells (B, side, side, 1)."""
    return ops.reshape(values, (-1, *maps.shape[1:3], 1))
