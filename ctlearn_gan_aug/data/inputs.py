"""The files of a training: each event once, and no file without events."""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..dl1.check import check_dl1_files
from ..dl1.keys import sorted_repeats
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
    given = [each_once(files) for files in classes]
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


def each_once(files: list[Path]) -> list[Path]:
    """Files each once, whatever names and links lead to them."""
    kept = {}
    for path in files:
        state = path.stat()
        first = kept.setdefault((state.st_dev, state.st_ino), path)
        if first is not path:
            log.warning("%s: is the same file as %s and is read once.", path, first)
    return list(kept.values())


def telescopes_in(h5file) -> frozenset[int]:
    """Telescopes with parameters of images in an open file."""
    from ..dl1 import nodes

    found = h5file.iter_nodes(nodes.PARAMETERS, "Table")
    return frozenset(int(t.name.removeprefix("tel_")) for t in found if t.nrows)


@dataclass(frozen=True)
class _Content:
    """Which events a file holds.

    Attributes
    ----------
    events : tuple of ndarray (n,)
        What tells simulated events from each other (`_IDENTITY`), sorted.
    tel_ids : frozenset of int
        Telescopes with parameters of images.
    """

    events: tuple[np.ndarray, ...]
    tel_ids: frozenset[int]

    @classmethod
    def of(cls, path: Path) -> "_Content":
        import tables

        from ..dl1 import nodes

        with tables.open_file(path) as h5file:
            showers = h5file.get_node(nodes.SHOWER)
            columns = [showers.col(name) for name in _IDENTITY]
            tel_ids = telescopes_in(h5file)
        order = np.lexsort(columns[::-1])
        return cls(tuple(column[order] for column in columns), tel_ids)


def _without_copies(given: list[list[Path]], contents: dict[Path, _Content]) -> list[list[Path]]:
    """Files without those that hold the same events as one before."""
    first_with, copies = {}, set()
    for number, files in enumerate(given):
        for path in files:
            events = contents[path].events
            if not len(events[0]):
                continue
            content = b"".join(column.tobytes() for column in events)
            other, other_number = first_with.setdefault(content, (path, number))
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
    columns = [contents[path].events for path in files]
    owner = np.repeat(np.arange(len(files)), [len(events[0]) for events in columns])
    order, repeats = sorted_repeats([np.concatenate(parts) for parts in zip(*columns, strict=True)])
    if repeats.any():
        pairs = np.stack([owner[order[:-1]], owner[order[1:]]], axis=1)[repeats]
        one, other = pairs[0]
        n_shared = np.count_nonzero((pairs == pairs[0]).all(axis=1))
        raise UserError(
            f"{files[other]}: shares {n_shared} simulated events with {files[one]}; give files "
            "that hold every event once."
        )


def _report_empty(files: list[Path]) -> None:
    if files:
        names = ", ".join(path.name for path in files[:3]) + (", ..." if len(files) > 3 else "")
        log.warning("%d files without events are left out (%s).", len(files), names)
