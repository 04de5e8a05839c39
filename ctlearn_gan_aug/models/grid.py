"""Pixel vectors as images on the compact grid and back, as tensors of Keras' backend."""

from keras import ops


def images(values, camera):
    """Values (B, n_pixels, c) of pixels on the grid (B, side, side, c), 0 outside the camera."""
    values = ops.pad(values, [[0, 0], [0, 1], [0, 0]])
    side = camera.grid_side
    image = ops.take(values, camera.pixel_of_cell, axis=1)
    return ops.reshape(image, (-1, side, side, values.shape[-1]))


def pixels(image, camera):
    """Inverse of `images`."""
    cells = ops.reshape(image, (-1, camera.grid_side**2, image.shape[-1]))
    return ops.take(cells, camera.cell_of_pixel, axis=1)
