"""Reading DL1 files: building a pixel store against CTLearn's loader, on one file in one run.

    python benchmarks/reading.py [--events 20000] [--batch 64] [--folder DIR]

LST-like images (1855 pixels, charge and peak time), all events once. The limit is a bare read of
the image table from first to last row.
"""

import shutil

from common import arguments, loader_rate, open_loader, open_reader, timed

from ctlearn_gan_aug.data.store import open_store

_ROWS = 510  # per bare read


def bare_read(reader) -> None:
    """Read every row of the image table once."""
    (handle,) = reader.files.values()
    table = handle.root.dl1.event.telescope.images.tel_001
    for start in range(0, table.nrows, _ROWS):
        table.read(start, start + _ROWS)


def main() -> None:
    """Run the benchmark."""
    with arguments(__doc__) as args:
        reader, setup = timed(open_reader, args.path, "ShiftingMapper")
        n_events = len(reader.example_identifiers)
        theirs = loader_rate(open_loader(reader, args.batch))
        cache = args.folder / "store"
        shutil.rmtree(cache, ignore_errors=True)
        what = (cache, reader, reader.example_identifiers, reader.channels)
        _, seconds = timed(open_store, *what)
        _, again = timed(open_store, *what)
        _, bare = timed(bare_read, reader)
        print(f"{n_events} events, dl1-data-handler's set-up {setup:.2f} s")
        for name, rate in {
            "CTLearn's loader, shuffled": theirs,
            "building the store": n_events / seconds,
            "bare read of the table": n_events / bare,
        }.items():
            print(f"{name:28s}{rate:9.0f} images/s {rate / theirs:7.1f} x")
        print(f"opening the existing store  {again:9.2f} s")


if __name__ == "__main__":
    main()
