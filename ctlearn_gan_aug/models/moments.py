"""Moments of an image's light about its labels, for a critic to judge by."""

import keras
from keras import ops

from . import layers as L
from .growth import PLAIN, Growth
from .shape import image_shape
from .view import View

#: Inverse of the jitter of times that counts as much.
_STEEPNESS = 5.0
_WIDTHS = (128, 64)


def judged_moments(views: dict[int, View], maps, labels, growth: Growth = PLAIN):
    """Features (B, 64) of where the light lies, how much there is and when it came.

    As Hillas did (ICRC 19 (1985) 3, 445), images are described by sums over their pixels; here of
    the light, its square, its times and its roughness, weighted by the label maps and their
    squares. They say what convolutions and a global mean find late: whether brightness, centroid,
    extent and time gradient suit the labels, and light and times are as rough as they should be.
    The image's own shape (`image_shape`) is judged with them.

    Parameters
    ----------
    views : dict of int to View
        What is seen of the images, by level.
    maps : tensor (B, side, side, n_maps)
        Label maps of the camera's grid.
    labels : tensor (B, n)
        The label vector (see `LabelMaps`).
    growth : Growth
        How far the critic has grown: numbers of the finer level fade in over those of the coarser.
    """
    place = {level: growth.mean(maps, level) for level in growth.shown}

    def sums_at(level):
        found = image_moments(views[level], place[level])
        return ops.reshape(found, (-1, found.shape[1] * found.shape[2]))

    def shape_at(level):
        return image_shape(views[level].shower, views[level].times, place[level])

    sums = growth.of_levels(sums_at, "moments_blend")
    sums = keras.layers.BatchNormalization(momentum=0.9, name="moments_norm")(sums)
    shape = growth.of_levels(shape_at, "shape_blend")
    shape = keras.layers.BatchNormalization(momentum=0.9, name="shape_norm")(shape)
    x = keras.layers.Concatenate()([sums, shape, labels])
    for number, width in enumerate(_WIDTHS):
        x = L.leaky(L.dense(x, width, f"moments_{number}"))
    return x


def judged_shape(lights: list, times, maps):
    """Features (B, 64) of the shape of lights about their centroid alone; see `judged_moments`."""
    shape = image_shape(lights, times, maps)
    x = keras.layers.BatchNormalization(momentum=0.9, name="shape_norm")(shape)
    for number, width in enumerate(_WIDTHS):
        x = L.leaky(L.dense(x, width, f"shape_{number}"))
    return x


def image_moments(view: View, maps):
    """Means over the cells of powers of light, times the label maps or their squares.

    Parameters
    ----------
    view : View
        Of images at the side of the maps.
    maps : tensor (B, side, side, n_maps)
        Label maps.

    Returns
    -------
    tensor (B, n_powers, 2 n_maps)
        Powers: light and that of the shower, squares of light and roughness, the shower's times
        times and times again.
    """
    n_cells, n_maps = maps.shape[1] * maps.shape[2], maps.shape[-1]
    powers = ops.stack(_powers(view), axis=1)
    powers = ops.reshape(powers, (-1, powers.shape[1], n_cells)) / n_cells
    place = ops.reshape(maps, (-1, n_cells, n_maps))
    sums = [ops.matmul(powers, x) for x in (place, ops.square(place))]
    return ops.concatenate(sums, axis=-1)


def _powers(view: View) -> list:
    contrast, *jitter = view.rough
    # Accidental times are far off: squared as they are, nothing else would count.
    squares = [view.bright, contrast, *(ops.tanh(_STEEPNESS * x) for x in jitter)]
    shower = view.shower[0]
    powers = [view.bright, shower, *map(ops.square, squares)]
    for time in view.times:
        late = shower * time
        powers += [late, late * time]
    return powers
