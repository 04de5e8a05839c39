"""The auxiliary learns on, from simulated images and from generated ones of the same labels.

A generator may find images that please a frozen auxiliary without showing their labels to anybody
else. One that goes on learning sees such images; simulated ones keep it from a language of the two.
"""

import logging

import keras
import numpy as np
import tensorflow as tf

from ..config.auxiliary import CotrainConfig
from ..data.events import Events
from ..labels import LabelSet
from ..models.auxiliary import AuxiliaryLoss
from .optimizer import FusedAdam

log = logging.getLogger(__name__)

#: Held-out images that are looked at at most, and at once.
_N_ANCHORS, _BATCH = 1000, 256


class Cotraining:
    """Updates of the auxiliary's models in turn with those of the GAN.

    Parameters
    ----------
    config : CotrainConfig
        When, how fast, and how much generated images count.
    auxiliary : AuxiliaryLoss
        Its models are trained from here on.
    images, encoded : ndarray (n, side, side, c), (n, n_labels)
        Held-out simulated images in network units, and their labels.

    Attributes
    ----------
    before : float
        The auxiliary's loss on the held-out images before its training goes on.
    """

    def __init__(
        self, config: CotrainConfig, auxiliary: AuxiliaryLoss, images: np.ndarray, encoded
    ):
        self.config, self.auxiliary = config, auxiliary
        self._held_out = images, encoded
        for model in auxiliary.models:
            model.trainable = True
        self._trained = [v for model in auxiliary.models for v in model.trainable_variables]
        self._optimizer = FusedAdam(config.learning_rate, epsilon=1e-8)
        self._optimizer.build(self._trained)
        self.before = self._anchor()

    @classmethod
    def of(cls, step, events: Events, labels: LabelSet) -> "Cotraining":
        """Of the auxiliary of a run's `AdversarialStep`, with held-out simulated events."""
        events = events.sample(_N_ANCHORS)
        config, anchors = step.config.auxiliary.cotrain, step.real_images(events.pixels)
        return cls(config, step.auxiliary, anchors, labels.encode(events.labels))

    @property
    def variables(self) -> list[keras.Variable]:
        """What a resumed run needs."""
        weights = [v for model in self.auxiliary.models for v in model.variables]
        return weights + self._optimizer.variables

    def is_due(self, number: int, fraction: float) -> bool:
        """Whether the step of this number, at that fraction of the run, has an update."""
        return fraction >= self.config.start and number % self.config.interval == 0

    def update(self, real, fake, labels) -> dict:
        """One update; returns the losses on simulated and generated images by name.

        Parameters
        ----------
        real, fake : tensor (B, side, side, c)
            Simulated and generated images of the same labels, in network units.
        labels : tensor (B, n_labels)
            Encoded.
        """
        fake = tf.stop_gradient(fake)
        with tf.GradientTape() as tape:
            anchor = self.auxiliary.label_loss(real, labels)
            generated = self.auxiliary.label_loss(fake, labels)
            total = anchor + self.config.generated * generated
        gradients = tape.gradient(total, self._trained)
        self._optimizer.apply_gradients(zip(gradients, self._trained, strict=True))
        return {"anchor": anchor, "taught": generated}

    def anchors(self) -> dict[str, float]:
        """The auxiliary's loss on the held-out images, as it came and now, by name."""
        found = {"anchor_before": self.before, "anchor_after": self._anchor()}
        log.info(
            "The auxiliary's loss on held-out simulated images: %.4f as it came, %.4f at the end.",
            *found.values(),
        )
        return found

    def _anchor(self) -> float:
        images, encoded = self._held_out
        starts = range(0, len(images), _BATCH)
        parts = [slice(start, start + _BATCH) for start in starts]
        found = [self.auxiliary.label_loss(images[part], encoded[part]) for part in parts]
        return float(np.average(found, weights=[len(images[part]) for part in parts]))
