"""Rows of the event tables: label tables and images as the structured arrays that are stored."""

import numpy as np
import tables
from astropy import units as u
from astropy.table import Table
from astropy.time import Time

from ..errors import UserError
from . import columns

#: Units of the columns of a label table, where they have one.
LABEL_UNITS = {
    "true_energy": u.TeV,
    "true_alt": u.deg,
    "true_az": u.deg,
    "true_core_x": u.m,
    "true_core_y": u.m,
    "true_h_first_int": u.m,
    "true_x_max": u.g / u.cm**2,
    "true_starting_grammage": u.g / u.cm**2,
}
INDEX = ("obs_id", "event_id", "tel_id")
#: Trigger time of events that have none.
EPOCH = Time(60310.0, format="mjd", scale="tai")


def in_label_unit(table: Table, name: str, path) -> u.Quantity:
    """A column of simulated truth in its unit of `LABEL_UNITS`.

    Raises
    ------
    UserError
        If ``path``, where the table is from, gives it no unit.
    """
    if table[name].unit is None:
        raise UserError(
            f"{path}: '{name}' of its showers has no unit, such as {LABEL_UNITS[name]}; process "
            "the file again with ctapipe-process."
        )
    return table[name].quantity.to(LABEL_UNITS[name])


def image_rows(table: tables.Table, labels: Table, values: dict[str, np.ndarray]) -> np.ndarray:
    """Rows of a table with one row per image; columns that are not in ``values`` are unknown.

    Parameters
    ----------
    table : tables.Table
        The table that will take the rows.
    labels : Table
        One row per image with ``obs_id``, ``event_id`` and ``tel_id``.
    values : dict of str to ndarray or Time, shape (n, ...)
        Content by column name as physical values, see `columns.to_stored`.
    """
    known = set(values) & set(table.colnames)
    rows = columns.unknown_rows(table.dtype, len(labels), given={*known, *INDEX})
    for name in INDEX:
        rows[name] = labels[name]
    for name in known:
        rows[name] = columns.to_stored(table, name, values[name])
    return rows


def shower_rows(table: tables.Table, events: Table) -> np.ndarray:
    """Rows of the truth table, one per event, from a label table with one row per event."""
    rows = columns.unknown_rows(table.dtype, len(events))
    for name in set(table.colnames) & set(events.colnames):
        unit = columns.column_unit(table, name)
        factor = LABEL_UNITS[name].to(unit) if unit else 1
        rows[name] = np.asarray(events[name]) * factor
    return rows


def trigger_rows(table: tables.Table, events: Table, tels_with_trigger: np.ndarray) -> np.ndarray:
    """Rows of the array trigger table, one per event.

    Parameters
    ----------
    table : tables.Table
        The trigger table.
    events : Table
        One row per event; a ``time`` column (`~astropy.time.Time`) is taken over.
    tels_with_trigger : ndarray of bool, shape (n_events, n_telescopes)
        Which telescopes, in the order of the subarray, have an image.
    """
    rows = columns.unknown_rows(table.dtype, len(events))
    rows["obs_id"], rows["event_id"] = events["obs_id"], events["event_id"]
    rows["time"] = columns.to_stored(table, "time", _times(events))
    rows["tels_with_trigger"] = tels_with_trigger
    rows["event_type"] = _shower_type()
    return rows


def telescope_trigger_rows(table: tables.Table, labels: Table) -> np.ndarray:
    """Rows of the telescope trigger table, one per image.

    Parameters
    ----------
    table : tables.Table
        The trigger table.
    labels : Table
        One row per image; columns ``time``, ``event_type`` and ``n_trigger_pixels`` are taken over.
    """
    values = {"time": _times(labels), "event_type": np.full(len(labels), _shower_type())}
    for name in {"event_type", "n_trigger_pixels"} & set(labels.colnames):
        values[name] = np.asarray(labels[name])
    return image_rows(table, labels, values)


def _times(labels: Table) -> Time:
    if "time" in labels.colnames:
        return labels["time"]
    return np.broadcast_to(EPOCH, len(labels), subok=True)


def _shower_type() -> int:
    """The only event type that readers take for showers."""
    from ctapipe.containers import EventType

    return EventType.SUBARRAY.value


def impact_distances(labels: Table, subarray) -> np.ndarray:
    """Distance of each row's telescope to the shower axis, m, as ctapipe computes it."""
    from ctapipe.coordinates.utils import altaz_to_righthanded_cartesian

    index = subarray.tel_ids_to_indices(np.asarray(labels["tel_id"]))
    telescopes = subarray.tel_coords.cartesian.xyz.to_value(u.m).T[index]
    cores = np.column_stack(
        [labels["true_core_x"], labels["true_core_y"], np.zeros(len(labels))]
    ).astype(float)
    axes = altaz_to_righthanded_cartesian(
        alt=u.Quantity(np.asarray(labels["true_alt"]), u.deg),
        az=u.Quantity(np.asarray(labels["true_az"]), u.deg),
    )
    return np.linalg.norm(np.cross(telescopes - cores, axes), axis=1)
