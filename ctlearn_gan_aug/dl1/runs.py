"""Rows of the tables that hold one row per run: configuration and pointing."""

from dataclasses import dataclass

import numpy as np
import tables
from astropy import units as u

from . import columns, nodes


@dataclass(frozen=True)
class Run:
    """One run with a fixed pointing.

    Attributes
    ----------
    obs_id : int
        Identifier, unique among the files that are to be merged.
    pointing_alt, pointing_az : float
        Direction of the array, deg.
    energy_range : tuple of float
        Lowest and highest true energy, TeV.
    n_showers : int
        Number of simulated showers, triggered or not.
    spectral_index : float or None
        Index of the simulated power law; None keeps the skeleton's, here as below.
    max_viewcone_radius : float or None
        Largest angle between shower and pointing, deg.
    max_scatter_range : float or None
        Largest distance between shower core and array centre, m.
    telescope_pointing : tuple of float or None
        Altitude and azimuth of the telescopes, deg; None if parallel to the array's.
    """

    obs_id: int
    pointing_alt: float
    pointing_az: float
    energy_range: tuple[float, float]
    n_showers: int
    spectral_index: float | None = None
    max_viewcone_radius: float | None = None
    max_scatter_range: float | None = None
    telescope_pointing: tuple[float, float] | None = None


class RunTables:
    """Writes the per-run tables of a file started from a skeleton.

    Parameters
    ----------
    h5file : tables.File
        The file; the one row in each per-run table is taken out as the pattern for new rows.
    """

    def __init__(self, h5file: tables.File):
        self._tables = [
            t for t in h5file.walk_nodes("/", "Table") if nodes.is_run_table(t._v_pathname)
        ]
        self._patterns = {table._v_pathname: table[:1] for table in self._tables}
        for table in self._tables:
            table.remove_rows(0, table.nrows)

    def add(self, run: Run) -> None:
        """Append one row for ``run`` to every per-run table."""
        for table in self._tables:
            pattern = self._patterns[table._v_pathname]
            row = pattern.copy() if len(pattern) else columns.unknown_rows(table.dtype, 1)
            _fill(row, table, _values(table._v_pathname, run))
            table.append(row)

    def copy(self, source: tables.File) -> list[int]:
        """Append all rows that ``source`` has in these tables; returns its obs_ids.

        ``source`` may be of another data model.
        """
        for table in self._tables:
            if table._v_pathname in source:
                table.append(columns.translate(source.get_node(table._v_pathname), table))
        return [int(i) for i in source.get_node(nodes.SIMULATION_RUN).col("obs_id")]


def _values(path: str, run: Run) -> dict[str, u.Quantity | int | float | None]:
    """What ``run`` says about the columns of the table at ``path``."""
    alt, az = run.pointing_alt * u.deg, run.pointing_az * u.deg
    values = {"obs_id": run.obs_id, "sb_id": run.obs_id, "run_number": run.obs_id}
    values |= {"subarray_pointing_lat": alt, "subarray_pointing_lon": az}
    tel_alt, tel_az = (run.telescope_pointing or (run.pointing_alt, run.pointing_az)) * u.deg
    values |= {"telescope_pointing_altitude": tel_alt, "telescope_pointing_azimuth": tel_az}
    values |= {"min_alt": alt, "max_alt": alt, "min_az": az, "max_az": az}
    values |= {"energy_range_min": run.energy_range[0] * u.TeV}
    values |= {"energy_range_max": run.energy_range[1] * u.TeV}
    values |= {"n_showers": run.n_showers, "spectral_index": run.spectral_index}
    if run.max_viewcone_radius is not None:
        values["max_viewcone_radius"] = run.max_viewcone_radius * u.deg
    if run.max_scatter_range is not None:
        values["max_scatter_range"] = run.max_scatter_range * u.m
    if path == nodes.SHOWER_DISTRIBUTION:
        # The distribution of thrown showers is not known here, and the pattern's is another run's.
        values |= {"n_entries": 0, "histogram": 0}
    return values


def _fill(row: np.ndarray, table: tables.Table, values: dict) -> None:
    for name, value in values.items():
        if name not in table.colnames or value is None:
            continue
        unit = columns.column_unit(table, name)
        row[name] = value.to_value(unit) if isinstance(value, u.Quantity) else value
