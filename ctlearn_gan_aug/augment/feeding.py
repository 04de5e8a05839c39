"""CTLearn's training and validation batches from a pixel store instead of its own loader."""

import contextlib
import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from ..data.feed import StoreFeed
from ..data.store import open_store
from .compatibility import maps_to_grid

log = logging.getLogger(__name__)

#: Folder of stores beside the output folder: trainings for other tasks share it, and what is
#: copied or replaced with a model stays small.
STORE_NAME = "ctlearn_gan_store"


def why_not_from_store(reader_type: str, reader) -> str | None:
    """Reason why a store cannot feed this training; None if it can."""
    if reader_type != "DLImageReader":
        return f"reader type {reader_type}"
    if reader.mode != "mono":
        return f"mode {reader.mode}"
    if not maps_to_grid(reader):
        return "images that are not mapped to a square grid"
    return None


@dataclass(frozen=True)
class StoreFeeds:
    """A CTLearn training's batches from a store.

    Attributes
    ----------
    training, validation : StoreFeed
        In the order of CTLearn's two loaders.
    """

    training: StoreFeed
    validation: StoreFeed

    @classmethod
    def open(cls, cache: Path, training_loader, validation_loader) -> "StoreFeeds":
        """Open or build the store of the loaders' reader.

        Raises
        ------
        UserError
            If it cannot be kept in ``cache``.
        """
        reader = training_loader.DLDataReader
        with _untouched_random_state():
            store = open_store(cache, reader, reader.example_identifiers, reader.channels)
            loaders = training_loader, validation_loader
            return cls(*(StoreFeed(loader, store.pixels) for loader in loaders))

    def training_callback(self) -> keras.callbacks.Callback:
        """Shuffles training events as Keras tells CTLearn's loader to.

        That is after every epoch, and once before the first, when the model has been built.
        """
        return _shuffling(self.training, "on_train_begin", "on_epoch_end")

    def validation_callback(self) -> keras.callbacks.Callback:
        """Likewise for validation events, before and after every validation.

        Which of them fill the last batch changes with it.
        """
        return _shuffling(self.validation, "on_test_begin", "on_test_end")


def _shuffling(feed: StoreFeed, *moments: str) -> keras.callbacks.Callback:
    return keras.callbacks.LambdaCallback(
        **{moment: lambda *_: feed.loader.on_epoch_end() for moment in moments}
    )


@contextlib.contextmanager
def _untouched_random_state() -> Iterator[None]:
    """Keep the global generators, which Keras initialises weights and orders batches with.

    So a training does not depend on whether its store was built or found.
    """
    state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)  # noqa: NPY002
