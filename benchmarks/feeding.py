"""Feeding a training: batches from a pixel store against CTLearn's loader, in one run.

    python benchmarks/feeding.py [--events 20000] [--batch 64] [--folder DIR]

Both give the same batches: LST-like images (1855 pixels, charge and peak time), shuffled, mapped,
with labels. The limit is the bare reading of the same rows, neither mapped nor batched by tf.data.
Both are measured in turns, for a machine that is shared; given are the medians.
"""

import time

import numpy as np
import tensorflow as tf
from common import arguments, loader_rate, open_loader, open_reader, timed

from ctlearn_gan_aug.data.feed import StoreFeed
from ctlearn_gan_aug.data.store import open_store

MAPPERS = ("ShiftingMapper", "BilinearMapper")
TURNS = 3


@tf.function
def consume(batches: tf.data.Dataset):
    """Take every batch inside a graph, as Keras' training function does."""
    total = 0.0
    for features, _ in batches:
        total += features[0, 0, 0, 0]
    return total


def feed_rate(feed: StoreFeed) -> float:
    """Images/s of the store: median of five epochs, after one."""
    seconds = []
    for _ in range(6):
        _, spent = timed(consume, feed.batches(shuffled=True))
        seconds.append(spent)
    return len(feed) * feed.loader.batch_size / float(np.median(seconds[1:]))


def bare_rate(pixels, indices: np.ndarray) -> float:
    """Images/s of reading rows in batches."""
    start = time.perf_counter()
    for batch in indices:
        pixels[batch]
    return indices.size / (time.perf_counter() - start)


def check_equal(loader, feed: StoreFeed) -> None:
    """A ratio counts only between equal results."""
    ours, labels = next(iter(feed.batches(shuffled=False)))
    theirs, their_labels = loader[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(labels["energy"], their_labels["energy"], rtol=1e-6)


def main() -> None:
    """Run the benchmark."""
    with arguments(__doc__) as args:
        for mapper in MAPPERS:
            reader = open_reader(args.path, mapper)
            loader = open_loader(reader, args.batch)
            what = (args.folder / "store", reader, reader.example_identifiers, reader.channels)
            store = open_store(*what)
            feed, wrapped = timed(StoreFeed, loader, store.pixels)
            check_equal(loader, feed)
            turns = [(loader_rate(loader), feed_rate(feed)) for _ in range(TURNS)]
            theirs, ours = np.median(turns, axis=0)
            order = np.reshape(loader.indices[: len(loader) * args.batch], (-1, args.batch))
            bare = bare_rate(store.pixels, order)
            side = feed.input_shape[0]
            print(f"\n{mapper}, grid {side} x {side}, {len(loader.indices)} events")
            for name, rate in {
                "CTLearn's loader": theirs,
                "from the store": ours,
                "bare reading of rows": bare,
            }.items():
                print(f"  {name:24s}{rate:9.0f} images/s {rate / theirs:7.1f} x")
            print(f"  setting up the feed     {wrapped:9.2f} s")


if __name__ == "__main__":
    main()
