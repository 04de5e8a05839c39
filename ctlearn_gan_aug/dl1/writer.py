"""Writing DL1 files in bulk, as ctapipe's DataWriter would write them event by event."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tables
from astropy.table import Table
from astropy.time import Time

from . import nodes, rows
from .cleaning import CleaningSettings
from .ending import ImageCounts, close_completely
from .header import ProductInfo, write_header
from .parameters import ImageResult, compute, parametrise
from .runs import Run, RunTables
from .skeleton import start_file
from .subarray import read_subarray

#: What ctapipe writes as true image when the simulation kept none.
_NO_TRUE_IMAGE = -1


class DL1Writer:
    """A DL1 file that grows by batches of images; a context manager.

    Row i of every per-image table belongs to the same image, as dl1-data-handler needs it. A batch
    is compressed and written on a thread of its own while the parameters of the next one are
    computed; no more than these two are held.

    Parameters
    ----------
    path : path
        The file to create; give a temporary name and rename when all is written.
    skeleton : path
        Structure and data model to follow, see `skeleton.make_skeleton`. Parameters are computed
        by the rules of the installed ctapipe, also in files of an older data model.
    cleaning : CleaningSettings
        Tail cuts for masks and parameters.
    product : ProductInfo
        What the file says about itself.
    subarray : ctapipe.instrument.SubarrayDescription or None
        The skeleton's array as read with a certain focal length; None prefers effective ones.
    compression : str or None
        Compressor of event tables, e.g. ``lz4``; None follows the skeleton.

    Attributes
    ----------
    subarray : ctapipe.instrument.SubarrayDescription
        The array.
    n_images : int
        Images written so far.
    """

    def __init__(
        self,
        path: str | Path,
        skeleton: str | Path,
        *,
        cleaning: CleaningSettings,
        product: ProductInfo,
        subarray=None,
        compression: str | None = None,
    ):
        self.n_images = 0
        self._cleaning, self._product = cleaning, product
        self._start_time = Time.now()
        self._counts = ImageCounts()
        self._obs_ids: list[int] = []
        self._runs: dict[int, Run] = {}
        self._last_event: tuple | None = None
        # All that touches the file once it grows; HDF5 prints its errors in every new thread.
        self._thread = ThreadPoolExecutor(1, initializer=tables.silence_hdf5_messages)
        self._writing: Future | None = None
        self._h5file = start_file(skeleton, path, compression)
        try:
            self.subarray = subarray or read_subarray(self._h5file)
            self._run_tables = RunTables(self._h5file)
            self._in_degrees = {tel: self._has_degrees(tel) for tel in self.subarray.tel_ids}
        except BaseException:
            self._abandon()
            raise

    def __enter__(self):
        return self

    def __exit__(self, exception_type, *_):
        if exception_type is None:
            self.close()
        else:
            self._abandon()

    def add_run(self, run: Run) -> None:
        """Describe a run before its events are appended.

        Once more with the same ``obs_id`` it replaces the description, for what is known only
        later, as the number of showers.
        """
        if run.obs_id not in self._runs:
            self._obs_ids.append(run.obs_id)
        self._runs[run.obs_id] = run

    def copy_runs(self, source: str | Path) -> None:
        """Take over all runs of another DL1 file, with pointings and simulation settings.

        ``source`` may be of another data model than the skeleton.
        """
        self._wait()
        with tables.open_file(source) as other:
            self._obs_ids += self._run_tables.copy(other)

    def append(
        self,
        labels: Table,
        images: np.ndarray,
        peak_times: np.ndarray | None = None,
        *,
        result: ImageResult | None = None,
        true_images: np.ndarray | None = None,
    ) -> None:
        """Append images of telescopes with equally many pixels.

        Parameters
        ----------
        labels : Table
            One row per image: ``obs_id``, ``event_id``, ``tel_id`` and the ``true_*`` columns in
            the units of `rows.LABEL_UNITS`; optional are ``time`` (`~astropy.time.Time`),
            ``event_type`` and ``n_trigger_pixels`` of the telescope's trigger. Rows of one event
            follow each other within one call.
        images : ndarray, shape (n, n_pixels)
            Charges, p.e.
        peak_times : ndarray, shape (n, n_pixels), or None
            Peak times, ns; None writes zeros and leaves timing parameters NaN.
        result : ImageResult or None
            Masks and parameters if already computed.
        true_images : ndarray of int, shape (n, n_pixels), or None
            Photo-electrons per pixel without noise; None writes -1, as ctapipe does for them.
        """
        if len(labels) == 0:
            return
        first = self._first_of_event(labels)
        if result is None:
            result = self._compute(labels, images, peak_times)
        self._counts.add(result.mask)
        if peak_times is None:
            peak_times = np.zeros_like(images)
        content = self._content(labels, images, peak_times, result)
        content |= self._true_content(labels, images.shape, true_images)
        self.n_images += len(labels)
        self._wait()
        self._writing = self._thread.submit(self._write, labels, first, content)

    def close(self) -> None:
        """Write the runs, counters and header of a finished file, and close it.

        Raises
        ------
        OSError, tables.HDF5ExtError
            If not all of it reached the disk.
        """
        if self._h5file.isopen:
            try:
                self._wait()
                for run in self._runs.values():
                    self._run_tables.add(run)
                self._counts.write(self._h5file)
                write_header(self._h5file, self._product, self._obs_ids, self._start_time)
                close_completely(self._h5file)
            finally:
                self._abandon()

    def _write(self, labels: Table, first: np.ndarray, content: dict[str, dict]) -> None:
        self._append_events(labels, first)
        for tel_id in np.unique(labels["tel_id"]):
            self._append_images(labels, content, int(tel_id))

    def _wait(self) -> None:
        """Wait for the batch that is being written, and raise what it raised."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()

    def _abandon(self) -> None:
        self._thread.shutdown()  # after the batch that is being written
        self._h5file.close()

    def _has_degrees(self, tel_id: int) -> bool:
        """Whether parameters are in the telescope frame, in degrees."""
        path = nodes.telescope_table(nodes.PARAMETERS, int(tel_id))
        if path not in self._h5file:
            return True
        return "camera_frame_hillas_x" not in self._h5file.get_node(path).colnames

    def _first_of_event(self, labels: Table) -> np.ndarray:
        """Mask of the rows that begin an event, after checking that events are whole."""
        keys = np.column_stack([labels["obs_id"], labels["event_id"]])
        unknown = set(np.unique(keys[:, 0])) - set(self._obs_ids)
        if unknown:
            raise ValueError(f"add_run is missing for obs_id {sorted(unknown)}")
        first = np.r_[True, np.any(keys[1:] != keys[:-1], axis=1)]
        if len(np.unique(keys, axis=0)) != first.sum() or tuple(keys[0]) == self._last_event:
            raise ValueError("rows of one event must follow each other within one call")
        self._last_event = tuple(keys[-1])
        return first

    def _compute(self, labels: Table, images: np.ndarray, peak_times) -> ImageResult:
        def of_telescope(chosen, geometry, in_degrees):
            times = None if peak_times is None else peak_times[chosen]
            return compute(
                images[chosen], times, geometry, self._cleaning, use_telescope_frame=in_degrees
            )

        return self._by_telescope(labels, of_telescope)

    def _compute_true(self, labels: Table, true_images: np.ndarray) -> ImageResult:
        def of_telescope(chosen, geometry, in_degrees):
            # In double precision, as ctapipe takes the moments of these integers.
            image, mask = true_images[chosen].astype(float), true_images[chosen] > 0
            columns = parametrise(image, mask, None, geometry, use_telescope_frame=in_degrees)
            return ImageResult(mask, columns)

        return self._by_telescope(labels, of_telescope)

    def _by_telescope(self, labels: Table, function: Callable) -> ImageResult:
        """Join what ``function(rows, geometry, in_degrees)`` finds for each telescope."""
        parts = []
        for tel_id in np.unique(labels["tel_id"]):
            in_degrees = self._in_degrees[int(tel_id)]
            chosen = np.flatnonzero(labels["tel_id"] == tel_id)
            geometry = self.subarray.tel[tel_id].camera.geometry
            parts.append((chosen, function(chosen, geometry, in_degrees)))
        order = np.argsort(np.concatenate([chosen for chosen, _ in parts]))
        columns = {
            name: np.concatenate([result.columns[name] for _, result in parts])[order]
            for name in parts[0][1].columns
        }
        return ImageResult(np.concatenate([result.mask for _, result in parts])[order], columns)

    def _append_events(self, labels: Table, first: np.ndarray) -> None:
        events = labels[first]
        telescope = self.subarray.tel_ids_to_indices(np.asarray(labels["tel_id"]))
        triggered = np.zeros((len(events), self.subarray.n_tels), bool)
        triggered[np.cumsum(first) - 1, telescope] = True
        table = self._h5file.get_node(nodes.TRIGGER)
        table.append(rows.trigger_rows(table, events, triggered))
        table = self._h5file.get_node(nodes.SHOWER)
        table.append(rows.shower_rows(table, events))
        table = self._h5file.get_node(nodes.TELESCOPE_TRIGGER)
        table.append(rows.telescope_trigger_rows(table, labels))

    def _content(self, labels, images, peak_times, result) -> dict[str, dict]:
        """Columns of each group of per-image tables, for all rows of ``labels``."""
        distance = rows.impact_distances(labels, self.subarray)
        return {
            nodes.IMAGES: {
                "image": images,
                "peak_time": peak_times,
                "image_mask": result.mask,
                "is_valid": np.ones(len(images), bool),
            },
            nodes.PARAMETERS: result.columns,
            nodes.MUON: {},
            nodes.IMPACT: {
                "true_impact_distance": distance,
                "true_impact_distance_uncert": np.where(np.isfinite(distance), 0.0, np.nan),
            },
        }

    def _true_content(self, labels, shape, true_images) -> dict[str, dict]:
        if true_images is None:
            true_image = {"true_image": np.full(shape, _NO_TRUE_IMAGE)}
            return {nodes.TRUE_IMAGES: true_image, nodes.TRUE_PARAMETERS: {}}
        true_images = np.asarray(true_images)
        true_image = {"true_image": true_images, "true_image_sum": true_images.sum(axis=1)}
        result = self._compute_true(labels, true_images)
        self._counts.add(result.mask)
        columns = {f"true_{name}": values for name, values in result.columns.items()}
        return {nodes.TRUE_IMAGES: true_image, nodes.TRUE_PARAMETERS: columns}

    def _append_images(self, labels: Table, content: dict[str, dict], tel_id: int) -> None:
        of_telescope = np.asarray(labels["tel_id"]) == tel_id
        if of_telescope.all():
            of_telescope = slice(None)  # a view, where a mask would copy
        for group, columns in content.items():
            path = nodes.telescope_table(group, tel_id)
            if path in self._h5file:
                table = self._h5file.get_node(path)
                chosen = {name: values[of_telescope] for name, values in columns.items()}
                table.append(rows.image_rows(table, labels[of_telescope], chosen))
