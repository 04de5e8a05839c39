"""How the columns of a DL1 file store physical values, by ctapipe's own transformations."""

from collections.abc import Callable, Iterable

import numpy as np
import tables
from astropy.time import Time

_QUARTERS_PER_SECOND = 4_000_000_000


def column_unit(table: tables.Table, name: str) -> str | None:
    """Unit in which ``table`` stores column ``name``, None if it has none."""
    position = table.colnames.index(name)
    attribute = f"CTAFIELD_{position}_UNIT"
    return str(table.attrs[attribute]) if attribute in table.attrs else None


def unknown_rows(dtype: np.dtype, n_rows: int, given: Iterable[str] = ()) -> np.ndarray:
    """Rows that say "not known" as ctapipe's containers do: NaN, -1 and False.

    Columns named in ``given`` are left to the caller, for speed.
    """
    rows = np.empty(n_rows, dtype)
    for name in set(dtype.names) - set(given):
        base = dtype[name].base
        rows[name] = {"f": np.nan, "i": -1}.get(base.kind, np.zeros((), base))
    return rows


def to_stored(table: tables.Table, name: str, values) -> np.ndarray:
    """Physical values as column ``name`` of ``table`` stores them.

    Parameters
    ----------
    table : tables.Table
        The table that will take the values.
    name : str
        One of its columns.
    values : ndarray or Time, shape (n, ...)
        Arrays are in the unit of the column; some image columns store them as fixed-point
        integers, other integers store NaN as -1.
    """
    if isinstance(values, Time):
        return _carried(_transform(table, name)(values))
    if table.dtype[name].base.kind not in "iu" or values.dtype.kind != "f":
        return values
    from ctapipe.io.tableio import FixedPointColumnTransform

    transform = _transform(table, name)
    if isinstance(transform, FixedPointColumnTransform):
        return transform(values)
    return np.where(np.isnan(values), -1, values)


def decoder(table: tables.Table, name: str, unit: str | None = None) -> Callable:
    """What makes physical values of the stored ones of a column, as ctapipe reads them.

    Parameters
    ----------
    table : tables.Table
        The table; each has scales and offsets of its own.
    name : str
        Column.
    unit : str, optional
        To which values are converted that have a unit.

    Returns
    -------
    callable
        Stored values (n, ...) to physical values (n, ...).
    """
    transform = _transform(table, name)
    if transform is None:
        return lambda stored: stored

    def decode(stored):
        values = transform.inverse(stored)
        return values.to_value(unit) if hasattr(values, "to_value") else values

    return decode


def fixed_point_limits(table: tables.Table, name: str) -> tuple[float, float] | None:
    """Smallest and largest physical value that a fixed-point column can hold, None for others.

    ctapipe reads what did not fit as infinite.
    """
    from ctapipe.io.tableio import FixedPointColumnTransform

    transform = _transform(table, name)
    if not isinstance(transform, FixedPointColumnTransform):
        return None
    ends = np.array([transform.minval, transform.maxval], transform.target_dtype)
    low, high = sorted(transform.inverse(ends).tolist())
    return (low, high) if np.isfinite([low, high]).all() else None  # of a scale that is none


def translate(source: tables.Table, target: tables.Table) -> np.ndarray:
    """All rows of ``source`` as ``target`` stores them, which may be of another data model.

    Columns that ``source`` lacks, or has in another shape, are unknown.
    """
    from ctapipe.io.tableio import TimeColumnTransform

    stored = source[:]
    rows = unknown_rows(target.dtype, len(stored))
    for name in set(target.colnames) & set(source.colnames):
        if source.dtype[name].shape == target.dtype[name].shape:
            rows[name] = stored[name]
        elif isinstance(transform := _transform(source, name), TimeColumnTransform):
            rows[name] = to_stored(target, name, transform.inverse(stored[name]))
    return rows


def _transform(table: tables.Table, name: str):
    """ctapipe's ``ColumnTransform`` of a column, None if it stores values as they are."""
    from ctapipe.io.hdf5tableio import get_column_attrs, get_column_transforms

    return get_column_transforms({name: get_column_attrs(table)[name]}).get(name)


def _carried(times: np.ndarray) -> np.ndarray:
    """CTAO high-resolution times without full seconds among the quarter nanoseconds.

    ctapipe leaves 4e9 of them where rounding makes a full second, another spelling of the same
    time. Times in other formats are left as they are.
    """
    if times.dtype != np.uint32:
        return times
    seconds, quarters = times[..., 0], times[..., 1]
    full, rest = np.divmod(quarters, np.uint32(_QUARTERS_PER_SECOND))
    return np.stack([seconds + full, rest], axis=-1)
