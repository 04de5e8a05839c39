"""Shape of an image's light about its centroid, for a critic to judge by."""

import keras

from . import layers as L
from .maps import axes

#: What sums of weights and second moments are divided beside, lest too little of them explodes.
_NO_LIGHT, _NO_EXTENT = 0.3, 0.02


def image_shape(image, bright, maps):
    """Centroid, extent, tilt, skewness and time gradient of each image, as features (B, n).

    They are moments about the centroid with weights that sum to one, so that a faint image says as
    much of them as a bright one. Beside sums over all light, where bright ones count most, they
    make faint images as often long, displaced, or hard to tell head from tail as they should be.

    Parameters
    ----------
    image, bright : tensor (B, side, side, c or 1)
        Network units, charge first, and its `light`.
    maps : tensor (B, side, side, n_maps)
        Label maps (see `LabelMaps`), of which `axes` are used.
    """
    _, *times = L.channels(image)
    place = L.channels(maps)[axes(maps.shape[-1])]
    cells = image.shape[1] * image.shape[2]
    columns = [keras.layers.Reshape((cells, 1))(x) for x in (*place, *times)]
    found = [x for weights in _weights(bright, cells) for x in _moments(weights, columns)]
    return keras.layers.Concatenate(name="shape")(found)


def _weights(bright, cells: int):
    """Weights (B, cells, 1) by light, and by extent; they sum to one, near darkness to less."""
    bright = keras.layers.Reshape((cells,))(bright)
    for x in (bright, keras.layers.Activation("tanh")(bright)):
        root = _over(_product(x, x), [], _NO_LIGHT)
        yield keras.layers.Reshape((cells, 1))(_product(root, root))


def _moments(weights, columns: list):
    """First to third moments (B, 1) of two axes and times (B, cells, 1), and their quotients."""
    means = [_total(weights, x) for x in columns]
    about = [_less(x, mean) for x, mean in zip(columns, means, strict=True)]
    weighted = [_product(weights, x) for x in about]
    pairs = [(i, j) for i in range(len(about)) for j in range(i + 1)]
    second = {(i, j): _total(weighted[i], about[j]) for i, j in pairs}
    third = [_total(weighted[i], _product(about[i], about[i])) for i in range(2)]
    yield from (*means, *second.values(), *third)
    extent = keras.layers.Concatenate()([second[0, 0], second[1, 1], second[1, 0]])
    yield _over(extent, [], _NO_EXTENT)
    for i in range(2):
        lopsided = [third[i], *(second[t, i] for t in range(2, len(about)))]
        yield from (_over(x, [second[i, i]], _NO_EXTENT) for x in lopsided)


def _product(x, y):
    return keras.layers.Multiply()([x, y])


def _less(x, mean):
    return keras.layers.Subtract()([x, keras.layers.Reshape((1, 1))(mean)])


def _total(x, y):
    """Sums (B, 1) over the cells of the products of two tensors (B, cells, 1)."""
    return keras.layers.Flatten()(keras.layers.Dot(axes=(1, 1))([x, y]))


def _over(x, others: list, floor: float):
    """x (B, n) over the root of the summed squares of x, of others (B, 1) and of a floor."""
    constant = keras.layers.Rescaling(0.0, floor)(_first(x, 1))
    together = keras.layers.Concatenate()([x, *others, constant])
    return _first(keras.layers.UnitNormalization(axis=1)(together), x.shape[1])


def _first(x, n: int):
    """The first n columns of a tensor (B, m)."""
    if x.shape[1] == n:
        return x
    rows = keras.layers.Reshape((x.shape[1], 1))(x)
    return keras.layers.Flatten()(keras.layers.Cropping1D((0, x.shape[1] - n))(rows))
