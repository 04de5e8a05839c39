"""Reading and feeding: a pixel store against CTLearn's own loader, on one file in one run.

    python benchmarks/reading.py [--events 20000] [--batch 64] [--folder DIR]

Both give the same batches: LST-like images (1855 pixels, charge and peak time), shuffled, mapped,
with labels. Printed are images per second and their ratios.
"""

import argparse
import logging
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf
from lst_like import write_lst_like

from ctlearn_gan_aug.data.feed import StoreFeed
from ctlearn_gan_aug.data.store import open_store

MAPPERS = ("ShiftingMapper", "BilinearMapper")
LOADER_BATCHES = 60


def open_reader(path: Path, mapper: str):
    """CTLearn's reader of all events with two channels."""
    from dl1_data_handler.reader import DLImageReader
    from traitlets.config import Config

    config = Config()
    config.DLImageReader.image_mapper_type = [("type", "*", mapper)]
    config.DLImageReader.channels = ["image", "peak_time"]
    config.TableQualityQuery.quality_criteria = []
    return DLImageReader([str(path)], config=config)


def open_loader(reader, batch: int):
    """CTLearn's loader over all events in random order."""
    from ctlearn.core.loader import DLDataLoader

    indices = np.random.default_rng(0).permutation(reader._get_n_events()).tolist()
    return DLDataLoader(
        reader, indices, ["energy", "cameradirection"], batch_size=batch, random_seed=0
    )


def loader_rate(loader) -> float:
    """Images/s of CTLearn's loader."""
    loader[0]
    start = time.perf_counter()
    for number in range(1, LOADER_BATCHES + 1):
        loader[number]
    return LOADER_BATCHES * loader.batch_size / (time.perf_counter() - start)


@tf.function
def consume(batches: tf.data.Dataset):
    """Take every batch inside a graph, as Keras' training function does."""
    total = 0.0
    for features, _ in batches:
        total += features["input"][0, 0, 0, 0]
    return total


def feed_rate(feed: StoreFeed) -> float:
    """Images/s of the store: median of five epochs, after one."""
    seconds = []
    for _ in range(6):
        batches = feed.batches(shuffled=True)
        start = time.perf_counter()
        consume(batches)
        seconds.append(time.perf_counter() - start)
    return len(feed) * feed.loader.batch_size / float(np.median(seconds[1:]))


def timed(function, *args):
    """Result and seconds."""
    start = time.perf_counter()
    return function(*args), time.perf_counter() - start


def compare(path: Path, cache: Path, mapper: str, batch: int) -> None:
    """Print one mapper's figures."""
    reader, setup = timed(open_reader, path, mapper)
    n_events = reader._get_n_events()
    loader = open_loader(reader, batch)
    theirs = loader_rate(loader)
    events = reader.example_identifiers
    store, seconds = timed(open_store, cache, reader, events, reader.channels)
    _, again = timed(open_store, cache, reader, events, reader.channels)
    feed, wrapped = timed(StoreFeed, loader, store.pixels)
    ours = feed_rate(feed)
    check_equal(loader, feed)
    print(f"\n{mapper}, grid {feed.input_shape[0]} x {feed.input_shape[1]}, {n_events} events")
    print(f"  CTLearn's loader          {theirs:9.0f} images/s   (set-up {setup:.2f} s)")
    if seconds > 5 * again:
        rate = n_events / seconds
        print(f"  building the store        {rate:9.0f} images/s   {rate / theirs:6.1f} x")
    print(f"  from the store            {ours:9.0f} images/s   {ours / theirs:6.1f} x")
    print(f"  opening an existing store {again + wrapped:9.2f} s")


def check_equal(loader, feed: StoreFeed) -> None:
    """A ratio counts only between equal results."""
    ours, labels = next(iter(feed.batches(shuffled=False)))
    theirs, their_labels = loader[0]
    np.testing.assert_allclose(ours["input"], theirs["input"], rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(labels["energy"], their_labels["energy"], rtol=1e-6)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--folder", type=Path, help="keep the file here and use it again")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"lst_like_{args.events}.dl1.h5"
        if not path.exists():
            write_lst_like(path, args.events)
        for mapper in MAPPERS:
            compare(path, folder / "store", mapper, args.batch)


if __name__ == "__main__":
    main()
