"""What the examples share: options, bins of energy, and how a result is shown and written."""

import argparse
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import QTable


def options_of(description: str, **paths: str) -> argparse.ArgumentParser:
    """Parser with required paths, whose help texts are given by name, and ``--seed``."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, text in paths.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=text)
    parser.add_argument("--seed", type=int, default=1)
    return parser


def bins(name: str, edges: np.ndarray, unit: str) -> QTable:
    """Table with a row for every bin: its limits ``name_low`` and ``name_high``."""
    return QTable(
        {f"{name}_low": edges[:-1] * u.Unit(unit), f"{name}_high": edges[1:] * u.Unit(unit)}
    )


def quarter_decades(log_energy: np.ndarray) -> np.ndarray:
    """Edges of bins of a quarter decade, log10 TeV, that hold all energies."""
    return np.arange(np.floor(4 * log_energy.min()), 4 * log_energy.max() + 1) / 4


def mean_in_bins(values: np.ndarray, log_energy: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Mean of events' values in every bin of energy; NaN where no event is."""
    n, _ = np.histogram(log_energy, edges)
    total, _ = np.histogram(log_energy, edges, weights=np.asarray(values, float))
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def show(table: QTable, figure, target: Path) -> None:
    """Print the table, and write it to ``target``.ecsv and the figure to ``target``.png."""
    table.round(3)
    table.pprint_all()
    table.write(target.with_suffix(".ecsv"), overwrite=True)
    figure.savefig(target.with_suffix(".png"), dpi=120)
