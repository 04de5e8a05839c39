"""Pixels of a reader's events, read from the files in blocks of many consecutive rows."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from ..errors import UserError
from .channels import reader_channels

#: Bytes of a block of table rows. Rows are compressed in chunks of a dozen: reading them one by
#: one, as a training in random order must, decompresses every chunk a dozen times.
_BLOCK_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Block:
    """Some of the asked-for events.

    Attributes
    ----------
    positions : ndarray of int (k,)
        Which of the asked-for events.
    pixels : ndarray float32 (k, n_pixels, n_channels)
        In the reader's channels and units.
    masks : ndarray bool (k, n_pixels)
        DL1 image mask (cleaned pixels).
    """

    positions: np.ndarray
    pixels: np.ndarray
    masks: np.ndarray


def n_pixels(reader) -> int:
    """Pixels of the reader's camera, as its image tables have them."""
    return _image_table(reader, 0, reader.tel_ids[0]).coldtypes["image"].shape[0]


def read_blocks(reader, events: Table, channels: Sequence[str]) -> Iterator[Block]:
    """Read events, in the order in which they lie in the files.

    Parameters
    ----------
    reader : DLImageReader
        In mono mode, its files open.
    events : Table
        Rows of its ``example_identifiers``.
    channels : sequence of str
        As the reader's ``channels``: dl1-data-handler's own function makes them of a table row.

    Raises
    ------
    UserError
        If an event has no image.
    """
    for file_index, tel_id in np.unique([events["file_index"], events["tel_id"]], axis=1).T:
        chosen = (events["file_index"] == file_index) & (events["tel_id"] == tel_id)
        positions = np.flatnonzero(chosen)
        table = _image_table(reader, file_index, tel_id)
        for where, content in _contents(table, events[positions]):
            pixels = reader_channels(content, channels, reader.transforms)
            yield Block(positions[where], pixels, content["image_mask"])


def _image_table(reader, file_index: int, tel_id: int):
    handle = list(reader.files.values())[file_index]
    return handle.root.dl1.event.telescope.images._f_get_child(f"tel_{tel_id:03d}")


def _contents(table, events: Table) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of an image table for events, with the places of those events.

    The reader takes the row of the *parameters* table for that of the image; where the two tables
    are ordered differently that would give every image another event's labels, so such rows are
    found by id.
    """
    rows = np.asarray(events["table_index"])
    left = np.ones(len(events), bool)
    if rows.max() < table.nrows:
        for where, content in _read_ahead(table, rows):
            if any((content[name] != events[name][where]).any() for name in ("obs_id", "event_id")):
                break
            left[where] = False
            yield where, content
    (left,) = np.nonzero(left)
    if left.size:
        for where, content in _read_ahead(table, _rows_by_id(table, events[left])):
            yield left[where], content


def _read_ahead(table, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Contents of table rows from first to last with their places in ``rows``, one block ahead."""
    order = np.argsort(rows, kind="stable")
    chunk = table.chunkshape[0]
    per_block = max(_BLOCK_BYTES // table.rowsize // chunk, 1) * chunk
    borders = np.flatnonzero(np.diff(rows[order] // per_block)) + 1

    def read(places):
        wanted = rows[places]
        first = wanted[0]
        return places, table.read(first, wanted[-1] + 1)[wanted - first]

    # HDF5 decompresses without holding Python's lock: the next block while this one is used.
    with ThreadPoolExecutor(1) as thread:
        coming = None
        for places in np.split(order, borders):
            ready, coming = coming, thread.submit(read, places)
            if ready is not None:
                yield ready.result()
        yield coming.result()


def _rows_by_id(table, events: Table) -> np.ndarray:
    keys = zip(table.col("obs_id"), table.col("event_id"), strict=True)
    row_of = {key: row for row, key in enumerate(keys)}
    try:
        return np.array(
            [row_of[key] for key in zip(events["obs_id"], events["event_id"], strict=True)]
        )
    except KeyError as error:
        raise UserError(
            f"{table._v_file.filename}: event {error} has parameters but no image; "
            "write the file with images and parameters of the same events."
        ) from None
