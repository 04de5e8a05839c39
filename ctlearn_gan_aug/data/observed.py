"""DL1 files of observations: images of showers, without any truth."""

import contextlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tables
from astropy.table import Table, vstack
from ctapipe.containers import EventType
from ctapipe.core import QualityQuery
from ctapipe.core.expression_engine import ExpressionError
from ctapipe.io import read_table

from ..camera import Camera
from ..dl1 import nodes
from ..dl1.check import OBSERVATION, check_dl1_files
from ..dl1.keys import repeated_key
from ..dl1.subarray import read_subarray
from ..errors import UserError
from ..files import expand_inputs
from .events import Events, read_pixels
from .inputs import InputFiles, each_once, telescopes_in
from .telescopes import choose_telescopes

log = logging.getLogger(__name__)

_KEY = ("obs_id", "event_id")
#: Part of a pixel's size by which it may be elsewhere than in simulation.
_PLACE_TOLERANCE = 0.1
#: Rings of ctapipe's fit (`ctapipe.image.muon`) that are a muon's, by lengths over their radius:
#: light spreads by less than the first about the ring, and the image is broader than the second. A
#: shower's image, to which part of a large ring is fitted, is slender.
_RING_SPREAD, _IMAGE_WIDTH = 0.1, 0.25
_RING = ("muonring_radius", "muonparameters_mean_squared_error")


@dataclass(frozen=True)
class ObservedReader:
    """What pixels are read from, in the place of dl1-data-handler's reader.

    Attributes
    ----------
    files : dict of str to tables.File
        Open files by their paths.
    subarray : ctapipe.instrument.SubarrayDescription
        Of the first file.
    tel_ids : list of int
        Telescopes that are read.
    """

    files: dict[str, tables.File]
    subarray: object
    tel_ids: list[int]

    @property
    def cam_name(self) -> str:
        """Name of the telescopes' camera."""
        return self.subarray.tel[self.tel_ids[0]].camera.name


def read_observed(
    paths: Sequence[str | Path],
    camera: Camera,
    *,
    channels: Sequence[str] = ("image", "peak_time"),
    quality_criteria: Sequence[tuple[str, str]] = (),
    tel_type: str | None = None,
    max_events: int | None = None,
    seed: int = 0,
    store: Path | None = None,
) -> Events:
    """Read the images of showers out of DL1 files of observations.

    Showers are what the trigger calls so (event type ``SUBARRAY``, 32): flat-field and pedestal
    events, other calibration and tagged muons are left out. So are images in which ctapipe has
    found the ring of a muon, where the files have its muon parameters. How many images were left
    out, and why, is logged.

    Parameters
    ----------
    paths : sequence of path
        Files and folders.
    camera : Camera
        That of the simulated events.
    channels, quality_criteria, tel_type, max_events, seed, store
        As of `events.read_events`; criteria are applied to the DL1 parameters.

    Returns
    -------
    Events
        Its labels are ``obs_id``, ``event_id`` and ``tel_id`` alone.

    Raises
    ------
    UserError
        If a file is missing, no DL1 of observations, of another camera, two files share events, or
        no image is left.
    """
    files = each_once(expand_inputs(paths))
    check_dl1_files(files, OBSERVATION)
    with _opened(files, camera, tel_type) as reader:
        events = _choose_showers(reader, quality_criteria)
        if max_events is not None and max_events < len(events):
            chosen = np.random.default_rng(seed).choice(len(events), max_events, replace=False)
            events = events[np.sort(chosen)]
        pixels, masks = read_pixels(reader, events, channels, store)
        labels = events[[*_KEY, "tel_id"]]
        return Events(pixels, masks, labels, camera, tuple(channels), files, reader.tel_ids)


@contextlib.contextmanager
def _opened(files: list[Path], camera: Camera, tel_type: str | None):
    """The files as an `ObservedReader`, closed afterwards."""
    with contextlib.ExitStack() as stack:
        opened = {str(path): stack.enter_context(tables.open_file(path)) for path in files}
        telescopes = {path: telescopes_in(opened[str(path)]) for path in files}
        inputs = InputFiles(files, [], telescopes)
        subarrays = [read_subarray(h5file) for h5file in opened.values()]
        tel_ids = choose_telescopes(subarrays[0], inputs, tel_type and [tel_type])
        for path, subarray in zip(files, subarrays, strict=True):
            _check_camera(path, subarray, telescopes[path].intersection(tel_ids), camera)
        yield ObservedReader(opened, subarrays[0], tel_ids)


def _check_camera(path: Path, subarray, tel_ids, camera: Camera) -> None:
    """Refuse images whose pixels are not those of the simulated ones."""
    expected = camera.geometry
    tolerance = _PLACE_TOLERANCE * expected.pixel_width.to_value("m").min()
    for tel_id in tel_ids:
        found = subarray.tel[tel_id].camera.geometry
        same = found.n_pixels == expected.n_pixels and all(
            np.allclose(one.to_value("m"), other.to_value("m"), rtol=0, atol=tolerance)
            for one, other in ((found.pix_x, expected.pix_x), (found.pix_y, expected.pix_y))
        )
        if not same:
            raise UserError(
                f"{path}: the pixels of telescope {tel_id} ({found.name}) are not those of "
                f"{expected.name} in data.files; give observed and simulated events of one camera."
            )


def _choose_showers(reader: ObservedReader, quality_criteria) -> Table:
    """Rows of the showers' images as `blocks.read_blocks` takes them, by event."""
    left_out, parts = Counter(), []
    for number, h5file in enumerate(reader.files.values()):
        for tel_id in telescopes_in(h5file).intersection(reader.tel_ids):
            part = _showers(h5file, tel_id, quality_criteria, left_out)
            part["file_index"], part["tel_id"] = number, tel_id
            parts.append(part)
    events = vstack(parts)
    first = next(iter(reader.files))
    reasons = ", ".join(f"{n} {reason}" for reason, n in left_out.most_common()) or "none"
    if not len(events):
        raise UserError(
            f"{first}: no observed image of a shower passes data.quality_criteria, nor does any of "
            f"another file (left out: {reasons}); give files with showers, or loosen the criteria."
        )
    if repeated := repeated_key(*(events[name] for name in (*_KEY, "tel_id"))):
        raise UserError(
            f"{first}: {repeated[0]} events are in other files of data.observed, too; give files "
            "that hold every event once."
        )
    log.info("%d observed images of showers; left out: %s.", len(events), reasons)
    events.sort([*_KEY, "tel_id"])
    return events


def _showers(h5file, tel_id: int, quality_criteria, left_out: Counter) -> Table:
    """Keys and rows of the images of a telescope that are showers; counts why others are not."""
    parameters = read_table(h5file, nodes.telescope_table(nodes.PARAMETERS, tel_id))
    kinds = _event_types(h5file, parameters)
    reasons = np.array([_reason(kind) for kind in kinds.tolist()], dtype=object)
    is_shower = kinds == EventType.SUBARRAY.value
    reasons[is_shower & _is_ring(h5file, tel_id, parameters)] = "with the ring of a muon"
    passes = _passes(h5file.filename, parameters, quality_criteria)
    reasons[np.equal(reasons, None) & ~passes] = "by the quality criteria"
    chosen = np.equal(reasons, None)
    left_out.update(reasons[~chosen].tolist())
    rows = np.flatnonzero(chosen)
    showers = Table({name: np.asarray(parameters[name])[rows] for name in _KEY})
    showers["table_index"] = rows
    return showers


def _event_types(h5file, parameters: Table) -> np.ndarray:
    """Event type (n,) of every row by the array's trigger, -1 where there is none."""
    trigger = h5file.get_node(nodes.TRIGGER)
    if "event_type" not in trigger.colnames:
        raise UserError(
            f"{h5file.filename}: {nodes.TRIGGER} has no column 'event_type', which tells showers "
            "from calibration; process the file again with ctapipe-process."
        )
    return _matched(trigger, parameters, trigger.col("event_type").astype(int), -1)


def _is_ring(h5file, tel_id: int, parameters: Table) -> np.ndarray:
    """Which rows (n,) have a muon's ring by ctapipe's muon parameters, if the file has any."""
    path = nodes.telescope_table(nodes.MUON, tel_id)
    if path not in h5file or not set(_RING) <= set(h5file.get_node(path).colnames):
        return np.zeros(len(parameters), bool)
    muons = h5file.get_node(path)
    radius, variance = (_matched(muons, parameters, muons.col(name), np.nan) for name in _RING)
    is_broad = np.asarray(parameters["hillas_width"]) > _IMAGE_WIDTH * radius
    return is_broad & (np.sqrt(variance) < _RING_SPREAD * radius)


def _matched(table, parameters: Table, values: np.ndarray, missing) -> np.ndarray:
    """Values (n,) of a table's rows by the keys of other ones."""
    keys = zip(*(table.col(name).tolist() for name in _KEY), strict=True)
    value_of = dict(zip(keys, values.tolist(), strict=True))
    wanted = zip(*(np.asarray(parameters[name]).tolist() for name in _KEY), strict=True)
    return np.array([value_of.get(key, missing) for key in wanted], values.dtype)


def _reason(kind: int) -> str | None:
    """Why an event of a type is no shower; None if it is one."""
    if kind == EventType.SUBARRAY.value:
        return None
    known = {one.value: one.name for one in EventType}
    return "without trigger" if kind == -1 else f"of type {known.get(kind, kind)}"


def _passes(path: str, parameters: Table, quality_criteria) -> np.ndarray:
    """Which rows (n,) pass, as by dl1-data-handler's quality query."""
    if not quality_criteria:
        return np.ones(len(parameters), bool)
    query = QualityQuery(quality_criteria=[tuple(pair) for pair in quality_criteria])
    try:
        with np.errstate(invalid="ignore"):
            return query.get_table_mask(parameters)
    except ExpressionError as error:
        raise UserError(
            f"{path}: data.quality_criteria cannot be applied to observed events ({error}); name "
            "DL1 parameters alone there."
        ) from error
