"""Training batches of simulated and generated images as a tf.data.Dataset for CTLearn."""

import copy
import math
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from ..data.feed import StoreFeed
from ..data.mapper import GridMapper
from ..errors import UserError
from .source import SyntheticSource
from .stream import Tally

#: Batches prepared ahead of the training step.
_PREFETCH = 4


def split_batch(batch_size: int, fraction: float) -> tuple[int, int]:
    """Simulated and generated images in a batch: ``fraction * batch_size``, halves rounded up.

    Raises
    ------
    UserError
        If rounding leaves no generated or no simulated image.
    """
    n_generated = math.floor(fraction * batch_size + 0.5)
    if not 0 < n_generated < batch_size:
        kind = "generated" if n_generated == 0 else "simulated"
        raise UserError(
            f"gan_augment.fraction: {fraction:g} of a batch of {batch_size} leaves no {kind} "
            f"image; choose between {1 / batch_size:.2g} and {1 - 1 / batch_size:.2g}, or a "
            "larger batch."
        )
    return batch_size - n_generated, n_generated


class MixedBatches:
    """CTLearn's training batches with an exact part of generated images.

    Simulated images come in smaller batches from CTLearn's own loader, or from a store in its
    order: an epoch still shows every training event once (but for the incomplete last batch that
    CTLearn drops too), in more steps. Positions inside a batch are shuffled. An epoch is a
    function of the seed and the epoch number; `end_epoch` moves on to the next one, because Keras
    may open more iterators than it trains epochs.

    Parameters
    ----------
    loader : DLDataLoader
        CTLearn's training loader, with the full batch size.
    n_simulated : int
        Simulated images in every batch; the source's ``per_batch`` come on top.
    source : SyntheticSource
        Generated images.
    mapping : scipy sparse matrix (n_pixels, H * W)
        The reader's image mapper.
    seed : int
        Seed of the positions.
    feed : StoreFeed, optional
        Gives the loader's batches faster than itself.
    """

    def __init__(
        self,
        loader,
        n_simulated: int,
        source: SyntheticSource,
        mapping,
        seed: int,
        feed: StoreFeed | None = None,
    ):
        self._loader = copy.copy(loader)
        self._loader.batch_size = n_simulated
        self._feed = feed.resized(n_simulated) if feed else None
        self._source = source
        self._seed = seed
        self._epoch = 0
        self._map = GridMapper(mapping, *loader.input_shape[:2])
        self.dataset = self._build()
        # CTLearn sizes the model's input by its loader.
        self.dataset.input_shape = loader.input_shape

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        return len(self._loader)

    @property
    def n_simulated(self) -> int:
        """Simulated images per batch."""
        return self._loader.batch_size

    @property
    def n_generated(self) -> int:
        """Generated images per batch."""
        return self._source.per_batch

    def end_epoch(self) -> None:
        """Shuffle the simulated events as CTLearn does, and move to the next epoch's images."""
        self._loader.on_epoch_end()
        self._epoch += 1

    def tally(self) -> list[Tally]:
        """Images mixed in the completed epochs, by region."""
        epochs = [self._source.tallies.get(epoch, ()) for epoch in range(self._epoch)]
        nothing = [Tally() for _ in self._source.streams]
        complete = [nothing, *(tallies for tallies in epochs if tallies)]
        return [sum(regions, Tally()) for regions in zip(*complete, strict=True)]

    @property
    def epochs(self) -> int:
        """Completed epochs."""
        return self._epoch

    def fed_per_class(self, is_signal: np.ndarray) -> tuple[float, float]:
        """Background and signal images in an epoch.

        Parameters
        ----------
        is_signal : ndarray of bool
            Class of every event of the reader, by its index.
        """
        signal = float(np.mean(np.asarray(is_signal)[self._loader.indices])) * self.n_simulated
        for stream in self._source.streams:
            signal += stream.region.share * stream.region.is_signal * self.n_generated
        batch = self.n_simulated + self.n_generated
        return (batch - signal) * self.steps, signal * self.steps

    def _build(self) -> tf.data.Dataset:
        batch = self._loader[0]
        if self._feed:
            simulated = self._feed.dataset(self._order)
        else:
            simulated = tf.data.Dataset.from_generator(
                self._simulated, output_signature=_spec(batch, self.n_simulated)
            )
        order = tf.TensorSpec((self.n_simulated + self.n_generated,), tf.int32)
        generated = tf.data.Dataset.from_generator(
            self._generated, output_signature=(*_spec(batch, self.n_generated), order)
        )
        # Two generators, each ahead of the training on its own thread.
        pair = (simulated.prefetch(_PREFETCH), generated.prefetch(_PREFETCH))
        options = tf.data.Options()
        # With several workers each takes its part of the batches.
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.DATA
        )
        return (
            tf.data.Dataset.zip(pair)
            .map(self._join, num_parallel_calls=1)
            .apply(tf.data.experimental.assert_cardinality(self.steps))
            .prefetch(_PREFETCH)
            .with_options(options)
        )

    def _order(self) -> np.ndarray:
        shape = self.steps, self.n_simulated
        return np.reshape(self._loader.indices[: np.prod(shape)], shape)

    def _simulated(self) -> Iterator[tuple]:
        loader = copy.copy(self._loader)
        # Shuffling for the next epoch happens in place and must not reach this one.
        loader.indices = list(loader.indices)
        for step in range(len(loader)):
            yield tf.nest.map_structure(lambda x: np.asarray(x, dtype=np.float32), loader[step])

    def _generated(self) -> Iterator[tuple]:
        rng = np.random.default_rng([self._seed, self._epoch])
        for images in self._source.epoch(self._epoch, self.steps):
            order = rng.permutation(self.n_simulated + self.n_generated)
            labels = images.labels
            if self._loader.tasks == ["type"]:  # CTLearn then gives the bare array
                labels = labels["type"]
            yield self._map(images.pixels), labels, order.astype(np.int32)

    def _join(self, simulated, generated):
        images, labels, order = generated
        return tf.nest.map_structure(
            lambda old, new: tf.gather(tf.concat([old, new], axis=0), order),
            simulated,
            (images, labels),
        )


def class_weights(n_background: float, n_signal: float) -> dict[int, float]:
    """Class weights as dl1-data-handler defines them, for the images that are really fed."""
    half = (n_background + n_signal) / 2.0
    return {0: half / n_background, 1: half / n_signal}


def _spec(batch, n_rows: int):
    """Structure of a batch of ``n_rows``, in float32."""
    return tf.nest.map_structure(
        lambda values: tf.TensorSpec((n_rows, *np.shape(values)[1:]), tf.float32), batch
    )
