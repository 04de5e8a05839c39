"""Observed images as training domain: what the critic is shown in the place of simulated ones."""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from ..data.events import Events
from ..data.pipeline import Symmetries, training_batches

#: Added to the run's seed, so that observed images are shuffled by themselves.
_SHUFFLE = 2**33


@dataclass(frozen=True)
class ObservedDomain:
    """The observed images of a run.

    Attributes
    ----------
    training, held_out : Events
        Without labels.
    """

    training: Events
    held_out: Events

    @classmethod
    def split(cls, events: Events, held_out: float, seed: int) -> "ObservedDomain":
        """Keep a part ``held_out`` of the events out of training."""
        order = np.random.default_rng(seed).permutation(len(events))
        n_held_out = int(held_out * len(events))
        return cls(events.select(order[n_held_out:]), events.select(order[:n_held_out]))

    def beside(
        self,
        simulated: tf.data.Dataset,
        batch_size: int,
        seed: int,
        start: int,
        symmetries: Symmetries | None,
    ) -> tf.data.Dataset:
        """Batches with as many observed images, as `Batch` has them.

        Parameters
        ----------
        simulated : tf.data.Dataset
            Of (pixels, encoded labels), from `training_batches`.
        batch_size, seed, start, symmetries
            As it was made with.
        """
        pixels = self.training.pixels
        no_labels = np.zeros((len(pixels), simulated.element_spec[1].shape[1]), np.float32)
        observed = training_batches(
            pixels, no_labels, batch_size, seed + _SHUFFLE, start, symmetries
        )
        pairs = tf.data.Dataset.zip(simulated, observed)
        return pairs.map(lambda batch, other: (*batch, batch[1], other[0]))

    def labelled(self, training: Events, held_out: Events) -> tuple[Events, Events]:
        """Observed images, of training and held out, with labels of simulated events.

        They do not belong together: this is for a critic that knows no labels.
        """
        return _with_labels(self.training, training), _with_labels(self.held_out, held_out)


def _with_labels(observed: Events, simulated: Events) -> Events:
    first = np.arange(min(len(observed), len(simulated)))
    images = observed.select(first)
    return replace(simulated.select(first), pixels=images.pixels, masks=images.masks)
