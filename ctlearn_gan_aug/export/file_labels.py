"""Labels of the events of an existing DL1 file, one image for each of its images."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from astropy.table import Table

from ..bundle import Bundle
from ..directions import camera_from_altaz, nominal_from_altaz, set_impact
from ..dl1.check import check_dl1, data_model
from ..dl1.subarray import read_subarray
from ..dl1.writer import DL1Writer
from ..errors import UserError, naming
from .truth import read_truth

log = logging.getLogger(__name__)

_CHUNK = 1024
_GAMMA = 0


class FileLabels:
    """Labels of all images that telescopes of the bundle's type have in a DL1 file.

    Parameters
    ----------
    bundle : Bundle
        The generator; it must know the file's array.
    path : path
        The file.

    Attributes
    ----------
    n_images : int
        Images to generate.
    first : int
        0, the number of the first image.
    description : str
        One line for logs and the file's header.
    obs_ids : list of int
        The file's runs.

    Raises
    ------
    UserError
        If the file is no simulated DL1, has another array, no such images, or lacks a label.
    """

    first = 0

    def __init__(self, bundle: Bundle, path: str | Path):
        self._bundle, self._path = bundle, Path(path)
        check_dl1(self._path)
        self._check_array()
        self._compare_data_models()
        self.description = f"labels of {self._path.name}"
        with naming(self._path):
            self._truth = read_truth(self._path, self._tel_ids())
        self.n_images = len(self._truth.images)
        self.obs_ids = list(self._truth.array_pointings)
        if self.n_images == 0:
            tel_type = bundle.subarray.tel[bundle.tel_id]
            raise UserError(f"{self._path}: holds no image of a telescope of type {tel_type}.")

    def chunks(self) -> Iterator[Table]:
        """Label tables in the order of the file's events; warns in the end of labels outside."""
        n_outside = 0
        for labels in map(self._labels, self._truth.chunks(_CHUNK)):
            n_outside += int(np.count_nonzero(self._bundle.labels.outside(labels)))
            yield labels
        if n_outside:
            log.warning(
                "%s: %d of %d events lie outside the training domain of the generator; "
                "their images are extrapolated.",
                self._path,
                n_outside,
                self.n_images,
            )

    def describe_runs(self, writer: DL1Writer) -> None:
        """Take over the file's runs."""
        writer.copy_runs(self._path)

    def finish_runs(self, writer: DL1Writer) -> None:
        """Nothing to add: the runs are the file's."""

    def _tel_ids(self) -> list[int]:
        subarray = self._bundle.subarray
        tel_type = str(subarray.tel[self._bundle.tel_id])
        return [i for i in subarray.tel_ids if str(subarray.tel[i]) == tel_type]

    def _check_array(self) -> None:
        subarray = read_subarray(self._path)
        if subarray != self._bundle.subarray:
            raise UserError(
                f"{self._path}: describes another array or camera than the files that "
                f"{self._bundle.path} was trained on; name a file of the same array."
            )

    def _compare_data_models(self) -> None:
        theirs, ours = data_model(self._path), data_model(self._bundle.skeleton)
        if theirs != ours:
            log.warning(
                "%s: has data model %s, but the export has %s as the files that %s was trained "
                "on; the two cannot be merged.",
                self._path,
                theirs,
                ours,
                self._bundle.path,
            )

    def _labels(self, rows: Table) -> Table:
        """Event label table of some images."""
        truth = self._truth
        labels = truth.events[np.asarray(rows["event_row"])].copy()
        labels["tel_id"] = rows["tel_id"]
        with np.errstate(all="ignore"):
            labels["log_true_energy"] = np.log10(labels["true_energy"])
        runs = list(zip(labels["tel_id"].tolist(), labels["obs_id"].tolist(), strict=True))
        array = np.array([truth.array_pointings[obs_id] for _, obs_id in runs])
        telescope = np.array([truth.telescope_pointings[run] for run in runs])
        labels["pointing_altitude"], labels["pointing_azimuth"] = array.T
        labels["telescope_pointing_altitude"], labels["telescope_pointing_azimuth"] = telescope.T
        labels["true_shower_primary_class"] = (
            np.asarray(labels["true_shower_primary_id"]) == _GAMMA
        ).astype(int)
        with naming(self._path):
            self._set_camera_labels(labels)
        self._check_known(labels)
        return labels

    def _set_camera_labels(self, labels: Table) -> None:
        """Directions in the camera and on the sky, and core positions seen by each telescope."""
        subarray = self._bundle.subarray
        alt, az = np.asarray(labels["true_alt"]), np.asarray(labels["true_az"])
        pointing = (labels["pointing_altitude"].data, labels["pointing_azimuth"].data)
        labels["fov_lon"], labels["fov_lat"] = nominal_from_altaz(subarray, alt, az, *pointing)
        set_impact(labels, subarray)
        offsets = np.zeros((2, len(labels)))
        for tel_id in np.unique(labels["tel_id"]):
            here = np.flatnonzero(labels["tel_id"] == tel_id)
            offsets[:, here] = camera_from_altaz(
                subarray,
                int(tel_id),
                alt[here],
                az[here],
                labels["telescope_pointing_altitude"].data[here],
                labels["telescope_pointing_azimuth"].data[here],
            )
        labels["cam_coord_offset_x"], labels["cam_coord_offset_y"] = offsets

    def _check_known(self, labels: Table) -> None:
        for column in self._bundle.labels.columns:
            known = column in labels.colnames and np.isfinite(np.asarray(labels[column], float))
            if not np.all(known):
                raise UserError(
                    f"{self._path}: does not know '{column}' of all its events, which the "
                    "generator needs; choose a file with full truth."
                )
