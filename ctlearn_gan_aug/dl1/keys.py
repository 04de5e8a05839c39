"""Have tables the columns that readers join them by, and one row per key? Readers do not look."""

from collections.abc import Iterator, Sequence

import numpy as np
import tables

from . import nodes

_EVENT = ("obs_id", "event_id")
_RUN = ("obs_id",)
#: What tells rows apart, by table or group of tables. Image tables have none here: reading their
#: keys takes as long as reading the images, `data.blocks` looks at them on the way.
_KEYS = {
    nodes.SHOWER: _EVENT,
    nodes.TRIGGER: _EVENT,
    nodes.SIMULATION_RUN: _RUN,
    nodes.PARAMETERS: _EVENT,
    nodes.POINTING: _RUN,
    nodes.IMAGES: (),
}
#: Other columns that rows are joined and labelled by.
_NEEDED = {
    nodes.IMAGES: _EVENT,
    nodes.SHOWER: (
        "true_energy",
        "true_alt",
        "true_az",
        "true_core_x",
        "true_core_y",
        "true_h_first_int",
        "true_x_max",
        "true_shower_primary_id",
    ),
    nodes.TRIGGER: ("time",),
    nodes.SIMULATION_RUN: ("min_alt", "min_az"),
    nodes.POINTING: ("telescope_pointing_altitude", "telescope_pointing_azimuth"),
}


def key_problem(h5file: tables.File) -> str | None:
    """Which table of a DL1 file lacks columns or has several rows of one key, None if none does."""
    for path, table in _tables(h5file):
        names = _KEYS[path]
        missing = [n for n in (*names, *_NEEDED.get(path, ())) if n not in table.colnames]
        if missing:
            return (
                f"{table._v_pathname} has no column '{missing[0]}'; process the file again with "
                "ctapipe-process."
            )
        if not names:
            continue
        repeated = repeated_key(*(table.col(name) for name in names))
        if repeated is not None:
            n_rows, key = repeated
            pairs = " and ".join(f"{n} {value}" for n, value in zip(names, key, strict=True))
            return (
                f"{table._v_pathname} has {n_rows} rows too many for its keys, the first with "
                f"{pairs}; give every run and event a number of its own and merge no file twice."
            )
    return None


def repeated_key(*columns: np.ndarray) -> tuple[int, tuple] | None:
    """How many rows repeat the key of another one, and the first such key; None without any."""
    order, repeats = sorted_repeats(columns)
    if not repeats.any():
        return None
    first = order[np.argmax(repeats)]
    return int(np.count_nonzero(repeats)), tuple(column[first].item() for column in columns)


def sorted_repeats(columns: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """An order of rows by their values, and which of them (n - 1,) equal the next in it."""
    order = np.lexsort(columns[::-1])
    rows = [column[order] for column in columns]
    return order, np.logical_and.reduce([row[1:] == row[:-1] for row in rows])


def _tables(h5file: tables.File) -> Iterator[tuple[str, tables.Table]]:
    """Tables that are there, with the name of `_KEYS` that they belong to."""
    for path in filter(h5file.__contains__, _KEYS):
        node = h5file.get_node(path)
        for table in [node] if isinstance(node, tables.Table) else h5file.iter_nodes(node, "Table"):
            yield path, table
