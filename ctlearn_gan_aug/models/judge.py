"""A frozen CTLearn model on generated images: compact grid and network units to its outputs."""

import math

import keras
import tensorflow as tf

from ..camera import Camera
from ..errors import UserError
from ..intensity import IntensityTransform
from .ctlearn import by_task
from .reader_channels import ReaderChannels
from .sparse import sparse_tensor

#: Of the times of pixels without signal. They teach nothing, so all batches may have the same.
_NOISE_KEY = (0, 0)


class CTLearnJudge:
    """Outputs of a CTLearn model by task, differentiable with respect to the image.

    Parameters
    ----------
    model : keras.Model
        CTLearn model; it gets frozen.
    mapper : str
        dl1-data-handler mapper it was trained with.
    camera, intensity : Camera, IntensityTransform
        Of the generator.
    channels : ReaderChannels, optional
        What the model reads, if not the generator's own channels.

    Raises
    ------
    UserError
        If the mapper does not fit the camera, or the model not the mapper and channels.
    """

    def __init__(
        self,
        model: keras.Model,
        mapper: str,
        camera: Camera,
        intensity: IntensityTransform,
        channels: ReaderChannels | None = None,
    ):
        model.trainable = False
        self.model = model
        self.intensity = intensity
        self.channels = channels or ReaderChannels(intensity.channels, camera.geometry)
        self._cells = tf.constant(camera.cell_of_pixel)
        self._mapping = sparse_tensor(camera.mapping(mapper).T)
        self._side = math.isqrt(self._mapping.shape[0])
        self._check_input(mapper)

    def _check_input(self, mapper: str) -> None:
        wanted = self._input_shape
        shape = tuple(self.model.input_shape[1:])
        if shape != wanted:
            raise UserError(
                f"auxiliary.model: reads images of shape {shape}, the {mapper} gives {wanted}; "
                "set auxiliary.mapper and auxiliary.channels as the model was trained."
            )

    @property
    def _input_shape(self) -> tuple[int, int, int]:
        return self._side, self._side, len(self.channels.names)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks the model was trained for."""
        return tuple(self._predict(tf.zeros((1, *self._input_shape))))

    def __call__(self, image) -> dict:
        """Outputs (B, k) by task for images (B, side, side, c) in network units."""
        outputs = self._predict(self._as_ctlearn_input(tf.cast(image, tf.float32)))
        return {
            task: tf.cast(tf.reshape(output, (tf.shape(image)[0], -1)), tf.float32)
            for task, output in outputs.items()
        }

    def _as_ctlearn_input(self, image):
        """Network units on the compact grid to what the model reads, differentiable."""
        cells = tf.reshape(image, (tf.shape(image)[0], -1, image.shape[-1]))
        pixels = tf.gather(cells, self._cells, axis=1)
        # Times where there is no signal are noise, as in the images that the model was trained on.
        uniform = tf.random.stateless_uniform(tf.shape(pixels)[:2], _NOISE_KEY)
        mapped = [
            tf.transpose(tf.sparse.sparse_dense_matmul(self._mapping, channel, adjoint_b=True))
            for channel in self.channels(self.intensity.decode(pixels, uniform))
        ]
        return tf.reshape(tf.stack(mapped, axis=-1), (-1, *self._input_shape))

    def _predict(self, images) -> dict:
        """Outputs by task; a CTLearn model of the type alone gives them bare."""
        outputs = self.model(images, training=False)
        return by_task(outputs)
