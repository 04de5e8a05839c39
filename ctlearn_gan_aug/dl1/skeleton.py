"""Skeletons: a DL1 file's whole structure without its events.

A file started from a skeleton has the tables, columns, types and subarray of the training files,
so that ``ctapipe-merge`` joins them. Per-run tables keep one row, the pattern for new runs.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tables

from . import nodes
from .attributes import check_safe, from_portable, to_portable
from .ending import close_completely, create

__all__ = [
    "check_safe",
    "copy_attributes",
    "make_skeleton",
    "skeleton_from_subarray",
    "start_file",
    "start_table",
]


def make_skeleton(source: str | Path, target: str | Path) -> None:
    """Write the structure of the DL1 file ``source`` to ``target``.

    Instrument and atmosphere keep their rows, tables with a row per run keep the first, tables
    with a row per event keep none. No attribute is pickled, see ``attributes``.
    """
    with tables.open_file(source) as old, create(target) as new:
        copy_attributes(old.root, new.root, to_portable, keep=_is_reference_header)
        for table in old.walk_nodes("/", "Table"):
            start_table(table, new, to_portable).append(_skeleton_rows(table))
        close_completely(new)


def start_file(skeleton: str | Path, target: str | Path, compression: str | None = None):
    """Start a DL1 file with the structure of ``skeleton``.

    Parameters
    ----------
    skeleton : path
        A file written by `make_skeleton`.
    target : path
        The file to create.
    compression : str or None
        PyTables compressor of the event tables, e.g. ``lz4``; None keeps that of the skeleton.

    Returns
    -------
    tables.File
        Open for writing.
    """
    check_safe(skeleton)
    new = create(target)
    try:
        with tables.open_file(skeleton) as old:
            copy_attributes(old.root, new.root, from_portable)
            for table in old.walk_nodes("/", "Table"):
                is_event_table = nodes.is_event_table(table._v_pathname)
                filters = _filters(compression) if compression and is_event_table else None
                start_table(table, new, from_portable, filters).append(table[:])
    except BaseException:
        new.close()
        raise
    return new


def skeleton_from_subarray(subarray, target: str | Path) -> None:
    """Write the skeleton of a simulated array for which no DL1 file exists yet.

    ctapipe's own DataWriter lays out the tables, by writing one dummy event.

    Parameters
    ----------
    subarray : ctapipe.instrument.SubarrayDescription
        The array; all its telescopes get tables.
    target : path
        The skeleton to write.
    """
    from .dummy import write_dummy_file

    target = Path(target)
    dummy = target.with_name(f"{target.name}.dummy")
    try:
        write_dummy_file(subarray, dummy)
        make_skeleton(dummy, target)
    finally:
        dummy.unlink(missing_ok=True)


def _skeleton_rows(table: tables.Table) -> np.ndarray:
    path = table._v_pathname
    if nodes.is_event_table(path):
        return table[:0]
    if nodes.is_run_table(path):
        return table[:1]
    rows = table[:]
    if nodes.is_counter_table(path):
        rows["counts"] = rows["cumulative_counts"] = 0
    return rows


def start_table(
    table: tables.Table,
    h5file: tables.File,
    convert: Callable = lambda value: value,
    filters: tables.Filters | None = None,
) -> tables.Table:
    """Create an empty table in ``h5file`` with the place, columns and storage of ``table``."""
    new = h5file.create_table(
        table._v_parent._v_pathname,
        table.name,
        description=table.dtype,
        title=table.title,
        filters=filters or table.filters,
        chunkshape=table.chunkshape,
        createparents=True,
    )
    copy_attributes(table, new, convert)
    return new


def copy_attributes(
    old, new, convert: Callable = lambda value: value, keep: Callable = lambda name: True
) -> None:
    """Give ``new`` the user's attributes of ``old`` of which ``keep(name)`` is true."""
    for name in filter(keep, old._v_attrs._f_list("user")):
        with warnings.catch_warnings():  # ctapipe's header names hold spaces
            warnings.simplefilter("ignore", tables.NaturalNameWarning)
            new._v_attrs[name] = convert(old._v_attrs[name])


def _is_reference_header(name: str) -> bool:
    return name.startswith("CTA ")


def _filters(compressor: str) -> tables.Filters:
    # Byte shuffling is what makes float images compress; the checksum is as ctapipe's.
    complib = compressor if compressor == "zlib" else f"blosc:{compressor}"
    return tables.Filters(complevel=5, complib=complib, shuffle=True, fletcher32=True)
