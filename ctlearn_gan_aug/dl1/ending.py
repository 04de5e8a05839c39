"""What makes a DL1 file complete once all of its images are written."""

import os
from pathlib import Path

import h5py
import tables

from . import nodes


def count_images(h5file: tables.File, n_checked: int, n_parametrised: int) -> None:
    """Fill the image statistics as ctapipe's check for parametrisable images does."""
    if nodes.IMAGE_STATISTICS not in h5file:
        return
    table = h5file.get_node(nodes.IMAGE_STATISTICS)
    content = table[:]
    for name in ("counts", "cumulative_counts"):
        content[name] = n_parametrised
        content[name][content["criteria"] == b"TOTAL"] = n_checked
    table.modify_rows(0, len(content), rows=content)


def check_complete(path: Path) -> None:
    """HDF5 closes a file without complaint when the disk is full, and leaves it truncated.

    Raises
    ------
    OSError
        If not all of it reached the disk.
    """
    try:
        with path.open("rb") as file:
            os.fsync(file.fileno())
        h5py.File(path).close()
    except OSError:
        raise OSError("not all data reached the disk, which may be full") from None
