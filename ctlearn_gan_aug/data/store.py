"""Pixels of many events, uncompressed on disk: read once, fed many times, never held in memory.

A store is a folder below a cache folder, named by what it holds::

    <cache>/<camera>-<key>/pixels.npy    float32 (n, n_pixels, n_channels), the reader's channels
                           masks.npy     bool (n, n_pixels), DL1 image masks
                           store.json    settings and state of the inputs; written last

It is built under a temporary name and renamed, so a store is whole or not there. Builders of one
store wait for each other; the second then uses what the first has built. A valid store is only
read, so it may lie where nothing can be written.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table

from ..errors import UserError
from ..files import part_name, remove_parts
from ..progress import image_progress
from . import fingerprint
from .blocks import n_pixels, read_blocks
from .rows import RowFile, StoredRows

log = logging.getLogger(__name__)

_FORMAT = 1
_DESCRIPTION = "store.json"
_PIXELS, _MASKS = "pixels.npy", "masks.npy"
_N_CHECKED = 64
_FREE_AFTERWARDS = 2**28  # bytes


@dataclass(frozen=True)
class PixelStore:
    """An open store.

    Attributes
    ----------
    folder : Path
        Where it is.
    pixels : StoredRows float32 (n, n_pixels, n_channels)
        One row per event, in the order asked for.
    masks : StoredRows bool (n, n_pixels)
        DL1 image masks.
    """

    folder: Path
    pixels: StoredRows
    masks: StoredRows


def open_store(cache: Path, reader, events: Table, channels: Sequence[str]) -> PixelStore:
    """Open the store of these events; build it first if there is none, or none that is valid.

    Parameters
    ----------
    cache : Path
        Folder of stores, made if missing.
    reader : DLImageReader
        In mono mode, its files open.
    events : Table
        Rows of its ``example_identifiers``.
    channels : sequence of str
        As the reader's ``channels``.

    Raises
    ------
    UserError
        If the folder cannot be written, or an event has no image.
    """
    settings = fingerprint.settings(reader, events, channels)
    folder = Path(cache) / f"{reader.cam_name}-{fingerprint.key(settings)}"
    inputs = [fingerprint.stamp(path) for path in reader.files]
    content = {"format": _FORMAT, "settings": settings, "inputs": inputs}
    try:
        if _problem(folder, content):  # a valid one may be where nothing can be written
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _only_one(folder):
                _replace(folder, content, reader, events, channels)
    except OSError as error:
        raise UserError(
            f"{folder.parent}: the pixel store cannot be kept there "
            f"({error.strerror or error}); choose another folder for it."
        ) from error
    log.info("Pixel store: %s.", folder)
    return PixelStore(folder, StoredRows(folder / _PIXELS), StoredRows(folder / _MASKS))


def _replace(folder: Path, content: dict, reader, events: Table, channels) -> None:
    """Build a store in place of one that is not valid, unless somebody else has done so."""
    problem = _problem(folder, content)
    if problem is None:
        return
    if folder.exists():
        log.warning("%s: %s; it is built anew.", folder, problem)
        shutil.rmtree(folder)
    _remove_outdated(folder.parent)
    _build(folder, content, reader, events, channels)


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Let one process after another look at or build a store; the system forgets dead ones."""
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:  # a file system without locks: each builds its own, the last one stays
            log.debug("%s: no file locks here.", folder)
            yield
            return
        remove_parts(folder)
        yield


def _problem(folder: Path, content: dict) -> str | None:
    """Why there is no valid store; None if there is one."""
    try:
        found = json.loads((folder / _DESCRIPTION).read_text())
        checks = found.pop("checks")
    except (OSError, ValueError, KeyError):
        return "it is incomplete"
    if found != content:
        return "its input files have changed"
    for name, check in checks.items():
        try:
            rows = StoredRows(folder / name)
        except (OSError, ValueError, EOFError):
            return f"{name} is truncated"
        if _check(rows) != check:
            return f"{name} is damaged"
    return None


def _check(rows: StoredRows) -> str:
    """Digest of some rows all over the file."""
    places = np.unique(np.linspace(0, len(rows) - 1, min(_N_CHECKED, len(rows))).astype(int))
    return hashlib.sha256(rows[places]).hexdigest()


def _remove_outdated(cache: Path) -> None:
    """Remove stores of input files that have changed since: nobody can use them any more."""
    for description in cache.glob(f"*/{_DESCRIPTION}"):
        try:
            inputs = json.loads(description.read_text())["inputs"]
            changed = any(fingerprint.stamp(Path(known["path"])) != known for known in inputs)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not there at the moment, or not ours
        if changed:
            log.info("%s: removed, its input files have changed.", description.parent)
            shutil.rmtree(description.parent, ignore_errors=True)


def _build(folder: Path, content: dict, reader, events: Table, channels: Sequence[str]) -> None:
    part = part_name(folder)
    width = n_pixels(reader)
    shapes = {
        _PIXELS: (np.dtype("<f4"), (len(events), width, len(channels))),
        _MASKS: (np.dtype("?"), (len(events), width)),
    }
    _check_space(folder.parent, sum(t.itemsize * np.prod(s) for t, s in shapes.values()))
    part.mkdir()
    try:
        with contextlib.ExitStack() as files:
            pixels, masks = (
                files.enter_context(RowFile(part / name, *shape)) for name, shape in shapes.items()
            )
            advance = files.enter_context(image_progress("pixel store", len(events)))
            for block in read_blocks(reader, events, channels):
                pixels.write(block.positions, block.pixels)
                masks.write(block.positions, block.masks)
                advance(len(block.positions))
        checks = {name: _check(StoredRows(part / name)) for name in shapes}
        description = json.dumps(content | {"checks": checks}, indent=1)
        (part / _DESCRIPTION).write_text(description + "\n")
        _rename(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _rename(part: Path, folder: Path) -> None:
    try:
        os.rename(part, folder)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        # Built by someone else meanwhile, where there are no locks.
        log.debug("%s: already there.", folder)


def _check_space(cache: Path, needed: int) -> None:
    free = shutil.disk_usage(cache).free
    if free < needed + _FREE_AFTERWARDS:
        raise UserError(
            f"{cache}: the pixel store needs {needed / 2**30:.1f} GiB, but only "
            f"{free / 2**30:.1f} GiB are free; choose another folder for it."
        )
