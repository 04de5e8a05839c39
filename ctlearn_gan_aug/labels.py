"""Which labels condition a generator, their units and ranges, and their network units."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .errors import UserError

log = logging.getLogger(__name__)

#: Columns of the event label table behind every label, with their unit.
LABEL_COLUMNS = {
    "energy": (("log_true_energy", "log10(TeV)"),),
    "cameradirection": (("cam_coord_offset_x", "m"), ("cam_coord_offset_y", "m")),
    "skydirection": (("fov_lon", "deg"), ("fov_lat", "deg")),
    "impact": (("impact_x", "m"), ("impact_y", "m")),
    "h_first_int": (("true_h_first_int", "m"),),
    "x_max": (("true_x_max", "g / cm2"),),
    "altitude": (("telescope_pointing_altitude", "deg"),),
    "type": (("true_shower_primary_class", ""),),
}
#: Labels that are kept even if they are constant.
_NEEDED = ("energy", "cameradirection", "skydirection")
#: Pairs of columns that a camera symmetry rotates together.
VECTORS = (
    ("cam_coord_offset_x", "cam_coord_offset_y"),
    ("impact_x", "impact_y"),
)


@dataclass(frozen=True)
class LabelSet:
    """An ordered set of label columns with their training domain.

    Network units are ``(value - center) / scale``.

    Attributes
    ----------
    names : tuple of str
        Labels, keys of `LABEL_COLUMNS`.
    columns : tuple of str
        Label table columns, in network order.
    center, scale, low, high : ndarray (n_columns,)
        Normalisation and extreme training values, in the column's unit.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    center: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def fit(cls, names: Sequence[str], table) -> "LabelSet":
        """Take centres, scales and ranges from a training label table.

        Labels without information in this data (constant, or unknown for some event) are left
        out, with a warning, but energy and direction, which may be constant and must be known.

        Raises
        ------
        UserError
            If a label is unknown, or energy or direction is not known for all events.
        """
        names = tuple(names)
        check_names(names)
        for name in names:
            if name in _NEEDED and not _known(table, name):
                raise UserError(f"labels: the training files do not know '{name}' for all events.")
        kept = tuple(name for name in names if name in _NEEDED or _informative(table, name))
        missing = ", ".join(name for name in names if name not in kept)
        reason = (
            f"the training files tell nothing of {missing} (constant, or not known for all events)"
        )
        if not kept:
            raise UserError(f"labels: {reason}; add energy or cameradirection.")
        if missing:
            log.warning("labels: %s; images are generated without.", reason)
        columns = tuple(column for name in kept for column, _ in LABEL_COLUMNS[name])
        values = np.stack([np.asarray(table[c], dtype=float) for c in columns], axis=1)
        center, scale = values.mean(axis=0), values.std(axis=0)
        for x, y in VECTORS:  # one scale per vector keeps rotations rotations
            if x in columns:
                pair = [columns.index(x), columns.index(y)]
                center[pair], scale[pair] = 0.0, np.sqrt(np.mean(values[:, pair] ** 2))
        scale = np.where(scale > 1e-9, scale, 1.0)  # a constant label is 0 in network units
        return cls(kept, columns, center, scale, values.min(axis=0), values.max(axis=0))

    @property
    def size(self) -> int:
        """Number of network label inputs."""
        return len(self.columns)

    def encode(self, table) -> np.ndarray:
        """Label table to network units, float32 (n, n_columns)."""
        values = np.stack([np.asarray(table[c], dtype=float) for c in self.columns], axis=1)
        return ((values - self.center) / self.scale).astype(np.float32)

    def decode(self, encoded: np.ndarray) -> dict[str, np.ndarray]:
        """Inverse of `encode`: column name to values in the column's unit."""
        values = np.asarray(encoded, dtype=float) * self.scale + self.center
        return {column: values[:, i] for i, column in enumerate(self.columns)}

    def outside(self, table) -> np.ndarray:
        """Boolean (n,): which events lie outside the training domain."""
        values = np.stack([np.asarray(table[c], dtype=float) for c in self.columns], axis=1)
        slack = 1e-6 * (self.high - self.low)
        return ((values < self.low - slack) | (values > self.high + slack)).any(axis=1)

    def rotation(self, matrix: np.ndarray) -> np.ndarray:
        """Matrix (n_columns, n_columns) a camera symmetry applies to encoded label rows.

        ``encoded @ rotation`` are the labels of the transformed images.
        """
        full = np.eye(self.size)
        for x, y in VECTORS:
            if x in self.columns:
                i, j = self.columns.index(x), self.columns.index(y)
                full[np.ix_([i, j], [i, j])] = matrix.T
        return full.astype(np.float32)

    def to_dict(self) -> dict:
        """Plain values for YAML; `from_dict` restores the same label set."""
        rows = zip(self.center, self.scale, self.low, self.high, strict=True)
        units = dict(pair for name in self.names for pair in LABEL_COLUMNS[name])
        keys = ("center", "scale", "low", "high")
        return {
            "names": list(self.names),
            "columns": {
                column: {"unit": units[column], **dict(zip(keys, map(float, row), strict=True))}
                for column, row in zip(self.columns, rows, strict=True)
            },
        }

    @classmethod
    def from_dict(cls, content: dict) -> "LabelSet":
        """Inverse of `to_dict`."""
        columns = content["columns"]
        parts = (
            np.array([column[key] for column in columns.values()], dtype=float)
            for key in ("center", "scale", "low", "high")
        )
        return cls(tuple(content["names"]), tuple(columns), *parts)


def check_names(names: Sequence[str]) -> None:
    """Refuse names that are no labels, none at all, or one twice.

    Raises
    ------
    UserError
        If so.
    """
    there = ", ".join(LABEL_COLUMNS)
    if not names:
        raise UserError(f"labels is empty; name some of {there}.")
    for name in names:
        if name not in LABEL_COLUMNS:
            raise UserError(f"label '{name}' is unknown; there are {there}.")
        if list(names).count(name) > 1:
            raise UserError(f"label '{name}' is given twice; name it once.")


def _known(table, name: str) -> bool:
    columns = [column for column, _ in LABEL_COLUMNS[name]]
    return all(
        column in table.colnames and np.isfinite(np.asarray(table[column], dtype=float)).all()
        for column in columns
    )


def _informative(table, name: str) -> bool:
    if not _known(table, name):
        return False
    columns = (np.asarray(table[column], dtype=float) for column, _ in LABEL_COLUMNS[name])
    return all(np.ptp(values) > 1e-6 * np.abs(values).max() for values in columns)
