"""The ``gan_augment:`` block: few rectangular regions that serve the chosen cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..config.augment import GanAugmentConfig
from ..config.base import parse
from ..config.plain_yaml import write_yaml
from .cells import Grid

#: Limits of the suggested fraction of every batch.
_FRACTION = (0.01, 0.5)
#: The spectrum inside a region: flat in log E.
SPECTRUM = "uniform"


@dataclass(frozen=True)
class Box:
    """Adjacent cells that are one region.

    Attributes
    ----------
    rows, columns : slice
        Of energy and offset.
    """

    rows: slice
    columns: slice

    def limits(self, grid: Grid) -> tuple[tuple[float, float], tuple[float, float]]:
        """Lowest and highest log10 TeV and deg."""
        energy, offset = grid.energy_edges, grid.offset_edges
        return (
            (float(energy[self.rows.start]), float(energy[self.rows.stop])),
            (float(offset[self.columns.start]), float(offset[self.columns.stop])),
        )


@dataclass(frozen=True)
class Need:
    """Events that a region should get.

    Attributes
    ----------
    particle : str
        Of the generator.
    log_energy, offset : tuple of float
        Limits, log10 TeV and deg.
    missing : float
        Training events short of what its cells should have.
    """

    particle: str
    log_energy: tuple[float, float]
    offset: tuple[float, float]
    missing: float

    def region(self, total: float) -> dict:
        """The region in the words of a configuration; weights are shares of all missing events."""
        low, high = (10.0**limit for limit in self.log_energy)
        return {
            "particle": self.particle,
            "energy": [f"{low:.4g} TeV", f"{high:.4g} TeV"],
            "offset": [f"{limit:.4g} deg" for limit in self.offset],
            "spectrum": SPECTRUM,
            "weight": float(f"{self.missing / total:.3g}"),
        }


def boxes(chosen: np.ndarray) -> list[Box]:
    """Cover exactly the chosen cells (n_energies, n_offsets), largest rectangles first."""
    left, found = chosen.copy(), []
    while left.any():
        box = max(_rectangles(left), key=lambda box: left[box.rows, box.columns].size)
        left[box.rows, box.columns] = False
        found.append(box)
    return found


def _rectangles(chosen: np.ndarray):
    """Every rectangle of chosen cells alone."""
    n, m = chosen.shape
    for i, j in np.argwhere(chosen).tolist():
        for bottom in range(i + 1, n + 1):
            for right in range(j + 1, m + 1):
                if chosen[i:bottom, j:right].all():
                    yield Box(slice(i, bottom), slice(j, right))


def make_block(generators: dict[str, str], needs: Sequence[Need], n_training: int) -> str:
    """A valid ``gan_augment:`` block as YAML.

    Every batch gets about as many generated images as bring the regions' training events to what
    they should be.

    Parameters
    ----------
    generators : dict of str to str
        Bundles by particle.
    needs : sequence of Need
        Regions, at least one.
    n_training : int
        Training events of all classes.
    """
    total = sum(need.missing for need in needs)
    fraction = np.clip(np.ceil(100 * total / (n_training + total)) / 100, *_FRACTION)
    used = {need.particle for need in needs}
    content = {
        "generators": {name: path for name, path in generators.items() if name in used},
        "fraction": float(fraction),
        "regions": [need.region(total) for need in needs],
    }
    parse(GanAugmentConfig, content, "gan_augment")
    return write_yaml({"gan_augment": content}, compact=True)
