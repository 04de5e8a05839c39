"""The reader's quality cuts, applied to images that no reader has read."""

import ast
import builtins
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tables
from astropy.table import Table

from ..errors import UserError
from .cleaning import clean
from .nodes import PARAMETERS, telescope_table
from .parameters import parametrise

#: Columns of the reader's table that are in rad, unlike the label table's deg.
_RADIANS = ("telescope_pointing_altitude", "telescope_pointing_azimuth")
#: Columns that need no more than the cleaned charge.
_INTENSITIES = frozenset({"hillas_intensity", "camera_frame_hillas_intensity"})


class ImageSelection:
    """Decides which images pass the quality criteria of a DLDataReader.

    Only what the criteria refer to is computed: the cleaned charge alone for ctapipe's usual
    ``hillas_intensity`` cut, all DL1 parameters if any other is named.

    Parameters
    ----------
    criteria : sequence of (str, str)
        Name and expression, as in the reader's TableQualityQuery.
    parameter_columns : sequence of str
        Columns of the DL1 parameter table that the criteria may name.
    camera : Camera
        Camera of the images.
    cleaning : CleaningSettings
        Tail cuts the training files were cleaned with.
    key : str
        Of the configuration, for messages.
    """

    def __init__(
        self,
        criteria: Sequence[tuple[str, str]],
        parameter_columns,
        camera,
        cleaning,
        key: str = "gan_augment",
    ):
        from dl1_data_handler.reader import TableQualityQuery

        self._query = TableQualityQuery(quality_criteria=list(criteria))
        self._names = frozenset().union(*(_names_in(expression) for _, expression in criteria))
        self._parameters = self._names & set(parameter_columns)
        self._telescope_frame = "camera_frame_hillas_intensity" not in parameter_columns
        self._camera = camera
        self._cleaning = cleaning
        self._key = key

    @classmethod
    def of_file(
        cls, criteria, path: Path, camera, cleaning, key: str = "gan_augment"
    ) -> "ImageSelection":
        """Criteria that may name the parameters of a DL1 file, and nothing else."""
        node = telescope_table(PARAMETERS, camera.tel_id)
        with tables.open_file(path) as h5file:
            columns = h5file.get_node(node).colnames
        selection = cls(criteria, columns, camera, cleaning, key)
        selection.check(())
        return selection

    def check(self, label_columns: Sequence[str]) -> None:
        """Refuse criteria on columns that the images do not have."""
        known = "DL1 parameters and true labels" if label_columns else "DL1 parameters"
        for name in sorted(self._names - self._parameters - set(label_columns)):
            raise UserError(
                f"{self._key}: the quality criteria use '{name}', which these images do not "
                f"have; use {known} only."
            )

    @property
    def needs_mask(self) -> bool:
        """Whether the criteria need the cleaning mask."""
        return bool(self._parameters)

    def mask(self, images: np.ndarray) -> np.ndarray:
        """Cleaning mask of charges in p.e., both (n, n_pixels)."""
        return clean(images, self._camera.geometry, self._cleaning)

    def passes(self, images, peak_times, mask, labels: Table) -> np.ndarray:
        """Which images pass all criteria.

        Parameters
        ----------
        images, peak_times : ndarray (n, n_pixels)
            p.e. and ns; ``peak_times`` may be None.
        mask : ndarray (n, n_pixels) of bool or None
            Cleaning mask, where `needs_mask`.
        labels : Table (n rows)
            Event label table.

        Returns
        -------
        ndarray (n,) of bool
        """
        if not self._names or not len(images):
            return np.ones(len(images), dtype=bool)
        columns = {
            name: np.asarray(labels[name]) for name in labels.colnames if name in self._names
        }
        for name in columns.keys() & set(_RADIANS):
            columns[name] = np.deg2rad(columns[name])
        if self._parameters - _INTENSITIES:
            columns |= self._parametrise(images, peak_times, mask)
        elif self._parameters:
            columns |= dict.fromkeys(self._parameters, cleaned_charge(images, mask))
        return self._query.get_table_mask(Table(columns))

    def of_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Which pixel vectors (n, n_pixels, 1 or 2) in p.e. and ns pass, bool (n,)."""
        # The compiled loops know contiguous images only.
        images, *times = np.ascontiguousarray(np.moveaxis(pixels, -1, 0))
        mask = self.mask(images) if self.needs_mask else None
        return self.passes(images, times[0] if times else None, mask, Table())

    def _parametrise(self, images, peak_times, mask) -> dict[str, np.ndarray]:
        columns = parametrise(
            images,
            mask,
            peak_times,
            self._camera.geometry,
            use_telescope_frame=self._telescope_frame,
        )
        return {name: columns[name] for name in self._parameters}

    def __str__(self):
        return " and ".join(self._query.expressions) or "no cut"


def cleaned_charge(images: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """``hillas_intensity`` in p.e., (n,): charge of the cleaned pixels, NaN for fewer than two."""
    charge = np.einsum("np,np->n", images, mask.astype(images.dtype))
    return np.where((charge > 0) & (mask.sum(axis=1) > 1), charge, np.nan)


def _names_in(expression: str) -> set[str]:
    """Column names in a criterion: its free names but functions and modules."""
    from ctapipe.core.expression_engine import ALLOWED_GLOBALS

    tree = ast.parse(expression, mode="eval")
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names - set(ALLOWED_GLOBALS) - set(dir(builtins))
