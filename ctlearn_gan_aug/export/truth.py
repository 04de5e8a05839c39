"""What a simulated DL1 file knows about the events behind its images."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tables
from astropy.table import Table
from ctapipe.io import read_table

from ..dl1 import nodes
from ..dl1.keys import repeated_key
from ..dl1.rows import LABEL_UNITS, in_label_unit
from ..errors import UserError

Direction = tuple[float, float]


@dataclass(frozen=True)
class Truth:
    """Events, images and pointings of a file.

    Attributes
    ----------
    events : Table
        Truth (units of `dl1.rows.LABEL_UNITS`) and trigger ``time`` (`~astropy.time.Time`) of
        every triggered event, in the file's order.
    images : Table
        One row per image, sorted by event: ``tel_id`` and ``event_row``, the row in ``events``.
    array_pointings : dict of int to (float, float)
        obs_id to altitude and azimuth, deg.
    telescope_pointings : dict of (int, int) to (float, float)
        tel_id and obs_id to altitude and azimuth, deg.
    """

    events: Table
    images: Table
    array_pointings: dict[int, Direction]
    telescope_pointings: dict[tuple[int, int], Direction]

    def chunks(self, size: int) -> Iterator[Table]:
        """Split ``images`` into chunks of about ``size`` rows, never within an event."""
        event_rows = np.asarray(self.images["event_row"])
        begin = 0
        while begin < len(event_rows):
            end = min(begin + size, len(event_rows))
            end = int(np.searchsorted(event_rows, event_rows[end - 1], side="right"))
            yield self.images[begin:end]
            begin = end


def read_truth(path: Path, tel_ids: list[int]) -> Truth:
    """Read the truth behind the images of some telescopes.

    Raises
    ------
    UserError
        If images belong to runs without pointing.
    """
    with tables.open_file(path) as h5file:
        events = _events(h5file)
        images = _images(h5file, tel_ids, events)
        runs = read_table(h5file, nodes.SIMULATION_RUN)
        array_pointings = _directions(runs, ("min_alt", "min_az"))
        telescope_pointings = _telescope_pointings(h5file, tel_ids)
    obs_ids = np.asarray(events["obs_id"])[images["event_row"]].tolist()
    for run in set(zip(images["tel_id"].tolist(), obs_ids, strict=True)):
        if run[1] not in array_pointings or run not in telescope_pointings:
            raise UserError(
                f"{path}: knows no pointing of telescope {run[0]} in run {run[1]}; "
                "process the file again with ctapipe-process."
            )
    return Truth(events, images, array_pointings, telescope_pointings)


def _events(h5file: tables.File) -> Table:
    truth, trigger = (read_table(h5file, path) for path in (nodes.SHOWER, nodes.TRIGGER))
    rows = _find(truth, trigger["obs_id"].data, trigger["event_id"].data)
    events = truth[rows[rows >= 0]]
    for name in set(LABEL_UNITS) & set(events.colnames):
        events[name] = in_label_unit(events, name, h5file.filename).value
    events["time"] = trigger["time"][rows >= 0]
    return events


def _images(h5file: tables.File, tel_ids: list[int], events: Table) -> Table:
    event_rows, telescopes = [np.empty(0, int)], [np.empty(0, int)]
    for tel_id in tel_ids:
        path = nodes.telescope_table(nodes.IMAGES, tel_id)
        if path in h5file:
            table = h5file.get_node(path)
            obs_ids, event_ids = table.col("obs_id"), table.col("event_id")
            if repeated_key(obs_ids, event_ids):
                raise UserError(
                    f"{h5file.filename}: {path} holds several images under the same obs_id and "
                    "event_id; give every event a number of its own."
                )
            rows = _find(events, obs_ids, event_ids)
            event_rows.append(rows[rows >= 0])
            telescopes.append(np.full(np.count_nonzero(rows >= 0), tel_id))
    event_row, tel_id = np.concatenate(event_rows), np.concatenate(telescopes)
    order = np.lexsort([tel_id, event_row])
    return Table({"event_row": event_row[order], "tel_id": tel_id[order]})


def _telescope_pointings(h5file, tel_ids: list[int]) -> dict[tuple[int, int], Direction]:
    columns = ("telescope_pointing_altitude", "telescope_pointing_azimuth")
    pointings = {}
    for tel_id in tel_ids:
        path = nodes.telescope_table(nodes.POINTING, tel_id)
        if path in h5file:
            of_run = _directions(read_table(h5file, path), columns)
            pointings |= {(tel_id, obs_id): direction for obs_id, direction in of_run.items()}
    return pointings


def _directions(table: Table, columns: tuple[str, str]) -> dict[int, Direction]:
    """Altitude and azimuth in deg by obs_id."""
    # Some files store single precision, in which degrees would lose digits.
    altitude, azimuth = (table[name].quantity.astype(float).to_value("deg") for name in columns)
    directions = zip(altitude.tolist(), azimuth.tolist(), strict=True)
    return dict(zip(table["obs_id"].tolist(), directions, strict=True))


def _find(table, obs_ids: np.ndarray, event_ids: np.ndarray) -> np.ndarray:
    """Row of each event in ``table``, -1 if it is not there."""
    _, inverse = np.unique(np.r_[table["obs_id"], obs_ids], return_inverse=True)
    events = np.r_[table["event_id"], event_ids].astype(np.int64)
    # One whole number per event: sorting these is much faster than sorting pairs.
    events -= events.min(initial=0)
    keys = inverse.astype(np.int64) * (events.max(initial=0) + 1) + events
    known, wanted = keys[: len(table)], keys[len(table) :]
    if len(known) == 0:
        return np.full(len(wanted), -1)
    order = np.argsort(known, kind="stable")
    place = np.minimum(np.searchsorted(known[order], wanted), len(known) - 1)
    return np.where(known[order][place] == wanted, order[place], -1)
