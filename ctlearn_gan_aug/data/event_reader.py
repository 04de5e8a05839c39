"""dl1-data-handler's image reader for files that do not all know every telescope."""

import logging
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack
from dl1_data_handler.reader import DLImageReader
from traitlets import default

from ..dl1 import nodes
from ..dl1.rows import LABEL_UNITS, in_label_unit
from ..dl1.subarray import read_subarray
from ..errors import UserError, naming
from .inputs import InputFiles
from .telescopes import choose_telescopes

log = logging.getLogger(__name__)

_ADVICE = "look at the quality criteria, or process it again with ctapipe-process"
#: Labels that every event must have, and what they are made of.
_LABELS_OF = {
    "log_true_energy": "a finite, positive 'true_energy'",
    "cam_coord_offset_x": "finite 'true_alt', 'true_az' and telescope pointing",
    "fov_lon": "finite 'true_alt', 'true_az' and array pointing",
}


class EventReader(DLImageReader):
    """Chooses and labels events file by file, each with the telescopes that it has.

    dl1-data-handler asks every file for every telescope, names no file when it fails, and takes
    the logarithm of energies in whatever unit they are.

    Parameters
    ----------
    inputs : InputFiles
        What it reads.
    **options
        Of dl1-data-handler's readers. By default ``allowed_tels`` are all that have images.
    """

    def __init__(self, inputs: InputFiles, **options):
        self._inputs = inputs
        super().__init__(
            input_url_signal=[str(path) for path in inputs.signal],
            input_url_background=[str(path) for path in inputs.background],
            **options,
        )

    @default("allowed_tels")
    def _telescopes_with_images(self):
        subarray = read_subarray(self._inputs.all[0])
        return choose_telescopes(subarray, self._inputs, self.allowed_tel_types)

    @property
    def first_file(self) -> str:
        """The file that stands for all: the first one with images of the first telescope."""
        tel_ids = getattr(self, "tel_ids", ())
        known = [p for p in self.files if set(tel_ids[:1]) <= self._inputs.telescopes[Path(p)]]
        return known[0] if known else next(iter(self.files))

    @first_file.setter
    def first_file(self, path: str) -> None:
        pass  # dl1-data-handler takes the first one by name

    def _construct_mono_example_identifiers(self):
        every_file, every_telescope = self.files, self.selected_telescopes
        parts, simulation_info, n_without = [], [], 0
        for number, (path, h5file) in enumerate(every_file.items()):
            self.files = {path: h5file}
            self.selected_telescopes = {self.tel_type: self._tel_ids_in(h5file)}
            if not self.selected_telescopes[self.tel_type]:
                n_without += 1
            elif self._reads_events(path):
                self._report_lost(path, h5file)
                self.example_identifiers["file_index"] = number
                parts.append(self.example_identifiers)
                simulation_info.append(self.simulation_info)
        self.files, self.selected_telescopes = every_file, every_telescope
        if n_without:
            log.warning("%d files have no image of a %s.", n_without, self.tel_type)
        if not parts:
            raise UserError(
                f"{next(iter(self.files))}: no event of a {self.tel_type} passes the quality "
                "criteria, nor does any of another file; loosen them."
            )
        self._join(parts, simulation_info)

    def _reads_events(self, path: str) -> bool:
        """Whether any event of the one file passes the quality criteria; reads them."""
        self.passes_quality_checks = np.ones(1, bool)
        try:
            with naming(path, _ADVICE):
                super()._construct_mono_example_identifiers()
        except UserError:
            if not self.passes_quality_checks.any():
                return False
            raise
        self._check_known(path)
        return True

    def _check_known(self, path: str) -> None:
        """Refuse events without an energy or a direction to learn."""
        for label, source in _LABELS_OF.items():
            n_bad = np.count_nonzero(
                ~np.isfinite(np.asarray(self.example_identifiers[label], float))
            )
            if n_bad:
                raise UserError(
                    f"{path}: {n_bad} events have no {source}; write the file with the truth of "
                    "all events."
                )

    def _join(self, parts: list[Table], simulation_info: list[Table]) -> None:
        """Put the files' events together as dl1-data-handler does."""
        for part in parts:
            part.remove_indices("index")
        events = vstack(parts, metadata_conflicts="silent")
        events.sort(["obs_id", "event_id", "tel_id", "tel_type_id"])
        events["index"] = np.arange(len(events))
        events.add_index("index")
        self.example_identifiers = events
        self.simulation_info = vstack(simulation_info, metadata_conflicts="silent")
        is_signal = np.asarray(events["true_shower_primary_class"]) == 1
        self.n_signal_events = np.count_nonzero(is_signal)
        if self.input_url_background:
            self.n_bkg_events = np.count_nonzero(~is_signal)

    def _tel_ids_in(self, h5file) -> list[int]:
        """Telescopes of the type that have images in a file."""
        tables = {table.name: table.nrows for table in h5file.iter_nodes(nodes.PARAMETERS, "Table")}
        return [t for t in map(int, self.tel_ids) if tables.get(f"tel_{t:03d}", 0)]

    def _report_lost(self, path: str, h5file) -> None:
        """Say how many images belong to no shower, trigger or pointing."""
        tel_ids = self.selected_telescopes[self.tel_type]
        paths = (nodes.telescope_table(nodes.PARAMETERS, tel_id) for tel_id in tel_ids)
        n_images = sum(h5file.get_node(path).nrows for path in paths)
        n_lost = n_images - len(self.passes_quality_checks)
        if n_lost:
            log.warning(
                "%s: %d of %d images are left out, as their shower, trigger or pointing is not "
                "there.",
                path,
                n_lost,
                n_images,
            )

    def _transform_to_log_energy(self, table):
        # dl1-data-handler and CTLearn take these units for granted.
        for name in set(LABEL_UNITS) & set(table.colnames):
            table[name] = in_label_unit(table, name, next(iter(self.files)))
        with np.errstate(all="ignore"):
            return super()._transform_to_log_energy(table)
