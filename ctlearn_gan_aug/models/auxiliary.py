"""A frozen CTLearn model as judge of the labels of generated images."""

import math
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ..camera import Camera
from ..errors import UserError
from ..intensity import IntensityTransform
from ..labels import LABEL_COLUMNS, LabelSet

TASKS = ("type", "energy", "cameradirection", "skydirection")


def load_ctlearn_model(path: Path) -> keras.Model:
    """Load a trained CTLearn model (Keras 2 folder or Keras 3 file), frozen.

    Raises
    ------
    UserError
        If there is no such model or it cannot be loaded.
    """
    if not Path(path).exists():
        raise UserError(f"auxiliary.model: {path} does not exist; name a trained CTLearn model.")
    try:
        model = keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"auxiliary.model: {path} is no loadable CTLearn model ({error})."
        ) from None
    model.trainable = False
    return model


class AuxiliaryLoss:
    """Weighted losses of a frozen CTLearn model on generated images.

    Regressions use the mean squared error in units of the label's training spread, the particle
    type the categorical cross-entropy, as in an AC-GAN (Odena et al., arXiv 1610.09585) whose
    classifier is trained beforehand.

    Parameters
    ----------
    model : keras.Model
        CTLearn model that reads p.e. and ns.
    mapper : str
        dl1-data-handler mapper it was trained with.
    weights : dict of str to float
        Weight of every task.
    camera, labels, intensity : Camera, LabelSet, IntensityTransform
        Of the generator.
    """

    def __init__(
        self,
        model: keras.Model,
        mapper: str,
        weights: dict[str, float],
        camera: Camera,
        labels: LabelSet,
        intensity: IntensityTransform,
    ):
        self.model = model
        self.weights = weights
        self.labels = labels
        self.intensity = intensity
        self._cells = tf.constant(camera.cell_of_pixel)
        self._mapping = _sparse(camera.mapping(mapper))
        self._side = math.isqrt(self._mapping.shape[0])
        self._columns = {task: self._label_columns(task) for task in weights}
        self._check_input(mapper)
        self._check_tasks()

    def _label_columns(self, task: str) -> list[int]:
        if task not in self.labels.names:
            raise UserError(f"auxiliary.weights: '{task}' is not among the generator's labels.")
        return [self.labels.columns.index(column) for column, _ in LABEL_COLUMNS[task]]

    def _check_input(self, mapper: str) -> None:
        wanted = (self._side, self._side, len(self.intensity.channels))
        shape = self.model.input_shape
        shape = tuple((shape[0] if isinstance(shape, list) else shape)[1:])
        if shape != wanted:
            raise UserError(
                f"auxiliary.model: reads images of shape {shape}, the {mapper} gives {wanted}; "
                "set auxiliary.mapper and data.channels as the model was trained."
            )

    def _check_tasks(self) -> None:
        outputs = self._predict(tf.zeros((1, self._side, self._side, self.model.input_shape[-1])))
        for task in self.weights:
            if task not in outputs:
                raise UserError(
                    f"auxiliary.weights: the model has no output '{task}', "
                    f"it has {', '.join(outputs)}."
                )

    def __call__(self, image, encoded):
        """Scalar loss of images (B, side, side, c) in network units with encoded labels."""
        outputs = self._predict(self._as_ctlearn_input(image))
        total = 0.0
        for task, weight in self.weights.items():
            columns = self._columns[task]
            scale = self.labels.scale[columns].astype(np.float32)
            center = self.labels.center[columns].astype(np.float32)
            label = tf.gather(encoded, columns, axis=1) * scale + center
            if task == "type":
                target = tf.one_hot(tf.cast(tf.round(label[:, 0]), tf.int32), 2)
                loss = tf.keras.losses.categorical_crossentropy(target, outputs[task])
            else:
                prediction = tf.reshape(outputs[task], tf.shape(label))
                loss = tf.square((prediction - label) / scale)
            total += weight * tf.reduce_mean(loss)
        return total

    def _as_ctlearn_input(self, image):
        """Network units on the compact grid to p.e./ns on the model's grid, differentiable."""
        cells = tf.reshape(image, (tf.shape(image)[0], -1, image.shape[-1]))
        pixels = tf.gather(cells, self._cells, axis=1)
        # An untrained generator's charges may be astronomical: keep them in the data's range.
        charge = self.intensity.decode_charge(pixels)
        channels = [tf.clip_by_value(charge, *self.intensity.charge_limits)]
        if self.intensity.has_time:
            channels.append(self.intensity.decode_signal_time(pixels))
        mapped = [
            tf.transpose(tf.sparse.sparse_dense_matmul(self._mapping, channel, adjoint_b=True))
            for channel in channels
        ]
        return tf.reshape(
            tf.stack(mapped, axis=-1), (-1, self._side, self._side, len(self.intensity.channels))
        )

    def _predict(self, images) -> dict:
        outputs = self.model(images, training=False)
        if isinstance(outputs, dict):
            return outputs
        outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
        names = [
            _task_of(name, output)
            for name, output in zip(self.model.output_names, outputs, strict=True)
        ]
        return dict(zip(names, outputs, strict=True))


def _task_of(output_name: str, output) -> str:
    """A CTLearn model of the type task alone names its output after the softmax layer."""
    if output_name in TASKS:
        return output_name
    return "type" if output.shape[-1] == 2 and "softmax" in output_name else output_name


def _sparse(mapping) -> tf.SparseTensor:
    """(H * W, n_pixels) sparse tensor of a scipy matrix (n_pixels, H * W)."""
    matrix = mapping.T.tocoo()
    indices = np.stack([matrix.row, matrix.col], axis=1).astype(np.int64)
    tensor = tf.SparseTensor(indices, matrix.data.astype(np.float32), matrix.shape)
    return tf.sparse.reorder(tensor)
