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
        view = views[level]
        found = image_moments(view.channels, view.bright, view.rough, place[level])
        return ops.reshape(found, (-1, found.shape[1] * found.shape[2]))

    def shape_at(level):
        return image_shape(views[level].bright, views[level].times, place[level])

    sums = growth.of_levels(sums_at, "moments_blend")
    sums = keras.layers.BatchNormalization(momentum=0.9, name="moments_norm")(sums)
    shape = growth.of_levels(shape_at, "shape_blend")
    shape = keras.layers.BatchNormalization(momentum=0.9, name="shape_norm")(shape)
    x = keras.layers.Concatenate()([sums, shape, labels])
    for number, width in enumerate(_WIDTHS):
        x = L.leaky(L.dense(x, width, f"moments_{number}"))
    return x


def judged_shape(bright, times, maps):
    """Features (B, 64) of the shape of the light about its centroid alone; see `judged_moments`."""
    shape = image_shape(bright, times, maps)
    x = keras.layers.BatchNormalization(momentum=0.9, name="shape_norm")(shape)
    for number, width in enumerate(_WIDTHS):
        x = L.leaky(L.dense(x, width, f"shape_{number}"))
    return x


def image_moments(image, bright, rough, maps):
    """Means over the cells of powers of light, times the label maps or their squares.

    Parameters
    ----------
    image : list of tensor (B, side, side)
        Channels in network units, charge first.
    bright : tensor (B, side, side)
        Its `light`.
    rough : list of tensor (B, side, side)
        Its contrast and, if there are times, their jitter.
    maps : tensor (B, side, side, n_maps)
        Label maps.

    Returns
    -------
    tensor (B, n_powers, 2 n_maps)
        Powers: the light, squares of light and roughness, light times times and times again.
    """
    n_cells, n_maps = maps.shape[1] * maps.shape[2], maps.shape[-1]
    powers = ops.stack(_powers(image, bright, rough), axis=1)
    powers = ops.reshape(powers, (-1, powers.shape[1], n_cells)) / n_cells
    place = ops.reshape(maps, (-1, n_cells, n_maps))
    sums = [ops.matmul(powers, x) for x in (place, ops.square(place))]
    return ops.concatenate(sums, axis=-1)


def _powers(image, bright, rough) -> list:
    contrast, *jitter = rough
    # Accidental times are far off: squared as they are, nothing else would count.
    squares = [bright, contrast, *(ops.tanh(_STEEPNESS * x) for x in jitter)]
    powers = [bright, *map(ops.square, squares)]
    for time in image[1:]:
        late = bright * time
        powers += [late, late * time]
    return powers
