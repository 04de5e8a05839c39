"""What makes a DL1 file complete once all of its images are written."""

import os
from pathlib import Path

import h5py
import numpy as np
import tables

from . import nodes


class ImageCounts:
    """Counts images by ctapipe's criteria for those that get parameters (`ImageQualityQuery`)."""

    def __init__(self):
        self._passed = {"TOTAL": 0, "size_greater_0": 0, "at_least_2_pixels": 0}

    def add(self, mask: np.ndarray) -> None:
        """Count images with the cleaning masks ``mask``, shape (n, n_pixels)."""
        n_cleaned = np.count_nonzero(mask, axis=1)
        # Cleaned pixels hold light, so that each criterion implies those before it.
        for name, least in zip(self._passed, (0, 1, 2), strict=True):
            self._passed[name] += int(np.count_nonzero(n_cleaned >= least))

    def write(self, h5file: tables.File) -> None:
        """Fill the file's table of image statistics, if it has one.

        Criteria that only the skeleton's source had are not judged: all images with parameters
        are said to pass them.
        """
        if nodes.IMAGE_STATISTICS not in h5file:
            return
        table = h5file.get_node(nodes.IMAGE_STATISTICS)
        content = table[:]
        n_parametrised = min(self._passed.values())
        names = [name.decode() for name in content["criteria"]]
        content["counts"] = [self._passed.get(name, n_parametrised) for name in names]
        content["cumulative_counts"] = content["counts"]
        table.modify_rows(0, len(content), rows=content)


def create(path: str | Path) -> tables.File:
    """A new HDF5 file that tells when a chunk cannot be written.

    Chunks that wait in PyTables' cache are written when the file is closed, which is silent.
    """
    return tables.open_file(path, "w", chunk_cache_size=0)


def close_completely(h5file: tables.File) -> None:
    """Close a file that was written, and make sure that all of it reached the disk.

    HDF5 closes files without complaint when the disk is full: they are of the right size, but the
    tree of groups and the index of chunks may have holes.

    Raises
    ------
    OSError
        If not all of it reached the disk.
    """
    path, found = Path(h5file.filename), h5file.walk_nodes("/", "Table")
    expected = {
        table._v_pathname: (table.nrows, len(table._v_attrs._v_attrnames)) for table in found
    }
    n_attributes = len(h5file.root._v_attrs._v_attrnames)
    h5file.close()
    try:
        with path.open("rb") as file:
            os.fsync(file.fileno())
        with h5py.File(path) as written:
            is_whole = len(list(written.attrs)) == n_attributes and all(
                _is_whole(written[name], *numbers) for name, numbers in expected.items()
            )
    except (OSError, KeyError, RuntimeError, ValueError):
        is_whole = False
    if not is_whole:
        raise OSError("not all data reached the disk, which may be full")


def _is_whole(dataset: h5py.Dataset, n_rows: int, n_attributes: int) -> bool:
    n_chunks = -(-n_rows // dataset.chunks[0])
    return (
        dataset.shape[0] == n_rows
        and len(list(dataset.attrs)) == n_attributes
        and dataset.id.get_num_chunks() == n_chunks
    )
