"""Peak memory of feeding a training from a store, for few and for many events.

    python benchmarks/memory.py [--events 10000 100000] [--folder DIR]

Each number of LST-like events is set up (dl1-data-handler's reader, the store) and fed through
twice by a process of its own; printed is its peak resident memory.
"""

import argparse
import multiprocessing
import resource
import tempfile
from pathlib import Path


def peak_of(path: Path, cache: Path) -> None:
    """Feed two epochs and print the peak resident memory of this process."""
    import logging
    import warnings

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    from common import open_loader, open_reader
    from feeding import consume

    from ctlearn_gan_aug.data.feed import StoreFeed
    from ctlearn_gan_aug.data.store import open_store

    reader = open_reader(path, "ShiftingMapper")
    store = open_store(cache, reader, reader.example_identifiers, reader.channels)
    feed = StoreFeed(open_loader(reader, 64), store.pixels)
    for _ in range(2):
        consume(feed.batches(shuffled=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    n_events = len(reader.example_identifiers)
    size = sum(path.stat().st_size for path in store.folder.iterdir()) / 2**20
    print(f"{n_events:8d} events: store {size:6.0f} MiB, peak {peak:6.0f} MiB", flush=True)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path, help="keep the files here and use them again")
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for n_events in args.events:
            path = folder / f"lst_like_{n_events}.dl1.h5"
            if not path.exists():
                from lst_like import write_lst_like

                writer = context.Process(target=write_lst_like, args=(path, n_events))
                writer.start()
                writer.join()
            process = context.Process(target=peak_of, args=(path, folder / "store"))
            process.start()
            process.join()


if __name__ == "__main__":
    main()
