"""Pixels of a reader's events, read from the files in blocks of many consecutive rows."""

import contextlib
import functools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import tables
from astropy.table import Table

from ..dl1 import nodes
from ..dl1.columns import decoder, fixed_point_limits
from ..errors import UserError
from .channels import reader_channels, stored_columns

log = logging.getLogger(__name__)

#: Columns of image tables that are pixel values, and what unit they are converted to.
COLUMN_UNITS = {"image": None, "peak_time": "ns", "image_mask": None}
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
    """Pixels of the reader's camera."""
    return reader.subarray.tel[reader.tel_ids[0]].camera.geometry.n_pixels


def read_blocks(
    reader, events: Table, channels: Sequence[str], in_order: bool = False
) -> Iterator[Block]:
    """Read events, in the order in which they lie in the files.

    Values are those of ctapipe: every column by its name, with its own file's transform.

    Parameters
    ----------
    reader : DLImageReader
        In mono mode, its files open.
    events : Table
        Rows of its ``example_identifiers``.
    channels : sequence of str
        As the reader's ``channels``: dl1-data-handler's own function makes them of a table row.
    in_order : bool
        Refuse images that are not in the row where the reader looks for them.

    Raises
    ------
    UserError
        If an event has no image, or one that is damaged or not finite.
    """
    for file_index, tel_id in np.unique([events["file_index"], events["tel_id"]], axis=1).T:
        chosen = (events["file_index"] == file_index) & (events["tel_id"] == tel_id)
        positions = np.flatnonzero(chosen)
        table = image_table(reader, file_index, tel_id)
        decoders = _decoders(table, channels)
        _check_shapes(table, decoders, n_pixels(reader))
        with _named_if_damaged(table):
            for where, content in _contents(table, events[positions], in_order):
                values = {name: decode(content[name]) for name, decode in decoders.items()}
                _check_finite(table, content, values)
                pixels = reader_channels(values, channels)
                yield Block(positions[where], pixels, values["image_mask"])


def image_table(reader, file_index: int, tel_id: int):
    """Image table of a telescope in one of the reader's files.

    Raises
    ------
    UserError
        If there is none.
    """
    path = list(reader.files)[file_index]
    node = nodes.telescope_table(nodes.IMAGES, tel_id)
    try:
        return reader.files[path].get_node(node, classname="Table")
    except tables.NoSuchNodeError:
        raise UserError(
            f"{path}: has parameters of telescope {tel_id}, but no {node}; write the file with "
            "images and parameters of the same events."
        ) from None


def _decoders(table, channels: Sequence[str]) -> dict:
    wanted = stored_columns(channels)
    missing = [name for name in wanted if name not in table.colnames]
    if missing:
        raise UserError(
            f"{table._v_file.filename}: {table._v_pathname} has no column '{missing[0]}'; process "
            "it again with ctapipe-process, or leave out the channel that needs it."
        )
    return {name: _decoder(table, name) for name in wanted}


def _check_shapes(table, names: Iterable[str], n_expected: int) -> None:
    for name in names:
        shape = table.dtype[name].shape
        if shape != (n_expected,):
            raise UserError(
                f"{table._v_file.filename}: '{name}' in {table._v_pathname} has shape {shape} per "
                f"event, but the camera has {n_expected} pixels; process the file again with "
                "ctapipe-process."
            )


def _decoder(table, name: str) -> Callable[[np.ndarray], np.ndarray]:
    """As ctapipe reads the column, but pixels too bright for fixed point at its largest value."""
    decode, limits = decoder(table, name, COLUMN_UNITS[name]), fixed_point_limits(table, name)
    if limits is None:
        return decode

    def bounded(stored: np.ndarray) -> np.ndarray:
        values = decode(stored)
        n_beyond = np.count_nonzero(np.isinf(values))
        if n_beyond:
            _warn_once(
                f"{table._v_file.filename}: values of '{name}' that did not fit its fixed-point "
                f"numbers are taken as {limits[0]:g} or {limits[1]:g}"
            )
        return np.clip(values, *limits) if n_beyond else values

    return bounded


@functools.cache
def _warn_once(message: str) -> None:
    log.warning("%s.", message)


@contextlib.contextmanager
def _named_if_damaged(table) -> Iterator[None]:
    try:
        yield
    except (tables.HDF5ExtError, OSError) as error:
        raise UserError(
            f"{table._v_file.filename}: {table._v_pathname} is damaged and cannot be read; copy or "
            "process the file again."
        ) from error


def _check_finite(table, content: np.ndarray, values: dict[str, np.ndarray]) -> None:
    for name, pixels in values.items():
        # A sum is quick, and finite only if all of its terms are.
        if pixels.dtype == bool or np.isfinite(pixels.sum(dtype=pixels.dtype)):
            continue
        is_bad = ~np.isfinite(pixels)
        events = np.flatnonzero(is_bad.any(axis=1))
        if events.size:
            first = events[0]
            key = ", ".join(f"{key} {content[key][first]}" for key in ("obs_id", "event_id"))
            raise UserError(
                f"{table._v_file.filename}: '{name}' in {table._v_pathname} is not finite in "
                f"{is_bad[first].sum()} pixels of the event with {key}, and in "
                f"{len(events) - 1} more of the events read with it; write broken pixels "
                "interpolated or as 0."
            )


def _contents(table, events: Table, in_order: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
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
    if left.size and in_order:
        raise UserError(
            f"{table._v_file.filename}: {table._v_pathname} has its images in another order than "
            "the table of their parameters; write them alike, or let train-model use --reader "
            "store."
        )
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
    keys = list(zip(table.col("obs_id").tolist(), table.col("event_id").tolist(), strict=True))
    row_of = {key: row for row, key in enumerate(keys)}
    wanted = list(zip(events["obs_id"].tolist(), events["event_id"].tolist(), strict=True))
    where = f"{table._v_file.filename}: {table._v_pathname}"
    if len(row_of) < len(keys):
        raise UserError(
            f"{where} holds several images under the same obs_id and event_id; give every event a "
            "number of its own."
        )
    missing = set(wanted) - set(row_of)
    if missing:
        obs_id, event_id = min(missing)
        raise UserError(
            f"{where} has no image of {len(missing)} events with parameters (the first has obs_id "
            f"{obs_id}, event_id {event_id}); write images and parameters of the same events."
        )
    return np.array([row_of[key] for key in wanted])
