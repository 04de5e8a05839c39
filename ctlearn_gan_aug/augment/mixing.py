"""Training batches of simulated and generated images as a tf.data.Dataset for CTLearn."""

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..data.feed import StoreFeed
from ..data.mapper import GridMapper
from ..streaming import ahead
from .batch_plan import BatchPlan
from .sequence import Sequence
from .source import SyntheticSource
from .stream import Tally

#: Random streams of an epoch beside that of the places in batches.
_PASSES, _TURNS = 1, 2


@dataclass
class MixedBatches:
    """CTLearn's training batches with an exact part of generated images.

    Simulated images come in smaller batches from CTLearn's own loader, or from a store in its
    order: an epoch still shows every training event once (but for the incomplete last batch that
    CTLearn drops too), in more steps; with fewer generated images in the batches of an epoch than
    in others, some of them twice. Positions inside a batch are shuffled. An epoch is a
    function of the seed and the epoch number; `end_epoch` moves on to the next one, because Keras
    may open more iterators than it trains epochs.

    Attributes
    ----------
    loader : DLDataLoader
        CTLearn's training loader, with the full batch size. It is copied.
    plan : BatchPlan
        Numbers of images.
    source : SyntheticSource
        Generated images.
    mapping : scipy sparse matrix (n_pixels, H * W)
        The reader's image mapper.
    seed : int
        Seed of the positions and symmetries.
    feed : StoreFeed, optional
        Gives the loader's batches faster than itself.
    sample_weight : float, optional
        Weight of generated images in the loss, where simulated ones have 1.
    is_signal : ndarray of bool, optional
        Class of every event of the reader, by its index, if classes are to weigh the same.
    """

    loader: object
    plan: BatchPlan
    source: SyntheticSource
    mapping: object
    seed: int
    feed: StoreFeed | None = None
    sample_weight: float | None = None
    is_signal: np.ndarray | None = None

    def __post_init__(self):
        self.loader = copy.copy(self.loader)
        self.loader.batch_size = self.plan.n_simulated
        self._epoch = 0
        self._map = GridMapper(self.mapping, *self.loader.input_shape[:2])
        self.dataset = self._build()
        # CTLearn sizes the model's input by its loader.
        self.dataset.input_shape = self.loader.input_shape

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        return len(self.loader)

    def end_epoch(self) -> None:
        """Shuffle the simulated events as CTLearn does, and move to the next epoch's images."""
        self.loader.on_epoch_end()
        self._epoch += 1

    def tally(self) -> list[Tally]:
        """Images mixed in the completed epochs, by region."""
        epochs = [self.source.tallies.get(epoch, ()) for epoch in range(self._epoch)]
        nothing = [Tally() for _ in self.source.streams]
        complete = [nothing, *(tallies for tallies in epochs if tallies)]
        return [sum(regions, Tally()) for regions in zip(*complete, strict=True)]

    @property
    def epochs(self) -> int:
        """Completed epochs."""
        return self._epoch

    @property
    def n_turns(self) -> int:
        """Symmetries that simulated images are turned by, at least 1."""
        return self.feed.n_turns if self.feed else 1

    @property
    def n_simulated_seen(self) -> int:
        """Simulated images in the completed epochs."""
        return self.steps * sum(self.plan.simulated_in(epoch) for epoch in range(self._epoch))

    @property
    def has_weights(self) -> bool:
        """Whether batches have weights as their third element.

        Keras takes class weights for all epochs at once, and only without other weights.
        """
        varies = self.is_signal is not None and not self.plan.schedule.is_constant
        return self.sample_weight is not None or varies

    def fed_per_class(self, epoch: int = 0) -> tuple[float, float]:
        """Background and signal images in an epoch; a generated one counts by its weight."""
        n_generated = self.plan.generated_in(epoch) * (self.sample_weight or 1.0)
        n_simulated = self.plan.simulated_in(epoch)
        signal = float(np.mean(self.is_signal[self.loader.indices])) * n_simulated
        for stream in self.source.streams:
            signal += stream.region.share * stream.region.is_signal * n_generated
        return (n_simulated + n_generated - signal) * self.steps, signal * self.steps

    def _build(self) -> tf.data.Dataset:
        batch = self.loader[0]
        self._nothing = tf.nest.map_structure(lambda x: np.asarray(x, np.float32)[:0], batch)
        if self.feed:
            simulated = self.feed.dataset(self._order, self.steps)
        else:
            simulated = Sequence(self._simulated, _spec(batch), self.steps).dataset()
        order = tf.TensorSpec((self.plan.size,), tf.int32)
        balance = tf.TensorSpec((2,), tf.float32)
        structure = (*_spec(batch), order, balance)
        generated = Sequence(self._generated, structure, self.steps).dataset()
        # Each ahead of the training on a thread of its own.
        return ahead(
            tf.data.Dataset.zip((ahead(simulated), ahead(generated)))
            .map(self._join, num_parallel_calls=1)
            .apply(tf.data.experimental.assert_cardinality(self.steps))
        )

    def _order(self) -> np.ndarray:
        """Rows of the simulated images in the present epoch, (steps, images per batch)."""
        shape = self.steps, self.plan.simulated_in(self._epoch)
        order, size = np.array(self.loader.indices), np.prod(shape)
        passes = np.random.default_rng([self.seed, self._epoch, _PASSES])
        while len(order) < size:
            order = np.append(order, passes.permutation(self.loader.indices))
        rows = np.reshape(order[:size], shape)
        if self.n_turns == 1:
            return rows
        turns = np.random.default_rng([self.seed, self._epoch, _TURNS])
        return self.feed.row(rows, turns.integers(self.n_turns, size=shape))

    def _simulated(self) -> Iterator[tuple]:
        loader, order = copy.copy(self.loader), self._order()
        # Shuffling for the next epoch happens in place and must not reach this one.
        loader.indices, loader.batch_size = order.ravel().tolist(), order.shape[1]
        for step in range(len(order)):
            yield tf.nest.map_structure(lambda x: np.asarray(x, dtype=np.float32), loader[step])

    def _generated(self) -> Iterator[tuple]:
        rng = np.random.default_rng([self.seed, self._epoch])
        balance = np.ones(2, np.float32)
        if self.is_signal is not None:
            balance[:] = list(class_weights(*self.fed_per_class(self._epoch)).values())
        for images, labels in self._images(self.plan.generated_in(self._epoch)):
            order = rng.permutation(self.plan.size)
            yield images, labels, order.astype(np.int32), balance

    def _images(self, n_generated: int) -> Iterator[tuple]:
        """Generated images of every batch, mapped, with their labels."""
        if not n_generated:
            yield from itertools.repeat(self._nothing, self.steps)
            return
        for images in self.source.epoch(self._epoch, self.steps, n_generated):
            labels = images.labels
            if self.loader.tasks == ["type"]:  # CTLearn then gives the bare array
                labels = labels["type"]
            yield self._map(images.pixels), labels

    def _join(self, simulated, generated):
        images, labels, order, balance = generated
        n_simulated = tf.shape(simulated[0])[0]

        def joined(old, new):
            both = tf.gather(tf.concat([old, new], axis=0), order)
            return tf.ensure_shape(both, (self.plan.size, *both.shape[1:]))

        batch = tf.nest.map_structure(joined, simulated, (images, labels))
        if not self.has_weights:
            return batch
        weights = tf.where(order < n_simulated, 1.0, self.sample_weight or 1.0)
        if self.is_signal is not None:
            kind = batch[1]["type"] if isinstance(batch[1], dict) else batch[1]
            weights *= tf.gather(balance, tf.argmax(kind, axis=1))
        return *batch, weights


def class_weights(n_background: float, n_signal: float) -> dict[int, float]:
    """Class weights as dl1-data-handler defines them, for the images that are really fed."""
    half = (n_background + n_signal) / 2.0
    return {0: half / n_background, 1: half / n_signal}


def _spec(batch):
    """Structure of a batch of any number of images, in float32."""
    return tf.nest.map_structure(
        lambda values: tf.TensorSpec((None, *np.shape(values)[1:]), tf.float32), batch
    )
