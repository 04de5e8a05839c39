"""The reader's quality cuts, applied to generated images."""

import ast
import builtins
from collections.abc import Sequence

import numpy as np
from astropy.table import Table

from ..dl1.cleaning import clean
from ..dl1.parameters import parametrise
from ..errors import UserError

#: Columns of the reader's table that are in rad, unlike the label table's deg.
_RADIANS = ("telescope_pointing_altitude", "telescope_pointing_azimuth")
#: Columns that need no more than the cleaned charge.
_INTENSITIES = frozenset({"hillas_intensity", "camera_frame_hillas_intensity"})


class GeneratedSelection:
    """Decides which generated images pass the quality criteria of a DLDataReader.

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
    """

    def __init__(self, criteria: Sequence[tuple[str, str]], parameter_columns, camera, cleaning):
        from dl1_data_handler.reader import TableQualityQuery

        self._query = TableQualityQuery(quality_criteria=list(criteria))
        self._names = frozenset().union(*(_names_in(expression) for _, expression in criteria))
        self._parameters = self._names & set(parameter_columns)
        self._telescope_frame = "camera_frame_hillas_intensity" not in parameter_columns
        self._camera = camera
        self._cleaning = cleaning

    def check(self, label_columns: Sequence[str]) -> None:
        """Refuse criteria on columns that generated images do not have."""
        for name in sorted(self._names - self._parameters - set(label_columns)):
            raise UserError(
                f"gan_augment: the quality criteria use '{name}', which generated images do not "
                "have; use DL1 parameters and true labels only."
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
