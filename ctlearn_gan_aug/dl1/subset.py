"""DL1 files with some of the events of another one, everything else as it is."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tables
from ctapipe.io import read_table

from . import nodes
from .ending import close_completely, create
from .rows import in_label_unit
from .skeleton import copy_attributes, start_table

#: Bytes of rows that are copied at once.
_BLOCK_BYTES = 8 * 2**20
_KEY = np.dtype([("obs_id", "i8"), ("event_id", "i8")])


def read_showers(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Which events a DL1 file holds, in its order.

    Returns
    -------
    keys : ndarray (n,)
        With the fields ``obs_id`` and ``event_id``.
    energy : ndarray (n,)
        True energies, TeV.
    """
    with tables.open_file(path) as h5file:
        showers = read_table(h5file, nodes.SHOWER)
        return _keys(showers), in_label_unit(showers, "true_energy", path).value


def copy_events(source: str | Path, target: str | Path, keys: np.ndarray) -> None:
    """Write a DL1 file that has the events of ``source`` with one of the keys, and no other.

    Tables with a row per event keep the rows of these events in their order. All other tables,
    units, compression and the header are as in ``source``, and so are the numbers of simulated
    showers and of processed images.

    Parameters
    ----------
    source, target : path
        An existing DL1 file, and the one to create; give a temporary name and rename it.
    keys : ndarray (n,)
        As from `read_showers`, in any order.

    Raises
    ------
    OSError, tables.HDF5ExtError
        If not all of it reached the disk.
    """
    with tables.open_file(source) as old, create(target) as new:
        copy_attributes(old.root, new.root)
        for table in old.walk_nodes("/", "Table"):
            copy = start_table(table, new)
            for rows in blocks(table):
                copy.append(_of_events(rows, keys))
        close_completely(new)


def blocks(table: tables.Table) -> Iterator[np.ndarray]:
    """All rows of a table, a few at a time."""
    n_rows = max(1, _BLOCK_BYTES // table.rowsize)
    for start in range(0, table.nrows, n_rows):
        yield table.read(start, start + n_rows)


def _of_events(rows: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Rows of some events; all, where rows belong to no event."""
    if not set(_KEY.names) <= set(rows.dtype.names):
        return rows
    return rows[np.isin(_keys(rows), keys)]


def _keys(rows) -> np.ndarray:
    """Keys that compare by value, whatever integers a table has them in."""
    keys = np.empty(len(rows), _KEY)
    for name in _KEY.names:
        keys[name] = rows[name]
    return keys
