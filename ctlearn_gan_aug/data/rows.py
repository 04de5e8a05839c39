"""Rows of an array in a NumPy file, written and read in any order without holding it in memory.

Rows are read and written by their place in the file, through the system's cache, rather than by
mapping the file: mapped pages count as memory of the process until all of a large file does, and
a mapped file that is cut off under a running training ends it without a word.
"""

import copy
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..errors import UserError


class StoredRows:
    """Some rows of an array in a ``*.npy`` file, in any order, read when they are asked for.

    Parameters
    ----------
    path : Path
        The file; it stays open.

    Raises
    ------
    ValueError, EOFError
        If it is not, or not all of, a NumPy file.
    """

    def __init__(self, path: Path):
        self.path = path
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                raise ValueError(f"{path}: version {version} of the format is not read.")
            shape, _, self.dtype = np.lib.format.read_array_header_1_0(file)
            self._start = file.tell()
        self._row_shape = shape[1:]
        self._row_bytes = self.dtype.itemsize * int(np.prod(self._row_shape))
        self._rows = np.arange(shape[0])
        self._file = _Descriptor(path)
        if os.fstat(self._file.number).st_size != self._start + shape[0] * self._row_bytes:
            raise EOFError(f"{path}: is truncated.")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape as of an array with these rows alone."""
        return (len(self._rows), *self._row_shape)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index) -> np.ndarray:
        """Rows at ``index`` (slice, integer or boolean array), in memory."""
        rows = self._rows[index]
        values = np.empty((len(rows), *self._row_shape), self.dtype)
        data = memoryview(values.reshape(-1).view(np.uint8))
        for first, last in _runs(rows):
            part = data[first * self._row_bytes : last * self._row_bytes]
            place = self._start + int(rows[first]) * self._row_bytes
            while part:  # the system may give a part only
                n_read = os.preadv(self._file.number, [part], place)
                if n_read == 0:
                    raise UserError(f"{self.path}: was cut off while in use; start again.")
                part, place = part[n_read:], place + n_read
        return values

    def select(self, index) -> "StoredRows":
        """Fewer rows, not read yet."""
        other = copy.copy(self)
        other._rows = self._rows[index]
        return other


class _Descriptor:
    """A file open for reading as long as anybody holds this."""

    def __init__(self, path: Path):
        self.number = os.open(path, os.O_RDONLY)

    def __del__(self, close=os.close):
        close(self.number)


class RowFile:
    """A ``*.npy`` file of rows that are written in any order; a context manager.

    Parameters
    ----------
    path : Path
        The file to create.
    dtype, shape
        Of the whole array.
    """

    def __init__(self, path: Path, dtype: np.dtype, shape: tuple[int, ...]):
        self._dtype = dtype
        self._row_bytes = dtype.itemsize * int(np.prod(shape[1:]))
        self._file = path.open("wb")
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
        np.lib.format.write_array_header_1_0(self._file, header | {"shape": shape})
        self._start = self._file.tell()
        self._file.truncate(self._start + shape[0] * self._row_bytes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def write(self, positions: np.ndarray, rows: np.ndarray) -> None:
        """Write ``rows`` at ``positions``."""
        data = memoryview(np.ascontiguousarray(rows, self._dtype).reshape(-1).view(np.uint8))
        for first, last in _runs(positions):
            part = data[first * self._row_bytes : last * self._row_bytes]
            place = self._start + int(positions[first]) * self._row_bytes
            while part:  # the system may take a part only
                written = os.pwrite(self._file.fileno(), part, place)
                part, place = part[written:], place + written


def _runs(rows: np.ndarray) -> Iterator[tuple[int, int]]:
    """Places (first, last + 1) of neighbouring rows, to be moved at once."""
    if len(rows) == 0:
        return iter(())
    return pairwise([0, *np.flatnonzero(np.diff(rows) != 1) + 1, len(rows)])
