"""Shape of an image's light about its centroid, for a critic to judge by."""

from keras import ops

from .maps import axes

#: What sums of weights and second moments are divided beside, lest too little of them explodes.
_NO_LIGHT, _NO_EXTENT = 0.3, 0.02


def image_shape(lights: list, times, maps):
    """Centroid, extent, tilt, skewness and time gradient of each image.

    They are moments about the centroid with weights that sum to one, so that a faint image says as
    much of them as a bright one. Beside sums over all light, where bright ones count most, they
    make faint images as often long, displaced, or hard to tell head from tail as they should be.

    Parameters
    ----------
    lights : list of tensor (B, side, side)
        Their squares are the weights.
    times : list of tensor (B, side, side)
        Times in network units; may be empty.
    maps : tensor (B, side, side, n_maps)
        Label maps (see `LabelMaps`), of which `axes` are used.

    Returns
    -------
    tensor (B, n)
        For each of the lights: means of both axes and of times, the lower triangle of their second
        moments, third moments of the axes, and quotients (`_quotients`).
    """
    x = _columns(times, maps)
    return ops.concatenate([found for w in map(_weights, lights) for found in _shape(w, x)], axis=1)


def image_ellipse(light, maps):
    """Centroid and second moments along both axes, as `image_shape` has them.

    Parameters
    ----------
    light : tensor (B, side, side)
        Its squares are the weights.
    maps : tensor (B, side, side, n_maps)
        Label maps.

    Returns
    -------
    tensor (B, 5)
    """
    mean, second, _ = _moments(_weights(light), _columns([], maps))
    return ops.concatenate([mean, *_lower(second)], axis=1)


def _columns(times: list, maps):
    """Both axes and times (B, 2 or 3, cells) of every cell."""
    n_cells = maps.shape[1] * maps.shape[2]
    place = ops.reshape(maps[..., axes(maps.shape[-1])], (-1, n_cells, 2))
    columns = [ops.transpose(place, (0, 2, 1))]
    return ops.concatenate([*columns, *(ops.reshape(x, (-1, 1, n_cells)) for x in times)], axis=1)


def _weights(light):
    """Weights (B, 1, cells) by light (B, side, side); they sum to one, near darkness to less."""
    power = ops.reshape(ops.square(light), (-1, 1, light.shape[1] * light.shape[2]))
    return power / (ops.sum(power, axis=2, keepdims=True) + _NO_LIGHT**2)


def _shape(weights, x) -> list:
    """First to third moments (B, ...) of columns x (B, 2 or 3, cells), and their quotients."""
    mean, second, third = _moments(weights, x)
    return [mean, *_lower(second), third, *_quotients(second, third)]


def _moments(weights, x) -> tuple:
    """Means (B, n) of n columns, their second moments (B, n, n) and third ones of the axes."""
    mean = ops.sum(weights * x, axis=2, keepdims=True)
    about = x - mean
    weighted = weights * about
    second = ops.matmul(weighted, ops.transpose(about, (0, 2, 1)))
    third = ops.sum(weighted * ops.square(about), axis=2)[:, :2]
    return ops.squeeze(mean, 2), second, third


def _lower(second) -> list:
    """The lower triangle of second moments, each (B, 1)."""
    return [second[:, i, j : j + 1] for i in range(second.shape[1]) for j in range(i + 1)]


def _quotients(second, third) -> list:
    """Extent without its size; skewness and time gradients over the extent along their axis."""
    extent = ops.stack([second[:, 0, 0], second[:, 1, 1], second[:, 1, 0]], axis=1)
    found = [_over(extent, ops.sum(ops.square(extent), axis=1, keepdims=True))]
    for i in range(2):
        along = ops.square(second[:, i, i : i + 1])
        lopsided = [
            third[:, i : i + 1],
            *(second[:, t, i : i + 1] for t in range(2, second.shape[1])),
        ]
        found += [_over(y, ops.square(y) + along) for y in lopsided]
    return found


def _over(x, squares):
    """x over the root of squares and of a floor."""
    return x / ops.sqrt(squares + _NO_EXTENT**2)
