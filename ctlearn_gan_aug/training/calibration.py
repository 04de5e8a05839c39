"""A trained critic for others: of single images, with scores that translate into densities."""

from dataclasses import dataclass

import keras
import numpy as np

from ..bundle import new_critic
from ..data.events import Events
from ..labels import LabelSet
from ..models.scoring import Scores
from .step import AdversarialStep

#: Events that are looked at at most, and held-out ones below which a slope would say nothing.
_MAX_EVENTS, _MIN_EVENTS = 2000, 100
_BATCH = 64
#: Samples of generated images for the two.
_SETTLING, _JUDGING = 1, 2


@dataclass(frozen=True)
class CalibratedCritic:
    """A critic for single images.

    Attributes
    ----------
    model : keras.Model
        In training it normalised by batches of simulated and generated images; here by the means
        over such batches.
    slope : float
        By how much the logarithm of simulated over generated images' density grows with the score.
        A perfect critic with the non-saturating loss has 1; 0 says that the score tells nothing.
    """

    model: keras.Model
    slope: float

    @classmethod
    def of(
        cls,
        step: AdversarialStep,
        training: Events,
        held_out: Events,
        labels: LabelSet,
    ) -> "CalibratedCritic":
        """Calibrate the critic of a finished training.

        Parameters
        ----------
        step : AdversarialStep
            The trained networks.
        training, held_out : Events
            Simulated events that it has seen, and that it has not.
        labels : LabelSet
            Encodes their labels.
        """
        config, n_channels = step.config, len(training.channels)
        codes = config.generator.codes
        model = new_critic(config.critic, training.camera, labels, n_channels, codes)
        model.set_weights(step.networks.critic.get_weights())
        judge = Scores(model, step.maps, step.intensity, training.camera)
        if len(held_out) < _MIN_EVENTS:
            held_out = training
        _settle(judge, step, training.sample(_MAX_EVENTS), labels)
        return cls(model, _slope(judge, step, held_out.sample(_MAX_EVENTS), labels))


def _settle(judge: Scores, step: AdversarialStep, events: Events, labels: LabelSet) -> None:
    """Let normalisations take the means over mixed batches; Keras does while it trains."""
    encoded = labels.encode(events.labels)
    generated = step.sample(encoded, _SETTLING)
    for start in range(0, len(events) - _BATCH + 1, _BATCH):
        part = slice(start, start + _BATCH)
        pixels = np.concatenate([events.pixels[part], generated[part]])
        judge.network(judge.seen(pixels, np.tile(encoded[part], (2, 1))), training=True)


def _slope(judge: Scores, step: AdversarialStep, events: Events, labels: LabelSet) -> float:
    """Logistic regression on the score, as Turner et al. (arXiv 1811.11357) calibrate."""
    from sklearn.linear_model import LogisticRegression

    encoded = labels.encode(events.labels)
    images = events.pixels[:], step.sample(encoded, _JUDGING)
    scores = [_scores(judge, pixels, encoded) for pixels in images]
    is_simulated = np.repeat([True, False], len(events))
    fit = LogisticRegression().fit(np.concatenate(scores)[:, None], is_simulated)
    return max(float(fit.coef_[0, 0]), 0.0)


def _scores(judge: Scores, pixels: np.ndarray, encoded: np.ndarray) -> np.ndarray:
    """Scores (n,), not compiled: that takes longer than so few batches.

    Keras' own ``predict`` lets TensorFlow end every training with a message on its data sets.
    """
    parts = (slice(start, start + _BATCH) for start in range(0, len(pixels), _BATCH))
    return np.concatenate(
        [keras.ops.convert_to_numpy(judge([pixels[i], encoded[i]])) for i in parts]
    )
