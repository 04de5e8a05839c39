"""DL1 files to events: dl1-data-handler chooses and labels them, pixels are read in bulk."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.table import Table

from ..camera import Camera
from ..directions import set_impact
from .blocks import n_pixels, read_blocks
from .reader import open_reader
from .rows import StoredRows
from .store import open_store

_COLUMN_UNITS = {
    "obs_id": None,
    "event_id": None,
    "tel_id": None,
    "true_energy": "TeV",
    "log_true_energy": None,
    "cam_coord_offset_x": "m",
    "cam_coord_offset_y": "m",
    "fov_lon": "deg",
    "fov_lat": "deg",
    "true_alt": "deg",
    "true_az": "deg",
    "true_core_x": "m",
    "true_core_y": "m",
    "true_h_first_int": "m",
    "true_x_max": "g/cm2",
    "telescope_pointing_altitude": "deg",
    "telescope_pointing_azimuth": "deg",
    "pointing_altitude": "deg",
    "pointing_azimuth": "deg",
    "true_shower_primary_id": None,
    "true_shower_primary_class": None,
}


@dataclass(frozen=True)
class Events:
    """Camera images with their labels.

    Attributes
    ----------
    pixels : ndarray or StoredRows, float32 (n, n_pixels, n_channels)
        p.e. for ``image``, ns for ``peak_time``.
    masks : ndarray or StoredRows, bool (n, n_pixels)
        DL1 image mask (cleaned pixels).
    labels : astropy.table.Table (n rows)
        Event label table: plain columns in TeV, m, deg, g/cm2.
    camera : Camera
        The telescope's camera.
    channels : tuple of str
        Names of the channels.
    sources : list of Path
        Files read.
    tel_ids : list of int
        Telescopes of the selected type.
    focal_length_choice : str
        ``EFFECTIVE``, or ``EQUIVALENT`` where the files have no other.
    """

    pixels: np.ndarray | StoredRows
    masks: np.ndarray | StoredRows
    labels: Table
    camera: Camera
    channels: tuple[str, ...]
    sources: list[Path]
    tel_ids: list[int]
    focal_length_choice: str = "EFFECTIVE"

    def __len__(self) -> int:
        return len(self.pixels)

    def select(self, index) -> "Events":
        """Events at ``index`` (slice, integer or boolean array); stored ones stay on disk."""
        return replace(
            self,
            pixels=_select(self.pixels, index),
            masks=_select(self.masks, index),
            labels=self.labels[index],
        )

    def sample(self, n: int) -> "Events":
        """At most ``n`` events from all over the set, in memory."""
        index = np.unique(np.linspace(0, len(self) - 1, min(n, len(self))).astype(int))
        return replace(
            self, pixels=self.pixels[index], masks=self.masks[index], labels=self.labels[index]
        )


def _select(values: np.ndarray | StoredRows, index):
    return values.select(index) if isinstance(values, StoredRows) else values[index]


def read_events(
    paths: Sequence[str | Path],
    *,
    background: Sequence[str | Path] = (),
    channels: Sequence[str] = ("image", "peak_time"),
    quality_criteria: Sequence[tuple[str, str]] = (),
    tel_type: str | None = None,
    max_events: int | None = None,
    seed: int = 0,
    store: Path | None = None,
) -> Events:
    """Read the events of DL1 files, in dl1-data-handler's selection and with its labels.

    Parameters
    ----------
    paths : sequence of path
        Files and folders of the signal class.
    background : sequence of path
        Files and folders of the other class, if any.
    channels : sequence of str
        ``image`` and optionally ``peak_time``.
    quality_criteria : sequence of (name, expression)
        dl1-data-handler's table quality query; empty keeps every triggered event.
    tel_type : str, optional
        Telescope type as ``str(TelescopeDescription)``; needed if the files hold several.
    max_events : int, optional
        Keep a seeded random subset of this size.
    store : Path, optional
        Folder for pixel stores: pixels stay on disk, whatever their number. Default: in memory.

    Raises
    ------
    UserError
        If a file is missing, not simulated DL1, of another subarray, or no event is left.
    """
    with open_reader(paths, background, quality_criteria, tel_type) as opened:
        reader = opened.reader
        identifiers = reader.example_identifiers
        if max_events is not None and max_events < len(identifiers):
            rng = np.random.default_rng(seed)
            chosen = np.sort(rng.choice(len(identifiers), max_events, replace=False))
            identifiers = identifiers[chosen]
        tel_ids = sorted(int(t) for t in reader.tel_ids)
        camera = Camera.from_subarray(opened.subarray, tel_ids[0])
        pixels, masks = read_pixels(reader, identifiers, channels, store)
        labels = label_table(identifiers)
        set_impact(labels, camera.subarray)
        return Events(
            pixels,
            masks,
            labels,
            camera,
            tuple(channels),
            opened.files,
            tel_ids,
            reader.focal_length_choice.name,
        )


def read_pixels(reader, identifiers: Table, channels: Sequence[str], store: Path | None = None):
    """Pixels and masks, as of `Events`, of rows of a reader's ``example_identifiers``."""
    if store is not None:
        stored = open_store(store, reader, identifiers, channels)
        return stored.pixels, stored.masks
    width = n_pixels(reader)
    pixels = np.empty((len(identifiers), width, len(channels)), np.float32)
    masks = np.empty((len(identifiers), width), bool)
    for block in read_blocks(reader, identifiers, channels):
        pixels[block.positions] = block.pixels
        masks[block.positions] = block.masks
    return pixels, masks


def label_table(identifiers) -> Table:
    """Event label table of dl1-data-handler's example identifiers: plain columns, known units."""
    labels = Table()
    for name, unit in _COLUMN_UNITS.items():
        column = identifiers[name]
        if unit is None:
            labels[name] = np.array(column)
        elif column.unit is None:
            labels[name] = np.array(column, dtype=float)
        else:
            labels[name] = column.quantity.to_value(unit).astype(float)
    return labels


def among(labels: Table, others: Table) -> np.ndarray:
    """Boolean (n,): which events of a label table are in another one, too."""
    names = ("obs_id", "event_id", "tel_id", "true_energy")
    keys = set(zip(*(np.asarray(others[name]).tolist() for name in names), strict=True))
    rows = zip(*(np.asarray(labels[name]).tolist() for name in names), strict=True)
    return np.fromiter((row in keys for row in rows), bool, len(labels))
