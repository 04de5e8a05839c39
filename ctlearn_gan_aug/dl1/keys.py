"""Are rows told apart by their keys? Readers join tables on them and do not look."""

from collections.abc import Iterator, Sequence

import numpy as np
import tables

from . import nodes

_EVENT = ("obs_id", "event_id")
_RUN = ("obs_id",)


def key_problem(h5file: tables.File) -> str | None:
    """Which table of a DL1 file has several rows of one key, None if none has.

    Image tables are left out, for reading their keys takes as long as reading the images:
    `data.blocks` looks at them on the way.
    """
    for table, names in _keyed_tables(h5file):
        missing = [name for name in names if name not in table.colnames]
        if missing:
            return f"{table._v_pathname} has no column '{missing[0]}'; process the file again."
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


def _keyed_tables(h5file: tables.File) -> Iterator[tuple[tables.Table, tuple[str, ...]]]:
    for path in (nodes.SHOWER, nodes.TRIGGER):
        yield h5file.get_node(path), _EVENT
    yield h5file.get_node(nodes.SIMULATION_RUN), _RUN
    for group, names in ((nodes.PARAMETERS, _EVENT), (nodes.POINTING, _RUN)):
        for table in h5file.iter_nodes(group, "Table"):
            yield table, names
