"""CTLearn's reader and loader of a benchmark file, and what the benchmarks share."""

import argparse
import contextlib
import logging
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from lst_like import write_lst_like

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

    indices = np.random.default_rng(0).permutation(len(reader.example_identifiers)).tolist()
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


def timed(function, *args):
    """Result and seconds."""
    start = time.perf_counter()
    return function(*args), time.perf_counter() - start


@contextlib.contextmanager
def arguments(doc: str) -> Iterator[argparse.Namespace]:
    """Options of a benchmark, with its LST-like file at ``path`` and its folder."""
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--folder", type=Path, help="keep the file here and use it again")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        args.folder = args.folder or Path(temporary)
        args.folder.mkdir(parents=True, exist_ok=True)
        args.path = args.folder / f"lst_like_{args.events}.dl1.h5"
        if not args.path.exists():
            write_lst_like(args.path, args.events)
        yield args
