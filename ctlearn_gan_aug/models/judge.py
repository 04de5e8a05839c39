"""A frozen CTLearn model on generated images: compact grid and network units to its outputs."""

import math

import keras
import numpy as np
import tensorflow as tf

from ..camera import Camera
from ..errors import UserError
from ..intensity import IntensityTransform
from .ctlearn import by_task

#: Of the times of pixels without signal. They teach nothing, so all batches may have the same.
_NOISE_KEY = (0, 0)


class CTLearnJudge:
    """Outputs of a CTLearn model by task, differentiable with respect to the image.

    Parameters
    ----------
    model : keras.Model
        CTLearn model that reads p.e. and ns; it gets frozen.
    mapper : str
        dl1-data-handler mapper it was trained with.
    camera, intensity : Camera, IntensityTransform
        Of the generator.

    Raises
    ------
    UserError
        If the mapper does not fit the camera, or the model not the mapper and channels.
    """

    def __init__(
        self, model: keras.Model, mapper: str, camera: Camera, intensity: IntensityTransform
    ):
        model.trainable = False
        self.model = model
        self.intensity = intensity
        self._cells = tf.constant(camera.cell_of_pixel)
        self._mapping = _sparse(camera.mapping(mapper))
        self._side = math.isqrt(self._mapping.shape[0])
        self._check_input(mapper)

    def _check_input(self, mapper: str) -> None:
        wanted = (self._side, self._side, len(self.intensity.channels))
        shape = tuple(self.model.input_shape[1:])
        if shape != wanted:
            raise UserError(
                f"auxiliary.model: reads images of shape {shape}, the {mapper} gives {wanted}; "
                "set auxiliary.mapper and data.channels as the model was trained."
            )

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks the model was trained for."""
        n_channels = len(self.intensity.channels)
        return tuple(self._predict(tf.zeros((1, self._side, self._side, n_channels))))

    def __call__(self, image) -> dict:
        """Outputs (B, k) by task for images (B, side, side, c) in network units."""
        outputs = self._predict(self._as_ctlearn_input(tf.cast(image, tf.float32)))
        return {
            task: tf.cast(tf.reshape(output, (tf.shape(image)[0], -1)), tf.float32)
            for task, output in outputs.items()
        }

    def _as_ctlearn_input(self, image):
        """Network units on the compact grid to p.e./ns on the model's grid, differentiable."""
        cells = tf.reshape(image, (tf.shape(image)[0], -1, image.shape[-1]))
        pixels = tf.gather(cells, self._cells, axis=1)
        # Times where there is no signal are noise, as in the images that the model was trained on.
        uniform = tf.random.stateless_uniform(tf.shape(pixels)[:2], _NOISE_KEY)
        channels = tf.unstack(self.intensity.decode(pixels, uniform), axis=-1)
        mapped = [
            tf.transpose(tf.sparse.sparse_dense_matmul(self._mapping, channel, adjoint_b=True))
            for channel in channels
        ]
        return tf.reshape(
            tf.stack(mapped, axis=-1), (-1, self._side, self._side, len(self.intensity.channels))
        )

    def _predict(self, images) -> dict:
        """Outputs by task; a CTLearn model of the type alone gives them bare."""
        outputs = self.model(images, training=False)
        return by_task(outputs)


def _sparse(mapping) -> tf.SparseTensor:
    """(H * W, n_pixels) sparse tensor of a scipy matrix (n_pixels, H * W)."""
    matrix = mapping.T.tocoo()
    indices = np.stack([matrix.row, matrix.col], axis=1).astype(np.int64)
    tensor = tf.SparseTensor(indices, matrix.data.astype(np.float32), matrix.shape)
    return tf.sparse.reorder(tensor)
