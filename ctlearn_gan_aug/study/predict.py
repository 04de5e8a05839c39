"""What a trained CTLearn model finds in test events."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import angular_separation
from astropy.table import QTable

from ..data.ctlearn_reader import open_ctlearn_reader
from ..data.events import label_table
from ..data.mapper import GridMapper
from ..data.store import open_store
from ..directions import altaz_from_camera, offset_angle
from ..dl1.subarray import read_subarray
from ..models.ctlearn import by_task

#: Images that a model sees at once.
_BATCH = 256
_LABELS = {
    "obs_id": None,
    "event_id": None,
    "tel_id": None,
    "true_energy": "TeV",
    "fov_lon": "deg",
    "fov_lat": "deg",
    "cam_coord_offset_x": "m",
    "cam_coord_offset_y": "m",
}


def predict(
    model_path: Path,
    content: dict,
    signal: Sequence[Path],
    background: Sequence[Path],
    store: Path,
) -> QTable:
    """Truth and predictions of all events that pass the quality criteria.

    Parameters
    ----------
    model_path : Path
        ``ctlearn_model.keras`` or its folder.
    content : dict
        CTLearn's configuration it was trained with.
    signal, background : sequence of Path
        DL1 files and folders of the two classes.
    store : Path
        Folder of pixel stores.

    Returns
    -------
    QTable (n rows)
        ``obs_id``, ``event_id``, ``tel_id``, ``is_signal``, true labels, ``offset`` from the
        telescope's axis, and by task ``reco_energy``, ``theta`` (the angle between true and
        reconstructed direction), ``gammaness``.
    """
    from traitlets.config import Config

    from ..models.auxiliary import load_ctlearn_model

    model = load_ctlearn_model(model_path)
    with open_ctlearn_reader(signal, Config(content), background) as reader:
        events = reader.example_identifiers
        pixels = open_store(store, reader, events, reader.channels).pixels
        grid = reader.image_mappers[reader.cam_name].mapping_table
        mapper = GridMapper(grid, *reader.input_shape[:2])
        found = _outputs(model, mapper, pixels)
        # The reader's own array has been turned by its image mapper.
        subarray = read_subarray(next(iter(reader.files)))
        return events_table(label_table(events), found, subarray)


def _outputs(model, mapper: GridMapper, pixels) -> dict[str, np.ndarray]:
    """Outputs (n, k) by task."""
    parts: dict[str, list] = {}
    for start in range(0, len(pixels), _BATCH):
        outputs = model.predict_on_batch(mapper(pixels[start : start + _BATCH]))
        for task, values in by_task(outputs).items():
            parts.setdefault(task, []).append(np.asarray(values, np.float64))
    return {task: np.concatenate(values) for task, values in parts.items()}


def events_table(labels, found: dict[str, np.ndarray], subarray) -> QTable:
    """Truth and predictions of events, from outputs as CTLearn's models have them.

    Parameters
    ----------
    labels : Table (n rows)
        Event label table.
    found : dict of str to ndarray (n, k)
        By task: log10 of the energy in TeV, camera positions in m, directions in deg, scores of
        background and signal.
    subarray : SubarrayDescription
        As in the files.

    Returns
    -------
    QTable (n rows)
        As from `predict`.
    """
    table = QTable()
    for name, unit in _LABELS.items():
        table[name] = np.asarray(labels[name]) * u.Unit(unit) if unit else labels[name]
    table["is_signal"] = np.asarray(labels["true_shower_primary_class"]) == 1
    table["offset"] = _offsets(labels, subarray)
    if "energy" in found:
        table["reco_energy"] = 10.0 ** found["energy"][:, 0] * u.TeV
    if "cameradirection" in found:
        table["theta"] = _camera_angles(labels, found["cameradirection"], subarray)
    elif "skydirection" in found:
        lon, lat = (np.asarray(labels[name]) * u.deg for name in ("fov_lon", "fov_lat"))
        reconstructed = (found["skydirection"] * u.deg).T
        table["theta"] = angular_separation(lon, lat, *reconstructed).to(u.deg)
    if "type" in found:
        table["gammaness"] = found["type"][:, 1]
    return table


def _offsets(labels, subarray) -> u.Quantity:
    """Angles between shower and telescope axis, deg, as `sampling.regions` counts them."""
    lengths = {t: tel.camera.geometry.frame.focal_length for t, tel in subarray.tel.items()}
    focal_length = np.array([lengths[t].to_value(u.m) for t in labels["tel_id"].tolist()])
    position = (np.asarray(labels[f"cam_coord_offset_{axis}"]) for axis in "xy")
    return offset_angle(*position, focal_length) * u.deg


def _camera_angles(labels, positions: np.ndarray, subarray) -> u.Quantity:
    """Angles between true directions and camera positions (n, 2) in m, deg."""
    theta = np.empty(len(labels))
    for tel_id in np.unique(labels["tel_id"]):
        here = np.flatnonzero(labels["tel_id"] == tel_id)
        pointing = (
            np.asarray(labels[f"telescope_pointing_{name}"])[here]
            for name in ("altitude", "azimuth")
        )
        alt, az = altaz_from_camera(subarray, int(tel_id), *positions[here].T, *pointing)
        true_az, true_alt = (np.deg2rad(labels[name][here]) for name in ("true_az", "true_alt"))
        theta[here] = angular_separation(true_az, true_alt, np.deg2rad(az), np.deg2rad(alt))
    return np.rad2deg(theta) * u.deg
