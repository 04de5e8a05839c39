"""CTLearn models as a loss: generated images have to show their labels."""

import zipfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ..camera import Camera
from ..errors import UserError
from ..intensity import IntensityTransform
from ..labels import LABEL_COLUMNS, LabelSet
from .judge import CTLearnJudge
from .reader_channels import ReaderChannels

#: CTLearn's model in the output folder of a training.
MODEL_NAME = "ctlearn_model.keras"
#: What makes a folder a SavedModel.
_SAVED_MODEL = "saved_model.pb"
#: Column of CTLearn's class scores that stands for signal.
_SIGNAL = 1


def load_ctlearn_model(path: Path, key: str = "auxiliary.model") -> keras.Model:
    """Load a trained CTLearn model, frozen; no code comes out of its file.

    Parameters
    ----------
    path : Path
        Keras file, or the output folder of a CTLearn training.
    key : str
        Of the configuration or command line, for messages.

    Raises
    ------
    UserError
        If there is no such model or it cannot be loaded.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{key}: {path} does not exist; name a trained CTLearn model.")
    file = path / MODEL_NAME if path.is_dir() else path
    if not zipfile.is_zipfile(file):
        raise UserError(f"{key}: {path} {_why_no_model(path)}")
    try:
        model = keras.models.load_model(file, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{key}: {path} {_why_not_loaded(error)}") from None
    model.trainable = False
    return model


def _why_no_model(path: Path) -> str:
    if (path / _SAVED_MODEL).exists() or any(path.glob(f"*/{_SAVED_MODEL}")):
        return (
            "is a SavedModel of Keras 2, as CTLearn wrote before 0.10.4; train it anew with the "
            f"installed CTLearn, which writes {MODEL_NAME}."
        )
    return f"is no model of CTLearn; name its {MODEL_NAME} or the folder that holds it."


def _why_not_loaded(error: Exception) -> str:
    if "safe_mode" in str(error):
        return (
            "holds Python code (a Lambda layer), which is not run; name a model of CTLearn's own "
            "layers."
        )
    return f"is no loadable CTLearn model ({str(error).splitlines()[0]})."


def label_columns(task: str, labels: LabelSet, match: str) -> list[int]:
    """Columns of the labels that a task predicts.

    Raises
    ------
    UserError
        If the task is no label, and needs to be.
    """
    if task in labels.names:
        return [labels.columns.index(column) for column, _ in LABEL_COLUMNS[task]]
    if task == "type" and match == "distribution":
        return []
    raise UserError(
        f"auxiliary.weights: '{task}' is not among the generator's labels "
        f"({', '.join(labels.names)}); add it to labels or remove it here."
    )


class AuxiliaryLoss:
    """Weighted losses of CTLearn models on generated images; frozen, unless others train them.

    ``match: zero`` is the AC-GAN's (Odena et al., arXiv 1610.09585) with a classifier trained
    beforehand: mean squared residuals in units of the label's training spread, categorical
    cross-entropy of the particle type.

    ``match: distribution`` compares residuals (prediction minus label, same units) of generated
    images with those of simulated ones, by their `energy_distance`. Showers of equal labels
    fluctuate, in impact distance and first interaction, and so do the predictions. Images whose
    residuals are smaller than on simulation lack these fluctuations: they are as wrong as images
    with larger ones, and harm what is trained on them. Bias, width and tails have to be those of
    simulation. For the particle type the signal score takes the place of a prediction; the type
    need not be a label.

    Parameters
    ----------
    model : keras.Model or dict of str to keras.Model
        CTLearn model of all tasks, or one per task.
    mapper : str or dict of str to str
        dl1-data-handler mapper it was trained with, or one per task.
    weights : dict of str to float
        Weight of every task.
    camera, labels, intensity : Camera, LabelSet, IntensityTransform
        Of the generator.
    match : str
        ``zero`` or ``distribution``.
    channels : ReaderChannels, optional
        What the models read, if not the generator's own channels.

    Raises
    ------
    UserError
        If a model has not the task or input it is wanted for, or a task is no label.
    """

    def __init__(
        self,
        model: keras.Model | dict[str, keras.Model],
        mapper: str | dict[str, str],
        weights: dict[str, float],
        camera: Camera,
        labels: LabelSet,
        intensity: IntensityTransform,
        match: str = "zero",
        channels: ReaderChannels | None = None,
    ):
        self.weights = weights
        self.labels = labels
        self.match = match
        self._columns = {task: label_columns(task, labels, match) for task in weights}
        self._judges = {}  # with the tasks of each, by model and mapper
        for task in weights:
            one = model[task] if isinstance(model, dict) else model
            reads = mapper[task] if isinstance(mapper, dict) else mapper
            key = id(one), reads
            if key not in self._judges:
                self._judges[key] = CTLearnJudge(one, reads, camera, intensity, channels), []
            self._add(task, *self._judges[key])

    @staticmethod
    def _add(task: str, judge: CTLearnJudge, tasks: list[str]) -> None:
        if task not in judge.tasks:
            raise UserError(
                f"auxiliary.weights: the model has no output '{task}', "
                f"it has {', '.join(judge.tasks)}."
            )
        tasks.append(task)

    def __call__(self, image, encoded, real=None, real_encoded=None):
        """Scalar loss.

        Parameters
        ----------
        image, real : tensor (B, side, side, c)
            Generated images, and simulated ones for ``match: distribution``, in network units.
        encoded, real_encoded : tensor (B, n_labels)
            Their encoded labels. Both batches should hold the same labels, or as many of a kind.
        """
        if self.match == "zero":
            return self.label_loss(image, encoded)
        if real is None or real_encoded is None:
            raise ValueError("match: distribution compares with simulated images: give `real`.")
        outputs, simulated = self._outputs(image), self._outputs(tf.stop_gradient(real))
        return self._weighted(
            {
                task: energy_distance(
                    self._residuals(task, outputs[task], encoded),
                    tf.stop_gradient(self._residuals(task, simulated[task], real_encoded)),
                )
                for task in self.weights
            }
        )

    def label_loss(self, image, encoded):
        """How badly the models find the labels, as ``match: zero`` counts it: a scalar.

        Parameters
        ----------
        image : tensor (B, side, side, c)
            Network units.
        encoded : tensor (B, n_labels)
            Encoded labels.
        """
        outputs = self._outputs(image)
        return self._weighted({t: self._squared(t, outputs[t], encoded) for t in self.weights})

    def predictions(self, image):
        """What the models predict, (B, k) over all tasks.

        Regressions are in units of the label's training spread; the type's is the signal score.

        Parameters
        ----------
        image : tensor (B, side, side, c)
            Network units.
        """
        outputs = self._outputs(image)
        return tf.concat([self._prediction(t, outputs[t]) for t in self.weights], axis=1)

    @property
    def models(self) -> list[keras.Model]:
        """Every model once."""
        return list({id(judge.model): judge.model for judge, _ in self._judges.values()}.values())

    def _weighted(self, losses: dict):
        return tf.add_n([weight * losses[task] for task, weight in self.weights.items()])

    def _outputs(self, image) -> dict:
        outputs = {}
        for judge, tasks in self._judges.values():
            predicted = judge(image)
            outputs |= {task: predicted[task] for task in tasks}
        return outputs

    def _squared(self, task: str, output, encoded):
        if task == "type":
            truth = tf.cast(tf.round(self._truth(task, encoded)[:, 0]), tf.int32)
            cross_entropy = keras.losses.categorical_crossentropy(tf.one_hot(truth, 2), output)
            return tf.reduce_mean(cross_entropy)
        return tf.reduce_mean(tf.square(self._residuals(task, output, encoded)))

    def _residuals(self, task: str, output, encoded):
        """Residuals (B, k), of regressions in units of the label's training spread."""
        if task == "type":
            score = self._prediction(task, output)
            # The classes' scores do not mix if each is measured from its own truth.
            return score - self._truth(task, encoded) if self._columns[task] else score
        return (output - self._truth(task, encoded)) / self._scale(task)

    def _prediction(self, task: str, output):
        if task == "type":
            return output[:, _SIGNAL : _SIGNAL + 1]
        return output / self._scale(task)

    def _scale(self, task: str) -> np.ndarray:
        """Training spread (k,) of a task's labels, in the column's unit."""
        return self.labels.scale[self._columns[task]].astype(np.float32)

    def _truth(self, task: str, encoded):
        """Labels (B, k) in the column's unit."""
        columns = self._columns[task]
        center = self.labels.center[columns].astype(np.float32)
        return tf.gather(tf.cast(encoded, tf.float32), columns, axis=1) * self._scale(task) + center


def energy_distance(first, second):
    """Energy distance of two samples (n, k) and (m, k), the mean over columns.

    ``2 E|x - y| - E|x - x'| - E|y - y'|`` is zero for equal distributions and positive for others
    (Szekely & Rizzo, J. Stat. Plan. Inference 143 (2013) 1249); in one dimension it is twice the
    integral of the squared difference of the cumulative distributions. Value and gradient are
    unbiased in a batch, hence around zero, and at times below, once distributions are equal. The
    1-Wasserstein distance of sorted samples is biased (Bellemare et al., arXiv 1705.10743): with
    batches of 64 it is least for a width 4.5 % below the simulation's if residuals are normal, and
    9 % below if they have the tails of a t distribution of 3 degrees of freedom.
    """
    across = tf.reduce_mean(tf.abs(first[:, None] - second[None]))
    return 2.0 * across - _mean_difference(first) - _mean_difference(second)


def _mean_difference(sample):
    """Mean absolute difference of two different rows of a sample (n, k)."""
    n = tf.cast(tf.shape(sample)[0], tf.float32)
    difference = tf.reduce_mean(tf.abs(sample[:, None] - sample[None]))
    return difference * n / tf.maximum(n - 1.0, 1.0)
