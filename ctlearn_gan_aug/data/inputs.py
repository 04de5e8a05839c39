"""The files of a training: each event once, and no file without events."""

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..dl1.check import check_dl1_files
from ..errors import UserError
from ..files import expand_inputs

log = logging.getLogger(__name__)

#: What two simulated events hardly share, beside their numbers.
_IDENTITY = ("obs_id", "event_id", "true_energy", "true_alt", "true_az", "true_core_x")


@dataclass(frozen=True)
class InputFiles:
    """Files that are read together.

    Attributes
    ----------
    signal, background : list of Path
        Of the two classes.
    telescopes : dict of Path to set of int
        Telescopes of any type that have images in a file.
    """

    signal: list[Path]
    background: list[Path]
    telescopes: dict[Path, frozenset[int]]

    @property
    def all(self) -> list[Path]:
        """Signal files, then background files."""
        return self.signal + self.background

    @property
    def tel_ids(self) -> frozenset[int]:
        """Telescopes of any type that have images in one of the files."""
        return frozenset().union(*self.telescopes.values())


def choose_inputs(
    signal: Iterable[str | Path], background: Iterable[str | Path] = ()
) -> InputFiles:
    """Check files and folders, and leave out what would count events twice or has none.

    Files given twice and copies are left out with a warning, files without events with their
    number.

    Raises
    ------
    UserError
        If a file cannot be used, two share some of their events or belong to both classes, or
        none holds an event.
    """
    classes = [expand_inputs(signal), expand_inputs(background) if background else []]
    given = [_without_repeats(files) for files in classes]
    for path in given[1]:
        twin = next((other for other in given[0] if os.path.samefile(path, other)), None)
        if twin:
            raise UserError(f"{path}: is given as signal and as background; it can be one only.")
    check_dl1_files([path for files in given for path in files])
    contents = {path: _Content.of(path) for files in given for path in files}
    kept = _without_copies(given, contents)
    kept = [[path for path in files if contents[path].tel_ids] for files in kept]
    _report_empty([path for path, content in contents.items() if not content.tel_ids])
    for files, left, role in zip(classes, kept, ("", "background "), strict=True):
        if files and not left:
            raise UserError(f"{files[0]}: holds no event, nor does any other {role}file.")
    return InputFiles(*kept, {path: contents[path].tel_ids for files in kept for path in files})


def _without_repeats(files: list[Path]) -> list[Path]:
    """Files each once, whatever names and links lead to them."""
    kept = {}
    for path in files:
        state = path.stat()
        first = kept.setdefault((state.st_dev, state.st_ino), path)
        if first is not path:
            log.warning("%s: is the same file as %s and is read once.", path, first)
    return list(kept.values())


@dataclass(frozen=True)
class _Content:
    """Which events a file holds.

    Attributes
    ----------
    events : ndarray of uint64 (n,)
        One number for each simulated event, sorted.
    tel_ids : frozenset of int
        Telescopes with parameters of images.
    """

    events: np.ndarray
    tel_ids: frozenset[int]

    @classmethod
    def of(cls, path: Path) -> "_Content":
        import tables

        from ..dl1 import nodes

        with tables.open_file(path) as h5file:
            showers = h5file.get_node(nodes.SHOWER)
            names = [name for name in _IDENTITY if name in showers.colnames]
            events = np.sort(_mixed([showers.col(name) for name in names]))
            groups = h5file.iter_nodes(nodes.PARAMETERS, "Table")
            tel_ids = frozenset(int(t.name.removeprefix("tel_")) for t in groups if t.nrows)
        return cls(events, tel_ids)


def _mixed(columns: Sequence[np.ndarray]) -> np.ndarray:
    """One number (n,) uint64 for each row; equal for equal rows, hardly ever for others."""
    mixed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        # Bits of a float are no worse than an integer: splitmix64, Steele et al. 2014.
        bits = column.astype(np.float64 if column.dtype.kind == "f" else np.int64).view(np.uint64)
        mixed = (mixed ^ bits) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed


def _without_copies(given: list[list[Path]], contents: dict[Path, _Content]) -> list[list[Path]]:
    """Files without those that hold the same events as one before."""
    first_with, copies = {}, set()
    for number, files in enumerate(given):
        for path in files:
            events = contents[path].events
            if not len(events):
                continue
            other, other_number = first_with.setdefault(events.tobytes(), (path, number))
            if other is path:
                continue
            if number != other_number:
                raise UserError(f"{path}: has the events of {other}, which is of the other class.")
            log.warning("%s: has the same events as %s and is left out.", path, other)
            copies.add(path)
    kept = [[path for path in files if path not in copies] for files in given]
    _refuse_overlap([path for files in kept for path in files], contents)
    return kept


def _refuse_overlap(files: list[Path], contents: dict[Path, _Content]) -> None:
    events = np.concatenate([contents[path].events for path in files])
    owner = np.repeat(np.arange(len(files)), [len(contents[path].events) for path in files])
    order = np.argsort(events, kind="stable")
    (shared,) = np.nonzero(events[order][1:] == events[order][:-1])
    if shared.size:
        one, other = owner[order[shared[0]]], owner[order[shared[0] + 1]]
        both = np.intersect1d(*(contents[files[i]].events for i in (one, other)))
        raise UserError(
            f"{files[other]}: shares {len(both)} simulated events with {files[one]}; give files "
            "that hold every event once."
        )


def _report_empty(files: list[Path]) -> None:
    if files:
        names = ", ".join(path.name for path in files[:3]) + (", ..." if len(files) > 3 else "")
        log.warning("%d files without events are left out (%s).", len(files), names)
