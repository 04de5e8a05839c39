"""When light arrives over the whole image: a smooth surface, by which pixels differ little."""

import keras
from keras import ops

from ..intensity import TIME_UNIT, arcsinh
from . import layers as L
from .maps import axes

_N_TERMS = 6


def time_surface(style, maps):
    """Times (B, side, side, 1) in network units, near zero at first.

    In ns they are of second order in the place: images of showers lie nearly on a plane in time
    (Hess et al., Astropart. Phys. 11 (1999) 363), about which bright pixels differ independently.
    Layers that see a few cells each find so straight a slope late, and hardly its direction.

    Parameters
    ----------
    style : tensor (B, n)
        What is known of each image: labels and latents.
    maps : tensor (B, side, side, n_maps)
        Label maps (see `LabelMaps`), of which `axes` are used.
    """
    with L.precision("float32"):
        factors = L.dense(style, _N_TERMS, "time_factors", gain=0.01)
        return TimeSurface(name="time_surface")([factors, maps])


class TimeSurface(keras.layers.Layer):
    """Times of second order in the place, in network units of pixels with signal."""

    def call(self, inputs):
        """Factors (B, 6) and label maps (B, side, side, n_maps) to times (B, side, side, 1)."""
        factors, maps = inputs
        side = maps.shape[1]
        place = ops.reshape(maps[..., axes(maps.shape[-1])], (-1, side * side, 2))
        along, across = place[..., :1], place[..., 1:]
        terms = [ops.ones_like(along), along, across]
        terms += [ops.square(along), along * across, ops.square(across)]
        times = ops.matmul(ops.concatenate(terms, axis=-1), factors[..., None])
        return ops.reshape(arcsinh(times) / TIME_UNIT, (-1, side, side, 1))
