"""DL1 files to events: dl1-data-handler chooses and labels them, we read their pixels in bulk."""

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.table import Table

from ..camera import Camera
from ..directions import set_impact
from ..dl1.check import check_dl1
from ..dl1.subarray import read_subarray
from ..errors import UserError
from ..files import expand_inputs

log = logging.getLogger(__name__)

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
    pixels : ndarray float32 (n, n_pixels, n_channels)
        p.e. for ``image``, ns for ``peak_time``.
    masks : ndarray bool (n, n_pixels)
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

    pixels: np.ndarray
    masks: np.ndarray
    labels: Table
    camera: Camera
    channels: tuple[str, ...]
    sources: list[Path]
    tel_ids: list[int]
    focal_length_choice: str = "EFFECTIVE"

    def __len__(self) -> int:
        return len(self.pixels)

    def select(self, index) -> "Events":
        """Events at ``index`` (slice, integer or boolean array)."""
        return replace(
            self, pixels=self.pixels[index], masks=self.masks[index], labels=self.labels[index]
        )


def read_events(
    paths: Sequence[str | Path],
    *,
    background: Sequence[str | Path] = (),
    channels: Sequence[str] = ("image", "peak_time"),
    quality_criteria: Sequence[tuple[str, str]] = (),
    tel_type: str | None = None,
    max_events: int | None = None,
    seed: int = 0,
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

    Raises
    ------
    UserError
        If a file is missing, not simulated DL1, of another subarray, or no event is left.
    """
    files = expand_inputs(paths)
    others = expand_inputs(background) if background else []
    for path in files + others:
        check_dl1(path)
    subarray = read_subarray(files[0])
    reader = _open_reader(files, others, quality_criteria, tel_type, subarray)
    try:
        return _read(reader, subarray, files + others, tuple(channels), max_events, seed)
    finally:
        for handle in reader.files.values():
            handle.close()


def _open_reader(files, others, quality_criteria, tel_type, subarray):
    """DLImageReader over the files, with the focal lengths that the subarray was read with."""
    from dl1_data_handler.reader import DLImageReader
    from traitlets.config import Config

    config = Config()
    config.TableQualityQuery.quality_criteria = [tuple(pair) for pair in quality_criteria]
    # Labels do not depend on the mapper; the compact ones also accept square pixels.
    config.DLImageReader.image_mapper_type = _any_mapper(subarray, files[0], tel_type)
    options = {"focal_length_choice": _focal_length_choice(subarray)}
    if tel_type is not None:
        options["allowed_tel_types"] = [tel_type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return DLImageReader(
                input_url_signal=[str(path) for path in files],
                input_url_background=[str(path) for path in others],
                config=config,
                **options,
            )
        except (ValueError, OSError, KeyError, IndexError, TypeError) as error:
            problem = " ".join(str(error).split()) or type(error).__name__
            raise UserError(f"{files[0]}: cannot be read by dl1-data-handler: {problem}") from error


def _focal_length_choice(subarray):
    """What `read_subarray` chose."""
    from ctapipe.instrument.optics import FocalLengthKind

    lengths = (tel.optics.effective_focal_length.value for tel in subarray.tel.values())
    return (
        FocalLengthKind.EFFECTIVE
        if np.isfinite(list(lengths)).all()
        else FocalLengthKind.EQUIVALENT
    )


def _any_mapper(subarray, path: Path, tel_type: str | None):
    from ctapipe.instrument.camera import PixelShape

    shapes = {
        str(tel): tel.camera.geometry.pix_type
        for tel in subarray.tel.values()
        if tel_type is None or str(tel) == tel_type
    }
    if len(shapes) > 1:
        raise UserError(
            f"{path}: holds several telescope types ({', '.join(shapes)}); "
            "choose one with 'tel_type'."
        )
    if not shapes:
        raise UserError(f"{path}: holds no telescope of type '{tel_type}'.")
    square = PixelShape.SQUARE in shapes.values()
    return [("type", "*", "SquareMapper" if square else "ShiftingMapper")]


def _read(reader, subarray, files, channels, max_events, seed) -> Events:
    identifiers = reader.example_identifiers
    if len(identifiers) == 0:
        raise UserError(f"{files[0]}: no event passes the quality criteria; loosen them.")
    rows = np.arange(len(identifiers))
    if max_events is not None and max_events < len(rows):
        rows = np.sort(np.random.default_rng(seed).choice(rows, max_events, replace=False))
    table = identifiers[rows]
    tel_ids = sorted(int(t) for t in reader.tel_ids)
    # The reader's mapper has derotated the geometry of the reader's own subarray.
    camera = Camera.from_subarray(subarray, tel_ids[0])
    pixels, masks = _read_pixels(reader, table, channels)
    labels = label_table(table)
    set_impact(labels, camera.subarray, camera.tel_id)
    choice = reader.focal_length_choice.name
    return Events(pixels, masks, labels, camera, channels, files, tel_ids, choice)


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


def _read_pixels(reader, table, channels) -> tuple[np.ndarray, np.ndarray]:
    """Bulk-read the images of the given rows, one HDF5 table at a time."""
    pixels, masks = None, None
    for file_index in np.unique(table["file_index"]):
        handle = list(reader.files.values())[file_index]
        for tel_id in np.unique(table["tel_id"]):
            here = np.flatnonzero((table["file_index"] == file_index) & (table["tel_id"] == tel_id))
            if not here.size:
                continue
            node = handle.root.dl1.event.telescope.images._f_get_child(f"tel_{tel_id:03d}")
            rows = _image_rows(node, table[here])
            for i, channel in enumerate(channels):
                values = node.col(channel)[rows].astype(np.float32)
                if pixels is None:
                    pixels = np.zeros((len(table), values.shape[1], len(channels)), np.float32)
                    masks = np.zeros((len(table), values.shape[1]), bool)
                pixels[here, :, i] = _unscale(values, reader.transforms, channel)
            masks[here] = node.col("image_mask")[rows]
    return pixels, masks


def _image_rows(node, table) -> np.ndarray:
    """Row of every event in the image table.

    The reader takes the row of the *parameters* table for it; where the two tables are ordered
    differently that would give every image another event's labels, so rows are found by id.
    """
    rows = np.asarray(table["table_index"])
    obs_ids, event_ids = node.col("obs_id"), node.col("event_id")
    in_range = rows.max(initial=-1) < len(event_ids)
    if (
        in_range
        and (event_ids[rows] == table["event_id"]).all()
        and (obs_ids[rows] == table["obs_id"]).all()
    ):
        return rows
    row_of = {key: row for row, key in enumerate(zip(obs_ids, event_ids, strict=True))}
    try:
        return np.array(
            [row_of[key] for key in zip(table["obs_id"], table["event_id"], strict=True)]
        )
    except KeyError as error:
        raise UserError(
            f"{node._v_file.filename}: event {error} has parameters but no image; "
            "write the file with images and parameters of the same events."
        ) from None


def _unscale(values: np.ndarray, transforms: dict, channel: str) -> np.ndarray:
    """Undo a fixed-point compression exactly as dl1-data-handler does."""
    if transforms[f"{channel}_scale"] > 0.0:
        values /= transforms[f"{channel}_scale"]
    if transforms[f"{channel}_offset"] > 0:
        values -= transforms[f"{channel}_offset"]
    return values
