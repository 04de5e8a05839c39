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
